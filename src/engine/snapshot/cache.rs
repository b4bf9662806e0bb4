//! Cache mounts that are kept from one build to the next of the same submitter's slug, where the policy lets them.
//!
//! Each is an overlay's upper folder, so that it is of the step's owners, and what it began with stays what it was.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use super::Snapshots;
use super::unpacked::fault;
use crate::engine::fault::Fault;
use crate::engine::watch::Watch;
use crate::model::Digest;
use crate::sandbox::Sandbox;

/// How soon a step that waits for a cache looks again.
const TICK: Duration = Duration::from_millis(50);

/// A cache that one step uses; nobody else does meanwhile.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    _lock: File,
}

impl Cache {
    /// Where it is kept.
    pub fn upper(&self) -> PathBuf {
        self.folder.join("fs")
    }

    /// The overlay's own folder.
    pub fn work(&self) -> PathBuf {
        self.folder.join("work")
    }

    /// Keeps it, unless it has grown past `limit` bytes: then it is forgotten.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn finish(self, sandbox: &Sandbox, limit: u64) -> Result<(), Fault> {
        sandbox.remove_folder(&self.work()).map_err(fault)?;
        if size(&self.upper()) > limit {
            sandbox.remove_folder(&self.upper()).map_err(fault)?;
        }
        Ok(())
    }
}

impl Snapshots {
    /// The cache `key`. A step that finds it in use waits, or is given none where it asked for one of its own (`private`).
    ///
    /// # Errors
    /// If the host refuses, or the build must end.
    pub fn cache(
        &self,
        sandbox: &Sandbox,
        key: Digest,
        private: bool,
        watch: &Watch,
    ) -> Result<Option<Cache>, Fault> {
        let folder = self.root.join("caches").join(key.hex());
        fs::create_dir_all(&folder).map_err(|e| Fault::host("make", &folder, &e))?;
        let path = folder.join("lock");
        let lock = File::create(&path).map_err(|e| Fault::host("make", &path, &e))?;
        while flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            if private {
                return Ok(None);
            }
            watch.check()?;
            std::thread::sleep(TICK);
        }
        let cache = Cache {
            folder,
            _lock: lock,
        };
        // Left by a step that was killed.
        if cache.work().exists() {
            sandbox.remove_folder(&cache.work()).map_err(fault)?;
        }
        for folder in [cache.upper(), cache.work()] {
            if !folder.exists() {
                sandbox.make_folder(&folder).map_err(fault)?;
            }
        }
        Ok(Some(cache))
    }
}

/// Bytes of what a folder holds. What can't be read counts as too much.
fn size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return u64::MAX;
    };
    let mut sum: u64 = 0;
    for entry in entries {
        let bytes = match entry.and_then(|e| Ok((e.path(), e.metadata()?))) {
            Ok((path, found)) if found.is_dir() => size(&path),
            Ok((_, found)) => found.len(),
            Err(_) => u64::MAX,
        };
        sum = sum.saturating_add(bytes);
    }
    sum
}
