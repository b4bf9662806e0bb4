//! What a build may use (R16), and what a context may hold.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One mebibyte.
pub const MIB: u64 = 1 << 20;
/// One gibibyte. The specification's "4 GB" and "20 GB" are read as GiB.
pub const GIB: u64 = 1 << 30;

/// The limits of one build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Memory of all processes of a step together, in bytes.
    pub memory_bytes: u64,
    /// CPUs, as a quota: 2.0 is two full cores.
    pub cpus: f64,
    /// From the build's start to its end, in seconds.
    pub time_seconds: u64,
    /// Layers of all stages together, uncompressed, in bytes.
    pub layer_bytes: u64,
    /// Processes and threads of a step.
    pub pids: u64,
    /// Files and folders that a step may make.
    pub inodes: u64,
    /// What a step may print, in bytes; more is cut and said so.
    pub log_bytes: u64,
}

impl Limits {
    /// The time limit.
    pub const fn time(&self) -> Duration {
        Duration::from_secs(self.time_seconds)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 4 * GIB,
            cpus: 2.0,
            time_seconds: 600,
            layer_bytes: 20 * GIB,
            pids: 1024,
            inodes: 2_000_000,
            log_bytes: 64 * MIB,
        }
    }
}

/// What intake lets in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContextLimits {
    /// All files together, in bytes, sparse files counted at their full length.
    pub bytes: u64,
    /// Files, folders and links.
    pub entries: u64,
    /// The Dockerfile, in bytes.
    pub dockerfile_bytes: u64,
    /// One path, in bytes.
    pub path_bytes: u64,
}

impl Default for ContextLimits {
    fn default() -> Self {
        Self {
            bytes: 2 * GIB,
            entries: 200_000,
            dockerfile_bytes: MIB,
            path_bytes: 4096,
        }
    }
}
