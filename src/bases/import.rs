//! From a location to a checked base in the content store.

use super::admit::{Imported, admit};
use super::error::BaseError;
use super::fetch::Fetched;
use super::{archive, docker_archive, layout, pull, rootfs};
use crate::model::Timestamp;
use crate::model::image::Platform;
use crate::oci::registry::RegistrySettings;
use crate::oci::{Location, Manifest, Store};

/// What an import may do and take.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// How registries are spoken to.
    pub registry: RegistrySettings,
    /// When the image of a root file system was made; 1980-01-01 if not given.
    pub created: Option<Timestamp>,
    /// How much may come in.
    pub limits: ImportLimits,
}

/// How much may come in with one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportLimits {
    /// Layers.
    pub layers: usize,
    /// All layers, as they are sent.
    pub bytes: u64,
    /// All layers, unpacked.
    pub unpacked: u64,
    /// Entries of one archive or root file system.
    pub entries: usize,
}

impl Default for ImportLimits {
    fn default() -> Self {
        Self {
            layers: 256,
            bytes: 16 << 30,
            unpacked: 64 << 30,
            entries: 1_000_000,
        }
    }
}

impl ImportLimits {
    pub(super) fn check(&self, manifest: &Manifest) -> Result<(), BaseError> {
        if manifest.layers.len() > self.layers {
            let why = format!(
                "it has {} layers; at most {} are accepted",
                manifest.layers.len(),
                self.layers
            );
            return Err(BaseError::invalid("the manifest", why));
        }
        if manifest.bytes() > self.bytes {
            return Err(BaseError::TooLarge {
                what: "the image".into(),
                size: manifest.bytes(),
                limit: self.bytes,
            });
        }
        Ok(())
    }
}

/// Takes the image for `platform` at `source` into the store, every digest checked.
///
/// `source` is a [`Location`]: `oci:DIR[:TAG|@DIGEST]`, `oci-archive:FILE[:TAG|@DIGEST]`,
/// `docker-archive:FILE[:REF]`, `rootfs:DIR|TAR` or `docker://HOST/REPOSITORY[:TAG|@DIGEST]`.
///
/// # Errors
/// If the source can't be read, lies, or holds no such image. Then nothing refers to what may have come in already.
pub fn import(
    store: &Store,
    source: &str,
    platform: &Platform,
    options: &ImportOptions,
) -> Result<Imported, BaseError> {
    let limits = &options.limits;
    let fetched = match source.parse()? {
        Location::OciDir(folder, which) => {
            let files = layout::Folder::open(&folder)?;
            layout::take(store, &files, which.as_ref(), platform, limits)?
        }
        Location::OciArchive(file, which) => {
            let files = archive::Archive::open(&file, store.root(), limits)?;
            layout::take(store, &files, which.as_ref(), platform, limits)?
        }
        Location::DockerArchive(file, name) => {
            let files = archive::Archive::open(&file, store.root(), limits)?;
            let manifest = docker_archive::take(store, &files, name.as_ref(), limits)?;
            Fetched {
                manifest,
                indexes: Vec::new(),
            }
        }
        Location::Registry(reference) => {
            pull::take(store, &reference, platform, &options.registry, limits)?
        }
        Location::RootFs(path) => {
            let made = rootfs::take(store, &path, platform, options.created, limits)?;
            let imported = admit(store, made.manifest, platform, limits)?;
            return Ok(Imported {
                remarks: made.remarks,
                ..imported
            });
        }
    };
    let imported = admit(store, fetched.manifest, platform, limits)?;
    Ok(Imported {
        index: fetched.indexes.first().copied(),
        ..imported
    })
}
