//! Why an image did not go out.

use std::io;
use std::path::PathBuf;

use crate::oci::registry::RegistryError;
use crate::oci::{InvalidLocation, OciError};

/// Why an image did not go out.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The destination is written wrongly.
    #[error(transparent)]
    Location(#[from] InvalidLocation),
    /// The destination can't take an image.
    #[error("cannot write to {what}: {why}")]
    Destination {
        /// The destination.
        what: String,
        /// Why not.
        why: String,
    },
    /// The host refuses.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What the host said.
        source: io::Error,
    },
    /// The image in the store is not whole.
    #[error(transparent)]
    Store(#[from] OciError),
    /// The registry does not take it.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl CatalogError {
    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
