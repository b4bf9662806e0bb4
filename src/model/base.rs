//! Base images in the cache, pinned by digest (R8, R9).

use serde::{Deserialize, Serialize};

use super::{Digest, Reference, Timestamp};

/// A base image in the cache: a reference and the platform manifest that it stands for today.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// The reference without a digest, normalised.
    pub reference: Reference,
    /// The platform manifest.
    pub digest: Digest,
    /// Compressed size of all its layers, in bytes.
    pub bytes: u64,
    /// Number of layers.
    pub layers: u32,
    /// Where it came from, as in `oci:path` or `docker://…`.
    pub source: String,
    /// When it was put in the cache.
    pub imported_at: Timestamp,
}

/// One line of the approved list, with who put it there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovedBase {
    /// The reference without a digest, normalised.
    pub reference: Reference,
    /// What it is for, for people.
    pub purpose: String,
}
