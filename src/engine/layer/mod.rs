//! Layers written and read: the same bytes for the same entries, on any number of cores.

mod block;
mod deflate;
mod gzip;
mod read;
mod write;

pub use block::BLOCK;
pub use gzip::BlockGzip;
pub use read::{Sink, read};
pub use write::{Layer, LayerBuilder, NewEntry, What};

#[cfg(test)]
mod tests;
