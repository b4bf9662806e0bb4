//! Which worker has which submission: leases that a dead worker loses, and that a late one can't use any more.

use std::time::Duration;

use rusqlite::{Transaction, params};

use super::claims::until;
use super::columns::At;
use super::submissions::{COLUMNS, fetch, submission};
use super::{Queue, StoreError, attempts};
use crate::model::{Submission, SubmissionId, Timestamp};

/// The next row that `take_work` would give: first what a worker left behind, then the head of the line.
fn next(
    t: &Transaction<'_>,
    now: Timestamp,
    is_dead: &dyn Fn(&str) -> bool,
) -> Result<Option<Submission>, StoreError> {
    let free = |row: &Submission| {
        row.work
            .as_ref()
            .is_none_or(|lease| lease.expires_at <= now || is_dead(&lease.holder))
    };
    for query in [
        "state IN ('building', 'scanning', 'signing') ORDER BY id",
        "state = 'approved' ORDER BY approved_at, id",
    ] {
        let mut statement =
            t.prepare_cached(&format!("SELECT {COLUMNS} FROM submissions WHERE {query}"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let row = submission(row)?;
            if free(&row) {
                return Ok(Some(row));
            }
        }
    }
    Ok(None)
}

fn own(row: &Submission, holder: &str) -> Result<(), StoreError> {
    match &row.work {
        Some(lease) if lease.holder == holder => Ok(()),
        other => Err(StoreError::NotYours {
            id: row.id,
            asked: holder.to_owned(),
            holder: other.as_ref().map(|lease| lease.holder.clone()),
        }),
    }
}

impl Queue {
    /// Gives `holder` the next submission to work on: one that another worker left behind (its lease has lapsed, or
    /// `is_dead` says so of its holder) in the state where it was left, else the approved one that has waited
    /// longest. No two callers get the same one. `holder` must be unique to a process.
    ///
    /// # Errors
    /// If the database can't be written.
    pub fn take_work(
        &self,
        holder: &str,
        lease: Duration,
        is_dead: &dyn Fn(&str) -> bool,
    ) -> Result<Option<Submission>, StoreError> {
        let now = self.now();
        // An idle worker asks often: it should not take the writers' lock for nothing.
        if self.read(|t| next(t, now, is_dead))?.is_none() {
            return Ok(None);
        }
        self.write(|t| {
            let Some(row) = next(t, now, is_dead)? else {
                return Ok(None);
            };
            t.prepare_cached(
                "UPDATE submissions SET work_holder = ?2, work_expires = ?3, attempts = attempts + 1,
                     version = version + 1 WHERE id = ?1",
            )?
            .execute(params![row.id, holder, At(until(now, lease))])?;
            attempts::begin(t, &row, holder, now)?;
            fetch(t, row.id).map(Some)
        })
    }

    /// Prolongs a worker's lease: a sign of life.
    ///
    /// # Errors
    /// [`StoreError::NotYours`] if another worker has the row, or nobody: then this one must stop.
    pub fn renew_work(
        &self,
        id: SubmissionId,
        holder: &str,
        lease: Duration,
    ) -> Result<(), StoreError> {
        let now = self.now();
        self.write(|t| {
            own(&fetch(t, id)?, holder)?;
            t.prepare_cached("UPDATE submissions SET work_expires = ?2 WHERE id = ?1")?
                .execute(params![id, At(until(now, lease))])?;
            Ok(())
        })
    }

    /// Gives a row back in the state where it stands: the next worker takes it at once.
    ///
    /// # Errors
    /// [`StoreError::NotYours`] if `holder` does not have it.
    pub fn release_work(&self, id: SubmissionId, holder: &str) -> Result<(), StoreError> {
        let now = self.now();
        self.write(|t| {
            own(&fetch(t, id)?, holder)?;
            t.prepare_cached(
                "UPDATE submissions SET work_holder = NULL, work_expires = NULL, version = version + 1 WHERE id = ?1",
            )?
            .execute([id])?;
            attempts::end(t, id, now, "released")
        })
    }

    /// How many workers have a row in hand now.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn workers(&self) -> Result<u32, StoreError> {
        let now = self.now();
        self.read(|t| {
            Ok(t.prepare_cached(
                "SELECT count(DISTINCT work_holder) FROM submissions
                 WHERE state IN ('approved', 'building', 'scanning', 'signing') AND work_expires > ?1",
            )?
            .query_row([At(now)], |r| r.get(0))?)
        })
    }

    /// A submission's place in the line of the approved ones, from 1; none if it is not in it (R21).
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn position(&self, id: SubmissionId) -> Result<Option<u32>, StoreError> {
        self.read(|t| {
            let place: u32 = t
                .prepare_cached(
                    "SELECT count(*) FROM submissions, (SELECT approved_at AS at FROM submissions
                         WHERE id = ?1 AND state = 'approved') AS own
                     WHERE state = 'approved' AND (approved_at, id) <= (own.at, ?1)",
                )?
                .query_row([id], |r| r.get(0))?;
            Ok((place > 0).then_some(place))
        })
    }
}
