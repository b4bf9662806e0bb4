//! The last gate: an image whose blobs are in the store is read whole, and its layers must hold what it says.

use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

use super::error::BaseError;
use super::import::ImportLimits;
use crate::model::Digest;
use crate::model::image::Platform;
use crate::oci::{Compression, Descriptor, ImageConfig, Store, media};

const BUFFER: usize = 256 << 10;

/// A base that is in the content store, checked whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Its platform manifest: what a tag is pinned to (R9).
    pub digest: Digest,
    /// Its configuration.
    pub config: Digest,
    /// Compressed size of its layers and configuration, in bytes.
    pub bytes: u64,
    /// Number of its layers.
    pub layers: u32,
    /// The index that the name stood for, if it stood for one. It is in the store too, so that a Dockerfile may pin
    /// either digest.
    pub index: Option<Digest>,
    /// What a Dockerfile on it inherits.
    pub facts: BaseFacts,
    /// Remarks for the operator: what was left out.
    pub remarks: Vec<String>,
}

/// What a Dockerfile inherits from its base, as far as lint asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BaseFacts {
    /// The user; empty for root.
    pub user: String,
    /// Whether it has an ENTRYPOINT.
    pub has_entrypoint: bool,
    /// Whether it has a CMD.
    pub has_cmd: bool,
    /// Whether it has a HEALTHCHECK.
    pub has_healthcheck: bool,
    /// Instructions that run in a build on it, in order.
    pub on_build: Vec<String>,
    /// The working directory.
    pub working_dir: String,
    /// Environment, as `NAME=value`.
    pub env: Vec<String>,
}

impl BaseFacts {
    /// The facts in a configuration.
    pub fn of(config: &ImageConfig) -> Self {
        let container = &config.config;
        let has = |words: &Option<Vec<String>>| words.as_ref().is_some_and(|w| !w.is_empty());
        Self {
            user: container.user.clone(),
            has_entrypoint: has(&container.entrypoint),
            has_cmd: has(&container.cmd),
            has_healthcheck: container
                .healthcheck
                .as_ref()
                .is_some_and(|h| h.test.first().is_some_and(|kind| kind != "NONE")),
            on_build: container.on_build.clone(),
            working_dir: container.working_dir.clone(),
            env: container.env.clone(),
        }
    }

    /// The facts of a base in the store, by its manifest.
    ///
    /// # Errors
    /// If it is not there or damaged.
    pub fn read(store: &Store, manifest: Digest) -> Result<Self, BaseError> {
        let manifest = store.manifest(manifest)?;
        Ok(Self::of(&store.config(manifest.config.digest)?))
    }
}

/// Checks the image `digest`, whose blobs are in the store, whole.
pub fn admit(
    store: &Store,
    digest: Digest,
    platform: &Platform,
    limits: &ImportLimits,
) -> Result<Imported, BaseError> {
    let manifest = store.manifest(digest)?;
    if !media::is_config(&manifest.config.media_type) || manifest.artifact_type.is_some() {
        let kind = manifest.artifact_type.as_ref();
        let kind = kind.unwrap_or(&manifest.config.media_type);
        let why = format!("it is no image but `{}`", kind.escape_debug());
        return Err(BaseError::invalid(digest.to_string(), why));
    }
    limits.check(&manifest)?;
    let config = store.config(manifest.config.digest)?;
    if (&*config.os, &*config.architecture) != (&*platform.os, &*platform.architecture) {
        let found = format!("{}/{}", config.os, config.architecture);
        return Err(BaseError::Platform {
            wanted: platform.clone(),
            offered: vec![found],
        });
    }
    let diff_ids = &config.rootfs.diff_ids;
    if diff_ids.len() != manifest.layers.len() {
        let layers = |n: usize| format!("{n} layers");
        let expected = layers(diff_ids.len());
        let found = layers(manifest.layers.len());
        return Err(BaseError::lie(
            format!("manifest {digest}"),
            expected,
            found,
        ));
    }
    let mut left = limits.unpacked;
    for (layer, expected) in manifest.layers.iter().zip(diff_ids) {
        let (found, unpacked) = diff_id(store, layer, left)?;
        if found != *expected {
            let what = format!("the content of layer {}", layer.digest);
            return Err(BaseError::lie(what, expected, found));
        }
        left -= unpacked;
    }
    Ok(Imported {
        digest,
        config: manifest.config.digest,
        bytes: manifest.bytes(),
        layers: u32::try_from(manifest.layers.len()).unwrap_or(u32::MAX),
        index: None,
        facts: BaseFacts::of(&config),
        remarks: Vec::new(),
    })
}

/// Reads a layer whole: the digest and length of what is in it.
fn diff_id(store: &Store, layer: &Descriptor, limit: u64) -> Result<(Digest, u64), BaseError> {
    let what = || format!("layer {}", layer.digest);
    if Compression::of(&layer.media_type).is_none() {
        let why = format!("`{}` is no layer", layer.media_type.escape_debug());
        return Err(BaseError::invalid(what(), why));
    }
    let mut reader = store.open_layer(layer, limit)?;
    let mut hasher = Sha256::new();
    let mut unpacked = 0;
    let mut buffer = vec![0; BUFFER];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => {
                hasher.update(&buffer[..n]);
                unpacked += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(BaseError::invalid(what(), e)),
        }
    }
    // A decompressor may be done before the blob is.
    reader.finish().map_err(|e| BaseError::invalid(what(), e))?;
    Ok((Digest::from_bytes(hasher.finalize().into()), unpacked))
}
