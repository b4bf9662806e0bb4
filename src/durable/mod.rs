//! Files that are whole or not there: written aside, flushed, renamed, and the folder flushed.
//!
//! A reader sees the old file or the new one, after a crash too. What is written, and what its errors are called, must
//! not be known here.

use std::fs::{File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::NamedTempFile;

/// Puts what was written into `aside` at `path`, with these permissions, over whatever stands there. To be sure of the
/// name after a crash, [`sync_folder`] its folder.
///
/// # Errors
/// If the host refuses; nothing is left then.
pub fn settle(aside: NamedTempFile, path: &Path, mode: u32) -> io::Result<()> {
    flush(&aside, mode)?;
    aside.persist(path).map(drop).map_err(|e| e.error)
}

/// [`settle`], unless something stands at `path` already: then that stays, and this is false.
///
/// # Errors
/// If the host refuses; nothing is left then.
pub fn settle_new(aside: NamedTempFile, path: &Path, mode: u32) -> io::Result<bool> {
    flush(&aside, mode)?;
    match aside.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(e) if e.error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(e.error),
    }
}

/// Writes `bytes` beside `path` and puts them there for good.
///
/// # Errors
/// If the host refuses; nothing is left then.
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let folder = folder_of(path);
    let mut aside = NamedTempFile::new_in(folder)?;
    aside.write_all(bytes)?;
    settle(aside, path, mode)?;
    sync_folder(folder)
}

/// Makes the names in `folder` last.
///
/// # Errors
/// If the host refuses.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The folder that `path` stands in.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

fn flush(aside: &NamedTempFile, mode: u32) -> io::Result<()> {
    let file = aside.as_file();
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_written_replaces_what_stood_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, b"old", 0o600).unwrap();
        write(&path, b"new", 0o640).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o640
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_new_file_never_replaces_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for (text, placed) in [("first", true), ("second", false)] {
            let mut aside = NamedTempFile::new_in(folder.path()).unwrap();
            aside.write_all(text.as_bytes()).unwrap();
            assert_eq!(settle_new(aside, &path, 0o600).unwrap(), placed);
        }
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_can_not_be_placed_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        fs::create_dir(&path).unwrap();
        assert!(write(&path, b"x", 0o600).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_bare_name_stands_in_the_current_folder() {
        assert_eq!(folder_of(Path::new("file")), Path::new("."));
        assert_eq!(folder_of(Path::new("a/file")), Path::new("a"));
    }
}
