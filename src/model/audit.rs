//! The append-only, hash-chained record of everything that anyone decides (R30).

use serde::{Deserialize, Serialize};

use super::{Actor, Digest, SubmissionId, Timestamp};

/// One entry. Its hash covers the entry before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// From 1, without gaps.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What, as in `submission.approve` or `base.import`.
    pub action: String,
    /// The submission it concerns.
    pub submission: Option<SubmissionId>,
    /// The facts.
    pub facts: serde_json::Value,
    /// The hash of the entry before, zeros for the first.
    pub previous: Digest,
    /// The hash of all of the above.
    pub hash: Digest,
}

impl AuditEntry {
    /// The hash that this entry must carry: over the JSON array of its fields in the order above, `hash` left out.
    pub fn expected_hash(&self) -> Digest {
        let fields = serde_json::json!([
            self.number,
            self.at,
            self.actor,
            self.action,
            self.submission,
            self.facts,
            self.previous
        ]);
        Digest::of(fields.to_string())
    }
}

/// Something to be recorded; the store gives it number, time and hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Who.
    pub actor: Actor,
    /// What.
    pub action: String,
    /// The submission it concerns.
    pub submission: Option<SubmissionId>,
    /// The facts.
    pub facts: serde_json::Value,
}

impl Record {
    /// A record.
    pub fn new(
        actor: &Actor,
        action: &str,
        submission: Option<SubmissionId>,
        facts: serde_json::Value,
    ) -> Self {
        Self {
            actor: actor.clone(),
            action: action.to_owned(),
            submission,
            facts,
        }
    }
}
