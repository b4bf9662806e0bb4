//! Tar as contexts come in and are kept: one canonical way to write it, and a reader that believes nothing.
//!
//! Must not know what a context may hold: only the format.

mod read;
mod write;

pub(super) use read::{Bounds, Member, MemberKind, TarReader};
pub(super) use write::{BLOCK, Header, Type, end, header, padding};
