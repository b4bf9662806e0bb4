//! What the files of a folder held when they were last read, so that a build reads only what was written since.
//!
//! A file counts as the one that was read while the kernel says the same of it: device, inode, length, and to the
//! nanosecond when its content and when anything of it changed. Nobody can set the last of these back, so every
//! ordinary way to change a file shows; what a process writes through a shared mapping the kernel may tell late or
//! never, here as in git. Three rules keep the rest out:
//!
//! - The clock of files has a grain. A file that was changed in the moment before it was read could change once more
//!   within that grain, and nothing would tell: what was read so is not remembered (git calls such files racy).
//! - File systems whose times come from elsewhere (the network, a process) are not believed.
//! - A folder of another user is not believed.
//!
//! One file for each context. It is written aside and renamed, but not flushed: it ends with the digest of all that is
//! in it, and a damaged one is as good as none. Must not know what an engine does with a digest.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::Stat;

use super::folder::Mark;
use crate::model::Digest;

const MAGIC: &[u8; 16] = b"flareo digests 1";
/// Behind the magic: the folder's device and inode, and how many records there are.
const HEAD: usize = 16 + 3 * 8;
/// A mark and a digest.
const RECORD: usize = Mark::BYTES + 32;
const SEAL: usize = 32;
/// So many contexts are remembered.
const CONTEXTS: usize = 64;
/// And so many files of each: what a context may hold by default.
const FILES: usize = 200_000;
/// File systems of this kernel's own, with times of its own clock.
const LOCAL: [u32; 7] = [
    0xEF53,      // ext2, ext3, ext4
    0x5846_5342, // XFS
    0x9123_683E, // Btrfs
    0x0102_1994, // tmpfs
    0xF2F5_2010, // F2FS
    0x2FC1_2FC1, // ZFS
    0x794C_7630, // overlay
];
/// Longer than the grain of the clock that file systems use: 10 ms with 100 ticks a second.
const GRAIN: Duration = Duration::from_millis(50);
/// Longer than the grain of a file system that counts whole seconds.
const COARSE: Duration = Duration::from_secs(3);

/// What is remembered of one context.
#[derive(Debug)]
pub(super) struct Digests {
    file: PathBuf,
    root: (u64, u64),
    /// When reading began, and how far from it the last change of a file must be.
    began: SystemTime,
    grain: Duration,
    records: Vec<u8>,
    /// For each entry of the listing the record that speaks of it.
    found: Vec<Option<u32>>,
    /// What was read since, and what turned out to be wrong.
    news: Mutex<HashMap<usize, Option<Digest>>>,
}

impl Digests {
    /// What `folder` remembers of the context at `root`, whose entries have these marks; none where that is not to be
    /// believed.
    pub(super) fn open(
        folder: &Path,
        root: impl AsFd,
        marks: &[Mark],
        began: SystemTime,
    ) -> Option<Self> {
        let stat = rustix::fs::fstat(&root).ok()?;
        let kind = rustix::fs::fstatfs(&root).ok()?.f_type;
        let own = stat.st_uid == rustix::process::geteuid().as_raw();
        // The number is 32 bits wide, in a field that is wider on some processors and signed on others.
        #[expect(
            clippy::cast_sign_loss,
            clippy::cast_possible_truncation,
            reason = "see above"
        )]
        let local = LOCAL.contains(&(kind as u32));
        (own && local).then(|| Self::with_grain(folder, &stat, marks, began, GRAIN))
    }

    pub(super) fn with_grain(
        folder: &Path,
        root: &Stat,
        marks: &[Mark],
        began: SystemTime,
        grain: Duration,
    ) -> Self {
        let root = Mark::of(root).place();
        let mut name = Vec::from(root.0.to_le_bytes());
        name.extend(root.1.to_le_bytes());
        let file = folder.join(Digest::of(name).hex());
        let records = read(&file, root).unwrap_or_default();
        let found = find(&records, marks);
        Self {
            file,
            root,
            began,
            grain,
            records,
            found,
            news: Mutex::default(),
        }
    }

    /// The digest of the file at `index` of the listing, if it is known.
    pub(super) fn get(&self, index: usize) -> Option<Digest> {
        let news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(new) = news.get(&index) {
            return *new;
        }
        let record = self.found.get(index).copied().flatten()?;
        digest(record_at(&self.records, record as usize)?)
    }

    /// Remembers what was read of the file at `index`, which had its mark before and after, if nothing can have been
    /// written since that left no trace.
    pub(super) fn learn(&self, index: usize, mark: &Mark, digest: Digest) {
        if mark.place().0 == self.root.0 && is_settled(mark, self.began, self.grain) {
            self.note(index, Some(digest));
        }
    }

    /// Forgets the file at `index`.
    pub(super) fn doubt(&self, index: usize) {
        self.note(index, None);
    }

    fn note(&self, index: usize, digest: Option<Digest>) {
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        news.insert(index, digest);
    }

    /// Writes down what is new. That it can't is no reason to refuse work: then more is read the next time.
    pub(super) fn keep(&self, marks: &[Mark]) {
        if !self.news.lock().is_ok_and(|news| news.is_empty()) {
            let _ = self.try_keep(marks);
        }
    }

    fn try_keep(&self, marks: &[Mark]) -> std::io::Result<()> {
        let mut bytes = Vec::with_capacity(HEAD + marks.len() * RECORD + SEAL);
        bytes.extend(MAGIC);
        bytes.extend(self.root.0.to_le_bytes());
        bytes.extend(self.root.1.to_le_bytes());
        bytes.extend([0; 8]);
        let mut count = 0_u64;
        for (index, mark) in marks.iter().enumerate() {
            if let Some(digest) = self.get(index)
                && count < FILES as u64
            {
                mark.write(&mut bytes);
                bytes.extend(digest.as_bytes());
                count += 1;
            }
        }
        bytes[HEAD - 8..HEAD].copy_from_slice(&count.to_le_bytes());
        let seal = Digest::of(&bytes);
        bytes.extend(seal.as_bytes());
        let folder = crate::durable::folder_of(&self.file);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let mut aside = tempfile::NamedTempFile::new_in(folder)?;
        aside.write_all(&bytes)?;
        aside.persist(&self.file).map_err(|e| e.error)?;
        make_room(folder)
    }
}

