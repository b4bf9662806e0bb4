//! Counts what a folder holds, on a tree that somebody may be changing; and removes it. Follows no link.

use std::collections::HashSet;
use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, StatxFlags};

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Bytes of regular files, at their full length or as stored, whichever is more: a layer holds a sparse file whole.
    pub bytes: u64,
    /// Entries.
    pub inodes: u64,
    /// Whether a part could not be looked at: too deep for this host's limit of open files.
    pub unseen: bool,
}

/// A folder on the way, with the names of those below that are still to be visited.
struct Level {
    folder: OwnedFd,
    below: Vec<CString>,
}

/// Counts the tree under `top`, without following links. Ends early when there are more than `inodes` entries; `None`
/// when `stop` says so.
pub fn size(top: &OwnedFd, inodes: u64, stop: &dyn Fn() -> bool) -> Option<Size> {
    let mut size = Size::default();
    // Files with several names count once.
    let mut linked = HashSet::new();
    let Ok(top) = open(top.as_fd(), c".") else {
        return Some(Size {
            unseen: true,
            ..size
        });
    };
    let mut way = vec![list(top, &mut size, &mut linked, inodes)];
    while let Some(level) = way.last_mut() {
        if size.inodes > inodes {
            return Some(size);
        }
        let Some(name) = level.below.pop() else {
            way.pop();
            continue;
        };
        if stop() {
            return None;
        }
        match open(level.folder.as_fd(), &name) {
            Ok(folder) => way.push(list(folder, &mut size, &mut linked, inodes)),
            // Gone, or no folder any more.
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP) => {
            }
            Err(_) => size.unseen = true,
        }
    }
    Some(size)
}

/// So many folders are held open on the way down; what lies deeper is moved up before it is removed.
const HELD: usize = 64;

/// Removes everything under `top`, however deep, and nothing through a link.
pub fn empty(top: &Path) -> io::Result<()> {
    let mut moved = 0;
    let mut way = vec![(
        rustix::fs::open(top, FOLDER, Mode::empty())?,
        None::<CString>,
    )];
    while let Some((folder, _)) = way.last() {
        match first_folder(folder)? {
            Some(name) => {
                // Nobody's right to enter: a work directory of an overlay.
                let _ = rustix::fs::chmodat(folder, &name, Mode::RWXU, AtFlags::empty());
                if way.len() > HELD
                    && let Some((top, _)) = way.first()
                {
                    move_up(folder, &name, top, &mut moved)?;
                    continue;
                }
                let below = open(folder.as_fd(), &name)?;
                way.push((below, Some(name)));
            }
            None => {
                let Some((_, Some(name))) = way.pop() else {
                    return Ok(());
                };
                if let Some((above, _)) = way.last() {
                    rustix::fs::unlinkat(above, &name, AtFlags::REMOVEDIR)?;
                }
            }
        }
    }
    Ok(())
}

