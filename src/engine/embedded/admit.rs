//! An image that comes in is read once as every build on it will read it.

use std::path::Path;

use super::build_error;
use super::image::StageImage;
use crate::engine::BuildError;
use crate::engine::fault::Fault;
use crate::engine::layer;
use crate::engine::snapshot::Snapshots;
use crate::engine::watch::Watch;
use crate::model::event::Cancel;
use crate::model::{Digest, Limits};
use crate::oci::Store;

/// Reads all layers of the image `manifest`, whose blobs are in `store`, and keeps their lists under `snapshots`: what no
/// build could stand on is refused now, for the operator, and not to every submitter in turn.
///
/// `unpacked` is how many bytes all layers together may unpack to. Nothing is kept of an image that is refused.
///
/// # Errors
/// If a layer is damaged or holds what no honest layer holds; or the host fails.
pub fn admit(
    store: &Store,
    snapshots: &Path,
    manifest: Digest,
    unpacked: u64,
) -> Result<(), BuildError> {
    let limits = Limits {
        layer_bytes: unpacked,
        time_seconds: u64::MAX,
        ..Limits::default()
    };
    let watch = Watch::new(limits, Cancel::default());
    let read = || -> Result<(), Fault> {
        let snapshots = Snapshots::open(snapshots)?;
        let image = StageImage::of(store, manifest)?;
        let mut lists = Vec::with_capacity(image.layers.len());
        for layer in &image.layers {
            let list = layer::read(
                store,
                &layer.descriptor,
                layer.diff_id,
                unpacked,
                &watch,
                &mut (),
            )?;
            lists.push((layer.diff_id, list));
        }
        for (diff_id, list) in lists {
            snapshots.keep_index(diff_id, list)?;
        }
        Ok(())
    };
    read().map_err(build_error)
}
