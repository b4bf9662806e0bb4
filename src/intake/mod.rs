//! Contexts packed and unpacked, `.dockerignore`, detection.
//!
//! A context comes in as a folder or as an archive and is kept as one canonical tar, named by its digest: the same
//! content gives the same digest, however it came, whoever owned it, whenever it was written.
//!
//! Everything is hostile here. A context is refused whole, for the first thing that is wrong with it, by name, before
//! anything of it is believed; nothing of it is left then. What a Dockerfile says must not be known here.

mod archive;
mod beside;
mod canonical;
mod detect;
mod digests;
mod error;
mod folder;
mod ignore;
mod rules;
mod stored;
mod tar;
mod view;
mod watched;

#[cfg(test)]
mod tests;

use std::io::Read;
use std::path::Path;

pub use detect::detect;
pub use error::{ArchiveFault, Fault, IntakeError};
pub use folder::DirContext;
pub use stored::StoredContext;
pub use view::BuildView;
pub use watched::Progress;

use watched::Watched;

use crate::model::Digest;
use crate::model::limits::ContextLimits;

/// A context that has been taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// The digest of the stored archive: the context's identity.
    pub digest: Digest,
    /// Length of the stored archive in bytes.
    pub bytes: u64,
    /// Files, folders and links.
    pub entries: u64,
}

/// Takes in a folder, without what its `.dockerignore` leaves out. `progress` is told how far it is.
///
/// # Errors
/// If the folder holds what a context must not hold, more than `limits`, or changes meanwhile; if the host fails.
/// Nothing is kept then.
pub fn pack_dir(
    folder: &Path,
    contexts: &Path,
    limits: &ContextLimits,
    progress: &Progress<'_>,
) -> Result<Stored, IntakeError> {
    let context = DirContext::open(folder, limits)?;
    canonical::store(&Watched::new(&context, progress), contexts)
}

/// Takes in a tar, plain or packed with gzip or zstd, without what its `.dockerignore` leaves out.
///
/// # Errors
/// If the archive is damaged, holds what a context must not hold, or more than `limits`; if the host fails. Nothing is
/// kept then.
pub fn receive(
    archive: &mut dyn Read,
    contexts: &Path,
    limits: &ContextLimits,
) -> Result<Stored, IntakeError> {
    let place = canonical::place(contexts)?;
    canonical::store(&archive::unpack(archive, &place, limits)?, contexts)
}
