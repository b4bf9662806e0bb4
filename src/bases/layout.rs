//! An OCI image layout, in a folder or in an archive.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::error::BaseError;
use super::fetch::{Fetched, Origin, fetch};
use super::import::ImportLimits;
use crate::model::image::Platform;
use crate::model::{Digest, Reference};
use crate::oci::{BlobWriter, Descriptor, Index, MANIFEST_LIMIT, Selector, Store, media};

/// The name of an image in a layout's index.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The whole reference, as containerd and newer `docker save` write it.
const IMAGE_NAME: &str = "io.containerd.image.name";

/// Files by their paths below a layout's root.
pub trait Files {
    /// Opens a regular file; none if there is none.
    fn open(&self, path: &str) -> Result<Option<Box<dyn Read + '_>>, BaseError>;

    /// What the whole is called, for messages.
    fn name(&self) -> &Path;

    /// Reads a whole small file.
    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, BaseError> {
        let file = self.open(path)?.ok_or_else(|| self.lacks(path))?;
        let mut bytes = Vec::new();
        file.take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(BaseError::io(self.name()))?;
        let size = bytes.len() as u64;
        if size > limit {
            return Err(BaseError::TooLarge {
                what: format!("{path} in {}", self.name().display()),
                size,
                limit,
            });
        }
        Ok(bytes)
    }

    /// That a file isn't there.
    fn lacks(&self, path: &str) -> BaseError {
        BaseError::invalid(
            self.name().display().to_string(),
            format!("it has no {path}"),
        )
    }
}

/// A layout in a folder.
pub struct Folder(PathBuf);

impl Folder {
    pub fn open(path: &Path) -> Result<Self, BaseError> {
        if !std::fs::metadata(path)
            .map_err(BaseError::io(path))?
            .is_dir()
        {
            return Err(BaseError::invalid(
                path.display().to_string(),
                "it is no folder",
            ));
        }
        Ok(Self(path.to_owned()))
    }
}

impl Files for Folder {
    fn open(&self, path: &str) -> Result<Option<Box<dyn Read + '_>>, BaseError> {
        let path = self.0.join(path);
        // A pipe would wait for somebody to write.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(&path);
        let file = match file {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(BaseError::io(path)(e)),
        };
        let metadata = file.metadata().map_err(BaseError::io(&path))?;
        Ok(metadata.is_file().then(|| Box::new(file) as _))
    }

    fn name(&self) -> &Path {
        &self.0
    }
}

struct Blobs<'a>(&'a dyn Files);

impl Origin for Blobs<'_> {
    fn blob(&self, blob: &Descriptor, mut writer: BlobWriter) -> Result<BlobWriter, BaseError> {
        let path = format!("blobs/sha256/{}", blob.digest.hex());
        let file = self.0.open(&path)?.ok_or_else(|| self.0.lacks(&path))?;
        // One byte more is enough to see that it is longer than it should be.
        io::copy(&mut file.take(blob.size.saturating_add(1)), &mut writer)
            .map_err(BaseError::io(self.0.name()))?;
        Ok(writer)
    }
}

/// Takes an image out of a layout.
pub fn take(
    store: &Store,
    files: &dyn Files,
    which: Option<&Selector>,
    platform: &Platform,
    limits: &ImportLimits,
) -> Result<Fetched, BaseError> {
    let layout = files.read("oci-layout", 4096)?;
    let version = serde_json::from_slice::<serde_json::Value>(&layout).ok();
    let version = version.and_then(|v| Some(v.get("imageLayoutVersion")?.as_str()?.to_owned()));
    if version.as_deref().is_none_or(|v| !v.starts_with("1.")) {
        let why = "its oci-layout names no version 1";
        return Err(BaseError::invalid(files.name().display().to_string(), why));
    }
    let index = Index::parse(&files.read("index.json", MANIFEST_LIMIT)?)?;
    let root = match which {
        Some(Selector::Digest(digest)) => by_digest(files, &index, *digest)?,
        Some(Selector::Tag(tag)) => select(&index, Some(tag), platform)?,
        None => select(&index, None, platform)?,
    };
    fetch(store, &Blobs(files), root, platform, limits)
}

/// The manifest or index with that digest, which may also stand inside another index.
fn by_digest(files: &dyn Files, index: &Index, digest: Digest) -> Result<Descriptor, BaseError> {
    if let Some(listed) = index.manifests.iter().find(|d| d.digest == digest) {
        return Ok(listed.clone());
    }
    let path = format!("blobs/sha256/{}", digest.hex());
    let size = files.read(&path, MANIFEST_LIMIT)?.len() as u64;
    Ok(Descriptor::new("", digest, size))
}

/// The image called `tag`; without a tag, the only one, or the only one for the platform.
fn select(index: &Index, tag: Option<&str>, platform: &Platform) -> Result<Descriptor, BaseError> {
    let is_image =
        |d: &&Descriptor| media::is_manifest(&d.media_type) || media::is_index(&d.media_type);
    let images: Vec<&Descriptor> = index.manifests.iter().filter(is_image).collect();
    let offered = || images.iter().map(|d| name_of(d)).collect();
    let mut matching = images.clone();
    if let Some(tag) = tag {
        matching.retain(|d| has_name(d, tag));
    }
    if matching.len() > 1 {
        matching.retain(|d| is_for(d, platform));
    }
    match (&*matching, tag) {
        ([only], _) => Ok((*only).clone()),
        ([], Some(tag)) => Err(BaseError::NotFound {
            wanted: tag.to_owned(),
            offered: offered(),
        }),
        ([], None) if images.is_empty() => {
            Err(BaseError::invalid("index.json", "it lists no image"))
        }
        _ => Err(BaseError::Ambiguous { offered: offered() }),
    }
}

fn is_for(descriptor: &Descriptor, platform: &Platform) -> bool {
    let found = descriptor.platform.as_ref();
    found.is_some_and(|p| p.os == platform.os && p.architecture == platform.architecture)
}

fn has_name(descriptor: &Descriptor, tag: &str) -> bool {
    let annotation = |key: &str| descriptor.annotations.get(key);
    let same = |name: &String| {
        let (name, tag) = (name.parse::<Reference>(), tag.parse::<Reference>());
        name.is_ok_and(|name| tag.is_ok_and(|tag| name == tag))
    };
    annotation(REF_NAME).is_some_and(|name| name == tag) || annotation(IMAGE_NAME).is_some_and(same)
}

fn name_of(descriptor: &Descriptor) -> String {
    let annotation = |key: &str| descriptor.annotations.get(key).cloned();
    annotation(REF_NAME).unwrap_or_else(|| descriptor.digest.to_string())
}
