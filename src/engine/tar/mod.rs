//! Tar as layers use it: one canonical way to write it, and a reader that believes nothing.
//!
//! This part knows the format only. It must not know what a layer, a whiteout or an owner means.

mod read;
mod write;

pub use read::{Member, MemberKind, TarError, TarReader};
pub use write::{BLOCK, Header, Type, end, header, padding};

#[cfg(test)]
mod tests;
