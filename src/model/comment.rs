//! What reviewers say: about single lines, and what they said before.

use serde::{Deserialize, Serialize};

use super::{Actor, Slug, SubmissionId, Timestamp};

/// Words about one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// The file, relative to the context.
    pub file: String,
    /// Its line, from 1.
    pub line: u32,
    /// Whose words.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// The words; not sanitised.
    pub text: String,
}

/// A rejection for the same rules, whose words can be used again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Precedent {
    /// Of which submission.
    pub id: SubmissionId,
    /// Of which module.
    pub slug: Slug,
    /// Who rejected it.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// The rules that both have.
    pub rules: Vec<String>,
    /// The words; not sanitised.
    pub reason: String,
}
