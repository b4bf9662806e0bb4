//! What a scan will find, told before anything is built.

use serde::{Deserialize, Serialize};

use super::scan::Vulnerability;
use super::{Digest, Timestamp};

/// Where a finding comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The base has it.
    Inherited,
    /// The context brings it along.
    Brought,
}

/// A finding that is to be expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// Where it comes from.
    pub origin: Origin,
    /// The finding, with the exception that covers it.
    pub finding: Vulnerability,
    /// Whether it would stop the image at the gate.
    pub rejects: bool,
}

/// What a scan will find.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// The base of the final stage, as it is pinned; nothing for scratch.
    pub base: Option<(String, Digest)>,
    /// When the database was made.
    pub database_updated_at: Timestamp,
    /// The findings, the gravest first.
    pub expected: Vec<Expected>,
    /// Packages that were looked at, of the base and of the context.
    pub packages: u64,
    /// What could not be looked at, in words: the scan of the image may find more.
    pub gaps: Vec<String>,
}

impl Forecast {
    /// How many findings would stop the image.
    pub fn rejecting(&self) -> usize {
        self.expected.iter().filter(|e| e.rejects).count()
    }
}
