//! Layers written and read: the same bytes for the same entries, on any number of cores.

mod block;
mod deflate;
mod earlier;
mod form;
mod gzip;
mod members;
mod midstate;
mod outline;
mod read;
mod write;

pub use block::BLOCK;
pub use earlier::Earlier;
pub use form::Form;
pub use gzip::BlockGzip;
pub use members::Members;
pub use outline::Outline;
pub use read::{Sink, read};
pub use write::{Layer, LayerBuilder, NewEntry, What, Written};

#[cfg(test)]
mod tests;
