//! How things went lately, in figures for small charts.

use serde::{Deserialize, Serialize};

use super::Slug;

/// Everything that is charted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// The last days, the oldest first.
    pub days: Vec<Day>,
    /// How long the last builds of each slug took, in milliseconds, the oldest first; the slug built last stands first.
    pub builds: Vec<(Slug, Vec<u64>)>,
    /// What each base takes in the cache, in bytes, the largest first. Layers that bases share count for each.
    pub bases: Vec<(String, u64)>,
    /// What the images of each slug take in the catalog, in bytes, the largest first.
    pub modules: Vec<(String, u64)>,
}

/// A day, in UTC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// As in `2026-01-31`.
    pub date: String,
    /// Submissions that were open at its end.
    pub open: u64,
    /// How long those waited that were decided that day: the median, in seconds; none if none were.
    pub wait_seconds: Option<u64>,
}
