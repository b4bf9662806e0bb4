//! A build context as lint, review and the engine see it: a sorted list of entries that can be opened.
//!
//! `intake` makes one of a folder or of a stored archive; nobody else touches the files behind it.

use std::io::{self, Read};

use super::Digest;

/// What stands at a path of a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file and its length in bytes.
    File {
        /// Length in bytes.
        size: u64,
    },
    /// A folder.
    Directory,
    /// A symbolic link and what it holds, as written. It may point anywhere: resolve it inside a root.
    Symlink {
        /// The link's text.
        target: String,
    },
}

/// One entry of a context. Times, owners and inodes do not exist here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextEntry {
    /// Path relative to the context's root: UTF-8, `/` between parts, no `.`, no `..`, no leading or trailing `/`.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits with setuid, setgid and sticky, as Docker keeps them.
    pub mode: u32,
}

/// A context that can be listed and read.
pub trait ContextSource: Send + Sync {
    /// Every entry, each folder before what it holds, sorted by path bytes, no path twice.
    fn entries(&self) -> &[ContextEntry];

    /// Opens the file at `index` of [`entries`](Self::entries).
    ///
    /// # Errors
    /// If the entry is not a file, can't be read, or is no longer what it was when it was listed.
    fn open(&self, index: usize) -> io::Result<Box<dyn Read + Send + '_>>;

    /// Whether COPY and ADD pass over the entry at `index` of [`entries`](Self::entries): the Dockerfile and the
    /// ignore file are always there to be read, also where the ignore file leaves them out of what is copied.
    fn is_hidden(&self, _index: usize) -> bool {
        false
    }

    /// The digest of the stored archive, where there is one.
    fn digest(&self) -> Option<Digest> {
        None
    }

    /// The index of the entry at `path`.
    fn find(&self, path: &str) -> Option<usize> {
        self.entries()
            .binary_search_by(|e| e.path.as_bytes().cmp(path.as_bytes()))
            .ok()
    }

    /// Reads the whole file at `path`, refusing more than `limit` bytes.
    ///
    /// # Errors
    /// If there is no such file, it is longer than `limit`, or it can't be read.
    fn read(&self, path: &str, limit: u64) -> io::Result<Vec<u8>> {
        let index = self.find(path).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                format!("no `{path}` in the context"),
            )
        })?;
        let mut bytes = Vec::new();
        self.open(index)?.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("`{path}` is longer than {limit} bytes"),
            ));
        }
        Ok(bytes)
    }
}

/// An empty context: what a Dockerfile on standard input builds with.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmptyContext;

impl ContextSource for EmptyContext {
    fn entries(&self) -> &[ContextEntry] {
        &[]
    }

    fn open(&self, _: usize) -> io::Result<Box<dyn Read + Send + '_>> {
        Err(io::ErrorKind::NotFound.into())
    }
}
