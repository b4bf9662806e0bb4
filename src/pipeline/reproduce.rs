//! The second build of a submission (R20): whether there is one, and what is kept of it.

use sha2::{Digest as _, Sha256};

use super::stages::Stop;
use super::{Site, SiteError};
use crate::engine::again::again;
use crate::engine::traced::Traced;
use crate::engine::{BuildError, BuildRequest, Embedded};
use crate::model::event::{Cancel, EventSink, Happening};
use crate::model::policy::{BuildPolicy, Reproduce};
use crate::model::reproduction::{Comparison, Reproduction};
use crate::model::{Digest, Failure, Submission, SubmissionId};

/// The evidence that a second build leaves: its report's JSON in the content store.
pub const REPORT: &str = "reproduction-report";
/// The longest report that is read back, in bytes.
const REPORT_LIMIT: u64 = 1 << 20;

/// Whether the policy wants a second build of `row`.
pub fn wanted(policy: &BuildPolicy, row: &Submission) -> bool {
    match policy.reproduce {
        Reproduce::Always => true,
        Reproduce::Never => false,
        Reproduce::Sample => sampled(policy.sample_share, row),
    }
}

/// Whether a submission is in the sample: by its context and what was approved, so that who asks again, on any day and
/// any host, gets the same answer.
fn sampled(share: f64, row: &Submission) -> bool {
    let mut hasher = Sha256::new();
    hasher.update(b"flareo sample 1");
    hasher.update(row.context.as_bytes());
    if let Some(approval) = row.approval {
        hasher.update(approval.as_bytes());
    }
    let drawn: [u8; 32] = hasher.finalize().into();
    let drawn = u32::from_be_bytes([drawn[0], drawn[1], drawn[2], drawn[3]]);
    f64::from(drawn) < share * (f64::from(u32::MAX) + 1.0)
}

impl Site {
    /// Builds a second time, tells what came of it, and keeps the report; answers with its digest.
    pub(super) fn reproduce(
        &self,
        engine: &Embedded,
        request: &BuildRequest<'_>,
        first: &Traced,
        required: bool,
        events: &dyn EventSink,
        cancel: &Cancel,
    ) -> Result<Digest, Stop> {
        events.emit(Happening::Again {
            step: None,
            text: "building a second time, from nothing and in other surroundings".into(),
        });
        let report =
            again(engine, request, first, events, cancel).map_err(|error| match error {
                // It is not the submission's fault, and the first build went well: somebody tries again.
                BuildError::Failed(failure) => Stop::Host(SiteError::host(failure)),
                other => other.into(),
            })?;
        let failure = not_reproduced(&report);
        let json = serde_json::to_vec(&report).map_err(SiteError::host)?;
        let kept = self.store().put(&json)?;
        events.emit(Happening::Reproduction {
            label: report.label(),
            report: report.into(),
        });
        match failure {
            Some(failure) if required => Err(Stop::Failed(Failure {
                message: format!("policy requires a reproduced build: {}", failure.message),
                ..failure
            })),
            _ => Ok(kept),
        }
    }

    /// What a second build of a submission came to, if there was one.
    ///
    /// # Errors
    /// If the queue or the content store can't be read.
    pub fn reproduction(&self, id: SubmissionId) -> Result<Option<Comparison>, SiteError> {
        let Some(kept) = self.queue().evidence(id)?.get(REPORT).copied() else {
            return Ok(None);
        };
        let bytes = self.store().read(kept, REPORT_LIMIT)?;
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(SiteError::host)
    }

    /// The label that a submission's image earned, and the digest of the report behind it.
    pub(super) fn label(
        &self,
        id: SubmissionId,
    ) -> Result<(Reproduction, Option<Digest>), SiteError> {
        let report = self.reproduction(id)?;
        let label = report.as_ref().map(Comparison::label).unwrap_or_default();
        Ok((label, self.queue().evidence(id)?.get(REPORT).copied()))
    }
}

/// The failure of who wanted the same bytes and got others.
pub fn not_reproduced(report: &Comparison) -> Option<Failure> {
    let difference = report.difference.as_ref()?;
    let failure = Failure::new(format!("{} ({})", report.label(), difference.what))
        .help(format!("likely cause: {}", difference.because));
    Some(match &difference.step {
        Some(step) => failure.at(Some(step.step), Some(step.line)),
        None => failure,
    })
}
