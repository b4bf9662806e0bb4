//! What workers did with a submission: each taking and its ending, and the evidence that they left in the content
//! store.

use std::collections::BTreeMap;

use rusqlite::{Row, Transaction, params};

use super::columns::At;
use super::{Queue, StoreError};
use crate::model::{Digest, State, Submission, SubmissionId, Timestamp};

/// One time that a worker had a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// Which worker.
    pub holder: String,
    /// In which state it found the row.
    pub from: State,
    /// When it took the row.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// How: the state that it led to, `released`, or `lost` if another worker had to take over.
    pub ending: Option<String>,
}

fn attempt(row: &Row<'_>) -> rusqlite::Result<Attempt> {
    Ok(Attempt {
        number: row.get(0)?,
        holder: row.get(1)?,
        from: row.get(2)?,
        started_at: row.get::<_, At>(3)?.0,
        finished_at: row.get::<_, Option<At>>(4)?.map(|at| at.0),
        ending: row.get(5)?,
    })
}

pub(super) fn begin(
    t: &Transaction<'_>,
    before: &Submission,
    holder: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    end(t, before.id, now, "lost")?;
    t.prepare_cached(
        "INSERT INTO attempts (submission, attempt, holder, from_state, started_at) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![before.id, before.attempts + 1, holder, before.state, At(now)])?;
    Ok(())
}

pub(super) fn end(
    t: &Transaction<'_>,
    id: SubmissionId,
    now: Timestamp,
    how: &str,
) -> Result<(), StoreError> {
    t.prepare_cached(
        "UPDATE attempts SET finished_at = ?2, ending = ?3 WHERE submission = ?1 AND finished_at IS NULL",
    )?
    .execute(params![id, At(now), how])?;
    Ok(())
}

pub(super) fn put_evidence(
    t: &Transaction<'_>,
    id: SubmissionId,
    kind: &str,
    digest: Digest,
    now: Timestamp,
) -> Result<(), StoreError> {
    t.prepare_cached(
        "INSERT OR REPLACE INTO evidence (submission, kind, digest, at) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![id, kind, digest, At(now)])?;
    Ok(())
}

impl Queue {
    /// Every time that a worker had the submission, oldest first.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn attempts(&self, id: SubmissionId) -> Result<Vec<Attempt>, StoreError> {
        self.read(|t| {
            let mut statement = t.prepare_cached(
                "SELECT attempt, holder, from_state, started_at, finished_at, ending FROM attempts
                 WHERE submission = ?1 ORDER BY attempt",
            )?;
            let attempts = statement.query_map([id], attempt)?;
            Ok(attempts.collect::<Result<_, _>>()?)
        })
    }

    /// What the content store holds about the submission, by kind.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn evidence(&self, id: SubmissionId) -> Result<BTreeMap<String, Digest>, StoreError> {
        self.read(|t| {
            let mut statement =
                t.prepare_cached("SELECT kind, digest FROM evidence WHERE submission = ?1")?;
            let evidence = statement.query_map([id], |r| Ok((r.get(0)?, r.get(1)?)))?;
            Ok(evidence.collect::<Result<_, _>>()?)
        })
    }
}
