//! The content store: an OCI image layout whose blobs are written aside, synced, renamed and never changed.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::blob::{BlobWriter, VerifiedReader};
use super::config::ImageConfig;
use super::error::OciError;
use super::fresh::Notes;
use super::manifest::{Descriptor, Index, Manifest};
use super::media;
use crate::durable;
use crate::model::Digest;

/// A longer manifest or index is refused.
pub const MANIFEST_LIMIT: u64 = 4 << 20;
/// A longer image configuration is refused.
pub const CONFIG_LIMIT: u64 = 8 << 20;
/// An unfinished blob older than this was left by a process that died.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);

/// A folder with an OCI image layout. Cheap to clone; several processes may use one at once.
#[derive(Debug, Clone)]
pub struct Store {
    root: Arc<Path>,
    /// Where it is noted what comes in.
    notes: Option<Notes>,
}

impl Store {
    /// Opens the layout at `root`, making what is missing.
    ///
    /// # Errors
    /// If the host refuses, or `root` holds a layout of another version.
    pub fn open(root: &Path) -> Result<Self, OciError> {
        let store = Self {
            root: root.into(),
            notes: None,
        };
        for folder in [store.blobs(), store.ingest()] {
            fs::create_dir_all(&folder).map_err(OciError::io("make", folder))?;
        }
        store.provide("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        let index = Index::new(Vec::new()).to_bytes()?;
        store.provide("index.json", &index)?;
        store.sweep();
        Ok(store)
    }

    /// The layout's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the blob `digest` stands, if it is here.
    pub fn path(&self, digest: Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }

    /// Whether there is a blob of that name. Its content is checked when it is read.
    pub fn has(&self, digest: Digest) -> bool {
        fs::symlink_metadata(self.path(digest)).is_ok_and(|m| m.is_file())
    }

    /// The length of a blob.
    ///
    /// # Errors
    /// [`OciError::Missing`], or if the host refuses.
    pub fn size(&self, digest: Digest) -> Result<u64, OciError> {
        Ok(self.open_blob(digest)?.size())
    }

    /// Reads a whole blob, checked.
    ///
    /// # Errors
    /// If it is missing, longer than `limit`, or not what its name says.
    pub fn read(&self, digest: Digest, limit: u64) -> Result<Vec<u8>, OciError> {
        let mut blob = self.open_blob(digest)?;
        let size = blob.size();
        if size > limit {
            return Err(OciError::TooLarge {
                what: digest.to_string(),
                size,
                limit,
            });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        // One byte more than the limit, in case the file grew: then the digest is wrong anyway.
        let read = blob.by_ref().take(limit + 1).read_to_end(&mut bytes);
        let path = || self.path(digest);
        match read.and_then(|_| blob.drain()) {
            Ok(()) => Ok(bytes),
            Err(e) => match e.downcast::<OciError>() {
                Ok(corrupt) => Err(corrupt),
                Err(e) => Err(OciError::io("read", path())(e)),
            },
        }
    }

    /// Opens a blob for reading; the reader fails at the end if the blob is not what its name says.
    ///
    /// # Errors
    /// If it is missing, no regular file, or the host refuses.
    pub fn open_blob(&self, digest: Digest) -> Result<VerifiedReader, OciError> {
        let path = self.path(digest);
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(&path)
            .map_err(|e| match e.kind() {
                std::io::ErrorKind::NotFound => OciError::Missing(digest),
                _ => OciError::io("read", &path)(e),
            })?;
        let metadata = file.metadata().map_err(OciError::io("read", &path))?;
        if !metadata.is_file() {
            return Err(OciError::invalid(
                path.display().to_string(),
                "it is not a regular file",
            ));
        }
        Ok(VerifiedReader::new(file, path, digest, metadata.len()))
    }

    /// Puts `bytes` in the store.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, OciError> {
        let digest = Digest::of(bytes);
        if self.read(digest, bytes.len() as u64).is_ok() {
            return Ok(digest);
        }
        let mut writer = self.writer()?;
        writer
            .write_all(bytes)
            .map_err(OciError::io("write", self.path(digest)))?;
        writer.commit_as(digest)?;
        Ok(digest)
    }

    /// Starts a blob whose digest is known only at its end.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn writer(&self) -> Result<BlobWriter, OciError> {
        BlobWriter::new(self.clone())
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// If it is missing, damaged, too large, or no manifest.
    pub fn manifest(&self, digest: Digest) -> Result<Manifest, OciError> {
        Manifest::parse(&self.read(digest, MANIFEST_LIMIT)?)
    }

    /// Reads an index.
    ///
    /// # Errors
    /// If it is missing, damaged, too large, or no index.
    pub fn index(&self, digest: Digest) -> Result<Index, OciError> {
        Index::parse(&self.read(digest, MANIFEST_LIMIT)?)
    }

    /// Reads an image's configuration.
    ///
    /// # Errors
    /// If it is missing, damaged, too large, or no configuration.
    pub fn config(&self, digest: Digest) -> Result<ImageConfig, OciError> {
        ImageConfig::parse(&self.read(digest, CONFIG_LIMIT)?)
    }

    /// Writes a manifest and gives its descriptor.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn put_manifest(&self, manifest: &Manifest) -> Result<Descriptor, OciError> {
        let bytes = manifest.to_bytes()?;
        self.put(&bytes)?;
        Ok(Descriptor::of(&*manifest.media_type, &bytes))
    }

