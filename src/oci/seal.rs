//! How one sees without reading it that nobody wrote to a blob since it came into the store.
//!
//! A blob's content never changes, so its time means nothing: every blob gets the same odd one. Whoever writes to the
//! file, through whatever name it has, gives it another. So a blob may have a second name outside of the store, where
//! a layout on the same file system would else hold a copy: a person who edits that file damages the store's blob too,
//! but it is seen, as it would be if the disk had damaged it. Somebody who means to deceive can set any time; against
//! them stands only that the store's owner alone may write there, and that whoever reads a blob hashes it.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::io::Errno;

use super::blob::VerifiedReader;
use super::error::OciError;
use super::store::Store;
use crate::model::Digest;

/// 1980-01-02 03:04:05: no file system is too coarse for it, and nobody writes at that time.
const SEALED: u64 = 315_630_245;

fn sealed() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(SEALED)
}

/// Marks a file as what its name says. Whoever calls has hashed what was written to it.
///
/// # Errors
/// If the host refuses.
pub fn seal(file: &File) -> io::Result<()> {
    file.set_modified(sealed())
}

fn is_sealed(metadata: &Metadata) -> bool {
    metadata.modified().is_ok_and(|at| at == sealed())
}

/// Whether the file at `path` is the blob `digest` of `size` bytes, and as it was written: by its mark, else by what is
/// in it.
pub fn holds(path: &Path, digest: Digest, size: u64) -> bool {
    let Ok(metadata) = std::fs::symlink_metadata(path) else {
        return false;
    };
    if !metadata.is_file() || metadata.len() != size {
        return false;
    }
    let whole = || {
        let file = File::open(path)?;
        VerifiedReader::new(file, path.to_owned(), digest, size).drain()
    };
    is_sealed(&metadata) || whole().is_ok()
}

impl Store {
    /// Whether the blob is here, as long as it should be, and as it was written.
    pub fn is_whole(&self, digest: Digest, size: u64) -> bool {
        holds(&self.path(digest), digest, size)
    }

    /// Gives the blob another name at `path`, outside of the store, without moving its bytes: a copy that shares them
    /// where the file system can do that, else a second name of the same file. False where that can't be, or where the
    /// blob has no mark: then its bytes have to be read, and checked.
    ///
    /// # Errors
    /// [`OciError::Missing`], or if the host refuses.
    pub fn share(&self, digest: Digest, size: u64, path: &Path) -> Result<bool, OciError> {
        let own = self.path(digest);
        let blob = self.open_blob(digest)?;
        let metadata = blob.metadata().map_err(OciError::io("read", &own))?;
        if metadata.len() != size || !is_sealed(&metadata) {
            return Ok(false);
        }
        if reflink(blob.file(), path).map_err(OciError::io("write", path))? {
            return Ok(true);
        }
        match std::fs::hard_link(&own, path) {
            Ok(()) => Ok(true),
            // Another file system, one without such names, or one that has too many of them.
            Err(_) => Ok(false),
        }
    }
}

/// A file of its own that shares the bytes until one of the two is written to; false where that can't be.
fn reflink(from: &File, path: &Path) -> io::Result<bool> {
    let folder = crate::durable::folder_of(path);
    let aside = tempfile::NamedTempFile::new_in(folder)?;
    match rustix::fs::ioctl_ficlone(aside.as_file(), from) {
        Ok(()) => {
            seal(aside.as_file())?;
            crate::durable::settle(aside, path, 0o644).map(|()| true)
        }
        Err(
            Errno::OPNOTSUPP
            | Errno::XDEV
            | Errno::INVAL
            | Errno::NOTTY
            | Errno::NOSYS
            | Errno::PERM
            | Errno::TXTBSY,
        ) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use super::*;

    fn store() -> (tempfile::TempDir, Store, Digest) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("oci")).unwrap();
        let digest = store.put(b"a blob").unwrap();
        (folder, store, digest)
    }

    #[test]
    fn a_shared_blob_has_the_same_bytes_and_is_not_copied_by_hand() {
        let (folder, store, digest) = store();
        let path = folder.path().join("out");
        assert!(store.share(digest, 6, &path).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"a blob");
        let (ours, theirs) = (
            fs::metadata(store.path(digest)).unwrap(),
            fs::metadata(&path).unwrap(),
        );
        // Either one file, which nobody may write to, or a file of its own.
        assert!(ours.ino() != theirs.ino() || theirs.mode() & 0o222 == 0);
    }

    #[test]
    fn a_blob_that_was_written_to_through_another_name_is_seen_and_mended() {
        let (folder, store, digest) = store();
        let path = folder.path().join("out");
        fs::hard_link(store.path(digest), &path).unwrap();
        assert!(store.is_whole(digest, 6));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        // Another mode alone is no harm.
        assert!(store.is_whole(digest, 6));
        fs::write(&path, b"a BLOB").unwrap();
        assert!(!store.is_whole(digest, 6));
        assert!(!store.share(digest, 6, &folder.path().join("more")).unwrap());
        store.put(b"a blob").unwrap();
        assert!(store.is_whole(digest, 6));
        assert_eq!(fs::read(&path).unwrap(), b"a BLOB");
    }

    #[test]
    fn a_blob_without_the_mark_is_read() {
        let (folder, store, digest) = store();
        let file = File::options()
            .append(true)
            .open(store.path(digest))
            .unwrap();
        file.set_modified(SystemTime::now()).unwrap();
        assert!(store.is_whole(digest, 6));
        assert!(!store.is_whole(digest, 7));
        assert!(!store.share(digest, 6, &folder.path().join("out")).unwrap());
    }
}
