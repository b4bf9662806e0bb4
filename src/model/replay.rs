//! What became of past decisions under another policy.

use serde::{Deserialize, Serialize};

use super::decision::Verdict;
use super::{Actor, Slug, State, SubmissionId, Timestamp};

/// How a decision would come out now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Turn {
    /// It was approved, and could not be any more: why.
    NoLonger(String),
    /// It was turned away for what lint or the gate said, and nothing of that stands any more.
    NowApprovable,
}

/// A decision that would flip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flip {
    /// About which submission.
    pub submission: SubmissionId,
    /// Of which module.
    pub slug: Slug,
    /// Who decided.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// What was decided.
    pub then: Verdict,
    /// What became of it.
    pub state: State,
    /// How it would come out now.
    pub turn: Turn,
}

/// The answer to a replay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// Submissions with a decision that were looked at.
    pub decisions: u64,
    /// Those that would come out otherwise, by submission.
    pub flips: Vec<Flip>,
    /// Those that can't be told, and why.
    pub unknown: Vec<(SubmissionId, String)>,
}