    /// Writes an image's configuration and gives its descriptor.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn put_config(&self, config: &ImageConfig) -> Result<Descriptor, OciError> {
        let bytes = config.to_bytes()?;
        self.put(&bytes)?;
        Ok(Descriptor::of(media::CONFIG, &bytes))
    }

    /// Every blob's name, sorted.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn digests(&self) -> Result<Vec<Digest>, OciError> {
        let folder = self.blobs();
        let entries = fs::read_dir(&folder).map_err(OciError::io("list", &folder))?;
        let mut digests = Vec::new();
        for entry in entries {
            let name = entry.map_err(OciError::io("list", &folder))?.file_name();
            let digest = name
                .to_str()
                .and_then(|name| format!("sha256:{name}").parse::<Digest>().ok());
            digests.extend(digest);
        }
        digests.sort_unstable();
        Ok(digests)
    }

    fn blobs(&self) -> PathBuf {
        self.root.join("blobs/sha256")
    }

    pub(super) fn ingest(&self) -> PathBuf {
        self.root.join("ingest")
    }

    pub(super) fn with_notes(&self, notes: Notes) -> Self {
        Self {
            root: Arc::clone(&self.root),
            notes: Some(notes),
        }
    }

    /// Notes that `digest` came in and was not there.
    pub(super) fn note(&self, digest: Digest) {
        if let Some(notes) = &self.notes {
            let mut notes = notes
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            notes.push(digest);
        }
    }

    pub(super) fn sync_blobs(&self) -> Result<(), OciError> {
        sync_folder(&self.blobs())
    }

    /// Writes `root/name` unless it is there, so that a reader sees all of it or nothing.
    fn provide(&self, name: &str, content: &[u8]) -> Result<(), OciError> {
        let path = self.root.join(name);
        if path.exists() {
            return Ok(());
        }
        let write = || -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(self.ingest())?;
            file.write_all(content)?;
            // If another process was faster, it was so with the same content.
            durable::settle_new(file, &path, 0o644).map(drop)
        };
        write().map_err(OciError::io("write", &path))?;
        sync_folder(&self.root)
    }

    /// Removes what dead processes left half written. That it can't is no reason to refuse work.
    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(self.ingest()) else {
            return;
        };
        for entry in entries.flatten() {
            let age = entry.metadata().and_then(|m| m.modified()).map(|modified| {
                SystemTime::now()
                    .duration_since(modified)
                    .unwrap_or_default()
            });
            if age.is_ok_and(|age| age > ABANDONED) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

fn sync_folder(folder: &Path) -> Result<(), OciError> {
    durable::sync_folder(folder).map_err(OciError::io("sync", folder))
}
