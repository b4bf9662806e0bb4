//! The operator's rules as data: `policy.toml`, every key optional.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::limits::{ContextLimits, Limits};
use super::network::NetworkPolicy;
use super::scan::VulnerabilitySeverity;
use super::{Digest, Reference, Severity, Timestamp};

/// The whole policy.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// What a build may use (R16).
    pub limits: Limits,
    /// How often a build is made.
    pub build: BuildPolicy,
    /// What intake lets in.
    pub context: ContextLimits,
    /// Which bases may be used, where that is not left to `flareo base add`. Left out of the digest then.
    #[serde(skip_serializing_if = "BasePolicy::is_default")]
    pub bases: BasePolicy,
    /// How review works.
    pub review: ReviewPolicy,
    /// How the scan gate works (R23).
    pub scan: ScanPolicy,
    /// Under which name images are signed and served.
    pub catalog: CatalogPolicy,
    /// What the sandbox must be able to hold before anything is built.
    pub sandbox: SandboxPolicy,
    /// What can be granted to a build that asks for the network (R15). Left out of the digest where it grants nothing.
    #[serde(skip_serializing_if = "grants_nothing")]
    pub network: NetworkPolicy,
    /// What one build leaves for the next.
    pub cache: CachePolicy,
    /// Rules of lint that weigh another amount here. Left out of the digest where there is none.
    #[serde(skip_serializing_if = "LintPolicy::is_default")]
    pub lint: LintPolicy,
    /// Dockerfiles, and what this policy has to say of them: its own tests. They decide nothing, so no approval binds them.
    #[serde(rename = "example", skip_serializing)]
    pub examples: Vec<Example>,
}

fn grants_nothing(network: &NetworkPolicy) -> bool {
    *network == NetworkPolicy::default()
}

/// How often a build is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BuildPolicy {
    /// Whether a submission is built a second time, to see whether it comes to the same bytes (R20).
    pub reproduce: Reproduce,
    /// Of the submissions, the share that [`Reproduce::Sample`] builds twice: from 0 to 1.
    pub sample_share: f64,
    /// Refuse to publish what did not come to the same bytes. Wants [`Reproduce::Always`].
    pub require_reproduced: bool,
}

impl Default for BuildPolicy {
    fn default() -> Self {
        Self {
            reproduce: Reproduce::Always,
            sample_share: 0.1,
            require_reproduced: false,
        }
    }
}

/// Which submissions are built a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reproduce {
    /// Each.
    #[default]
    Always,
    /// A share of them.
    Sample,
    /// None.
    Never,
}

/// How review works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReviewPolicy {
    /// How long a claim lasts without a sign of life, in seconds.
    pub claim_seconds: u64,
    /// How many reviewers have to be for a submission (R29). Left out of the digest where it is one.
    #[serde(skip_serializing_if = "is_one")]
    pub approvals: u32,
    /// Words for decisions, to be taken with a key. They decide nothing, so no approval binds them.
    #[serde(skip_serializing)]
    pub templates: Vec<String>,
    /// How many have to be for one with grants, where that is more.
    #[serde(skip_serializing_if = "is_one")]
    pub approvals_with_grants: u32,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "what serde calls it with"
)]
const fn is_one(count: &u32) -> bool {
    *count == 1
}

impl ReviewPolicy {
    /// How many reviewers have to be for a submission that gets grants, or gets none.
    pub fn needed(&self, with_grants: bool) -> u32 {
        match with_grants {
            true => self.approvals.max(self.approvals_with_grants),
            false => self.approvals,
        }
    }
}

/// Rules of lint that weigh another amount here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LintPolicy {
    /// By rule, as in `HLT01`.
    pub rules: BTreeMap<String, Switch>,
}

impl LintPolicy {
    fn is_default(&self) -> bool {
        self.rules.is_empty()
    }
}

/// How much a rule weighs instead, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// What its findings weigh.
    pub severity: Weight,
    /// Why: whoever reads a page is told.
    pub reason: String,
    /// Until when, as in `2027-01-31`: from then on the rule weighs what it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
}

/// How much a rule weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// It is not told.
    Off,
    /// Good practice.
    Advice,
    /// A reviewer has to look.
    Warn,
    /// Cannot be approved without a grant.
    Block,
}

