//! What the faces show: facts gathered for one screen or one answer, ready to print.

use serde::{Deserialize, Serialize};

use super::changes::{Changes, Listed};
use super::comment::{Comment, Precedent};
use super::decision::{Decision, Grant};
use super::ledger::{Difference, NetworkUse};
use super::policy::Switch;
use super::reproduction::{Comparison, Reproduction};
use super::submission::Submission;
use super::{Actor, Digest, Finding, Reference, Slug, State, SubmissionId, Timestamp};

/// One line of the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRow {
    /// Number.
    pub id: SubmissionId,
    /// Name.
    pub slug: Slug,
    /// Where it stands.
    pub state: State,
    /// Who sent it.
    pub submitter: String,
    /// When it came.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub updated_at: Timestamp,
    /// Who reads it now.
    pub claimed_by: Option<String>,
    /// Blocking findings at intake.
    pub blocks: u32,
    /// Warnings at intake.
    pub warnings: u32,
    /// Its place among the approved ones, from 1.
    pub position: Option<u32>,
    /// The image, once built.
    pub digest: Option<Digest>,
    /// Why it failed or was rejected.
    pub error: Option<String>,
}

/// A base that a Dockerfile names, and what it would be pinned to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasePin {
    /// As the Dockerfile writes it.
    pub written: String,
    /// Normalised.
    pub reference: Reference,
    /// The platform manifest in the cache, if there is one.
    pub digest: Option<Digest>,
    /// Whether the approved list has it.
    pub approved: bool,
    /// The Dockerfile's line.
    pub line: u32,
}

/// Everything that a reviewer reads before deciding (R27).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewPage {
    /// The row.
    pub submission: Submission,
    /// The Dockerfile's text, lossily decoded; not sanitised.
    pub dockerfile: String,
    /// Findings, in the order of their places.
    pub findings: Vec<Finding>,
    /// The bases.
    pub pins: Vec<BasePin>,
    /// What was decided so far.
    pub decisions: Vec<Decision>,
    /// What reviewers said about single lines, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comments: Vec<Comment>,
    /// Rejections for the same rules, the latest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub precedents: Vec<Precedent>,
    /// What this submission asks for or needs, and could be granted for itself alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grantable: Vec<Grant>,
    /// Words that the policy has ready for decisions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<String>,
    /// Which approvals stand, and how many are needed.
    #[serde(default)]
    pub approvals: Approvals,
    /// Rules that the policy weighs otherwise at this moment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub switches: Vec<(String, Switch)>,
    /// What a second build came to, if there was one (R20).
    pub reproduction: Option<Comparison>,
    /// The slug's previous submission and its Dockerfile, if there is one.
    pub previous: Option<Previous>,
    /// The slug's last published submission, where that is another one than the previous.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Previous>,
    /// What it or an earlier build of the slug used of the network, where that was ever granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkView>,
}

/// Which approvals of a submission stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approvals {
    /// How many reviewers have to be for it, without grants.
    pub needed: u32,
    /// Those who are, by what would be built now.
    pub by: Vec<Actor>,
    /// Those who were, before something changed.
    pub lapsed: Vec<Lapsed>,
}

/// An approval that no longer holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lapsed {
    /// Whose it was.
    pub by: Actor,
    /// What changed since, in words.
    pub changed: Vec<String>,
}

/// What a granted build said over the network, beside the slug's last granted build (R14).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkView {
    /// This submission's build.
    pub used: Option<NetworkUse>,
    /// The slug's last granted build before this one.
    pub before: Option<(SubmissionId, NetworkUse)>,
    /// What is new, gone or grown since then.
    pub differences: Vec<Difference>,
}

/// The submission before this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// Its number.
    pub id: SubmissionId,
    /// How it ended.
    pub state: State,
    /// Its Dockerfile's text.
    pub dockerfile: String,
    /// What differs beside the Dockerfile, where its context is still there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
}

/// The files of a context, as far as they were asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextListing {
    /// Entries of the context.
    pub total: u64,
    /// Those that were asked for.
    pub matching: u64,
    /// Bytes of the stored context.
    pub bytes: u64,
    /// The first of them, by path.
    pub files: Vec<ContextFile>,
}

/// One entry of a context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextFile {
    /// Its path; not sanitised.
    pub path: String,
    /// What it is.
    #[serde(flatten)]
    pub listed: Listed,
    /// What is remarkable about it, in words.
    pub flags: Vec<String>,
}

/// A file's text, fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileText {
    /// Its path; not sanitised.
    pub path: String,
    /// Its bytes.
    pub size: u64,
    /// Whether it is text; if not there are no lines.
    pub is_text: bool,
    /// Whether there is more than is shown.
    pub cut: bool,
    /// Its lines, control characters as escapes.
    pub lines: Vec<String>,
    /// What is remarkable about it, in words.
    pub flags: Vec<String>,
}

/// One line of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleRow {
    /// Name.
    pub slug: Slug,
    /// `published` or `yanked`.
    pub state: State,
    /// The image.
    pub digest: Digest,
    /// The submission that it came from.
    pub submission: SubmissionId,
    /// When it was published.
    pub published_at: Timestamp,
    /// Compressed size in bytes.
    pub bytes: u64,
    /// Layers.
    pub layers: u32,
    /// Packages in the bill of materials.
    pub packages: u32,
    /// Findings let through by an exception.
    pub excepted: u32,
    /// Whether a signature is kept beside it.
    pub signed: bool,
    /// Whether it can be built again to the same bytes (R20).
    pub reproduction: Reproduction,
}

/// One answer of `flareo doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// How it stands.
    pub status: CheckStatus,
    /// What was found.
    pub found: String,
    /// What to do, where something is to be done.
    pub help: String,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckStatus {
    /// As it should be.
    Ok,
    /// Works, but less well.
    Degraded,
    /// Does not work.
    Missing,
}