/// Whether everything that is written from `began` on shows in the times of a file with this mark.
fn is_settled(mark: &Mark, began: SystemTime, grain: Duration) -> bool {
    let (seconds, nanos) = mark.changed;
    let (Ok(seconds), Ok(nanos)) = (u64::try_from(seconds), u32::try_from(nanos)) else {
        return false;
    };
    let grain = if nanos == 0 { grain.max(COARSE) } else { grain };
    let changed = UNIX_EPOCH.checked_add(Duration::new(seconds, nanos));
    changed
        .and_then(|at| at.checked_add(grain))
        .is_some_and(|safe| safe <= began)
}

/// The records of a file, if it is whole and speaks of this folder.
fn read(path: &Path, root: (u64, u64)) -> Option<Vec<u8>> {
    let most = HEAD + FILES * RECORD + SEAL;
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    if length > most as u64 {
        return None;
    }
    bytes.reserve_exact(usize::try_from(length).ok()? + 1);
    file.take(most as u64 + 1).read_to_end(&mut bytes).ok()?;
    let (body, seal) = bytes.split_last_chunk::<SEAL>()?;
    if Digest::of(body).as_bytes() != seal {
        return None;
    }
    let head = body.get(..HEAD)?;
    let number = |at: usize| Some(u64::from_le_bytes(head.get(at..at + 8)?.try_into().ok()?));
    let count = usize::try_from(number(32)?).ok()?;
    let fits = body.len() - HEAD == count.checked_mul(RECORD)?;
    if !head.starts_with(MAGIC) || (number(16)?, number(24)?) != root || !fits {
        return None;
    }
    bytes.truncate(HEAD + count * RECORD);
    bytes.drain(..HEAD);
    Some(bytes)
}

fn record_at(records: &[u8], index: usize) -> Option<&[u8]> {
    records.get(index * RECORD..(index + 1) * RECORD)
}

fn digest(record: &[u8]) -> Option<Digest> {
    Some(Digest::from_bytes(*record.last_chunk()?))
}

/// For each mark the record that has it. Records stand in the order of the listing that they were made of, so that where
/// little has changed the next one is nearly always the right one.
fn find(records: &[u8], marks: &[Mark]) -> Vec<Option<u32>> {
    let count = records.len() / RECORD;
    let of = |index: usize| record_at(records, index).and_then(Mark::read);
    let places: OnceLock<HashMap<(u64, u64), usize>> = OnceLock::new();
    let by_place = || {
        let all = (0..count).filter_map(|index| Some((of(index)?.place(), index)));
        all.collect()
    };
    let mut next = 0;
    let mut found = Vec::with_capacity(marks.len());
    for mark in marks {
        let place = mark.place();
        let expected = of(next).filter(|known| known.place() == place);
        let (at, known) = match expected {
            Some(known) => (next, known),
            None if count == 0 => {
                found.push(None);
                continue;
            }
            None => {
                let at = places.get_or_init(by_place).get(&place).copied();
                let Some((at, known)) = at.and_then(|at| Some((at, of(at)?))) else {
                    found.push(None);
                    continue;
                };
                (at, known)
            }
        };
        next = at + 1;
        found.push(u32::try_from(at).ok().filter(|_| known == *mark));
    }
    found
}

/// Removes what was written longest ago, where there is too much.
fn make_room(folder: &Path) -> std::io::Result<()> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        all.push((entry.metadata()?.modified()?, entry.path()));
    }
    all.sort();
    let surplus = all.len().saturating_sub(CONTEXTS);
    for (_, path) in all.into_iter().take(surplus) {
        fs::remove_file(path)?;
    }
    Ok(())
}
