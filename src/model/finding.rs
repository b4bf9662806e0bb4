//! What lint has to say, and where.

use serde::{Deserialize, Serialize};

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good practice; never stops anything.
    Advice,
    /// A reviewer has to look.
    Warn,
    /// Cannot be approved without a logged grant.
    Block,
}

impl Severity {
    /// The word that output uses.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Advice => "advice",
            Self::Warn => "warn",
            Self::Block => "block",
        }
    }
}

/// A run of bytes in a text, with the place of its first byte for people.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Line of the first byte, from 1.
    pub line: u32,
    /// Column of the first byte in characters, from 1.
    pub column: u32,
}

impl Span {
    /// The length in bytes.
    pub const fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether it covers nothing.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// From the start of `self` to the end of `other`.
    pub const fn to(self, other: Self) -> Self {
        Self {
            end: other.end,
            ..self
        }
    }
}

/// A change that would resolve a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// What it does, as a command: `pin the base`.
    pub title: String,
    /// The places that change; none of them overlap.
    pub edits: Vec<Edit>,
}

/// A change at one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Edit {
    /// The file, relative to the context. One that is not there is made.
    pub file: String,
    /// The first byte that is replaced.
    pub start: usize,
    /// One past the last; where it is `start`, nothing is taken away.
    pub end: usize,
    /// What stands there afterwards.
    pub text: String,
}

/// One finding of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule's id, as in `NET01`.
    pub rule: String,
    /// How much it weighs here.
    pub severity: Severity,
    /// The file, relative to the context.
    pub file: String,
    /// Where in the file.
    pub span: Span,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do about it, in one sentence.
    pub help: String,
    /// The change to make, where there is one. It is tried before it is offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<Patch>,
}
