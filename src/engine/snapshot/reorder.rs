//! The entries of a folder made anew in another order.
//!
//! A folder is read in the order in which its entries were made (tmpfs), in one that depends on their places (XFS,
//! Btrfs), or in that of a hash of their names (ext4). Where the first or the second is so, a step that trusts in an
//! order sees another one in the second of two builds.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType, Timespec, Timestamps};

use super::disk::{names, open_folder};

/// A name that no layer has: `.wh.` begins removals, which were made into what they mean.
const ASIDE: &[u8] = b".wh.aside";
/// How deep folders may nest, as in a layer.
const DEPTH: usize = 1024;

/// Gives every entry below `root` its name anew, the last first. Times stay.
pub fn reorder(root: &OwnedFd) -> io::Result<()> {
    folder(root, 0)
}

fn folder(at: &OwnedFd, depth: usize) -> io::Result<()> {
    if depth > DEPTH {
        return Ok(());
    }
    let before = rustix::fs::fstat(at)?;
    for name in names(at)?.iter().rev() {
        let stat = rustix::fs::statat(at, name.as_slice(), AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            folder(&open_folder(at, name)?, depth + 1)?;
        }
        rustix::fs::renameat(at, name.as_slice(), at, ASIDE)?;
        rustix::fs::renameat(at, ASIDE, at, name.as_slice())?;
    }
    let time = |seconds: i64, nanos: u64| Timespec {
        tv_sec: seconds,
        // Below a thousand million.
        tv_nsec: nanos as _,
    };
    let times = Timestamps {
        last_access: time(before.st_atime, before.st_atime_nsec as u64),
        last_modification: time(before.st_mtime, before.st_mtime_nsec as u64),
    };
    Ok(rustix::fs::futimens(at, &times)?)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use super::super::disk::open_root;
    use super::*;

    #[test]
    fn the_same_things_are_there_with_the_same_times() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("folder")).unwrap();
        for name in ["a", "b", "folder/c"] {
            fs::write(dir.path().join(name), name).unwrap();
        }
        std::os::unix::fs::symlink("a", dir.path().join("link")).unwrap();
        let seen = || {
            let mut all = Vec::new();
            for folder in ["", "folder"] {
                let folder = dir.path().join(folder);
                let meta = fs::metadata(&folder).unwrap();
                all.push((folder.clone(), meta.mtime_nsec()));
                for entry in fs::read_dir(folder).unwrap() {
                    let path = entry.unwrap().path();
                    let meta = fs::symlink_metadata(&path).unwrap();
                    all.push((path, meta.mtime_nsec()));
                }
            }
            all.sort();
            all
        };
        let before = seen();
        reorder(&open_root(dir.path()).unwrap()).unwrap();
        assert_eq!(seen(), before);
    }
}
