//! One blob on its way in or out: hashed as it goes.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::error::OciError;
use super::store::Store;
use crate::durable;
use crate::model::Digest;

/// A blob being written. It enters the store with [`commit`](Self::commit); dropped before, it leaves nothing.
#[derive(Debug)]
pub struct BlobWriter {
    store: Store,
    file: NamedTempFile,
    hasher: Sha256,
    size: u64,
}

impl BlobWriter {
    pub(super) fn new(store: Store) -> Result<Self, OciError> {
        let folder = store.ingest();
        let file = tempfile::Builder::new()
            .prefix("blob-")
            .permissions(std::fs::Permissions::from_mode(0o600))
            .tempfile_in(&folder)
            .map_err(OciError::io("make a file in", folder))?;
        Ok(Self {
            store,
            file,
            hasher: Sha256::new(),
            size: 0,
        })
    }

    /// Bytes written so far.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Puts the blob in its place, on disk for good, and says what it is.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn commit(self) -> Result<(Digest, u64), OciError> {
        let digest = Digest::from_bytes(self.hasher.clone().finalize().into());
        self.place(digest)
    }

    /// Puts the blob in its place if it is `expected`; else nothing is left of it.
    ///
    /// # Errors
    /// [`OciError::Corrupt`] with both digests if it is something else; or if the host refuses.
    pub fn commit_as(self, expected: Digest) -> Result<u64, OciError> {
        let found = Digest::from_bytes(self.hasher.clone().finalize().into());
        if found != expected {
            return Err(OciError::Corrupt {
                path: self.store.path(expected),
                expected,
                found,
            });
        }
        self.place(found).map(|(_, size)| size)
    }

    fn place(self, digest: Digest) -> Result<(Digest, u64), OciError> {
        let path = self.store.path(digest);
        super::seal::seal(self.file.as_file()).map_err(OciError::io("write", &path))?;
        let fresh = !self.store.has(digest);
        // Over whatever stands there: the same bytes, or a damaged file that this mends.
        durable::settle(self.file, &path, 0o444).map_err(OciError::io("write", &path))?;
        if fresh {
            self.store.note(digest);
        }
        self.store.sync_blobs()?;
        Ok((digest, self.size))
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.as_file_mut().write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a blob and fails at its end if it was not what its name says.
///
/// Nothing that was read may be believed before the end was reached: use [`drain`](Self::drain) where the consumer
/// stops early.
#[derive(Debug)]
pub struct VerifiedReader {
    file: File,
    path: PathBuf,
    expected: Digest,
    hasher: Sha256,
    verified: bool,
    size: u64,
}

impl VerifiedReader {
    pub(super) fn new(file: File, path: PathBuf, expected: Digest, size: u64) -> Self {
        Self {
            file,
            path,
            expected,
            hasher: Sha256::new(),
            verified: false,
            size,
        }
    }

    /// The length of the blob's file when it was opened.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The blob's file: what is read of it so is not checked.
    pub const fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn metadata(&self) -> io::Result<std::fs::Metadata> {
        self.file.metadata()
    }

    /// Whether the end was reached and the digest was right.
    pub const fn verified(&self) -> bool {
        self.verified
    }

    /// Reads the rest away, so that the whole blob is checked.
    ///
    /// # Errors
    /// If the digest differs or the file can't be read.
    pub fn drain(&mut self) -> io::Result<()> {
        io::copy(self, &mut io::sink()).map(drop)
    }
}

impl Read for VerifiedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.verified || buffer.is_empty() {
            return Ok(0);
        }
        let n = self.file.read(buffer)?;
        if n > 0 {
            self.hasher.update(&buffer[..n]);
            return Ok(n);
        }
        let found = Digest::from_bytes(self.hasher.clone().finalize().into());
        if found != self.expected {
            let error = OciError::Corrupt {
                path: self.path.clone(),
                expected: self.expected,
                found,
            };
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        self.verified = true;
        Ok(0)
    }
}
