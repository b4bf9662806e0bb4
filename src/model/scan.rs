//! What a scanner found in an image, whichever scanner it was.

use serde::{Deserialize, Serialize};

use super::{Actor, Digest, Slug, Timestamp};

/// The severity of a vulnerability, as Trivy's database has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum VulnerabilitySeverity {
    /// Not rated.
    Unknown,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
}

impl VulnerabilitySeverity {
    /// The word, in capitals.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }
}

/// A package that an image holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Package {
    /// The ecosystem: `debian`, `alpine`, `npm`, `pypi`, `golang`, …
    pub ecosystem: String,
    /// Its name.
    pub name: String,
    /// Its version, as the ecosystem writes it.
    pub version: String,
    /// The source package whose advisories count, where it has another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The source package's version, where it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_version: Option<String>,
    /// The file in the image that says so.
    pub path: String,
    /// Licences, where known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<String>,
}

/// One vulnerability of one package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vulnerability {
    /// `CVE-…`, or another advisory's id.
    pub id: String,
    /// How bad.
    pub severity: VulnerabilitySeverity,
    /// The package's name.
    pub package: String,
    /// The version in the image.
    pub installed: String,
    /// The version that mends it, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<String>,
    /// One line about it.
    #[serde(default)]
    pub title: String,
    /// Where in the image.
    #[serde(default)]
    pub path: String,
    /// The exception that lets it pass, by number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<i64>,
}

/// What the scanner worked with, so that a verdict names its evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scanner {
    /// `trivy` or `flareo`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Digest of the vulnerability database's file.
    pub database: Digest,
    /// When the database was made.
    pub database_updated_at: Timestamp,
}

/// A whole scan of one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanReport {
    /// The image's manifest.
    pub image: Digest,
    /// What scanned it.
    pub scanner: Scanner,
    /// Family and release, as `debian 12.9`; none for an image that truly has none.
    pub os: Option<String>,
    /// Every package found, sorted.
    pub packages: Vec<Package>,
    /// Every vulnerability, worst first, then by id and package.
    pub vulnerabilities: Vec<Vulnerability>,
}

/// What the gate says (R23).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum GateVerdict {
    /// Nothing stands in the way.
    Pass,
    /// Turned away, with the exact message.
    Reject(String),
}

/// A vulnerability that may pass, for a while, with somebody's name under it (R23).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// Its number.
    pub id: i64,
    /// The advisory's id.
    pub vulnerability: String,
    /// The package, by name.
    pub package: String,
    /// One module, or all of them.
    pub module: Option<Slug>,
    /// Who answers for it.
    pub owner: Actor,
    /// Why.
    pub reason: String,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
}
