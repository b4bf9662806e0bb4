//! Content store, manifests, image configurations and layers.
//!
//! The state folder has one OCI image layout. Every base, every built image and everything that speaks of an image
//! (signatures, bills of materials) is a blob in it, named by its digest. Which manifest *is* a base or a module
//! stands in the queue's database, so the layout's `index.json` is a valid empty index.
//!
//! This room knows bytes and formats. It must not know what a base, a submission or a module is.

mod blob;
mod config;
mod error;
mod fresh;
mod json;
mod layer;
mod location;
mod manifest;
pub mod media;
pub mod registry;
mod seal;
mod store;
mod tarball;

pub use blob::{BlobWriter, VerifiedReader};
pub use config::{ContainerConfig, Healthcheck, History, ImageConfig, RootFs};
pub use error::OciError;
pub use fresh::Fresh;
pub use layer::{Compression, LayerReader, LayerWriter, WrittenLayer};
pub use location::{InvalidLocation, Location, Selector};
pub use manifest::{Descriptor, DescriptorPlatform, Index, Manifest};
pub use seal::{holds, seal};
pub use store::{CONFIG_LIMIT, MANIFEST_LIMIT, Store};
pub use tarball::{TarEntry, TarKind, TarReader};

#[cfg(test)]
mod tests;
