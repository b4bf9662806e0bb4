//! Contents kept aside for a moment: what came out of an archive or out of another layer, in the order in which it
//! came, to be written in the order of its new paths.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::engine::fault::Fault;
use crate::engine::watch::Watch;
use crate::model::Digest;

/// A file without a name that is gone when it is closed.
#[derive(Debug)]
pub struct Spool {
    file: File,
    length: u64,
}

impl Spool {
    /// An empty one in `folder`.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn new(folder: &Path) -> Result<Self, Fault> {
        let file = tempfile::tempfile_in(folder)
            .map_err(|e| Fault::host("make a temporary file in", folder, &e))?;
        Ok(Self { file, length: 0 })
    }

    /// Keeps `size` bytes; gives where they are and what their digest is.
    ///
    /// # Errors
    /// If there are fewer, or one of the two sides fails.
    pub fn keep(
        &mut self,
        content: &mut dyn Read,
        size: u64,
        watch: &Watch,
    ) -> Result<(u64, Digest), io::Error> {
        let at = self.length;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 128 << 10];
        let mut left = size;
        while left > 0 {
            watch.check().map_err(Fault::into_io)?;
            let want = usize::try_from(left).map_or(buffer.len(), |l| l.min(buffer.len()));
            let n = match content.read(&mut buffer[..want]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            hasher.update(&buffer[..n]);
            self.file.write_all(&buffer[..n])?;
            left -= n as u64;
        }
        self.length += size;
        Ok((at, Digest::from_bytes(hasher.finalize().into())))
    }

    /// Reads from `at` on.
    pub const fn reader(&self, at: u64) -> SpoolReader<'_> {
        SpoolReader {
            file: &self.file,
            at,
        }
    }
}

/// Reads kept bytes.
#[derive(Debug)]
pub struct SpoolReader<'a> {
    file: &'a File,
    at: u64,
}

impl Read for SpoolReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(buffer, self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}
