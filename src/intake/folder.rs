//! A folder as a context: listed once, each file read only while it is what was listed.
//!
//! Every name is opened below the folder without following a link: nobody can swap one in meanwhile.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::SystemTime;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use super::beside::IgnoreFile;
use super::digests::Digests;
use super::error::{Fault, IntakeError, shown};
use super::ignore::{self, Trail, Verdict};
use super::rules::{self, Ledger};
use crate::model::Digest;
use crate::model::context::{ContextEntry, ContextSource, EntryKind};
use crate::model::limits::ContextLimits;

/// A context straight from a folder, by the rules and the `.dockerignore` that its stored form would have.
#[derive(Debug)]
pub struct DirContext {
    root: OwnedFd,
    pub(super) ignore: IgnoreFile,
    entries: Vec<ContextEntry>,
    marks: Vec<Mark>,
    /// When it was listed: nothing was read before.
    listed: SystemTime,
    digests: Option<Digests>,
}

/// What tells a file from another, and from itself after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    device: u64,
    inode: u64,
    size: i64,
    modified: (i64, i64),
    pub(super) changed: (i64, i64),
}

impl Mark {
    /// As many bytes as [`write`](Self::write) writes.
    pub(super) const BYTES: usize = 7 * 8;

    pub(super) fn of(stat: &Stat) -> Self {
        // The widths differ between processors; none of them loses bits here.
        #[expect(clippy::unnecessary_cast, reason = "not on every processor")]
        Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: stat.st_size as i64,
            modified: (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            changed: (stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        }
    }

    /// Where it is: no two files have the same place at the same time.
    pub(super) const fn place(&self) -> (u64, u64) {
        (self.device, self.inode)
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.device.to_le_bytes());
        out.extend(self.inode.to_le_bytes());
        for number in [
            self.size,
            self.modified.0,
            self.modified.1,
            self.changed.0,
            self.changed.1,
        ] {
            out.extend(number.to_le_bytes());
        }
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let eight = |at: usize| bytes.get(at * 8..)?.first_chunk::<8>();
        let signed = |at: usize| eight(at).map(|b| i64::from_le_bytes(*b));
        Some(Self {
            device: eight(0).map(|b| u64::from_le_bytes(*b))?,
            inode: eight(1).map(|b| u64::from_le_bytes(*b))?,
            size: signed(2)?,
            modified: (signed(3)?, signed(4)?),
            changed: (signed(5)?, signed(6)?),
        })
    }
}

impl DirContext {
    /// Lists `folder`.
    ///
    /// # Errors
    /// If it can't be read, holds what a context must not hold, or more than `limits`.
    pub fn open(folder: &Path, limits: &ContextLimits) -> Result<Self, IntakeError> {
        Self::list(folder, limits, |root| {
            IgnoreFile::within(root, &ignore::FILES)
        })
    }

    /// Lists `folder` for a build with the Dockerfile at `dockerfile`, there or elsewhere: a `NAME.dockerignore` beside it
    /// is read instead of the folder's own, whatever its name.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_for(
        dockerfile: &Path,
        folder: &Path,
        limits: &ContextLimits,
    ) -> Result<Self, IntakeError> {
        Self::list(folder, limits, |root| {
            match IgnoreFile::beside(dockerfile)? {
                Some(beside) => Ok(beside),
                None => IgnoreFile::within(root, &[ignore::OWN]),
            }
        })
    }

    fn list(
        folder: &Path,
        limits: &ContextLimits,
        ignore: impl FnOnce(BorrowedFd<'_>) -> Result<IgnoreFile, IntakeError>,
    ) -> Result<Self, IntakeError> {
        let listed = SystemTime::now();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root =
            rustix::fs::open(folder, flags, Mode::empty()).map_err(|e| IntakeError::Folder {
                path: folder.to_owned(),
                source: e.into(),
            })?;
        let ignore = ignore(root.as_fd())?;
        let walk = Walk {
            root: root.as_fd(),
            limits,
            ledger: Ledger::new(limits),
            trail: Trail::new(ignore.patterns()?),
            found: Vec::new(),
            passed: Vec::new(),
            pending: Vec::new(),
        };
        let (entries, marks) = walk.run()?;
        Ok(Self {
            root,
            ignore,
            entries,
            marks,
            listed,
            digests: None,
        })
    }

    /// Remembers in `folder` what its files hold, so that the next time only those are read that were written since. A
    /// folder of another user, or on a file system whose times are not the kernel's own, is not remembered.
    #[must_use]
    pub fn remembered_in(mut self, folder: &Path) -> Self {
        self.digests = Digests::open(folder, &self.root, &self.marks, self.listed);
        self
    }

    /// Writes down what was read of it since it was listed.
    pub fn remember(&self) {
        if let Some(digests) = &self.digests {
            digests.keep(&self.marks);
        }
    }

    #[cfg(test)]
    pub(super) fn remembered_with_grain(
        mut self,
        folder: &Path,
        grain: std::time::Duration,
    ) -> Self {
        let root = rustix::fs::fstat(&self.root).unwrap();
        let digests = Digests::with_grain(folder, &root, &self.marks, self.listed, grain);
        self.digests = Some(digests);
        self
    }
}

