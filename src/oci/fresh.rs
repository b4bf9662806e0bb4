//! Which blobs came in with something that may still be refused: then they go again.

use std::fs::{self, File, OpenOptions};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{FlockOperation, flock};

use super::error::OciError;
use super::store::Store;
use crate::model::Digest;

/// Held by everybody who takes something in, so that nobody takes away what another one found there.
const LOCK: &str = "lock";

/// The blobs that a store and its clones wrote and did not hold before.
pub type Notes = Arc<Mutex<Vec<Digest>>>;

/// What came in through a store that takes notes.
#[derive(Debug)]
pub struct Fresh {
    store: Store,
    notes: Notes,
    lock: File,
}

impl Store {
    /// The same store, and what comes in through it.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn noting(&self) -> Result<(Self, Fresh), OciError> {
        let path = self.root().join(LOCK);
        let open = || -> std::io::Result<File> {
            let lock = OpenOptions::new().create(true).append(true).open(&path)?;
            flock(&lock, FlockOperation::LockShared)?;
            Ok(lock)
        };
        let lock = open().map_err(OciError::io("lock", &path))?;
        let notes = Notes::default();
        let fresh = Fresh {
            store: self.clone(),
            notes: Arc::clone(&notes),
            lock,
        };
        Ok((self.with_notes(notes), fresh))
    }
}

impl Fresh {
    /// Removes what came in, for nobody wants it. Where somebody else is taking something in, who may have found a blob
    /// of it and counts on it, all of it stays: it is no harm, and the next that is refused goes alone.
    pub fn forget(self) {
        if flock(&self.lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            return;
        }
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        for digest in notes.iter() {
            let _ = fs::remove_file(self.store.path(*digest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_came_in_goes_and_only_if_nobody_counts_on_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let old = store.put(b"old").unwrap();
        let take = || {
            let (noting, fresh) = store.noting().unwrap();
            noting.put(b"old").unwrap();
            noting.clone().put(b"new").unwrap();
            fresh
        };
        let other = store.noting().unwrap();
        take().forget();
        assert!(store.has(Digest::of(b"new")), "somebody may count on it");
        drop(other);
        fs::remove_file(store.path(Digest::of(b"new"))).unwrap();
        take().forget();
        assert_eq!(store.digests().unwrap(), [old]);
    }
}
