//! COPY, ADD and WORKDIR: which files, where to, with which owners; worked out on trees, without touching a disk.

mod archive;
mod glob;
mod mode;
mod place;
mod select;
mod source;
mod spool;

pub use archive::{is_archive, unpack};
pub use glob::{BadPattern, Glob, Patterns};
pub use mode::{Chmod, InvalidMode};
pub use place::{Attributes, Entry, FOLDER_MODE, Placement};
pub use select::{Choice, Picked, Selected, exact, inline, select};
pub use source::{Content, ContextTree, Inline, Source, SourceKind, SourceNode};
pub use spool::Spool;

#[cfg(test)]
mod tests;
