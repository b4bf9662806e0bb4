//! COPY, ADD and WORKDIR: which files, where to, with which owners; worked out on trees, without touching a disk.

mod glob;
mod mode;

pub use glob::{BadPattern, Glob, Patterns};
pub use mode::{Chmod, InvalidMode};
