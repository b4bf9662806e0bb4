//! COPY, ADD and WORKDIR: which files, where to, with which owners; worked out on trees, without touching a disk.

mod glob;
mod mode;
mod place;
mod select;
mod source;

pub use glob::{BadPattern, Glob, Patterns};
pub use mode::{Chmod, InvalidMode};
pub use place::{Attributes, Entry, Placement};
pub use select::{Choice, Picked, Selected, inline, select};
pub use source::{Content, ContextTree, Inline, Source, SourceKind, SourceNode};

#[cfg(test)]
mod tests;
