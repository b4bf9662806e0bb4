//! Builds that somebody wants to end: asked for here, carried out by the worker that has the row.

use rusqlite::{OptionalExtension as _, params};
use serde_json::json;

use super::columns::At;
use super::submissions::fetch;
use super::{Queue, StoreError, audit};
use crate::model::audit::Record;
use crate::model::{Actor, Submission, SubmissionId};

impl Queue {
    /// Asks the worker that has a row to end its build. Asked twice, the first word counts.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] if no work is done on it, or the database can't be written.
    pub fn ask_to_cancel(
        &self,
        id: SubmissionId,
        by: &Actor,
        reason: &str,
    ) -> Result<Submission, StoreError> {
        let now = self.now();
        self.write(|t| {
            let row = fetch(t, id)?;
            if !row.state.is_work() {
                return Err(StoreError::Invalid(format!(
                    "submission {id} is {}: there is no build to cancel",
                    row.state
                )));
            }
            let asked = t
                .prepare_cached(
                    "INSERT OR IGNORE INTO cancellations (submission, by, at, reason) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![id, by, At(now), reason])?;
            if asked > 0 {
                let facts = json!({ "reason": reason, "state": row.state });
                let record = Record::new(by, "submission.cancel", Some(id), facts);
                audit::append(t, now, &record)?;
            }
            Ok(row)
        })
    }

    /// Who wants the build of a submission to end, and why.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn cancelled(&self, id: SubmissionId) -> Result<Option<(Actor, String)>, StoreError> {
        self.read(|t| {
            Ok(
                t.prepare_cached("SELECT by, reason FROM cancellations WHERE submission = ?1")?
                    .query_row([id], |r| Ok((r.get(0)?, r.get(1)?)))
                    .optional()?,
            )
        })
    }
}
