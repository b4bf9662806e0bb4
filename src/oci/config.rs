//! An image's configuration: OCI's fields, Docker's extra ones, and whatever else a base brought along.
//!
//! Reading and writing keep unknown fields. Written JSON is compact and in one fixed order, so that equal
//! configurations have equal digests.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::OciError;
use super::json::{null_as_default, set, twin_key, words};
use crate::model::{Digest, Timestamp};

/// An image's configuration.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ImageConfig {
    /// When the image was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// As in `amd64`.
    #[serde(default)]
    pub architecture: String,
    /// As in `linux`.
    #[serde(default)]
    pub os: String,
    /// As in `v8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// What a container of it starts with.
    #[serde(default, deserialize_with = "null_as_default")]
    pub config: ContainerConfig,
    /// Its layers, uncompressed.
    #[serde(default, deserialize_with = "null_as_default")]
    pub rootfs: RootFs,
    /// How it came to be, a line a step.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub history: Vec<History>,
    /// Everything else, as it came.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// What a container starts with.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerConfig {
    /// `USER`.
    #[serde(
        default,
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub user: String,
    /// `EXPOSE`, as in `80/tcp`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", with = "set")]
    pub exposed_ports: BTreeSet<String>,
    /// `ENV`, as `NAME=value`, in order.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub env: Vec<String>,
    /// `ENTRYPOINT`. An empty list is not the same as none.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "words::deserialize"
    )]
    pub entrypoint: Option<Vec<String>>,
    /// `CMD`. An empty list is not the same as none.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "words::deserialize"
    )]
    pub cmd: Option<Vec<String>>,
    /// `VOLUME`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", with = "set")]
    pub volumes: BTreeSet<String>,
    /// `WORKDIR`.
    #[serde(
        default,
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub working_dir: String,
    /// `LABEL`.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub labels: BTreeMap<String, String>,
    /// `STOPSIGNAL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// Docker: the command is one escaped string (Windows).
    #[serde(
        default,
        skip_serializing_if = "is_false",
        deserialize_with = "null_as_default"
    )]
    pub args_escaped: bool,
    /// Docker: `HEALTHCHECK`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// Docker: `ONBUILD`, in order.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub on_build: Vec<String>,
    /// Docker: seconds between the stop signal and the kill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<i64>,
    /// Docker: `SHELL`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "words::deserialize"
    )]
    pub shell: Option<Vec<String>>,
    /// Everything else, as it came.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Docker's health check. Times are in nanoseconds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Healthcheck {
    /// `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", "…"]`.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub test: Vec<String>,
    /// Between two checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<i64>,
    /// How long one may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i64>,
    /// How long failures do not count after the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_period: Option<i64>,
    /// Between two checks during the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_interval: Option<i64>,
    /// How many failures make it unhealthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<i64>,
    /// Everything else, as it came.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// The layers of an image, uncompressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The digests of the uncompressed layers, lowest first.
    #[serde(default, deserialize_with = "null_as_default")]
    pub diff_ids: Vec<Digest>,
}

impl Default for RootFs {
    fn default() -> Self {
        Self {
            kind: "layers".into(),
            diff_ids: Vec::new(),
        }
    }
}

/// One line of an image's history.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct History {
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// The instruction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// A remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Whether it made no layer.
    #[serde(
        default,
        skip_serializing_if = "is_false",
        deserialize_with = "null_as_default"
    )]
    pub empty_layer: bool,
    /// Everything else, as it came.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

const IMAGE_KEYS: &[&str] = &[
    "created",
    "author",
    "architecture",
    "os",
    "variant",
    "config",
    "rootfs",
    "history",
];
const CONTAINER_KEYS: &[&str] = &[
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Labels",
    "StopSignal",
    "ArgsEscaped",
    "Healthcheck",
    "OnBuild",
    "StopTimeout",
    "Shell",
];

/// Fields that speak of the build of this very image, not of what comes of it.
const OWN_BUILD: &[&str] = &[
    "container",
    "container_config",
    "docker_version",
    "id",
    "parent",
    "Size",
    "throwaway",
    "checksum",
    "moby.buildkit.buildinfo.v1",
    "moby.buildkit.cache.v0",
];

impl ImageConfig {
    /// Reads a configuration; one whose keys can be read in two ways is refused.
    ///
    /// # Errors
    /// [`OciError::Invalid`], with the reason.
    pub fn parse(bytes: &[u8]) -> Result<Self, OciError> {
        let what = "the image configuration";
        let config: Self = serde_json::from_slice(bytes).map_err(|e| OciError::invalid(what, e))?;
        let twin = twin_key(&config.extra, IMAGE_KEYS)
            .or_else(|| twin_key(&config.config.extra, CONTAINER_KEYS));
        if let Some(key) = twin {
            let why = format!(
                "its key `{}` can be read as another one",
                key.escape_debug()
            );
            return Err(OciError::invalid(what, why));
        }
        if config.rootfs.kind != "layers" {
            let why = format!(
                "rootfs.type is `{}`, expected `layers`",
                config.rootfs.kind.escape_debug()
            );
            return Err(OciError::invalid(what, why));
        }
        Ok(config)
    }

    /// Its bytes: compact JSON, known fields first and in the order of OCI's specification.
    ///
    /// # Errors
    /// None in practice.
    pub fn to_bytes(&self) -> Result<Vec<u8>, OciError> {
        serde_json::to_vec(self).map_err(|e| OciError::invalid("the image configuration", e))
    }

    /// The configuration that an image built on this one starts from: without what Docker notes about the build
    /// of this image itself.
    #[must_use]
    pub fn inherited(&self) -> Self {
        let mut child = self.clone();
        child
            .extra
            .retain(|key, _| !OWN_BUILD.contains(&key.as_str()));
        child
    }
}
