//! `policy.toml`, paths, and the layers of settings.
//!
//! This room reads files and the environment. It decides nothing.

mod paths;
mod policy;

pub use paths::{Paths, PathsError};
pub use policy::{PolicyError, load, read};
