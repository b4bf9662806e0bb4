//! Manifests, indexes and the descriptors that they are made of.
//!
//! Docker's schema 2 is read as what it is, the same format under older names; what we write is OCI.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::OciError;
use super::json::{null_as_default, twin_key};
use super::media;
use crate::model::Digest;
use crate::model::foreign::shown;

/// Foreign words are cut to this many characters in an error.
const SHOWN: usize = 80;
/// More entries than this in one manifest or index are refused.
const ENTRIES_LIMIT: usize = 4096;

/// What one blob is: its type, digest and length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Where else it may be had. Flareo never goes there.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub urls: Vec<String>,
    /// Notes on it.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub annotations: BTreeMap<String, String>,
    /// The platform, where it is a manifest in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<DescriptorPlatform>,
    /// The kind of artifact, where it is a manifest in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

impl Descriptor {
    /// A descriptor of `size` bytes with `digest`.
    pub fn new(media_type: impl Into<String>, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.into(),
            digest,
            size,
            urls: Vec::new(),
            annotations: BTreeMap::new(),
            platform: None,
            artifact_type: None,
        }
    }

    /// A descriptor of `bytes`.
    pub fn of(media_type: impl Into<String>, bytes: &[u8]) -> Self {
        Self::new(media_type, Digest::of(bytes), bytes.len() as u64)
    }
}

/// The platform that an index gives for one of its manifests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescriptorPlatform {
    /// As in `amd64`.
    pub architecture: String,
    /// As in `linux`.
    pub os: String,
    /// As in `v8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// An image manifest, or that of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// Its own media type.
    #[serde(default = "oci_manifest")]
    pub media_type: String,
    /// What kind of artifact it is, if it is no image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The configuration.
    pub config: Descriptor,
    /// The layers, lowest first.
    #[serde(default, deserialize_with = "null_as_default")]
    pub layers: Vec<Descriptor>,
    /// The manifest that this one speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Notes on it.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub annotations: BTreeMap<String, String>,
}

/// A list of manifests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// Its own media type.
    #[serde(default = "oci_index")]
    pub media_type: String,
    /// The manifests.
    #[serde(default, deserialize_with = "null_as_default")]
    pub manifests: Vec<Descriptor>,
    /// Notes on it.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_as_default"
    )]
    pub annotations: BTreeMap<String, String>,
}

fn oci_manifest() -> String {
    media::MANIFEST.into()
}

fn oci_index() -> String {
    media::INDEX.into()
}

impl Manifest {
    /// An OCI image manifest over `config` and `layers`.
    pub const fn new(config: Descriptor, layers: Vec<Descriptor>, media_type: String) -> Self {
        Self {
            schema_version: 2,
            media_type,
            artifact_type: None,
            config,
            layers,
            subject: None,
            annotations: BTreeMap::new(),
        }
    }

    /// An OCI image manifest over `config` and `layers`.
    pub fn image(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self::new(config, layers, oci_manifest())
    }

    /// Reads a manifest; one that is also an index, or whose keys can be read in two ways, is refused.
    ///
    /// # Errors
    /// [`OciError::Invalid`], with the reason.
    pub fn parse(bytes: &[u8]) -> Result<Self, OciError> {
        let manifest: Self = document(bytes, "manifest", MANIFEST_KEYS, "manifests")?;
        if !media::is_manifest(&manifest.media_type) {
            let why = format!("its media type is `{}`", shown(&manifest.media_type, SHOWN));
            return Err(OciError::invalid("the manifest", why));
        }
        check(
            manifest.schema_version,
            manifest.layers.len(),
            "the manifest",
        )?;
        Ok(manifest)
    }

    /// Its bytes: compact JSON, fields in the order of the specification.
    ///
    /// # Errors
    /// None in practice.
    pub fn to_bytes(&self) -> Result<Vec<u8>, OciError> {
        serde_json::to_vec(self).map_err(|e| OciError::invalid("the manifest", e))
    }

    /// Compressed size of layers and configuration; saturating, for what a stranger wrote.
    pub fn bytes(&self) -> u64 {
        self.layers.iter().fold(self.config.size, |sum, layer| {
            sum.saturating_add(layer.size)
        })
    }
}

impl Index {
    /// An OCI index over `manifests`.
    pub fn new(manifests: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: oci_index(),
            manifests,
            annotations: BTreeMap::new(),
        }
    }

    /// Reads an index; one that is also a manifest, or whose keys can be read in two ways, is refused.
    ///
    /// # Errors
    /// [`OciError::Invalid`], with the reason.
    pub fn parse(bytes: &[u8]) -> Result<Self, OciError> {
        let index: Self = document(bytes, "index", INDEX_KEYS, "layers")?;
        if !media::is_index(&index.media_type) {
            let why = format!("its media type is `{}`", shown(&index.media_type, SHOWN));
            return Err(OciError::invalid("the index", why));
        }
        check(index.schema_version, index.manifests.len(), "the index")?;
        Ok(index)
    }

    /// Its bytes: compact JSON, fields in the order of the specification.
    ///
    /// # Errors
    /// None in practice.
    pub fn to_bytes(&self) -> Result<Vec<u8>, OciError> {
        serde_json::to_vec(self).map_err(|e| OciError::invalid("the index", e))
    }
}

const MANIFEST_KEYS: &[&str] = &[
    "schemaVersion",
    "mediaType",
    "artifactType",
    "config",
    "layers",
    "subject",
    "annotations",
    "manifests",
];
const INDEX_KEYS: &[&str] = MANIFEST_KEYS;

/// Parses `bytes` once as any object, to see what its keys are, and then as what it should be.
fn document<T: serde::de::DeserializeOwned>(
    bytes: &[u8],
    what: &str,
    keys: &[&str],
    stranger: &str,
) -> Result<T, OciError> {
    let what = format!("the {what}");
    let object: Map<String, Value> =
        serde_json::from_slice(bytes).map_err(|e| OciError::invalid(&*what, e))?;
    if let Some(key) = twin_key(&object, keys) {
        let why = format!("its key `{}` can be read as another one", shown(key, SHOWN));
        return Err(OciError::invalid(what, why));
    }
    if object.contains_key(stranger) {
        let why = format!("it also has `{stranger}`: it is a manifest and an index at once");
        return Err(OciError::invalid(what, why));
    }
    // From the bytes again, not from the object: a key that stands twice is refused only here.
    serde_json::from_slice(bytes).map_err(|e| OciError::invalid(what, e))
}

fn check(schema_version: u32, entries: usize, what: &str) -> Result<(), OciError> {
    if schema_version != 2 {
        let why = format!("its schemaVersion is {schema_version}, expected 2");
        return Err(OciError::invalid(what, why));
    }
    if entries > ENTRIES_LIMIT {
        let why = format!("it has {entries} entries; at most {ENTRIES_LIMIT} are accepted");
        return Err(OciError::invalid(what, why));
    }
    Ok(())
}
