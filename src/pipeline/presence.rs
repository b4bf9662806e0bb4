//! Which workers are alive, also those that wait for work: each holds a lock on a file of its own.
//!
//! The kernel drops the lock with the process, however it ends, so that nobody has to write a sign of life and nobody
//! is taken for alive who is not.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// More files than that are not looked at.
const MOST: usize = 1000;

/// While it is held, its process counts as a worker.
#[derive(Debug)]
pub struct Presence {
    path: PathBuf,
    _locked: File,
}

impl Presence {
    /// Counts this process as a worker, in the folder of a site's workers.
    ///
    /// # Errors
    /// If the file can't be made or locked.
    pub fn show(folder: &Path) -> io::Result<Self> {
        // Locked before anybody can find it under a name that counts.
        let file = tempfile::Builder::new()
            .prefix(NEW)
            .rand_bytes(12)
            .tempfile_in(folder)?;
        file.as_file().lock()?;
        let name = file
            .path()
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let path = folder.join(name.trim_start_matches(NEW));
        let locked = file.persist(&path).map_err(|e| e.error)?;
        Ok(Self {
            path,
            _locked: locked,
        })
    }
}

/// Before the name of a file that is not locked yet.
const NEW: &str = ".new-";

impl Drop for Presence {
    fn drop(&mut self) {
        // Whoever counts next removes it otherwise.
        let _ = fs::remove_file(&self.path);
    }
}

/// How many workers are alive. Files of those that are gone are removed.
pub fn count(folder: &Path) -> u32 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    let mut alive = 0;
    for entry in entries.flatten().take(MOST) {
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let Ok(file) = File::open(entry.path()) else {
            continue;
        };
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => alive += 1,
            Err(TryLockError::Error(_)) => {}
            Ok(()) => {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
    alive
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_there_counts_and_who_has_gone_does_not() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(count(folder.path()), 0);
        let first = Presence::show(folder.path()).unwrap();
        let second = Presence::show(folder.path()).unwrap();
        assert_eq!(count(folder.path()), 2);
        drop(first);
        assert_eq!(count(folder.path()), 1);
        drop(second);
        assert_eq!(count(folder.path()), 0);
    }

    #[test]
    fn what_a_killed_worker_left_behind_is_cleared_away() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("dead"), "").unwrap();
        assert_eq!(count(folder.path()), 0);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn where_there_is_no_folder_there_is_no_worker() {
        assert_eq!(count(Path::new("/nowhere/at/all")), 0);
    }
}
