//! An archive from a stranger, unpacked into one nameless file and a list: nothing of it ever gets a name on the disk.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Write as _};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::canonical::IMPLIED;
use super::error::{ArchiveFault, Fault, IntakeError};
use super::ignore::{self, Ignore, Trail, Verdict};
use super::rules::{self, Ledger};
use super::stored::Part;
use super::tar::{Bounds, MemberKind, TarReader};
use crate::model::context::{ContextEntry, ContextSource, EntryKind};
use crate::model::limits::ContextLimits;

/// Header bytes of one honest entry: its own, PAX with times and attributes, filling.
const HEADERS: u64 = 8 << 10;
/// A zstd window may have 2 to this power bytes: what `zstd -d` takes without being asked.
const WINDOW_LOG: u32 = 27;

/// What an archive held, without what its `.dockerignore` leaves out.
pub(super) struct Unpacked {
    entries: Vec<ContextEntry>,
    offsets: Vec<u64>,
    spool: File,
}

impl ContextSource for Unpacked {
    fn entries(&self) -> &[ContextEntry] {
        &self.entries
    }

    fn open(&self, index: usize) -> io::Result<Box<dyn Read + Send + '_>> {
        match (
            self.entries.get(index).map(|e| &e.kind),
            self.offsets.get(index),
        ) {
            (Some(EntryKind::File { size }), Some(at)) => {
                Ok(Box::new(Part::new(&self.spool, *at, *size)))
            }
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// An entry and where its content begins in the spool.
struct Item {
    kind: EntryKind,
    mode: u32,
    offset: u64,
}

/// Reads an archive, plain or packed, to its end; contents go to a nameless file in `place`.
pub(super) fn unpack(
    archive: &mut dyn Read,
    place: &Path,
    limits: &ContextLimits,
) -> Result<Unpacked, IntakeError> {
    let plain = plain(archive)?;
    let bounds = Bounds {
        text: limits.path_bytes.max(4096),
        headers: limits
            .entries
            .saturating_mul(HEADERS.saturating_add(limits.path_bytes))
            .saturating_add(1 << 20),
    };
    let mut reader = TarReader::new(BufReader::with_capacity(128 << 10, plain), bounds);
    let spool = tempfile::tempfile_in(place).map_err(IntakeError::host("write in", place))?;
    let mut inbox = Inbox {
        place,
        limits,
        ledger: Ledger::new(limits),
        items: BTreeMap::new(),
        spool: &spool,
        length: 0,
    };
    while inbox.take(&mut reader)? {}
    reader.finish()?;
    let items = inbox.items;
    let items = without_ignored(with_parents(items, limits)?, &spool)?;
    let mut unpacked = Unpacked {
        entries: Vec::with_capacity(items.len()),
        offsets: Vec::with_capacity(items.len()),
        spool,
    };
    for (path, item) in items {
        if let EntryKind::Symlink { target } = &item.kind {
            rules::link_stays(&path, target)?;
        }
        unpacked.offsets.push(item.offset);
        let Item { kind, mode, .. } = item;
        unpacked.entries.push(ContextEntry { path, kind, mode });
    }
    Ok(unpacked)
}

/// Unpacks gzip and zstd, known by their first bytes.
fn plain(archive: &mut dyn Read) -> Result<Box<dyn Read + '_>, IntakeError> {
    let mut start = Vec::new();
    let reading = |e: io::Error| match e.raw_os_error() {
        Some(_) => IntakeError::Input(e),
        None => IntakeError::reading("the archive", e),
    };
    let mut archive = archive;
    (&mut archive)
        .take(6)
        .read_to_end(&mut start)
        .map_err(reading)?;
    let packed = |what| Err(ArchiveFault::Packed(what).into());
    let whole = |start: Vec<u8>| -> Box<dyn BufRead + '_> {
        Box::new(BufReader::with_capacity(
            128 << 10,
            Cursor::new(start).chain(archive),
        ))
    };
    match start.as_slice() {
        [0x1f, 0x8b, ..] => Ok(Box::new(MultiGzDecoder::new(whole(start)))),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let mut decoder =
                zstd::stream::read::Decoder::with_buffer(whole(start)).map_err(reading)?;
            decoder.window_log_max(WINDOW_LOG).map_err(reading)?;
            Ok(Box::new(decoder))
        }
        [b'B', b'Z', b'h', ..] => packed("bzip2"),
        [0xfd, b'7', b'z', b'X', b'Z', 0] => packed("xz"),
        [b'P', b'K', 3, 4, ..] => packed("zip"),
        _ => Ok(whole(start)),
    }
}

/// Takes members one by one.
struct Inbox<'a> {
    place: &'a Path,
    limits: &'a ContextLimits,
    ledger: Ledger<'a>,
    items: BTreeMap<String, Item>,
    spool: &'a File,
    length: u64,
}

