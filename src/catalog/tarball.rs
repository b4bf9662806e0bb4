//! A tar for other programs, written aside and renamed: no owner, no time, the order that it was written in.

use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};
use tempfile::NamedTempFile;

use super::error::CatalogError;
use crate::durable::{self, folder_of};

/// A tar being written. Dropped before [`finish`](Self::finish), it leaves nothing.
pub struct Tarball {
    builder: Builder<BufWriter<NamedTempFile>>,
    path: PathBuf,
}

impl Tarball {
    pub fn start(path: &Path) -> Result<Self, CatalogError> {
        if path.is_dir() {
            return Err(CatalogError::Destination {
                what: path.display().to_string(),
                why: "it is a folder".into(),
            });
        }
        let file = NamedTempFile::new_in(folder_of(path)).map_err(CatalogError::io(path))?;
        Ok(Self {
            builder: Builder::new(BufWriter::with_capacity(1 << 18, file)),
            path: path.to_owned(),
        })
    }

    pub fn folder(&mut self, name: &str) -> Result<(), CatalogError> {
        let mut header = header(0, 0o755);
        header.set_entry_type(EntryType::Directory);
        self.append(&mut header, name, &mut io::empty())
    }

    pub fn bytes(&mut self, name: &str, mut content: &[u8]) -> Result<(), CatalogError> {
        self.append(&mut header(content.len() as u64, 0o644), name, &mut content)
    }

    /// Writes a file; `content` must have just `size` bytes, and is read to its end, where readers check digests.
    pub fn file(
        &mut self,
        name: &str,
        size: u64,
        content: &mut dyn Read,
    ) -> Result<(), CatalogError> {
        let mut exact = content.take(size);
        self.append(&mut header(size, 0o644), name, &mut exact)?;
        let missing = exact.limit();
        let more = exact.into_inner().read(&mut [0]).map_err(self.io())?;
        if missing > 0 || more > 0 {
            let error = io::Error::other(format!("`{name}` is not {size} bytes long"));
            return Err(self.io()(error));
        }
        Ok(())
    }

    pub fn finish(self) -> Result<(), CatalogError> {
        let path = self.path;
        let finish = || -> io::Result<()> {
            let file = self.builder.into_inner()?.into_inner()?;
            durable::settle(file, &path, 0o644)?;
            durable::sync_folder(folder_of(&path))
        };
        finish().map_err(CatalogError::io(&path))
    }

    fn append(
        &mut self,
        header: &mut Header,
        name: &str,
        content: &mut dyn Read,
    ) -> Result<(), CatalogError> {
        let io = self.io();
        self.builder.append_data(header, name, content).map_err(io)
    }

    fn io(&self) -> impl FnOnce(io::Error) -> CatalogError + use<> {
        CatalogError::io(self.path.clone())
    }
}

fn header(size: u64, mode: u32) -> Header {
    let mut header = Header::new_ustar();
    header.set_size(size);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

/// Counts what is written to it.
#[derive(Default)]
pub struct Count(pub u64);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
