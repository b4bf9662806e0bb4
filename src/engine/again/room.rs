//! Where a second build begins from nothing: a content store with the bases in it, and no snapshot.

use std::fs;
use std::path::Path;

use crate::engine::embedded::{Embedded, Late};
use crate::engine::fault::Fault;
use crate::engine::snapshot::{Scratch, Snapshots};
use crate::model::Digest;
use crate::oci::{OciError, Store};

/// A room of its own. Dropped, it is gone with everything in it.
pub struct Room {
    scratch: Scratch,
    sandbox: Late,
    /// The engine that builds there.
    pub engine: Embedded,
}

impl Room {
    /// A room beside what `engine` keeps, with the images `bases` of its store.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn new(engine: &Embedded, bases: &[Digest]) -> Result<Self, Fault> {
        let scratch = engine.snapshots().scratch()?;
        let store = Store::open(&scratch.path().join("oci"))?;
        for base in bases {
            lend(engine.store(), &store, *base)?;
        }
        let snapshots = Snapshots::open(&scratch.path().join("snapshots"))?.in_another_order();
        Ok(Self {
            engine: engine.with(store, snapshots),
            sandbox: engine.sandbox().clone(),
            scratch,
        })
    }

    /// The room's folder.
    pub fn path(&self) -> &Path {
        self.scratch.path()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        clear(&self.sandbox, self.scratch.path());
    }
}

/// Removes what is in a room. What can't be removed is left for the next sweep.
pub fn clear(sandbox: &Late, room: &Path) {
    let snapshots = room.join("snapshots");
    if !snapshots.exists() || fs::remove_dir_all(&snapshots).is_ok() {
        return;
    }
    // Folders that only the inside can remove.
    let Ok(sandbox) = sandbox.get() else { return };
    let parts = [
        ("layers", ["fs", "work"]),
        ("tmp", ["made/fs", "made/work"]),
    ];
    for (folder, parts) in parts {
        let entries = fs::read_dir(snapshots.join(folder)).into_iter().flatten();
        for entry in entries.flatten() {
            for part in parts {
                let _ = sandbox.remove_folder(&entry.path().join(part));
            }
        }
    }
    let _ = fs::remove_dir_all(&snapshots);
}

/// Puts an image of one store into another, by further names of the same files where the host can.
fn lend(from: &Store, to: &Store, image: Digest) -> Result<(), Fault> {
    let manifest = from.manifest(image)?;
    let layers = manifest.layers.iter().map(|layer| layer.digest);
    let blobs = [image, manifest.config.digest].into_iter().chain(layers);
    for blob in blobs {
        let (old, new) = (from.path(blob), to.path(blob));
        if !from.has(blob) {
            return Err(Fault::Store(OciError::Missing(blob)));
        }
        if to.has(blob) || fs::hard_link(&old, &new).is_ok() {
            continue;
        }
        fs::copy(&old, &new).map_err(|e| Fault::host("copy", &old, &e))?;
    }
    Ok(())
}
