//! A build that somebody ends, and a submission that is tried once more.

use serde_json::json;

use super::{Site, SiteError, work};
use crate::model::audit::Record;
use crate::model::{Actor, Failure, State, Submission, SubmissionId};
use crate::notify;
use crate::store::{NewSubmission, StoreError};

impl Site {
    /// Ends the build of a submission. What waits in line fails at once; what a worker has in hand fails as soon as the
    /// worker has heard of it, which takes about a second.
    ///
    /// # Errors
    /// If there is no such row, nothing is built of it, or the queue can't be written.
    pub fn cancel_build(&self, id: SubmissionId, reason: &str) -> Result<Submission, SiteError> {
        let row = self.queue().submission(id)?;
        if !row.state.is_work() {
            return Err(SiteError::refused(Failure::new(format!(
                "submission {id} is {}: there is no build to cancel",
                row.state
            ))));
        }
        if row.state == State::Approved {
            let step = work::failing(&row, self.actor(), cancelled(self.actor(), reason));
            match self.queue().transition(&step) {
                // A worker was faster: it hears of it.
                Err(StoreError::NotYours { .. } | StoreError::Conflict { .. }) => {}
                other => return Ok(other?),
            }
        }
        Ok(self.queue().ask_to_cancel(id, self.actor(), reason)?)
    }

    /// Submits again what has failed, in its submitter's name: the same context and wishes, to be reviewed as any other.
    /// What is built is approved for what it is now, not for what it was then (R28).
    ///
    /// # Errors
    /// If there is no such row, it has not failed, or a rule of today refuses it.
    pub fn retry(&self, id: SubmissionId) -> Result<Submission, SiteError> {
        let row = self.queue().submission(id)?;
        if row.state != State::Failed {
            return Err(SiteError::refused(Failure::new(format!(
                "submission {id} is {}: only what has failed can be tried once more",
                row.state
            ))));
        }
        let context = self.context(&row)?;
        let read = self.dockerfile_of(&row, &context)?;
        let report = self.lint(&read, Some(&context), &[])?;
        let facts = json!({ "slug": row.slug, "context": row.context });
        self.queue().record(&Record::new(
            self.actor(),
            "submission.retry",
            Some(id),
            facts,
        ))?;
        let new = NewSubmission {
            slug: row.slug,
            submitter: row.submitter,
            context: row.context,
            context_bytes: row.context_bytes,
            context_entries: row.context_entries,
            detection: row.detection,
            wishes: row.wishes,
            findings: report.findings,
        };
        let (submission, _) = self.queue().submit(&new, notify::acknowledged)?;
        Ok(submission)
    }
}

/// Why a build that somebody ended has failed.
pub(super) fn cancelled(by: &Actor, reason: &str) -> Failure {
    let failure = match reason {
        "" => Failure::new(format!("cancelled by {by}")),
        reason => Failure::new(format!("cancelled by {by}: {reason}")),
    };
    failure.help("nothing is wrong with it as such: it can be submitted again as it is")
}
