//! An image as `docker load` takes it.
//!
//! Layers stay as they are where Docker of any age unpacks them (plain and gzip); Zstandard is unpacked.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use serde::Serialize;

use super::docker_name;
use super::error::CatalogError;
use super::tarball::{Count, Tarball};
use crate::model::{Digest, Reference};
use crate::oci::{CONFIG_LIMIT, Compression, Descriptor, OciError, Store};

/// A layer that unpacks to more is refused.
const UNPACKED_LIMIT: u64 = 64 << 30;

#[derive(Serialize)]
struct Image {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags")]
    tags: Option<Vec<String>>,
    #[serde(rename = "Layers")]
    layers: Vec<String>,
}

pub fn write(
    store: &Store,
    image: Digest,
    path: &Path,
    name: Option<&Reference>,
) -> Result<(), CatalogError> {
    let manifest = store.manifest(image)?;
    let config = store.read(manifest.config.digest, CONFIG_LIMIT)?;
    let config_name = format!("{}.json", manifest.config.digest.hex());
    let mut tar = Tarball::start(path)?;
    tar.bytes(&config_name, &config)?;
    let mut layers = Vec::new();
    let mut written = BTreeSet::new();
    for layer in &manifest.layers {
        let name = format!("{}.tar", layer.digest.hex());
        if written.insert(layer.digest) {
            write_layer(store, &mut tar, &name, layer)?;
        }
        layers.push(name);
    }
    let list = [Image {
        config: config_name,
        tags: name.map(|name| vec![docker_name(name)]),
        layers,
    }];
    let list = serde_json::to_vec(&list).map_err(|e| OciError::Invalid {
        what: "manifest.json".into(),
        why: e.to_string(),
    })?;
    tar.bytes("manifest.json", &list)?;
    tar.finish()
}

fn write_layer(
    store: &Store,
    tar: &mut Tarball,
    name: &str,
    layer: &Descriptor,
) -> Result<(), CatalogError> {
    if Compression::of(&layer.media_type) != Some(Compression::Zstd) {
        return tar.file(name, layer.size, &mut store.open_blob(layer.digest)?);
    }
    // A tar says a file's length before the file: the first reading only counts.
    let mut count = Count::default();
    let mut reader = store.open_layer(layer, UNPACKED_LIMIT)?;
    io::copy(&mut reader, &mut count).map_err(CatalogError::io(store.path(layer.digest)))?;
    let mut reader = store.open_layer(layer, UNPACKED_LIMIT)?;
    tar.file(name, count.0, &mut reader)
}
