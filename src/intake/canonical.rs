//! The one form in which a context is kept, and the way it gets to its place.
//!
//! Must not know where a context comes from.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _, Write};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::Stored;
use super::error::{Fault, IntakeError};
use crate::model::Digest;
use crate::model::context::{ContextEntry, ContextSource, EntryKind};
use crate::ustar::{self, Header, Type};

/// How files that are being written are called.
const ASIDE: &str = ".incoming-";
/// A file that was begun this long before another is nobody's any more.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// A folder that only its content speaks of.
pub(super) const IMPLIED: u32 = 0o755;

/// The folder of stored contexts, made if it is missing.
pub(super) fn place(contexts: &Path) -> Result<PathBuf, IntakeError> {
    let place = contexts.join("sha256");
    let mut builder = fs::DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(&place)
        .map_err(IntakeError::host("make the folder", &place))?;
    Ok(place)
}

/// Where the context of this digest is kept.
pub(super) fn path(contexts: &Path, digest: Digest) -> PathBuf {
    contexts.join("sha256").join(digest.hex())
}

/// Writes the header of an entry in the canonical form: owner 0:0, time 0.
pub(super) fn write_header(out: &mut impl Write, entry: &ContextEntry) -> io::Result<()> {
    let (kind, size, link, mode) = match &entry.kind {
        EntryKind::File { size } => (Type::File, *size, "", entry.mode),
        EntryKind::Directory => (Type::Directory, 0, "", entry.mode),
        EntryKind::Symlink { target } => (Type::Symlink, 0, target.as_str(), 0o777),
    };
    let header = Header {
        path: entry.path.as_bytes(),
        kind,
        mode,
        uid: 0,
        gid: 0,
        size,
        mtime: 0,
        nanos: 0,
        link: link.as_bytes(),
        capability: None,
    };
    // Contexts are named by their digests: another mode here would give them all new names.
    ustar::header_with_pax_mode(out, &header, 0o644)
}

/// Writes `source` in the canonical form and puts it in its place.
///
/// # Errors
/// If an entry can't be read or is not what it was, or the host fails. Nothing is left then.
pub(super) fn store(source: &dyn ContextSource, contexts: &Path) -> Result<Stored, IntakeError> {
    let folder = place(contexts)?;
    let aside = tempfile::Builder::new()
        .prefix(ASIDE)
        .rand_bytes(16)
        .tempfile_in(&folder)
        .map_err(IntakeError::host("write in", &folder))?;
    sweep(&folder, aside.as_file());
    let failed = |error| IntakeError::host("write in", &folder)(error);
    let (hash, length) = {
        let mut out = Sink {
            inner: BufWriter::with_capacity(256 << 10, aside.as_file()),
            hash: Sha256::new(),
            length: 0,
        };
        write(source, &mut out, &folder)?;
        out.flush().map_err(failed)?;
        (out.hash, out.length)
    };
    let digest = Digest::from_bytes(hash.finalize().into());
    let file = aside.as_file();
    file.set_permissions(fs::Permissions::from_mode(0o400))
        .map_err(failed)?;
    file.sync_all().map_err(failed)?;
    aside
        .persist(path(contexts, digest))
        .map_err(|e| failed(e.error))?;
    File::open(&folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed)?;
    Ok(Stored {
        digest,
        bytes: length,
        entries: source.entries().len() as u64,
    })
}

fn write(
    source: &dyn ContextSource,
    out: &mut impl Write,
    folder: &Path,
) -> Result<(), IntakeError> {
    let failed = |error| IntakeError::host("write in", folder)(error);
    let mut buffer = vec![0; 128 << 10];
    for (index, entry) in source.entries().iter().enumerate() {
        write_header(out, entry).map_err(failed)?;
        let EntryKind::File { size } = entry.kind else {
            continue;
        };
        let reading = |error| IntakeError::reading(&entry.path, error);
        let changed = || IntakeError::entry(&entry.path, Fault::Changed);
        let mut content = source.open(index).map_err(reading)?;
        let mut left = size;
        loop {
            match content.read(&mut buffer) {
                Ok(0) if left == 0 => break,
                Ok(0) => return Err(changed()),
                Ok(n) => {
                    left = left.checked_sub(n as u64).ok_or_else(changed)?;
                    out.write_all(&buffer[..n]).map_err(failed)?;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(reading(e)),
            }
        }
        ustar::padding(out, size).map_err(failed)?;
    }
    ustar::end(out).map_err(failed)
}

/// Removes what killed processes left, judged by the clock of the file system itself. Failing that is no harm.
fn sweep(folder: &Path, fresh: &File) {
    let Ok(now) = fresh.metadata().and_then(|m| m.modified()) else {
        return;
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(ASIDE);
        let written = entry.metadata().and_then(|m| m.modified());
        if ours && written.is_ok_and(|then| now.duration_since(then).is_ok_and(|age| age > STALE)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Hashes and counts what is written.
struct Sink<W> {
    inner: W,
    hash: Sha256,
    length: u64,
}

impl<W: Write> Write for Sink<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.hash.update(&bytes[..n]);
        self.length += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