impl Inbox<'_> {
    /// Takes the next member; false at the end.
    fn take<R: Read>(&mut self, reader: &mut TarReader<R>) -> Result<bool, IntakeError> {
        let Some(member) = reader.next()? else {
            return Ok(false);
        };
        let path = rules::path(&member.path, self.limits)?;
        let entry = |fault| Err(IntakeError::entry(&member.path, fault));
        if path.is_empty() {
            return match member.kind {
                MemberKind::Directory => Ok(true),
                _ => entry(Fault::Root),
            };
        }
        if self.items.contains_key(&path) {
            return entry(Fault::Twice);
        }
        let mut item = Item {
            kind: EntryKind::Directory,
            mode: member.mode,
            offset: 0,
        };
        match member.kind {
            MemberKind::Directory => self.ledger.count(&path, 0)?,
            MemberKind::Symlink => {
                self.ledger.count(&path, 0)?;
                item.mode = 0o777;
                item.kind = EntryKind::Symlink {
                    target: rules::link(&path, &member.link)?,
                };
            }
            MemberKind::HardLink => {
                let target = rules::hard_link(&path, &member.link)?;
                let Some(Item {
                    kind: kind @ EntryKind::File { size },
                    mode,
                    offset,
                }) = self.items.get(&target)
                else {
                    return entry(Fault::HardLinkUnknown {
                        target: super::error::shown(&member.link),
                    });
                };
                self.ledger.count(&path, *size)?;
                item = Item {
                    kind: kind.clone(),
                    mode: *mode,
                    offset: *offset,
                };
            }
            MemberKind::File => {
                self.ledger.count(&path, member.size)?;
                item.kind = EntryKind::File { size: member.size };
                item.offset = self.length;
                self.spool(reader)?;
            }
        }
        self.items.insert(path, item);
        Ok(true)
    }

    fn spool<R: Read>(&mut self, reader: &mut TarReader<R>) -> Result<(), IntakeError> {
        let mut buffer = [0; 64 << 10];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(n) => {
                    self.spool
                        .write_all(&buffer[..n])
                        .map_err(IntakeError::host("write in", self.place))?;
                    self.length += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(IntakeError::reading("the archive", e)),
            }
        }
    }
}

/// Adds the folders that only their content speaks of; whatever else something lies below is refused.
fn with_parents(
    mut items: BTreeMap<String, Item>,
    limits: &ContextLimits,
) -> Result<BTreeMap<String, Item>, IntakeError> {
    let mut implied: BTreeMap<&str, ()> = BTreeMap::new();
    for path in items.keys() {
        for (at, _) in path.rmatch_indices('/') {
            let parent = &path[..at];
            let what = match items.get(parent).map(|item| &item.kind) {
                // Its own parents are looked at in its own turn.
                Some(EntryKind::Directory) => break,
                Some(EntryKind::File { .. }) => "a file",
                Some(EntryKind::Symlink { .. }) => "a link",
                None if implied.contains_key(parent) => break,
                None => {
                    implied.insert(parent, ());
                    continue;
                }
            };
            let parent = super::error::shown(parent.as_bytes());
            return Err(IntakeError::entry(path, Fault::Below(parent, what)));
        }
        if (items.len() + implied.len()) as u64 > limits.entries {
            return Err(IntakeError::Entries {
                name: super::error::shown(path.as_bytes()),
                limit: limits.entries,
            });
        }
    }
    let implied: Vec<String> = implied.into_keys().map(str::to_owned).collect();
    for path in implied {
        let item = Item {
            kind: EntryKind::Directory,
            mode: IMPLIED,
            offset: 0,
        };
        items.insert(path, item);
    }
    Ok(items)
}

/// Leaves out what the archive's own ignore file leaves out.
fn without_ignored(
    mut items: BTreeMap<String, Item>,
    spool: &File,
) -> Result<BTreeMap<String, Item>, IntakeError> {
    let Some(name) = ignore::FILES
        .into_iter()
        .find(|name| items.contains_key(*name))
    else {
        return Ok(items);
    };
    let Some(Item {
        kind: EntryKind::File { size },
        offset,
        ..
    }) = items.get(name)
    else {
        return Err(IntakeError::entry(name, Fault::NotAFile));
    };
    let mut bytes = Vec::new();
    let part = Part::new(spool, *offset, *size);
    part.take(ignore::FILE_LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| IntakeError::reading(name, e))?;
    let mut trail = Trail::new(Ignore::parse(name, &bytes)?);
    let mut order: Vec<&String> = items.keys().collect();
    order.sort_by(|a, b| ignore::walk_order(a, b));
    // Backwards, all that a folder holds comes before it: what comes in brings the folders above it along.
    let mut verdicts = Vec::with_capacity(order.len());
    for path in order {
        let folder = matches!(items[path].kind, EntryKind::Directory);
        verdicts.push((path, trail.step(path, folder)? == Verdict::In));
    }
    let mut out: Vec<String> = Vec::new();
    let mut kept: &str = "";
    for (path, comes_in) in verdicts.into_iter().rev() {
        if comes_in
            || kept
                .strip_prefix(path.as_str())
                .is_some_and(|rest| rest.starts_with('/'))
        {
            kept = path;
        } else {
            out.push(path.clone());
        }
    }
    for path in out {
        items.remove(&path);
    }
    Ok(items)
}
