//! What reviewers decided, and the policies that were in force when they did.

use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::columns::{At, Json};
use super::{Queue, StoreError};
use crate::model::decision::{Binding, Decision, Verdict};
use crate::model::{Digest, Policy, SubmissionId, Timestamp};

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approve => "approve",
        Verdict::Reject => "reject",
    }
}

fn decision(row: &Row<'_>) -> rusqlite::Result<Decision> {
    let verdict: String = row.get(0)?;
    Ok(Decision {
        // The table's check knows these two words and no others.
        verdict: if verdict == word(Verdict::Approve) {
            Verdict::Approve
        } else {
            Verdict::Reject
        },
        by: row.get(1)?,
        reason: row.get(2)?,
        at: row.get::<_, At>(3)?.0,
        binding: row.get::<_, Option<Json<_>>>(4)?.map(|j| j.0),
        voided: row.get(5)?,
    })
}

pub(super) fn put(
    t: &Transaction<'_>,
    id: SubmissionId,
    decision: &Decision,
) -> Result<(), StoreError> {
    t.prepare_cached(
        "INSERT INTO decisions (submission, verdict, by, reason, at, binding) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        id,
        word(decision.verdict),
        decision.by,
        decision.reason,
        At(decision.at),
        decision.binding.as_ref().map(Json)
    ])?;
    Ok(())
}

/// Takes back every approval of a submission up to now.
pub(super) fn void(
    t: &Transaction<'_>,
    id: SubmissionId,
    reason: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    t.prepare_cached(
        "INSERT INTO voids (submission, decision, at, reason)
         SELECT submission, max(id), ?2, ?3 FROM decisions WHERE submission = ?1 GROUP BY submission",
    )?
    .execute(params![id, At(now), reason])?;
    Ok(())
}

impl Queue {
    /// Every decision about a submission, oldest first.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn decisions(&self, id: SubmissionId) -> Result<Vec<Decision>, StoreError> {
        self.read(|t| {
            let mut statement = t.prepare_cached(
                "SELECT d.verdict, d.by, d.reason, d.at, d.binding,
                        (SELECT v.reason FROM voids v
                         WHERE v.submission = d.submission AND v.decision >= d.id AND d.verdict = 'approve'
                         ORDER BY v.decision LIMIT 1)
                 FROM decisions d WHERE d.submission = ?1 ORDER BY d.id",
            )?;
            let decisions = statement.query_map([id], decision)?;
            Ok(decisions.collect::<Result<_, _>>()?)
        })
    }

    /// What the approval in force binds: none if there is no approval, or if it was voided.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn binding(&self, id: SubmissionId) -> Result<Option<Binding>, StoreError> {
        self.read(|t| {
            let found: Option<Json<Binding>> = t
                .prepare_cached(
                    "SELECT d.binding FROM decisions d JOIN submissions s ON s.id = d.submission
                     WHERE d.submission = ?1 AND s.approval IS NOT NULL AND d.verdict = 'approve'
                     ORDER BY d.id DESC LIMIT 1",
                )?
                .query_row([id], |r| r.get(0))
                .optional()?
                .flatten();
            Ok(found.map(|j| j.0))
        })
    }

    /// Keeps a policy by its digest, so that what an approval bound can be read years later.
    ///
    /// # Errors
    /// If the database can't be written.
    pub fn keep_policy(&self, policy: &Policy) -> Result<Digest, StoreError> {
        let digest = policy.digest();
        let known: bool = self.read(|t| {
            Ok(
                t.prepare_cached("SELECT EXISTS (SELECT 1 FROM policies WHERE digest = ?1)")?
                    .query_row([digest], |r| r.get(0))?,
            )
        })?;
        if !known {
            let now = self.now();
            self.write(|t| {
                t.execute(
                    "INSERT OR IGNORE INTO policies (digest, policy, seen_at) VALUES (?1, ?2, ?3)",
                    params![digest, Json(policy), At(now)],
                )?;
                Ok(())
            })?;
        }
        Ok(digest)
    }

    /// A policy that was once in force.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn policy(&self, digest: Digest) -> Result<Option<Policy>, StoreError> {
        self.read(|t| {
            Ok(
                t.prepare_cached("SELECT policy FROM policies WHERE digest = ?1")?
                    .query_row([digest], |r| Ok(r.get::<_, Json<Policy>>(0)?.0))
                    .optional()?,
            )
        })
    }
}