impl ContextSource for DirContext {
    fn entries(&self) -> &[ContextEntry] {
        &self.entries
    }

    fn known_digest(&self, index: usize) -> Option<Digest> {
        self.digests.as_ref()?.get(index)
    }

    fn learn(&self, index: usize, digest: Digest) {
        if let (Some(digests), Some(mark)) = (&self.digests, self.marks.get(index)) {
            digests.learn(index, mark, digest);
        }
    }

    fn doubt(&self, index: usize) {
        if let Some(digests) = &self.digests {
            digests.doubt(index);
        }
    }

    fn open(&self, index: usize) -> io::Result<Box<dyn Read + Send + '_>> {
        let (Some(entry), Some(mark)) = (self.entries.get(index), self.marks.get(index)) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let EntryKind::File { size } = entry.kind else {
            let kind = if entry.kind == EntryKind::Directory {
                "folder"
            } else {
                "link"
            };
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("`{}` is a {kind}, not a file", entry.path),
            ));
        };
        let file = below(self.root.as_fd(), &entry.path, OFlags::empty())
            .map_err(|e| gone(&entry.path, e))?;
        let reader = Steady {
            file: file.into(),
            path: &entry.path,
            mark: *mark,
            left: size,
        };
        reader.check()?;
        Ok(Box::new(reader))
    }
}

/// Reads a file, and says so if it is not what was listed.
struct Steady<'a> {
    file: File,
    path: &'a str,
    mark: Mark,
    left: u64,
}

impl Steady<'_> {
    fn check(&self) -> io::Result<()> {
        let stat = rustix::fs::fstat(&self.file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile
            || Mark::of(&stat) != self.mark
        {
            return Err(IntakeError::entry(self.path, Fault::Changed).into());
        }
        Ok(())
    }
}

impl Read for Steady<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            self.check()?;
            return Ok(0);
        }
        let want = usize::try_from(self.left).map_or(buffer.len(), |l| l.min(buffer.len()));
        let n = self.file.read(&mut buffer[..want])?;
        if n == 0 && want > 0 {
            return Err(IntakeError::entry(self.path, Fault::Changed).into());
        }
        self.left -= n as u64;
        Ok(n)
    }
}

/// Opens what is at `path` below `root`, through no link.
pub(super) fn below(root: BorrowedFd<'_>, path: &str, more: OFlags) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY
        | OFlags::CLOEXEC
        | OFlags::NOFOLLOW
        | OFlags::NONBLOCK
        | OFlags::NOCTTY
        | more;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    rustix::fs::openat2(root, path, flags, Mode::empty(), resolve)
}

/// What it means that a listed name can't be opened.
pub(super) fn gone(path: &str, error: Errno) -> IntakeError {
    match error {
        Errno::NOENT | Errno::LOOP | Errno::XDEV | Errno::NOTDIR | Errno::AGAIN => {
            IntakeError::entry(path, Fault::Changed)
        }
        Errno::NOSYS => IntakeError::Kernel(error.into()),
        error => IntakeError::Unreadable {
            name: shown(path.as_bytes()),
            source: error.into(),
        },
    }
}

type Found = (ContextEntry, Mark);

struct Walk<'a> {
    root: BorrowedFd<'a>,
    limits: &'a ContextLimits,
    ledger: Ledger<'a>,
    trail: Trail,
    found: Vec<Found>,
    /// Excluded folders that were walked for what may return below them.
    passed: Vec<(String, u32, Mark)>,
    /// Folders still to be walked; the last one first, so that all below a folder comes before its neighbours.
    pending: Vec<(String, u32, Mark)>,
}

