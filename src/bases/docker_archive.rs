//! What `docker save` writes: a configuration, layers, and a list that holds them together. It has no manifest and no
//! compression; both are made here.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;

use super::error::BaseError;
use super::import::ImportLimits;
use super::layout::Files;
use crate::model::{Digest, Reference};
use crate::oci::{
    CONFIG_LIMIT, Compression, Descriptor, ImageConfig, MANIFEST_LIMIT, Manifest, Store, media,
};

#[derive(Deserialize)]
struct Image {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags")]
    tags: Option<Vec<String>>,
    #[serde(rename = "Layers")]
    layers: Option<Vec<String>>,
}

/// Takes an image out of an archive and gives the manifest that was made for it.
pub fn take(
    store: &Store,
    files: &dyn Files,
    name: Option<&Reference>,
    limits: &ImportLimits,
) -> Result<Digest, BaseError> {
    let list = files.read("manifest.json", MANIFEST_LIMIT)?;
    let images: Vec<Image> =
        serde_json::from_slice(&list).map_err(|e| BaseError::invalid("manifest.json", e))?;
    let image = select(&images, name)?;
    let config = files.read(&image.config, CONFIG_LIMIT)?;
    if let Some(expected) = digest_in(&image.config) {
        let found = Digest::of(&config);
        if found != expected {
            return Err(BaseError::lie(
                format!("`{}`", image.config.escape_debug()),
                expected,
                found,
            ));
        }
    }
    let paths = image.layers.as_deref().unwrap_or_default();
    let diff_ids = ImageConfig::parse(&config)?.rootfs.diff_ids;
    if diff_ids.len() != paths.len() || paths.len() > limits.layers {
        let layers = |n: usize| format!("{n} layers");
        let (expected, found) = (layers(diff_ids.len()), layers(paths.len()));
        return Err(BaseError::lie("manifest.json", expected, found));
    }
    let mut layers: Vec<Descriptor> = Vec::new();
    let mut taken = HashMap::<(&String, Digest), usize>::new();
    for (path, diff_id) in paths.iter().zip(diff_ids) {
        // What stands in it twice is packed once.
        let layer = match taken.get(&(path, diff_id)).copied() {
            Some(at) => layers[at].clone(),
            None => layer(store, files, path, diff_id, limits)?,
        };
        taken.entry((path, diff_id)).or_insert(layers.len());
        layers.push(layer);
    }
    store.put(&config)?;
    let manifest = Manifest::image(Descriptor::of(media::CONFIG, &config), layers);
    Ok(store.put_manifest(&manifest)?.digest)
}

fn select<'a>(images: &'a [Image], name: Option<&Reference>) -> Result<&'a Image, BaseError> {
    let tags = |image: &'a Image| image.tags.as_deref().unwrap_or_default();
    let offered = || images.iter().flat_map(tags).cloned().collect();
    let is_called = |image: &&Image, name: &Reference| {
        let tags = image.tags.as_deref().unwrap_or_default();
        tags.iter()
            .any(|tag| tag.parse::<Reference>().is_ok_and(|tag| tag == *name))
    };
    match (images, name) {
        ([], _) => Err(BaseError::invalid("manifest.json", "it lists no image")),
        (_, Some(name)) => images
            .iter()
            .find(|image| is_called(image, name))
            .ok_or_else(|| BaseError::NotFound {
                wanted: name.familiar(),
                offered: offered(),
            }),
        ([only], None) => Ok(only),
        _ => Err(BaseError::Ambiguous { offered: offered() }),
    }
}

/// Takes a layer in: a plain tar becomes a gzip blob, a compressed one stays as it is.
fn layer(
    store: &Store,
    files: &dyn Files,
    path: &str,
    diff_id: Digest,
    limits: &ImportLimits,
) -> Result<Descriptor, BaseError> {
    let what = || format!("layer `{}`", path.escape_debug());
    let mut file = files.open(path)?.ok_or_else(|| files.lacks(path))?;
    let mut start = Vec::new();
    file.by_ref()
        .take(4)
        .read_to_end(&mut start)
        .map_err(BaseError::io(files.name()))?;
    let compression = Compression::sniff(&start);
    let whole = io::Cursor::new(start).chain(file);
    let mut whole = whole.take(limits.unpacked.saturating_add(1));
    if compression == Compression::None {
        let mut writer = store.layer_writer()?;
        copy(
            &mut whole,
            &mut writer,
            files.name(),
            limits.unpacked,
            &what(),
        )?;
        let written = writer.finish()?;
        if written.diff_id != diff_id {
            return Err(BaseError::lie(what(), diff_id, written.diff_id));
        }
        return Ok(written.descriptor);
    }
    let mut writer = store.writer()?;
    copy(&mut whole, &mut writer, files.name(), limits.bytes, &what())?;
    // What is in it is checked with the whole image.
    let (digest, size) = writer.commit()?;
    Ok(Descriptor::new(compression.media_type(), digest, size))
}

fn copy(
    from: &mut dyn Read,
    to: &mut dyn io::Write,
    name: &Path,
    limit: u64,
    what: &str,
) -> Result<(), BaseError> {
    let size = io::copy(from, to).map_err(BaseError::io(name))?;
    if size <= limit {
        return Ok(());
    }
    Err(BaseError::TooLarge {
        what: what.to_owned(),
        size,
        limit,
    })
}

/// The digest in a name such as `<64 hex>.json` or `blobs/sha256/<64 hex>`.
fn digest_in(path: &str) -> Option<Digest> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let name = name.strip_suffix(".json").unwrap_or(name);
    format!("sha256:{name}").parse().ok()
}
