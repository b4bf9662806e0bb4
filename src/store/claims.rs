//! Claims: which reviewer reads a submission, as a lease that lapses by itself.

use std::time::Duration;

use rusqlite::{Transaction, params};
use serde_json::json;

use super::columns::At;
use super::submissions::fetch;
use super::{Queue, StoreError, audit, moves};
use crate::model::audit::Record;
use crate::model::submission::Lease;
use crate::model::{Actor, State, Submission, SubmissionId, Timestamp};

/// Until when a lease that begins now lasts.
pub(super) fn until(now: Timestamp, lease: Duration) -> Timestamp {
    At::rounded(now.saturating_add(lease).unwrap_or(Timestamp::MAX))
}

fn set(t: &Transaction<'_>, id: SubmissionId, claim: Option<&Lease>) -> Result<(), StoreError> {
    t.prepare_cached("UPDATE submissions SET claim_holder = ?2, claim_expires = ?3 WHERE id = ?1")?
        .execute(params![
            id,
            claim.map(|c| &c.holder),
            claim.map(|c| At(c.expires_at))
        ])?;
    Ok(())
}

/// The claim that counts now: one that lapsed is none.
fn live(row: &Submission, now: Timestamp) -> Option<&Lease> {
    row.claim.as_ref().filter(|claim| claim.expires_at > now)
}

impl Queue {
    /// Claims a pending submission for `by`, or renews a claim that is already theirs.
    ///
    /// # Errors
    /// [`StoreError::Claimed`] if another reviewer holds it, [`StoreError::Conflict`] if it is no longer pending.
    pub fn claim(
        &self,
        id: SubmissionId,
        by: &Actor,
        lease: Duration,
    ) -> Result<Lease, StoreError> {
        self.take_claim(id, by, lease, false)
    }

    /// Takes a claim over from whoever holds it.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if it is no longer pending.
    pub fn steal_claim(
        &self,
        id: SubmissionId,
        by: &Actor,
        lease: Duration,
    ) -> Result<Lease, StoreError> {
        self.take_claim(id, by, lease, true)
    }

    fn take_claim(
        &self,
        id: SubmissionId,
        by: &Actor,
        lease: Duration,
        steal: bool,
    ) -> Result<Lease, StoreError> {
        let now = self.now();
        let claim = Lease {
            holder: by.0.clone(),
            expires_at: until(now, lease),
        };
        self.write(|t| {
            let row = fetch(t, id)?;
            if row.state != State::Pending {
                return Err(moves::conflict(t, &row, State::Pending)?);
            }
            let held = live(&row, now);
            let from = held.filter(|c| c.holder != by.0).map(|c| c.holder.clone());
            if let (Some(held), Some(_), false) = (held, &from, steal) {
                return Err(StoreError::Claimed {
                    id,
                    by: held.holder.clone(),
                    until: held.expires_at,
                });
            }
            set(t, id, Some(&claim))?;
            // A renewal is a heartbeat, not an act.
            if held.is_none() || from.is_some() {
                let (action, facts) = match &from {
                    Some(from) => ("submission.steal", json!({ "from": from })),
                    None => ("submission.claim", json!({})),
                };
                audit::append(t, now, &Record::new(by, action, Some(id), facts))?;
            }
            Ok(claim.clone())
        })
    }

    /// Prolongs a claim.
    ///
    /// # Errors
    /// [`StoreError::NotYours`] if `by` does not hold it any more.
    pub fn renew_claim(
        &self,
        id: SubmissionId,
        by: &Actor,
        lease: Duration,
    ) -> Result<Lease, StoreError> {
        let now = self.now();
        self.write(|t| {
            let row = fetch(t, id)?;
            let claim = Lease {
                holder: by.0.clone(),
                expires_at: until(now, lease),
            };
            own(&row, by, now)?;
            set(t, id, Some(&claim))?;
            Ok(claim)
        })
    }

    /// Gives a claim back.
    ///
    /// # Errors
    /// [`StoreError::NotYours`] if `by` does not hold it.
    pub fn release_claim(&self, id: SubmissionId, by: &Actor) -> Result<(), StoreError> {
        let now = self.now();
        self.write(|t| {
            let row = fetch(t, id)?;
            own(&row, by, now)?;
            set(t, id, None)?;
            audit::append(
                t,
                now,
                &Record::new(by, "submission.release", Some(id), json!({})),
            )?;
            Ok(())
        })
    }
}

fn own(row: &Submission, by: &Actor, now: Timestamp) -> Result<(), StoreError> {
    match live(row, now) {
        Some(claim) if claim.holder == by.0 => Ok(()),
        other => Err(StoreError::NotYours {
            id: row.id,
            asked: by.0.clone(),
            holder: other.map(|claim| claim.holder.clone()),
        }),
    }
}
