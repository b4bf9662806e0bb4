//! What a reviewer decides, and the one hash that an approval binds (R28).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Actor, Digest, Reference, Timestamp};

/// Something that a reviewer allows for one row only (R14, R18, R28).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "grant", rename_all = "kebab-case")]
pub enum Grant {
    /// A base outside the approved list.
    Base {
        /// Which one.
        reference: Reference,
    },
    /// A longer time limit.
    Time {
        /// In minutes.
        minutes: u64,
    },
    /// HTTPS to the hosts of groups that the policy names.
    Network {
        /// Which, sorted.
        groups: Vec<String>,
    },
}

impl Grant {
    /// The network, for these groups.
    pub fn network(groups: &[String]) -> Self {
        let mut groups = groups.to_vec();
        groups.sort();
        groups.dedup();
        Self::Network { groups }
    }

    /// What it allows, in words.
    pub fn words(&self) -> String {
        match self {
            Self::Base { reference } => format!("the base {}", reference.familiar()),
            Self::Time { minutes } => format!("{minutes} minutes"),
            Self::Network { groups } => format!("HTTPS to {}", groups.join(", ")),
        }
    }

    /// The groups of hosts that `grants` open, sorted; none if the network is not granted.
    pub fn groups(grants: &[Self]) -> Vec<String> {
        let mut all: Vec<String> = grants
            .iter()
            .filter_map(|grant| match grant {
                Self::Network { groups } => Some(groups),
                Self::Base { .. } | Self::Time { .. } => None,
            })
            .flatten()
            .cloned()
            .collect();
        all.sort();
        all.dedup();
        all
    }
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// May be built.
    Approve,
    /// Goes back with a reason.
    Reject,
}

impl Verdict {
    /// As in `ann approved it`.
    pub const fn past(self) -> &'static str {
        match self {
            Self::Approve => "approved",
            Self::Reject => "rejected",
        }
    }
}

/// One decision about one submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What was decided.
    pub verdict: Verdict,
    /// By whom.
    pub by: Actor,
    /// Why, in the reviewer's words.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// What was approved, for an approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<Binding>,
    /// Why it no longer counts, for an approval that was voided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voided: Option<String>,
}

/// A tag and the platform manifest that it stood for when it was approved (R9).
pub type Pins = BTreeMap<Reference, Digest>;

/// Everything that an approval binds. If any of it changes before the build, the approval is void.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The stored context.
    pub context: Digest,
    /// The Dockerfile's text.
    pub dockerfile: Digest,
    /// The pinned bases: platform manifests, by normalised reference without digest.
    pub pins: Pins,
    /// What was granted, sorted.
    pub grants: Vec<Grant>,
    /// The policy in force.
    pub policy: Digest,
}

impl Binding {
    /// The hash of all of it, over its JSON with the fields in the order above.
    pub fn digest(&self) -> Digest {
        // Maps are ordered and every key is a string, so this can't fail.
        Digest::of(serde_json::to_vec(self).unwrap_or_default())
    }
}
