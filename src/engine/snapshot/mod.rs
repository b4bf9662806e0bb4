//! What is kept between builds beside the content store: lists of layers, cached steps, unpacked layers.
//!
//! All of it can be made again from the content store, so a damaged file is as good as none. Everything is written
//! aside and renamed; several processes use one folder at once.

mod boot;
mod cache;
mod disk;
mod folders;
mod members;
mod pack;
mod pack_job;
mod reorder;
mod small;
mod steps;
mod unpack_job;
mod unpacked;
mod unpacking;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{FlockOperation, flock};

use super::fault::Fault;
use super::layer::{self, Layer};
use super::tree::{LayerIndex, Tree};
use super::watch::Watch;
use crate::model::Digest;
use crate::oci::Store;
use crate::sandbox::Job;

pub use cache::Cache;
pub use folders::DEEPEST;
pub use pack::{Packed, pack};
pub use steps::Record;
pub use unpacked::Upper;
pub use unpacking::Unpacking;

/// Unpacks a tar into a folder.
const UNPACK: &str = "engine.unpack";
/// Packs an overlay's upper folder into a tar.
const PACK: &str = "engine.pack";
/// Every job of this room, for [`child`](crate::sandbox::child).
pub const JOBS: &[(&str, Job)] = &[(UNPACK, unpack_job::unpack_job), (PACK, pack_job::pack_job)];

/// The folder of snapshots. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Snapshots {
    root: Arc<Path>,
    reordered: bool,
    indexes: Arc<Mutex<HashMap<Digest, Arc<LayerIndex>>>>,
    busy: Arc<Mutex<HashMap<Digest, Arc<Mutex<()>>>>>,
    /// Contents that are asked for again and again.
    pub small: small::SmallFiles,
}

/// A folder for work in progress: locked while its owner lives, and swept by the next process when it does not.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    _lock: File,
}

impl Scratch {
    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the folder in it that is moved to its place once it is whole. The sandbox's root, who may be another user
    /// than this process, has to come in, whatever the umask of who started this process.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn made(&self) -> Result<PathBuf, Fault> {
        let made = self.path.join("made");
        let make = || -> std::io::Result<()> {
            fs::create_dir(&made)?;
            fs::set_permissions(&made, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        };
        make().map_err(|e| Fault::host("make", &made, &e))?;
        Ok(made)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What only the sandbox can remove was removed by who made it, or is swept later.
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl Snapshots {
    /// Opens the folder, making what is missing.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn open(root: &Path) -> Result<Self, Fault> {
        for folder in ["index", "members", "steps", "layers", "tmp"] {
            let path = root.join(folder);
            fs::create_dir_all(&path).map_err(|e| Fault::host("make", &path, &e))?;
        }
        boot::settle(root).map_err(|e| Fault::host("look through", root, &e))?;
        Ok(Self {
            root: root.into(),
            reordered: false,
            indexes: Arc::default(),
            busy: Arc::default(),
            small: small::SmallFiles::default(),
        })
    }

    /// The same, with the entries of unpacked layers made in another order than a layer has them.
    #[must_use]
    pub fn in_another_order(mut self) -> Self {
        self.reordered = true;
        self
    }

    /// A new folder for work in progress.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn scratch(&self) -> Result<Scratch, Fault> {
        let tmp = self.root.join("tmp");
        let make = || -> std::io::Result<Scratch> {
            let path = tempfile::Builder::new()
                .prefix("work-")
                .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
                .tempdir_in(&tmp)?
                .keep();
            // Locked before it stands where others look for it: else one of them could find it free and sweep.
            let lock = tempfile::NamedTempFile::new_in(&tmp)?;
            flock(lock.as_file(), FlockOperation::NonBlockingLockExclusive)?;
            let lock = lock.persist(path.join("lock")).map_err(|e| e.error)?;
            Ok(Scratch { path, _lock: lock })
        };
        make().map_err(|e| Fault::host("make a folder in", &tmp, &e))
    }

    /// What is in a folder of [`abandoned`](Self::abandoned) that perhaps only the sandbox can remove.
    pub fn remains(folder: &Path) -> Vec<PathBuf> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with(boot::LEFT) {
            return ["made/work", "made/fs"]
                .map(|part| folder.join(part))
                .into();
        }
        let layers = fs::read_dir(folder.join("layers"));
        let layers = layers.into_iter().flatten().flatten();
        layers
            .flat_map(|layer| ["work", "fs"].map(|part| layer.path().join(part)))
            .filter(|path| path.is_dir())
            .collect()
    }

    /// Folders that dead processes left.
    pub fn abandoned(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.root.join("tmp")) else {
            return Vec::new();
        };
        entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| {
                let Ok(lock) = File::open(path.join("lock")) else {
                    // Not locked yet, or half removed: only age tells.
                    let modified = fs::metadata(path).and_then(|m| m.modified());
                    return modified.is_ok_and(|at| {
                        at.elapsed()
                            .is_ok_and(|age| age > std::time::Duration::from_secs(3600))
                    });
                };
                flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok()
            })
            .collect()
    }

    /// The list of a layer: kept, or read from the layer.
    ///
    /// # Errors
    /// If the layer is damaged, or the build must end.
    pub fn index(
        &self,
        store: &Store,
        layer: &Layer,
        watch: &Watch,
    ) -> Result<Arc<LayerIndex>, Fault> {
        if let Some(index) = self.known_index(layer.diff_id) {
            return Ok(index);
        }
        let busy = self.busy(layer.diff_id);
        let _busy = busy.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = self.known_index(layer.diff_id) {
            return Ok(index);
        }
        let limit = watch.limits().layer_bytes;
        let index = layer::read(
            store,
            &layer.descriptor,
            layer.diff_id,
            limit,
            watch,
            &mut (),
        )?;
        self.keep_index(layer.diff_id, index)
    }

    /// The tree of a stack of layers.
    ///
    /// # Errors
    /// As [`index`](Self::index).
    pub fn tree(&self, store: &Store, layers: &[Layer], watch: &Watch) -> Result<Tree, Fault> {
        let indexes = layers.iter().map(|layer| self.index(store, layer, watch));
        indexes.collect::<Result<_, _>>().map(Tree::new)
    }

    /// Keeps a list.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn keep_index(&self, diff_id: Digest, index: LayerIndex) -> Result<Arc<LayerIndex>, Fault> {
        let path = self.root.join("index").join(diff_id.hex());
        self.write(&path, &index.encode())?;
        let index = Arc::new(index);
        self.indexes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(diff_id, Arc::clone(&index));
        Ok(index)
    }

    fn known_index(&self, diff_id: Digest) -> Option<Arc<LayerIndex>> {
        let lock = || self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = lock().get(&diff_id) {
            return Some(Arc::clone(index));
        }
        let bytes = fs::read(self.root.join("index").join(diff_id.hex())).ok()?;
        let index = Arc::new(LayerIndex::decode(&bytes).ok()?);
        lock().insert(diff_id, Arc::clone(&index));
        Some(index)
    }

    /// Held while one thread of this process makes something of a layer.
    fn busy(&self, diff_id: Digest) -> Arc<Mutex<()>> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(busy.entry(diff_id).or_default())
    }

    /// Writes aside and renames. Not synced: after a crash it is made again.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), Fault> {
        let tmp = self.root.join("tmp");
        let write = || -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&tmp)?;
            file.write_all(bytes)?;
            file.persist(path).map_err(|e| e.error)?;
            Ok(())
        };
        write().map_err(|e| Fault::host("write", path, &e))
    }
}
