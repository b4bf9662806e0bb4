//! Tar as layers use it: a reader that believes nothing and keeps what a layer keeps, owners, times and capabilities.
//!
//! This part must not know what a layer or a whiteout means. What stands where in a header is `ustar`'s.

mod read;

pub use read::{Member, MemberKind, TarError, TarReader};

pub use crate::ustar::{Header, Type, end, header, padding};

#[cfg(test)]
mod tests;
