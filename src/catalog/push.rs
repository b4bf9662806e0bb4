//! To a registry: the image, what speaks of it, and last the tag, so that whoever sees the tag finds the signature.

use std::collections::BTreeSet;

use super::Item;
use super::contents::{Contents, Listed, artifact_type, parts};
use super::error::CatalogError;
use crate::model::{Digest, Reference};
use crate::oci::registry::{RegistrySettings, Repository};
use crate::oci::{Descriptor, Index, MANIFEST_LIMIT, Store, media};

/// What a registry holds now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// By which anybody can pull it.
    pub reference: Reference,
    /// Every tag that was written, sorted.
    pub tags: Vec<String>,
    /// Manifests that name the image as their subject.
    pub referrers: usize,
    /// Whether the registry has no list of referrers, so that one was written under a tag.
    pub fallback: bool,
}

/// Pushes an image and what is kept beside it.
///
/// # Errors
/// If the registry can't be asked or refuses, or a blob is missing or damaged, or `to` names another digest.
pub fn push(
    store: &Store,
    item: &Item<'_>,
    to: &Reference,
    settings: &RegistrySettings,
) -> Result<Pushed, CatalogError> {
    if let Some(digest) = to.digest()
        && digest != item.image
    {
        return Err(CatalogError::Destination {
            what: to.familiar(),
            why: format!("the image is {}", item.image),
        });
    }
    let contents = Contents::gather(store, item)?;
    let repository = Repository::open(to, settings)?;
    let mut push = Push {
        store,
        repository: &repository,
        held: BTreeSet::new(),
        tags: BTreeSet::new(),
    };
    push.manifest(&contents.image, None)?;
    for beside in &contents.beside {
        push.manifest(&beside.listed, beside.attachment.tag.as_deref())?;
    }
    let referrers: Vec<Descriptor> = contents
        .beside
        .iter()
        .map(|beside| &beside.listed)
        .filter(|listed| is_about(listed, item.image))
        .map(|listed| Descriptor {
            artifact_type: artifact_type(&listed.manifest),
            annotations: listed.manifest.annotations.clone(),
            ..listed.descriptor.clone()
        })
        .collect();
    let fallback = !referrers.is_empty() && repository.referrers(item.image)?.is_none();
    if fallback {
        push.fallback(item.image, &referrers)?;
    }
    if let Some(tag) = to.tag() {
        push.tag(&contents.image, tag)?;
    }
    Ok(Pushed {
        reference: to.pinned(item.image),
        tags: push.tags.into_iter().collect(),
        referrers: referrers.len(),
        fallback,
    })
}

fn is_about(listed: &Listed, image: Digest) -> bool {
    let subject = listed.manifest.subject.as_ref();
    subject.is_some_and(|subject| subject.digest == image)
}

struct Push<'a> {
    store: &'a Store,
    repository: &'a Repository,
    held: BTreeSet<Digest>,
    tags: BTreeSet<String>,
}

impl Push<'_> {
    /// A manifest after its blobs, by its digest and under a tag.
    fn manifest(&mut self, listed: &Listed, tag: Option<&str>) -> Result<(), CatalogError> {
        for part in parts(&listed.manifest) {
            if self.held.insert(part.digest) && !self.repository.has_blob(part.digest)? {
                let blob = self.store.open_blob(part.digest)?;
                self.repository.push_blob(part.digest, blob)?;
            }
        }
        self.put(listed, &listed.descriptor.digest.to_string())?;
        tag.map_or(Ok(()), |tag| self.tag(listed, tag))
    }

    fn tag(&mut self, listed: &Listed, tag: &str) -> Result<(), CatalogError> {
        self.put(listed, tag)?;
        self.tags.insert(tag.to_owned());
        Ok(())
    }

    fn put(&self, listed: &Listed, name: &str) -> Result<(), CatalogError> {
        let descriptor = &listed.descriptor;
        let bytes = self.store.read(descriptor.digest, MANIFEST_LIMIT)?;
        Ok(self
            .repository
            .push_manifest(name, &descriptor.media_type, bytes)?)
    }

    /// Where the registry has no list of referrers, the list is an index under a tag made of the digest. What others
    /// put there stays.
    fn fallback(&mut self, image: Digest, referrers: &[Descriptor]) -> Result<(), CatalogError> {
        let tag = format!("sha256-{}", image.hex());
        let mut index = match self.repository.manifest(&tag)? {
            Some(sent) => Index::parse(&sent.bytes)?,
            None => Index::new(Vec::new()),
        };
        let known: BTreeSet<Digest> = index.manifests.iter().map(|d| d.digest).collect();
        let new = referrers.iter().filter(|d| !known.contains(&d.digest));
        index.manifests.extend(new.cloned());
        let bytes = index.to_bytes()?;
        self.repository.push_manifest(&tag, media::INDEX, bytes)?;
        self.tags.insert(tag);
        Ok(())
    }
}
