//! What the catalog serves.

use serde::{Deserialize, Serialize};

use super::reproduction::Reproduction;
use super::{Digest, Slug, SubmissionId, Timestamp};

/// What is kept beside an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttachmentKind {
    /// cosign's simple-signing signature, under the tag `sha256-….sig`.
    Signature,
    /// A Sigstore bundle v0.3, an OCI referrer.
    Bundle,
    /// A CycloneDX bill of materials, signed as DSSE.
    Sbom,
    /// SLSA v1 provenance, signed as DSSE.
    Provenance,
    /// The legacy `sha256-….att` image holding every attestation.
    Attestations,
}

impl AttachmentKind {
    /// The word for it, as in the database and in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Bundle => "bundle",
            Self::Sbom => "sbom",
            Self::Provenance => "provenance",
            Self::Attestations => "attestations",
        }
    }
}

/// An OCI manifest in the content store that speaks of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// What it is.
    pub kind: AttachmentKind,
    /// Its own manifest.
    pub manifest: Digest,
    /// The tag under which clients look for it; none for a pure referrer.
    pub tag: Option<String>,
}

/// One published version of a module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Module {
    /// Its name.
    pub slug: Slug,
    /// The image's manifest.
    pub digest: Digest,
    /// The submission that it came from.
    pub submission: SubmissionId,
    /// When it was published.
    pub published_at: Timestamp,
    /// Compressed size, in bytes.
    pub bytes: u64,
    /// Number of layers.
    pub layers: u32,
    /// Findings let through by an exception.
    pub excepted: u32,
    /// Packages in the bill of materials.
    pub packages: u32,
    /// What is kept beside it.
    pub attachments: Vec<Attachment>,
    /// Whether it can be built again to the same bytes (R20).
    pub reproduction: Reproduction,
    /// Whether it was taken out of the catalog since.
    pub yanked: bool,
}
