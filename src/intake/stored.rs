//! A stored context: its canonical archive, with an index of where each content begins.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::error::IntakeError;
use super::tar::{Bounds, Member, MemberKind, TarReader};
use super::{canonical, rules};
use crate::model::Digest;
use crate::model::context::{ContextEntry, ContextSource, EntryKind};
use crate::model::limits::ContextLimits;
use crate::ustar::BLOCK;

/// A context in the store.
#[derive(Debug)]
pub struct StoredContext {
    file: File,
    digest: Digest,
    length: u64,
    entries: Vec<ContextEntry>,
    offsets: Vec<u64>,
}

impl StoredContext {
    /// Opens the context of this digest: reads every header, no content, and checks that the archive is exactly what
    /// we write for such entries. Contents are checked by [`verify`](Self::verify).
    ///
    /// # Errors
    /// If it is not there or not in our form.
    pub fn open(contexts: &Path, digest: Digest) -> Result<Self, IntakeError> {
        let path = canonical::path(contexts, digest);
        let wrong = |what: String| IntakeError::Stored { digest, what };
        let file = File::open(&path).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => wrong("is not there".to_owned()),
            _ => IntakeError::host("read", &path)(e),
        })?;
        let length = file
            .metadata()
            .map_err(IntakeError::host("read", &path))?
            .len();
        let bounds = Bounds {
            text: 64 << 10,
            headers: u64::MAX,
        };
        let mut reader = TarReader::new(BufReader::with_capacity(64 << 10, &file), bounds);
        let (mut entries, mut offsets) = (Vec::<ContextEntry>::new(), Vec::new());
        let mut expected = Vec::new();
        let damaged = |error: IntakeError| wrong(format!("can't be read: {error}"));
        while let Some(member) = reader.next().map_err(damaged)? {
            let foreign = || wrong(format!("is not in our form at byte {}", reader.position()));
            let entry = entry(&member).ok_or_else(foreign)?;
            expected.clear();
            canonical::write_header(&mut expected, &entry).map_err(|_| foreign())?;
            let sorted = entries
                .last()
                .is_none_or(|last| last.path.as_bytes() < entry.path.as_bytes());
            if expected != reader.header() || !sorted || !has_parent(&entries, &entry.path) {
                return Err(foreign());
            }
            offsets.push(reader.position());
            entries.push(entry);
            reader
                .skip()
                .map_err(|e| wrong(format!("can't be read: {e}")))?;
        }
        // One empty block was read; there is one more and nothing else.
        if reader.position() + BLOCK != length {
            return Err(wrong("does not end where it should".to_owned()));
        }
        reader.finish().map_err(damaged)?;
        drop(reader);
        Ok(Self {
            file,
            digest,
            length,
            entries,
            offsets,
        })
    }

    /// Reads the whole archive and holds it against its digest.
    ///
    /// # Errors
    /// If it is not what was stored.
    pub fn verify(&self) -> Result<(), IntakeError> {
        let wrong = |what: String| IntakeError::Stored {
            digest: self.digest,
            what,
        };
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 256 << 10];
        let mut part = Part::new(&self.file, 0, self.length);
        loop {
            match part
                .read(&mut buffer)
                .map_err(|e| wrong(format!("can't be read: {e}")))?
            {
                0 => break,
                n => hash.update(&buffer[..n]),
            }
        }
        match Digest::from_bytes(hash.finalize().into()) {
            found if found == self.digest => Ok(()),
            found => Err(wrong(format!("has changed: it is {found} now"))),
        }
    }

    /// Length of the archive in bytes.
    pub const fn bytes(&self) -> u64 {
        self.length
    }
}

impl ContextSource for StoredContext {
    fn entries(&self) -> &[ContextEntry] {
        &self.entries
    }

    fn open(&self, index: usize) -> io::Result<Box<dyn Read + Send + '_>> {
        let (Some(entry), Some(at)) = (self.entries.get(index), self.offsets.get(index)) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        match entry.kind {
            EntryKind::File { size } => Ok(Box::new(Part::new(&self.file, *at, size))),
            _ => {
                let kind = if entry.kind == EntryKind::Directory {
                    "folder"
                } else {
                    "link"
                };
                Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("`{}` is a {kind}, not a file", entry.path),
                ))
            }
        }
    }

    fn digest(&self) -> Option<Digest> {
        Some(self.digest)
    }
}

/// A member as an entry, if we could have written it.
fn entry(member: &Member) -> Option<ContextEntry> {
    let limits = ContextLimits {
        path_bytes: u64::MAX,
        ..ContextLimits::default()
    };
    let path = rules::path(&member.path, &limits)
        .ok()
        .filter(|path| !path.is_empty())?;
    let kind = match member.kind {
        MemberKind::File => EntryKind::File { size: member.size },
        MemberKind::Directory => EntryKind::Directory,
        MemberKind::Symlink => {
            let target = rules::link(&path, &member.link).ok()?;
            rules::link_stays(&path, &target).ok()?;
            EntryKind::Symlink { target }
        }
        MemberKind::HardLink => return None,
    };
    Some(ContextEntry {
        path,
        kind,
        mode: member.mode,
    })
}

/// Whether the folder that `path` is in stands among the sorted `entries`.
fn has_parent(entries: &[ContextEntry], path: &str) -> bool {
    path.rsplit_once('/').is_none_or(|(parent, _)| {
        entries
            .binary_search_by(|e| e.path.as_bytes().cmp(parent.as_bytes()))
            .is_ok_and(|at| entries[at].kind == EntryKind::Directory)
    })
}

/// A part of a file, read by position: many at once, of one open file.
pub(super) struct Part<'a> {
    file: &'a File,
    at: u64,
    left: u64,
}

impl<'a> Part<'a> {
    pub(super) const fn new(file: &'a File, at: u64, length: u64) -> Self {
        Self {
            file,
            at,
            left: length,
        }
    }
}

impl Read for Part<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let want = usize::try_from(self.left).map_or(buffer.len(), |l| l.min(buffer.len()));
        if want == 0 {
            return Ok(0);
        }
        let n = self.file.read_at(&mut buffer[..want], self.at)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += n as u64;
        self.left -= n as u64;
        Ok(n)
    }
}
