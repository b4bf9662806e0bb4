//! Of what members a layer was made, kept beside it for the next one.

use std::fs;

use super::Snapshots;
use crate::engine::fault::Fault;
use crate::engine::layer::{Earlier, Layer, Members};
use crate::oci::Store;

impl Snapshots {
    /// The layer as one of which a new layer may take over members; none if they are not known.
    pub fn earlier(&self, store: &Store, layer: &Layer) -> Option<Earlier> {
        let bytes = fs::read(self.members_path(layer)).ok()?;
        let members = Members::decode(&bytes)?;
        Earlier::open(store, &layer.descriptor, members).ok()?
    }

    /// Keeps the members of a layer.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn keep_members(&self, layer: &Layer, members: &Members) -> Result<(), Fault> {
        self.write(&self.members_path(layer), &members.encode())
    }

    fn members_path(&self, layer: &Layer) -> std::path::PathBuf {
        let folder = self.root.join("members");
        folder.join(layer.descriptor.digest.hex())
    }
}
