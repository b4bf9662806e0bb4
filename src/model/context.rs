//! A build context as lint, review and the engine see it: a sorted list of entries that can be opened.
//!
//! `intake` makes one of a folder or of a stored archive; nobody else touches the files behind it.

use std::io::{self, Read};
use std::sync::Arc;

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

    /// The digest of what the file at `index` holds, if that is known without reading it.
    fn known_digest(&self, _index: usize) -> Option<Digest> {
        None
    }

    /// Reads the file at `index`, and takes note of the digest that `read` gives it. `read` must read to the end: there a
    /// file that changed meanwhile says so.
    ///
    /// # Errors
    /// As [`open`](Self::open) and `read`.
    fn file_digest(
        &self,
        index: usize,
        read: &mut dyn FnMut(&mut dyn Read) -> io::Result<Digest>,
    ) -> io::Result<Digest> {
        let digest = read(&mut *self.open(index)?)?;
        self.learn(index, digest);
        Ok(digest)
    }

    /// Takes note that the file at `index` was [opened](Self::open), read to its end, where one that changed meanwhile says
    /// so, and has this digest.
    fn learn(&self, _index: usize, _digest: Digest) {}

    /// Takes back a digest that the file at `index` turned out not to have: it is read the next time.
    fn doubt(&self, _index: usize) {}

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

    /// What the file at `index` begins with: at most `limit` bytes.
    ///
    /// # Errors
    /// As [`open`](Self::open), or if it can't be read.
    fn head(&self, index: usize, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open(index)?.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
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
        let bytes = self.head(index, limit.saturating_add(1))?;
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

/// A context that was made on the spot, as tests and the demo do.
#[derive(Debug, Clone, Default)]
pub struct MemoryContext {
    entries: Vec<ContextEntry>,
    contents: Vec<Arc<[u8]>>,
}

impl MemoryContext {
    /// With a file.
    #[must_use]
    pub fn file(self, path: &str, mode: u32, content: impl Into<Vec<u8>>) -> Self {
        let content = content.into();
        let size = content.len() as u64;
        self.with(path, EntryKind::File { size }, mode, content.into())
    }

    /// With a folder.
    #[must_use]
    pub fn folder(self, path: &str, mode: u32) -> Self {
        self.with(path, EntryKind::Directory, mode, [].into())
    }

    /// With a symbolic link.
    #[must_use]
    pub fn link(self, path: &str, target: &str) -> Self {
        let target = target.to_owned();
        self.with(path, EntryKind::Symlink { target }, 0o777, [].into())
    }

    fn with(mut self, path: &str, kind: EntryKind, mode: u32, content: Arc<[u8]>) -> Self {
        if let Some((folder, _)) = path.rsplit_once('/')
            && self.find(folder).is_none()
        {
            self = self.folder(folder, 0o755);
        }
        let entry = ContextEntry {
            path: path.to_owned(),
            kind,
            mode,
        };
        let search = self
            .entries
            .binary_search_by(|e| e.path.as_bytes().cmp(path.as_bytes()));
        match search {
            Ok(at) => {
                self.entries[at] = entry;
                self.contents[at] = content;
            }
            Err(at) => {
                self.entries.insert(at, entry);
                self.contents.insert(at, content);
            }
        }
        self
    }
}

impl ContextSource for MemoryContext {
    fn entries(&self) -> &[ContextEntry] {
        &self.entries
    }

    fn open(&self, index: usize) -> io::Result<Box<dyn Read + Send + '_>> {
        match self.entries.get(index).map(|entry| &entry.kind) {
            Some(EntryKind::File { .. }) => Ok(Box::new(&*self.contents[index])),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_made_on_the_spot_is_sorted_and_has_its_folders() {
        let context = MemoryContext::default()
            .file("b/c/d", 0o600, "text")
            .link("a", "b")
            .file("b-", 0o644, "");
        let paths: Vec<_> = context.entries().iter().map(|e| &*e.path).collect();
        assert_eq!(paths, ["a", "b", "b-", "b/c", "b/c/d"]);
        assert_eq!(context.read("b/c/d", 10).unwrap(), b"text");
        assert!(context.read("b/c/d", 3).is_err());
        assert!(context.open(0).is_err());
    }
}
