//! Base images: which are approved, how they come into the cache, and what a Dockerfile's `FROM` is pinned to.
//!
//! Whatever comes in is checked to the last byte: every blob against its descriptor, every layer's content against
//! the configuration, the platform against what was asked for. A base that lies is refused with what was expected and
//! what came.
//!
//! This room knows the content store and the places that images come from. Which base is in use is the database's
//! to know.

mod admit;
pub mod approved;
mod archive;
mod docker_archive;
mod error;
mod fetch;
mod import;
mod layout;
mod pins;
mod pull;
mod rootfs;

pub use admit::{BaseFacts, Imported};
pub use approved::ApprovedList;
pub use error::BaseError;
pub use import::{ImportLimits, ImportOptions, import};
pub use pins::{Cache, From, pins};

#[cfg(test)]
mod tests;