/// Moves a folder to `top` under a name that is free there.
fn move_up(folder: &OwnedFd, name: &CString, top: &OwnedFd, moved: &mut u64) -> io::Result<()> {
    loop {
        *moved += 1;
        let free = format!(".gone-{moved}");
        let flags = rustix::fs::RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(folder, name, top, free, flags) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Removes what is no folder, and empty folders; the first other folder stops it.
fn first_folder(folder: &OwnedFd) -> io::Result<Option<CString>> {
    rustix::fs::seek(folder, rustix::fs::SeekFrom::Start(0))?;
    let mut buffer = [MaybeUninit::uninit(); 32 << 10];
    let mut entries = RawDir::new(folder.as_fd(), &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        match rustix::fs::unlinkat(folder, name, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => continue,
            Err(rustix::io::Errno::ISDIR) => {}
            Err(error) => return Err(error.into()),
        }
        match rustix::fs::unlinkat(folder, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => {}
            Err(rustix::io::Errno::NOTEMPTY | rustix::io::Errno::EXIST) => {
                return Ok(Some(name.to_owned()));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

fn open(at: std::os::fd::BorrowedFd<'_>, name: &std::ffi::CStr) -> rustix::io::Result<OwnedFd> {
    rustix::fs::openat(at, name, FOLDER, Mode::empty())
}

/// Counts the entries of one folder.
fn list(folder: OwnedFd, size: &mut Size, linked: &mut HashSet<u64>, inodes: u64) -> Level {
    let mut below = Vec::new();
    let mut buffer = [MaybeUninit::uninit(); 32 << 10];
    let mut entries = RawDir::new(folder.as_fd(), &mut buffer);
    while let Some(entry) = entries.next() {
        let Ok(entry) = entry else {
            size.unseen = true;
            break;
        };
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        size.inodes += 1;
        if size.inodes > inodes {
            break;
        }
        match entry.file_type() {
            FileType::Directory => below.push(name.to_owned()),
            FileType::RegularFile | FileType::Unknown => {
                let wanted =
                    StatxFlags::TYPE | StatxFlags::NLINK | StatxFlags::SIZE | StatxFlags::BLOCKS;
                let Ok(stat) = rustix::fs::statx(&folder, name, AtFlags::SYMLINK_NOFOLLOW, wanted)
                else {
                    continue;
                };
                match FileType::from_raw_mode(stat.stx_mode.into()) {
                    FileType::Directory => below.push(name.to_owned()),
                    FileType::RegularFile if stat.stx_nlink < 2 || linked.insert(entry.ino()) => {
                        size.bytes = size
                            .bytes
                            .saturating_add(stat.stx_size.max(stat.stx_blocks * 512));
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
    Level { folder, below }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn counted(path: &std::path::Path, inodes: u64) -> Size {
        let top = fs::File::open(path).unwrap().into();
        size(&top, inodes, &|| false).unwrap()
    }

    #[test]
    fn links_count_once_and_holes_count_whole() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("a")).unwrap();
        fs::File::create(dir.path().join("a/hole"))
            .unwrap()
            .set_len(1 << 30)
            .unwrap();
        fs::hard_link(dir.path().join("a/hole"), dir.path().join("again")).unwrap();
        std::os::unix::fs::symlink("/", dir.path().join("out")).unwrap();
        assert_eq!(
            counted(dir.path(), 100),
            Size {
                bytes: 1 << 30,
                inodes: 4,
                unseen: false
            }
        );
    }

    #[test]
    fn everything_goes_but_what_links_point_to() {
        let dir = tempfile::tempdir().unwrap();
        let (kept, gone) = (dir.path().join("kept"), dir.path().join("gone"));
        fs::create_dir_all(kept.join("x")).unwrap();
        let mut deep = gone.clone();
        for _ in 0..40 {
            deep.push("d");
        }
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("f"), "").unwrap();
        std::os::unix::fs::symlink(&kept, gone.join("link")).unwrap();
        fs::create_dir(gone.join("locked")).unwrap();
        fs::write(gone.join("locked/f"), "").unwrap();
        fs::set_permissions(
            gone.join("locked"),
            std::os::unix::fs::PermissionsExt::from_mode(0o0),
        )
        .unwrap();
        empty(&gone).unwrap();
        assert_eq!(fs::read_dir(&gone).unwrap().count(), 0);
        assert!(kept.join("x").exists());
    }

    #[test]
    fn a_folder_deeper_than_files_can_be_open_goes_too() {
        let dir = tempfile::tempdir().unwrap();
        let mut at: OwnedFd = fs::File::open(dir.path()).unwrap().into();
        for depth in 0..3000 {
            rustix::fs::mkdirat(&at, "d", Mode::RWXU).unwrap();
            let below = open(at.as_fd(), c"d").unwrap();
            if depth % 100 == 0 {
                rustix::fs::mkdirat(&at, ".gone-1", Mode::RWXU).unwrap();
                rustix::fs::mkdirat(&at, ".gone-1/x", Mode::RWXU).unwrap();
            }
            at = below;
        }
        empty(dir.path()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn it_stops_soon_after_the_most() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..50 {
            fs::create_dir(dir.path().join(n.to_string())).unwrap();
        }
        assert_eq!(counted(dir.path(), 10).inodes, 11);
    }
}
