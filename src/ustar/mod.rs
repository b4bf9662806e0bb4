//! The tar format as bytes: what stands in a header, PAX records, and one canonical way to write both.
//!
//! Four readers of archives stand on this, because they must answer the same bytes differently: a context is refused
//! whole and by the name of the entry (`intake`), a layer keeps owners and capabilities (`engine`), an image archive is
//! read out of order (`oci`), an inventory calls sparse files unread (`scan`). What a field says is decided here, once,
//! so that no two of them read one archive as two trees. This room opens no file, and must not know what an archive
//! is for.

mod block;
mod pax;
mod write;

pub use block::{BLOCK, Block, checksum_holds, name, number, padding_after, signed, text};
pub use pax::{decimal, records, seconds};
pub use write::{Header, Type, end, header, header_with_pax_mode, padding};

#[cfg(test)]
mod tests;
