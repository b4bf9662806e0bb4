//! What a build gives.

use serde::{Deserialize, Serialize};

use super::Digest;

/// A platform, as `linux/amd64`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// Operating system: `linux`.
    pub os: String,
    /// Go's name of the architecture, as in `amd64`.
    pub architecture: String,
}

impl Platform {
    /// The platform of this host.
    pub fn host() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "powerpc64" => "ppc64le",
            other => other,
        };
        Self {
            os: "linux".into(),
            architecture: architecture.into(),
        }
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)
    }
}

/// An image in the content store that a build made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltImage {
    /// Its manifest.
    pub digest: Digest,
    /// Its configuration.
    pub config: Digest,
    /// Compressed size of layers and configuration, in bytes.
    pub bytes: u64,
    /// Number of layers, those of the base included.
    pub layers: u32,
    /// Steps of the build.
    pub steps: u32,
    /// Steps that the cache answered.
    pub cached_steps: u32,
}
