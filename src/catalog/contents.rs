//! Everything that belongs to an image: its manifest, those that speak of it, and their blobs.

use std::collections::BTreeMap;

use super::Item;
use super::error::CatalogError;
use crate::model::Digest;
use crate::model::module::{Attachment, AttachmentKind};
use crate::oci::{Descriptor, Index, MANIFEST_LIMIT, Manifest, OciError, Store};

const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// By this cosign finds signatures in a layout (`cosign verify --local-image`).
const COSIGN_KIND: &str = "kind";

/// A manifest in the store and its bytes' description.
pub struct Listed {
    pub descriptor: Descriptor,
    pub manifest: Manifest,
}

/// An attachment with its manifest.
pub struct Beside<'a> {
    pub attachment: &'a Attachment,
    pub listed: Listed,
}

/// What goes out.
pub struct Contents<'a> {
    pub image: Listed,
    pub beside: Vec<Beside<'a>>,
}

impl<'a> Contents<'a> {
    /// Reads the manifests and sees that every blob is there.
    pub fn gather(store: &Store, item: &Item<'a>) -> Result<Self, CatalogError> {
        let contents = Self {
            image: listed(store, item.image)?,
            beside: item
                .attachments
                .iter()
                .map(|attachment| {
                    let listed = listed(store, attachment.manifest)?;
                    Ok(Beside { attachment, listed })
                })
                .collect::<Result<_, CatalogError>>()?,
        };
        for (digest, size) in contents.blobs() {
            let found = store.size(digest)?;
            if found != size {
                return Err(CatalogError::Store(OciError::Invalid {
                    what: digest.to_string(),
                    why: format!("it is {found} bytes long, expected {size}"),
                }));
            }
        }
        Ok(contents)
    }

    /// Every blob and its length, manifests included, sorted.
    pub fn blobs(&self) -> BTreeMap<Digest, u64> {
        let all = std::iter::once(&self.image).chain(self.beside.iter().map(|b| &b.listed));
        let parts = all.flat_map(|listed| {
            let own = std::iter::once(&listed.descriptor);
            own.chain(parts(&listed.manifest))
        });
        parts.map(|d| (d.digest, d.size)).collect()
    }

    /// The list of an OCI layout. The image stands first: some programs look no further.
    pub fn list(&self, tag: Option<&str>) -> Vec<Descriptor> {
        let mut image = self.image.descriptor.clone();
        if let Some(tag) = tag {
            image.annotations.insert(REF_NAME.into(), tag.into());
        }
        if !self.beside.is_empty() {
            let kind = "dev.cosignproject.cosign/image";
            image.annotations.insert(COSIGN_KIND.into(), kind.into());
        }
        let beside = self.beside.iter().map(|beside| {
            let mut descriptor = beside.listed.descriptor.clone();
            let kind = match beside.attachment.kind {
                AttachmentKind::Signature => Some("dev.cosignproject.cosign/sigs"),
                AttachmentKind::Attestations => Some("dev.cosignproject.cosign/atts"),
                _ => None,
            };
            if let Some(kind) = kind {
                descriptor
                    .annotations
                    .insert(COSIGN_KIND.into(), kind.into());
            }
            if let Some(tag) = &beside.attachment.tag {
                descriptor.annotations.insert(REF_NAME.into(), tag.clone());
            }
            descriptor.artifact_type = artifact_type(&beside.listed.manifest);
            descriptor
        });
        std::iter::once(image).chain(beside).collect()
    }
}

/// The configuration and the layers.
pub fn parts(manifest: &Manifest) -> impl Iterator<Item = &Descriptor> {
    manifest.layers.iter().chain([&manifest.config])
}

/// What a list of referrers says about a manifest: its type of artifact, or what its configuration is.
pub fn artifact_type(manifest: &Manifest) -> Option<String> {
    manifest.subject.as_ref()?;
    let own = manifest.artifact_type.clone();
    own.or_else(|| Some(manifest.config.media_type.clone()))
}

/// Puts `new` in `index`: over whatever has its name, and once.
pub fn merge(index: &mut Index, new: Vec<Descriptor>) {
    for descriptor in new {
        let name = descriptor.annotations.get(REF_NAME);
        index.manifests.retain(|old| {
            let old_name = old.annotations.get(REF_NAME);
            let same_name = name.is_some() && old_name == name;
            let same = old.digest == descriptor.digest && (old_name.is_none() || old_name == name);
            !same_name && !same
        });
        index.manifests.push(descriptor);
    }
}

fn listed(store: &Store, digest: Digest) -> Result<Listed, CatalogError> {
    let bytes = store.read(digest, MANIFEST_LIMIT)?;
    let manifest = Manifest::parse(&bytes)?;
    Ok(Listed {
        descriptor: Descriptor::of(&*manifest.media_type, &bytes),
        manifest,
    })
}