impl Walk<'_> {
    fn run(mut self) -> Result<(Vec<ContextEntry>, Vec<Mark>), IntakeError> {
        self.list("")?;
        while let Some((path, mode, mark)) = self.pending.pop() {
            match self.trail.step(&path, true)? {
                Verdict::In => {
                    self.ledger.count(&path, 0)?;
                    self.list(&path)?;
                    self.keep(path, EntryKind::Directory, mode, mark);
                }
                Verdict::Out => {
                    self.list(&path)?;
                    // It may have come in with something below it only later; so it is looked at in `keep`.
                    self.passed.push((path, mode, mark));
                }
                Verdict::OutWhole => {}
            }
        }
        self.sort();
        self.bring_parents()?;
        Ok(self.found.into_iter().unzip())
    }

    fn sort(&mut self) {
        // What one folder gives is often in order already, which this sort makes use of.
        self.found.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
        // A folder that is written to while it is listed may give a name twice.
        self.found.dedup_by(|(a, _), (b, _)| a.path == b.path);
    }

    /// Excluded folders come in, as they are, when something below them does.
    fn bring_parents(&mut self) -> Result<(), IntakeError> {
        let mut passed = std::mem::take(&mut self.passed);
        passed.sort_by(|a, b| a.0.cmp(&b.0));
        let count = self.found.len();
        for (path, mode, mark) in passed {
            let below = format!("{path}/");
            let sorted = &self.found[..count];
            let at = sorted.partition_point(|(found, _)| found.path < below);
            let holds = sorted
                .get(at)
                .is_some_and(|(found, _)| found.path.starts_with(&below));
            if holds {
                self.ledger.count(&path, 0)?;
                self.keep(path, EntryKind::Directory, mode, mark);
            }
        }
        if self.found.len() > count {
            self.sort();
        }
        Ok(())
    }

    fn keep(&mut self, path: String, kind: EntryKind, mode: u32, mark: Mark) {
        self.found.push((ContextEntry { path, kind, mode }, mark));
    }

    /// Takes in the files and links of one folder, and puts its folders among those to be walked.
    fn list(&mut self, folder: &str) -> Result<(), IntakeError> {
        let at = if folder.is_empty() { "." } else { folder };
        let failed = |error| gone(at, error);
        let opened = below(self.root, at, OFlags::DIRECTORY).map_err(failed)?;
        for entry in Dir::read_from(&opened).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let path = rules::below(folder, name.to_bytes(), self.limits)?;
            let stat = rustix::fs::statat(&opened, name, AtFlags::SYMLINK_NOFOLLOW)
                .map_err(|e| gone(&path, e))?;
            let kind = FileType::from_raw_mode(stat.st_mode);
            let mode = stat.st_mode & 0o7777;
            let mark = Mark::of(&stat);
            if kind == FileType::Directory {
                self.pending.push((path, mode, mark));
                if self.pending.len() as u64 > self.limits.entries {
                    let name = folder.to_owned();
                    let limit = self.limits.entries;
                    return Err(IntakeError::Entries {
                        name: shown(name.as_bytes()),
                        limit,
                    });
                }
                continue;
            }
            if self.trail.step(&path, false)? != Verdict::In {
                continue;
            }
            let entry = |fault| Err(IntakeError::entry(&path, fault));
            let (kind, mode) = match kind {
                FileType::RegularFile => {
                    let size = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
                    self.ledger.count(&path, size)?;
                    (EntryKind::File { size }, mode)
                }
                FileType::Symlink => {
                    self.ledger.count(&path, 0)?;
                    let text = rustix::fs::readlinkat(&opened, name, Vec::new())
                        .map_err(|e| gone(&path, e))?;
                    let target = rules::link(&path, text.to_bytes())?;
                    rules::link_stays(&path, &target)?;
                    (EntryKind::Symlink { target }, 0o777)
                }
                FileType::Fifo => return entry(Fault::Fifo),
                FileType::Socket => return entry(Fault::Socket),
                FileType::CharacterDevice | FileType::BlockDevice => return entry(Fault::Device),
                _ => return entry(Fault::Unknown("?".to_owned())),
            };
            self.keep(path, kind, mode, mark);
        }
        Ok(())
    }
}