impl Weight {
    /// As a severity; nothing for `off`.
    pub const fn severity(self) -> Option<Severity> {
        match self {
            Self::Off => None,
            Self::Advice => Some(Severity::Advice),
            Self::Warn => Some(Severity::Warn),
            Self::Block => Some(Severity::Block),
        }
    }

    /// The word that output uses.
    pub const fn word(self) -> &'static str {
        match self.severity() {
            None => "off",
            Some(severity) => severity.word(),
        }
    }
}

impl Switch {
    /// Whether it counts at this moment. The day that it names does not belong to it any more.
    pub fn counts(&self, now: Timestamp) -> bool {
        self.until
            .is_none_or(|until| now.to_zoned(TimeZone::UTC).date() < until)
    }
}

/// A Dockerfile, and what the policy has to say of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// What it shows.
    pub name: String,
    /// The Dockerfile.
    pub dockerfile: String,
    /// Files of its context, by path.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// Whether it can be approved.
    pub expect: Expectation,
    /// The rules that block it, sorted; not looked at where there is no such key.
    #[serde(default)]
    pub rules: Option<Vec<String>>,
}

/// What becomes of an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expectation {
    /// Nothing blocks it.
    Approvable,
    /// Something does.
    Blocked,
}

impl Default for ReviewPolicy {
    fn default() -> Self {
        Self {
            claim_seconds: 900,
            approvals: 1,
            templates: Vec::new(),
            approvals_with_grants: 1,
        }
    }
}

/// Which bases may be used.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BasePolicy {
    /// References and what they are for: the whole approved list. Without it, the list is the one that `flareo base add` and
    /// `remove` change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved: Option<BTreeMap<Reference, String>>,
}

impl BasePolicy {
    const fn is_default(&self) -> bool {
        self.approved.is_none()
    }
}

/// Which scanner to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScannerChoice {
    /// Trivy where it is on the PATH, else the embedded one.
    #[default]
    Auto,
    /// Trivy; its absence is an error.
    Trivy,
    /// The embedded one.
    Embedded,
}

/// How the scan gate works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScanPolicy {
    /// Which scanner.
    pub scanner: ScannerChoice,
    /// From which severity on a finding rejects.
    pub reject_from: VulnerabilitySeverity,
    /// How old the vulnerability database may be, in hours.
    pub database_max_age_hours: u64,
    /// Whether an image without any operating system and package list may pass (scratch with a static binary).
    pub allow_no_os: bool,
    /// How long a scan may take, in seconds.
    pub time_seconds: u64,
}

impl Default for ScanPolicy {
    fn default() -> Self {
        Self {
            scanner: ScannerChoice::Auto,
            reject_from: VulnerabilitySeverity::High,
            database_max_age_hours: 24 * 7,
            allow_no_os: false,
            time_seconds: 300,
        }
    }
}

/// Under which name images are signed and served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CatalogPolicy {
    /// The repository prefix that stands in signatures and pull URLs: `PREFIX/SLUG@sha256:…`.
    pub prefix: String,
}

impl Default for CatalogPolicy {
    fn default() -> Self {
        Self {
            prefix: "registry.example/flareo".into(),
        }
    }
}

/// What the sandbox must be able to hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxPolicy {
    /// Refuse to build where a limit can only be watched, not enforced by the kernel.
    pub require_kernel_limits: bool,
    /// Refuse to build where only one id exists, so that owners which a step sets can't be kept.
    pub require_owners: bool,
}

/// What one build leaves for the next.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CachePolicy {
    /// Whether `RUN --mount=type=cache` is kept from one build of a slug to its next. Otherwise it is empty in each step.
    pub mounts: bool,
}

impl Policy {
    /// The policy without the switches that don't count at this moment: what an approval binds, so that none outlives a
    /// switch that it stands on.
    #[must_use]
    pub fn in_force(&self, now: Timestamp) -> Self {
        let mut policy = self.clone();
        policy.lint.rules.retain(|_, switch| switch.counts(now));
        policy
    }

    /// The digest of the policy in force, over its JSON: part of what an approval binds (R28).
    pub fn digest(&self) -> Digest {
        // Plain numbers, strings and enums: this can't fail.
        Digest::of(serde_json::to_vec(self).unwrap_or_default())
    }
}
