//! How a submission differs from an earlier one of its slug: what its reviewer has to read.

use serde::{Deserialize, Serialize};

use super::{Digest, Finding, Reference};

/// What stands at a path of a context, in the words of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// `file`, `folder` or `link`.
    pub what: String,
    /// Bytes of a file.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// Where a link leads.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target: String,
}

impl Listed {
    /// Permissions as `ls` shows them.
    pub fn permissions(&self) -> String {
        let kind = match self.what.as_str() {
            "folder" => 'd',
            "link" => 'l',
            _ => '-',
        };
        let bit = |at: u32, c: char| if self.mode >> at & 1 == 1 { c } else { '-' };
        let mut out = String::from(kind);
        for at in [6, 3, 0] {
            out.extend([bit(at + 2, 'r'), bit(at + 1, 'w'), bit(at, 'x')]);
        }
        out
    }
}

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathChange {
    /// New.
    Added,
    /// Gone.
    Removed,
    /// Other content, other permissions, or another kind of thing.
    Changed,
    /// As long as before; too much had been read to look inside as well.
    NotCompared,
}

impl PathChange {
    /// The sign that listings use.
    pub const fn sign(self) -> char {
        match self {
            Self::Added => '+',
            Self::Removed => '-',
            Self::Changed => '~',
            Self::NotCompared => '?',
        }
    }
}

/// A path that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// The path.
    pub path: String,
    /// What happened to it.
    pub change: PathChange,
    /// What was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<Listed>,
    /// What is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<Listed>,
    /// Whether the content is text, where it was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<bool>,
}

/// What happened to the files of a context. The numbers count all of them, the list has the first ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChanges {
    /// New paths.
    pub added: u64,
    /// Paths that are gone.
    pub removed: u64,
    /// Paths with something else.
    pub changed: u64,
    /// Paths whose content was not looked at.
    pub not_compared: u64,
    /// By path.
    pub list: Vec<FileChange>,
}

impl FileChanges {
    /// How many paths are not known to be the same.
    pub const fn count(&self) -> u64 {
        self.added + self.removed + self.changed + self.not_compared
    }
}

/// A base that is pinned to something else than before, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinMove {
    /// The base.
    pub reference: Reference,
    /// What it was pinned to; nothing if it was not used.
    pub old: Option<Digest>,
    /// What it is pinned to; nothing if it is not used, or not in the cache.
    pub new: Option<Digest>,
}

/// Everything that differs beside the lines of the Dockerfile.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Files of the context.
    pub files: FileChanges,
    /// Findings that are gone.
    pub resolved: Vec<Finding>,
    /// Findings that were not there.
    pub new: Vec<Finding>,
    /// Bases that moved.
    pub pins: Vec<PinMove>,
}
