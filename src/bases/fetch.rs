//! Takes an image out of a place that has manifests and blobs: from whatever a name stands for down to every layer.

use super::error::BaseError;
use super::import::ImportLimits;
use crate::model::Digest;
use crate::model::image::Platform;
use crate::oci::{
    BlobWriter, CONFIG_LIMIT, Descriptor, Index, MANIFEST_LIMIT, Manifest, Store, media,
};

/// Indexes in indexes are followed this far.
const DEPTH: usize = 4;

/// A place that has blobs.
pub trait Origin {
    /// Writes the blob's bytes to `writer`, and no more than the descriptor says. The caller checks them.
    ///
    /// Manifests are asked for as blobs too.
    fn blob(&self, blob: &Descriptor, writer: BlobWriter) -> Result<BlobWriter, BaseError>;
}

/// What a name stood for, and the manifest that was taken.
pub struct Fetched {
    pub manifest: Digest,
    /// The indexes on the way, outermost first.
    pub indexes: Vec<Digest>,
}

/// Takes the image under `root` with all its blobs, each checked against its descriptor.
pub fn fetch(
    store: &Store,
    origin: &dyn Origin,
    root: Descriptor,
    platform: &Platform,
    limits: &ImportLimits,
) -> Result<Fetched, BaseError> {
    let mut indexes = Vec::new();
    let mut at = root;
    for _ in 0..DEPTH {
        blob(store, origin, &at, MANIFEST_LIMIT, "manifest")?;
        let bytes = store.read(at.digest, MANIFEST_LIMIT)?;
        if !is_index(&at, &bytes)? {
            let manifest = Manifest::parse(&bytes)?;
            check_type(&at, &manifest.media_type)?;
            parts(store, origin, &manifest, limits)?;
            return Ok(Fetched {
                manifest: at.digest,
                indexes,
            });
        }
        let index = Index::parse(&bytes)?;
        check_type(&at, &index.media_type)?;
        indexes.push(at.digest);
        at = choose(&index, platform)?;
    }
    let why = format!("its indexes are nested deeper than {DEPTH}");
    Err(BaseError::invalid("the index", why))
}

fn parts(
    store: &Store,
    origin: &dyn Origin,
    manifest: &Manifest,
    limits: &ImportLimits,
) -> Result<(), BaseError> {
    limits.check(manifest)?;
    blob(
        store,
        origin,
        &manifest.config,
        CONFIG_LIMIT,
        "configuration",
    )?;
    for layer in &manifest.layers {
        blob(store, origin, layer, limits.bytes, "layer")?;
    }
    Ok(())
}

/// Takes one blob, unless the store has it undamaged.
fn blob(
    store: &Store,
    origin: &dyn Origin,
    wanted: &Descriptor,
    limit: u64,
    what: &str,
) -> Result<(), BaseError> {
    let what = || format!("{what} {}", wanted.digest);
    if wanted.size > limit {
        return Err(BaseError::TooLarge {
            what: what(),
            size: wanted.size,
            limit,
        });
    }
    if let Ok(mut held) = store.open_blob(wanted.digest)
        && held.drain().is_ok()
    {
        return check_size(&what(), wanted.size, held.size());
    }
    let writer = origin.blob(wanted, store.writer()?)?;
    check_size(&what(), wanted.size, writer.size())?;
    writer.commit_as(wanted.digest).map_err(|e| match e {
        crate::oci::OciError::Corrupt {
            expected, found, ..
        } => BaseError::lie(what(), expected, found),
        e => e.into(),
    })?;
    Ok(())
}

fn check_size(what: &str, expected: u64, found: u64) -> Result<(), BaseError> {
    if expected == found {
        return Ok(());
    }
    let bytes = |n| format!("{n} bytes");
    Err(BaseError::lie(what, bytes(expected), bytes(found)))
}

/// A type in the descriptor must be that of the document. Some registries give none.
fn check_type(descriptor: &Descriptor, found: &str) -> Result<(), BaseError> {
    if descriptor.media_type.is_empty() || descriptor.media_type == found {
        return Ok(());
    }
    let what = format!("the media type of {}", descriptor.digest);
    Err(BaseError::lie(
        what,
        descriptor.media_type.escape_debug(),
        found,
    ))
}

fn is_index(descriptor: &Descriptor, bytes: &[u8]) -> Result<bool, BaseError> {
    match &*descriptor.media_type {
        media_type if media::is_index(media_type) => Ok(true),
        media_type if media::is_manifest(media_type) => Ok(false),
        "" => Ok(Index::parse(bytes).is_ok_and(|index| !index.manifests.is_empty())),
        other => {
            let why = format!("`{}` is no image", other.escape_debug());
            Err(BaseError::invalid(descriptor.digest.to_string(), why))
        }
    }
}

/// The one manifest for `platform`. Of several, such as for variants of one architecture, the first: so does Docker.
pub fn choose(index: &Index, platform: &Platform) -> Result<Descriptor, BaseError> {
    let images = || {
        let known =
            |d: &&Descriptor| media::is_manifest(&d.media_type) || media::is_index(&d.media_type);
        index.manifests.iter().filter(known)
    };
    let fits = |d: &&Descriptor| {
        d.platform
            .as_ref()
            .is_some_and(|p| p.os == platform.os && p.architecture == platform.architecture)
    };
    if let Some(found) = images().find(fits) {
        return Ok(found.clone());
    }
    // A single one without a platform may be of any: its configuration will say.
    let mut all = images();
    if let (Some(only), None) = (all.next(), all.next())
        && only.platform.is_none()
    {
        return Ok(only.clone());
    }
    let offered = images().map(|d| match &d.platform {
        Some(p) => format!("{}/{}", p.os, p.architecture),
        None => d.digest.to_string(),
    });
    Err(BaseError::Platform {
        wanted: platform.clone(),
        offered: offered.collect(),
    })
}
