//! Work that must see and set the owners that a step sees: unpacking a layer, packing an `upper`, removing a tree.
//!
//! A job is a function of this program that runs in a process of its own, inside the same user namespace mapping as
//! [`run`](super::Sandbox::run), with nothing of the host's file system but the [`View`]s that it was handed. It knows
//! nothing of who asked.

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A job's function. Its answer, or what went wrong in words for people.
pub type Job = fn(&mut Task<'_>) -> Result<Vec<u8>, String>;

/// What a job gets.
pub struct Task<'a> {
    /// As the caller gave them.
    pub arguments: &'a [u8],
    /// Where the views are, in their order: `/0`, `/1`, … There is nothing else in this file system, and `..` does not
    /// lead out of it.
    pub views: Vec<PathBuf>,
    /// The caller's input; at its end at once if there was none.
    pub input: &'a mut dyn Read,
    /// The caller's output; a sink if there was none.
    pub output: &'a mut dyn Write,
}

/// A part of the host's file system that a job sees.
///
/// As root, a job's user 0 is not the host's: it can write only in folders that
/// [`make_folder`](super::Sandbox::make_folder) made, and read only what others may read. The paths *to* the folders
/// need no permissions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum View {
    /// A folder as it is.
    Folder {
        /// On the host.
        path: PathBuf,
        /// Whether writing is refused.
        read_only: bool,
    },
    /// Unpacked layers on top of each other, read-only.
    Layers {
        /// Lowest first. May be empty.
        lower: Vec<PathBuf>,
    },
    /// What a step sees: layers, and an upper directory that receives what the job changes.
    Overlay {
        /// Lowest first. May be empty.
        lower: Vec<PathBuf>,
        /// Receives the changes.
        upper: PathBuf,
        /// The overlay's work directory, beside `upper`, empty.
        work: PathBuf,
    },
}

/// Where a job's input comes from.
#[derive(Default)]
pub enum Input<'a> {
    /// Nothing.
    #[default]
    Empty,
    /// An open file, read by the job itself from where it stands: the fastest.
    File(File),
    /// Anything else, copied through a pipe. Needs a thread while the job runs.
    Reader(&'a mut (dyn Read + Send)),
}

/// Where a job's output goes.
#[derive(Default)]
pub enum Output<'a> {
    /// Nowhere.
    #[default]
    Discard,
    /// An open file, written by the job itself: the fastest.
    File(File),
    /// Anything else, copied through a pipe.
    Writer(&'a mut dyn Write),
}

/// One job to do.
pub struct Work<'a> {
    /// A name that was given to [`child`](super::child).
    pub job: &'a str,
    /// For the job alone to understand. Any size.
    pub arguments: &'a [u8],
    /// What it sees.
    pub views: &'a [View],
    /// What it reads.
    pub input: Input<'a>,
    /// Where it writes.
    pub output: Output<'a>,
}
