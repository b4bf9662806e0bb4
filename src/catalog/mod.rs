//! What was published, on its way out: to a layout, to an archive, to a registry.
//!
//! An image leaves as it lies in the store, byte for byte, with everything that speaks of it. `flareo build --output`
//! and `flareo module export` are this room's [`export`].
//!
//! This room knows the content store and the forms that other programs read. Which images are modules is the
//! database's to know; how an attachment was signed is `attest`'s.

mod contents;
mod docker_archive;
mod error;
mod layout;
mod oci_archive;
mod push;
mod tarball;

pub use error::CatalogError;
pub use push::{Pushed, push};

use crate::model::module::Attachment;
use crate::model::{Digest, Reference};
use crate::oci::registry::RegistrySettings;
use crate::oci::{Location, Selector, Store};
use contents::Contents;

/// An image and what is kept beside it.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    /// The image's manifest.
    pub image: Digest,
    /// What speaks of it. An archive for Docker has no place for it.
    pub attachments: &'a [Attachment],
}

/// What went out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The image's manifest.
    pub digest: Digest,
    /// Where it went.
    pub to: Location,
    /// What the registry holds now, where it went to one.
    pub pushed: Option<Pushed>,
}

/// Writes an image to `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:REF]` or
/// `docker://HOST/REPOSITORY[:TAG]`.
///
/// Files and folders are written aside and renamed. A folder that is an OCI layout already gets the image added.
///
/// # Errors
/// If the destination is none, or something else stands there, or the host or the registry refuses, or a blob of the
/// image is missing or damaged.
pub fn export(
    store: &Store,
    item: &Item<'_>,
    destination: &str,
    settings: &RegistrySettings,
) -> Result<Exported, CatalogError> {
    let to: Location = destination.parse()?;
    let refuse = |why: &str| CatalogError::Destination {
        what: destination.to_owned(),
        why: why.to_owned(),
    };
    let mut pushed = None;
    match &to {
        Location::OciDir(folder, which) => {
            let contents = Contents::gather(store, item)?;
            layout::write(store, &contents, folder, tag(which.as_ref(), &refuse)?)?;
        }
        Location::OciArchive(file, which) => {
            let contents = Contents::gather(store, item)?;
            oci_archive::write(store, &contents, file, tag(which.as_ref(), &refuse)?)?;
        }
        Location::DockerArchive(file, name) => {
            if name.as_ref().is_some_and(|name| name.digest().is_some()) {
                return Err(refuse(
                    "Docker's archives name images by tag, not by digest",
                ));
            }
            docker_archive::write(store, item.image, file, name.as_ref())?;
        }
        Location::Registry(reference) => pushed = Some(push(store, item, reference, settings)?),
        Location::RootFs(_) => return Err(refuse("an image is not written as a root file system")),
    }
    Ok(Exported {
        digest: item.image,
        to,
        pushed,
    })
}

fn tag<'a>(
    which: Option<&'a Selector>,
    refuse: &dyn Fn(&str) -> CatalogError,
) -> Result<Option<&'a str>, CatalogError> {
    match which {
        None => Ok(None),
        Some(Selector::Tag(tag)) => Ok(Some(tag)),
        Some(Selector::Digest(_)) => Err(refuse(
            "an image is written under a tag; its digest is given",
        )),
    }
}

/// The name by which Docker knows it: with the tag `latest` where there is none.
fn docker_name(name: &Reference) -> String {
    name.without_digest().familiar()
}

#[cfg(test)]
mod tests;
