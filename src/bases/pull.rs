//! An image in a registry.

use std::io::Write;

use super::error::BaseError;
use super::fetch::{Fetched, Origin, fetch};
use super::import::ImportLimits;
use crate::model::Reference;
use crate::model::image::Platform;
use crate::oci::registry::{RegistrySettings, Repository};
use crate::oci::{BlobWriter, Descriptor, Store, media};

struct Remote<'a> {
    repository: &'a Repository,
    store: &'a Store,
}

impl Origin for Remote<'_> {
    fn blob(&self, blob: &Descriptor, mut writer: BlobWriter) -> Result<BlobWriter, BaseError> {
        let is_manifest = blob.media_type.is_empty()
            || media::is_manifest(&blob.media_type)
            || media::is_index(&blob.media_type);
        if !is_manifest {
            return Ok(self.repository.blob(blob, writer)?);
        }
        let digest = blob.digest.to_string();
        let sent = self.repository.manifest(&digest)?;
        let sent = sent.ok_or_else(|| BaseError::NotFound {
            wanted: digest,
            offered: Vec::new(),
        })?;
        writer
            .write_all(&sent.bytes)
            .map_err(BaseError::io(self.store.root()))?;
        Ok(writer)
    }
}

/// Takes an image out of a registry.
pub fn take(
    store: &Store,
    reference: &Reference,
    platform: &Platform,
    settings: &RegistrySettings,
    limits: &ImportLimits,
) -> Result<Fetched, BaseError> {
    let repository = Repository::open(reference, settings)?;
    let name = match (reference.digest(), reference.tag()) {
        (Some(digest), _) => digest.to_string(),
        (None, tag) => tag.unwrap_or("latest").to_owned(),
    };
    let sent = repository
        .manifest(&name)?
        .ok_or_else(|| BaseError::NotFound {
            wanted: reference.familiar(),
            offered: Vec::new(),
        })?;
    let root = Descriptor::of(sent.media_type, &sent.bytes);
    if let Some(expected) = reference.digest()
        && expected != root.digest
    {
        return Err(BaseError::lie(reference.familiar(), expected, root.digest));
    }
    store.put(&sent.bytes)?;
    let origin = Remote {
        repository: &repository,
        store,
    };
    fetch(store, &origin, root, platform, limits)
}
