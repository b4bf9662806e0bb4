//! Layers written and read: the same bytes for the same entries, on any number of cores.

mod gzip;
mod read;
mod write;

pub use gzip::{BLOCK, BlockGzip};
pub use read::{Sink, read};
pub use write::{Layer, LayerBuilder, NewEntry, What};

#[cfg(test)]
mod tests;
