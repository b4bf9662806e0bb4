//! Cached steps: what a step with this key came to the last time.

use std::fs;

use serde::{Deserialize, Serialize};

use super::Snapshots;
use crate::engine::fault::Fault;
use crate::engine::layer::Layer;
use crate::model::Digest;
use crate::oci::{Descriptor, Store};

/// What a step came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The layer that it made; none if it changed nothing.
    pub layer: Option<Layer>,
}

#[derive(Serialize, Deserialize)]
struct OnDisk {
    /// Sealed, because this file is not synced: a crash may leave half of it.
    seal: Digest,
    layer: Option<LayerOnDisk>,
}

#[derive(Serialize, Deserialize)]
struct LayerOnDisk {
    descriptor: Descriptor,
    diff_id: Digest,
    unpacked: u64,
}

impl Snapshots {
    /// What the step `key` came to, if it is known and its layer is still in the store.
    pub fn step(&self, store: &Store, key: Digest) -> Option<Record> {
        let bytes = fs::read(self.step_path(key)).ok()?;
        let found: OnDisk = serde_json::from_slice(&bytes).ok()?;
        let layer = found.layer.map(|layer| Layer {
            descriptor: layer.descriptor,
            diff_id: layer.diff_id,
            unpacked: layer.unpacked,
        });
        if found.seal != seal(key, layer.as_ref()) {
            return None;
        }
        // A damaged layer is made again, over the damaged one.
        let there = |layer: &Layer| store.is_whole(layer.descriptor.digest, layer.descriptor.size);
        layer.as_ref().is_none_or(there).then_some(Record { layer })
    }

    /// Keeps what the step `key` came to.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn keep_step(&self, key: Digest, record: &Record) -> Result<(), Fault> {
        let on_disk = OnDisk {
            seal: seal(key, record.layer.as_ref()),
            layer: record.layer.as_ref().map(|layer| LayerOnDisk {
                descriptor: layer.descriptor.clone(),
                diff_id: layer.diff_id,
                unpacked: layer.unpacked,
            }),
        };
        let bytes = serde_json::to_vec(&on_disk)
            .map_err(|e| Fault::Host(format!("cannot write down a step: {e}")))?;
        self.write(&self.step_path(key), &bytes)
    }

    fn step_path(&self, key: Digest) -> std::path::PathBuf {
        self.root.join("steps").join(key.hex())
    }
}

fn seal(key: Digest, layer: Option<&Layer>) -> Digest {
    let layer = layer.map(|l| {
        let Descriptor {
            media_type,
            digest,
            size,
            ..
        } = &l.descriptor;
        format!("{media_type} {digest} {size} {} {}", l.diff_id, l.unpacked)
    });
    Digest::of(format!("{key} {}", layer.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::media;

    #[test]
    fn a_step_is_known_as_long_as_its_layer_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("oci")).unwrap();
        let snapshots = Snapshots::open(&folder.path().join("snapshots")).unwrap();
        let (key, other) = (Digest::of("key"), Digest::of("other"));
        assert_eq!(snapshots.step(&store, key), None);
        let blob = store.put(b"layer").unwrap();
        let record = Record {
            layer: Some(Layer {
                descriptor: Descriptor::new(media::LAYER_GZIP, blob, 5),
                diff_id: Digest::of("tar"),
                unpacked: 9,
            }),
        };
        snapshots.keep_step(key, &record).unwrap();
        assert_eq!(snapshots.step(&store, key), Some(record));
        // A record under another name, and a record without its layer, are none.
        fs::copy(snapshots.step_path(key), snapshots.step_path(other)).unwrap();
        assert_eq!(snapshots.step(&store, other), None);
        fs::remove_file(store.path(blob)).unwrap();
        assert_eq!(snapshots.step(&store, key), None);
        snapshots.keep_step(key, &Record { layer: None }).unwrap();
        assert_eq!(snapshots.step(&store, key), Some(Record { layer: None }));
    }
}
