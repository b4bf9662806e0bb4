//! A submission and the states that it goes through.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Actor, Digest, Failure, Reference, Timestamp};

/// The row's number: given once, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SubmissionId(pub i64);

impl fmt::Display for SubmissionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for SubmissionId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.trim_start_matches('#').parse().map(Self)
    }
}

/// The name of a module: lower-case letters, digits and inner hyphens, at most 63 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(String);

/// Why a string is not a slug.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "not a slug: `{0}` (use 1 to 63 lower-case letters, digits and hyphens, a letter or digit at both ends)"
)]
pub struct InvalidSlug(pub String);

impl Slug {
    /// The slug's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Slug {
    type Err = InvalidSlug;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !plain
            || text.is_empty()
            || text.len() > 63
            || text.starts_with('-')
            || text.ends_with('-')
        {
            return Err(InvalidSlug(text.chars().take(80).collect()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Slug {
    type Error = InvalidSlug;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a submission stands. A claim is a lease, not a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Waits for a reviewer.
    Pending,
    /// Waits for a worker.
    Approved,
    /// A worker builds it.
    Building,
    /// A scanner reads it.
    Scanning,
    /// It is being signed.
    Signing,
    /// In the catalog.
    Published,
    /// Turned away by a reviewer.
    Rejected,
    /// Taken back by its submitter.
    Withdrawn,
    /// Stopped by an error after its approval.
    Failed,
    /// Published once, since taken out of the catalog.
    Yanked,
}

impl State {
    /// Every state, in the order of a submission's life.
    pub const ALL: [Self; 10] = [
        Self::Pending,
        Self::Approved,
        Self::Building,
        Self::Scanning,
        Self::Signing,
        Self::Published,
        Self::Rejected,
        Self::Withdrawn,
        Self::Failed,
        Self::Yanked,
    ];

    /// The word for it, as in the database and in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Building => "building",
            Self::Scanning => "scanning",
            Self::Signing => "signing",
            Self::Published => "published",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::Failed => "failed",
            Self::Yanked => "yanked",
        }
    }

    /// Whether nothing follows by itself. One slug has at most one row that is not (R4).
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Published | Self::Rejected | Self::Withdrawn | Self::Failed | Self::Yanked
        )
    }

    /// Whether a worker has it, or should.
    pub const fn is_work(self) -> bool {
        matches!(
            self,
            Self::Approved | Self::Building | Self::Scanning | Self::Signing
        )
    }

    /// Whether the design lets `self` become `next`.
    pub const fn may_become(self, next: Self) -> bool {
        use State::{
            Approved, Building, Failed, Pending, Published, Rejected, Scanning, Signing, Withdrawn,
            Yanked,
        };
        matches!(
            (self, next),
            (Pending, Approved | Rejected | Withdrawn)
                // An approval whose context, pins, grants or policy changed is void (R28).
                | (Approved, Building | Pending | Failed)
                | (Building, Scanning | Failed)
                | (Scanning, Signing | Failed)
                | (Signing, Published | Failed)
                | (Published, Yanked)
        )
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|s| s.word() == text)
            .ok_or_else(|| format!("no state is called `{text}`"))
    }
}

/// What a submitter asks for beside the build itself (R6). Asking grants nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Wishes {
    /// Words for the reviewer.
    pub notes: String,
    /// Where mail goes.
    pub email: Option<String>,
    /// Asks for HTTPS to the allow-list (R14).
    pub requires_network: bool,
    /// Asks for a longer limit, in minutes (R18).
    pub time_limit_minutes: Option<u64>,
    /// Asks for a base outside the approved list.
    pub base: Option<Reference>,
}

/// A language signal in a context (R2), strongest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// The file that gave it.
    pub file: String,
    /// The language, as in `nodejs`.
    pub language: String,
}

/// What intake found in a context (R1, R2).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Detection {
    /// The Dockerfile's path in the context, if there is one. It wins over every signal.
    pub dockerfile: Option<String>,
    /// All signals, in the order of R2.
    pub signals: Vec<Signal>,
}

/// A lease: who holds it, until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Who holds it.
    pub holder: String,
    /// When it lapses unless it is renewed.
    pub expires_at: Timestamp,
}

/// One row of the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// Its number.
    pub id: SubmissionId,
    /// The module that it wants to become.
    pub slug: Slug,
    /// Who sent it. They can't approve it (R29).
    pub submitter: Actor,
    /// Where it stands.
    pub state: State,
    /// The stored context.
    pub context: Digest,
    /// Length of the stored context in bytes.
    pub context_bytes: u64,
    /// Entries of the stored context.
    pub context_entries: u64,
    /// What intake found in it.
    pub detection: Detection,
    /// What the submitter asks for.
    pub wishes: Wishes,
    /// When it came.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub updated_at: Timestamp,
    /// Who reads it now.
    pub claim: Option<Lease>,
    /// Which worker has it now.
    pub work: Option<Lease>,
    /// The hash that the approval binds (R28).
    pub approval: Option<Digest>,
    /// How often a worker has begun it.
    pub attempts: u32,
    /// The image's manifest, once built.
    pub image: Option<Digest>,
    /// Why it failed or was rejected.
    pub failure: Option<Failure>,
    /// Counts up by one with every change of the row: the compare of compare-and-set.
    pub version: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_states_are_one_to_one() {
        for state in State::ALL {
            assert_eq!(state.word().parse(), Ok(state));
        }
    }

    #[test]
    fn nothing_leaves_a_terminal_state_but_a_yank() {
        for from in State::ALL.into_iter().filter(|s| s.is_terminal()) {
            for to in State::ALL {
                assert_eq!(
                    from.may_become(to),
                    (from, to) == (State::Published, State::Yanked)
                );
            }
        }
    }

    #[test]
    fn slugs_are_safe_as_file_names_and_repository_names() {
        for good in ["a", "foo-2", "0"] {
            assert!(good.parse::<Slug>().is_ok());
        }
        for bad in [
            "",
            "-a",
            "a-",
            "A",
            "a/b",
            "..",
            "a.b",
            "a b",
            &"a".repeat(64),
        ] {
            assert!(bad.parse::<Slug>().is_err(), "{bad}");
        }
    }
}
