//! A tar file whose entries are read by name, in any order.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::error::BaseError;
use super::import::ImportLimits;
use super::layout::Files;
use crate::oci::{Compression, TarKind, TarReader};

/// `docker save` links a layer that stands twice to its first place; no link needs more steps.
const LINKS: usize = 8;

enum Content {
    At { offset: u64, size: u64 },
    Link(String),
}

/// An open tar and where its files stand in it.
pub struct Archive {
    path: PathBuf,
    file: File,
    index: HashMap<String, Content>,
}

impl Archive {
    /// Opens the tar at `path`. One that is compressed is unpacked to a nameless file in `scratch` first.
    pub fn open(path: &Path, scratch: &Path, limits: &ImportLimits) -> Result<Self, BaseError> {
        let file = plain_tar(path, scratch, limits.unpacked)?;
        let index = index(&file, limits.entries)
            .map_err(|e| BaseError::invalid(path.display().to_string(), e))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            index,
        })
    }
}

/// Opens `path` as a tar that can be read at any place, decompressing it if need be.
pub fn plain_tar(path: &Path, scratch: &Path, limit: u64) -> Result<File, BaseError> {
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .map_err(BaseError::io(path))?;
    if !file.metadata().map_err(BaseError::io(path))?.is_file() {
        let why = "it is not a regular file";
        return Err(BaseError::invalid(path.display().to_string(), why));
    }
    let mut start = Vec::new();
    let sniffed = file.by_ref().take(4).read_to_end(&mut start);
    sniffed
        .and_then(|_| file.rewind())
        .map_err(BaseError::io(path))?;
    let compression = Compression::sniff(&start);
    if compression == Compression::None {
        return Ok(file);
    }
    let mut plain = tempfile::tempfile_in(scratch).map_err(BaseError::io(scratch))?;
    let damaged = |e| BaseError::invalid(path.display().to_string(), e);
    let unpacked = compression.reader(file).map_err(BaseError::io(path))?;
    let size =
        io::copy(&mut unpacked.take(limit.saturating_add(1)), &mut plain).map_err(damaged)?;
    if size > limit {
        return Err(BaseError::TooLarge {
            what: format!("what is in {}", path.display()),
            size,
            limit,
        });
    }
    plain.rewind().map_err(BaseError::io(scratch))?;
    Ok(plain)
}

fn index(file: &File, most: usize) -> io::Result<HashMap<String, Content>> {
    let mut tar = TarReader::new(BufReader::with_capacity(1 << 16, file));
    let mut index = HashMap::new();
    while let Some(entry) = tar.next()? {
        let content = match entry.kind {
            TarKind::File => Content::At {
                offset: entry.offset,
                size: entry.size,
            },
            TarKind::Symlink(target) => {
                Content::Link(String::from_utf8_lossy(&target).into_owned())
            }
            _ => continue,
        };
        let path = String::from_utf8_lossy(&entry.path).into_owned();
        let path = path.strip_prefix("./").unwrap_or(&path).to_owned();
        if index.len() >= most {
            return Err(io::Error::other(format!("it has more than {most} entries")));
        }
        if let Some(twice) = index.insert(path, content) {
            drop(twice);
            let path = String::from_utf8_lossy(&entry.path)
                .escape_debug()
                .to_string();
            return Err(io::Error::other(format!("`{path}` stands in it twice")));
        }
    }
    Ok(index)
}

impl Files for Archive {
    fn open(&self, path: &str) -> Result<Option<Box<dyn Read + '_>>, BaseError> {
        let mut path = path.to_owned();
        for _ in 0..LINKS {
            match self.index.get(&path) {
                None => return Ok(None),
                Some(Content::At { offset, size }) => {
                    let section = Section {
                        file: &self.file,
                        offset: *offset,
                        left: *size,
                    };
                    return Ok(Some(Box::new(BufReader::with_capacity(1 << 16, section))));
                }
                Some(Content::Link(target)) => path = beside(&path, target),
            }
        }
        Ok(None)
    }

    fn name(&self) -> &Path {
        &self.path
    }
}

/// Where a link at `path` leads, inside the archive.
fn beside(path: &str, target: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// A part of a file.
pub struct Section<'a> {
    pub file: &'a File,
    pub offset: u64,
    pub left: u64,
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let n = self.file.read_at(&mut buffer[..most], self.offset)?;
        self.offset += n as u64;
        self.left -= n as u64;
        Ok(n)
    }
}
