//! The steps of a submission from state to state, each one transaction: compare, change, audit entry, mail.

use rusqlite::{Transaction, params};
use serde_json::{Value, json};

use super::columns::{At, Json};
use super::submissions::fetch;
use super::{NewMail, Queue, StoreError, attempts, audit, decisions, modules, outbox};
use crate::model::audit::Record;
use crate::model::decision::{Binding, Decision, Verdict};
use crate::model::image::BuiltImage;
use crate::model::module::Module;
use crate::model::{Actor, Digest, Failure, State, Submission, SubmissionId, Timestamp};

/// A step, with what only this step brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// A reviewer lets it be built.
    Approve {
        /// What exactly is approved (R28).
        binding: Binding,
        /// Why.
        reason: String,
    },
    /// A reviewer is for it, and the policy wants more than one (R29): it waits on.
    Assent {
        /// What exactly this reviewer is for.
        binding: Binding,
        /// Why.
        reason: String,
    },
    /// A reviewer turns it away.
    Reject {
        /// Why, in the reviewer's words.
        reason: String,
    },
    /// Its submitter takes it back.
    Withdraw,
    /// What was approved is no longer what would be built: back to the reviewers (R28).
    Void {
        /// What changed.
        reason: String,
    },
    /// A worker begins to build.
    Begin,
    /// The image is in the content store.
    Built(BuiltImage),
    /// The scan let it pass.
    Scanned,
    /// Signed: into the catalog.
    Publish(Module),
    /// An error stops it for good.
    Fail(Failure),
    /// Out of the catalog again.
    Yank {
        /// Why.
        reason: String,
    },
}

impl Move {
    /// Where it leads.
    pub const fn to(&self) -> State {
        match self {
            Self::Approve { .. } => State::Approved,
            Self::Reject { .. } => State::Rejected,
            Self::Withdraw => State::Withdrawn,
            Self::Assent { .. } | Self::Void { .. } => State::Pending,
            Self::Begin => State::Building,
            Self::Built(_) => State::Scanning,
            Self::Scanned => State::Signing,
            Self::Publish(_) => State::Published,
            Self::Fail(_) => State::Failed,
            Self::Yank { .. } => State::Yanked,
        }
    }

    /// What the audit log calls it.
    pub const fn action(&self) -> &'static str {
        match self {
            Self::Approve { .. } => "submission.approve",
            Self::Assent { .. } => "submission.assent",
            Self::Reject { .. } => "submission.reject",
            Self::Withdraw => "submission.withdraw",
            Self::Void { .. } => "submission.void",
            Self::Begin => "submission.build",
            Self::Built(_) => "submission.built",
            Self::Scanned => "submission.scanned",
            Self::Publish(_) => "submission.publish",
            Self::Fail(_) => "submission.fail",
            Self::Yank { .. } => "module.yank",
        }
    }

    /// What the audit log keeps of it, beside what the caller adds.
    fn facts(&self) -> Value {
        match self {
            Self::Approve { binding, reason } | Self::Assent { binding, reason } => {
                json!({ "reason": reason, "approval": binding.digest(), "binding": binding })
            }
            Self::Reject { reason } | Self::Void { reason } | Self::Yank { reason } => {
                json!({ "reason": reason })
            }
            Self::Withdraw | Self::Begin | Self::Scanned => json!({}),
            Self::Built(image) => json!({ "image": image }),
            Self::Publish(module) => json!({ "digest": module.digest }),
            Self::Fail(failure) => json!({ "failure": failure }),
        }
    }

    /// Whether the step needs a reviewer whom no other reviewer's claim stands in the way of.
    const fn is_decision(&self) -> bool {
        matches!(
            self,
            Self::Approve { .. } | Self::Assent { .. } | Self::Reject { .. }
        )
    }
}

/// What the caller saw, and what must still be so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// The row.
    pub id: SubmissionId,
    /// Its state.
    pub state: State,
    /// Its version: counts steps and takings by workers, not claims and renewals.
    pub version: i64,
}

impl From<&Submission> for Expected {
    fn from(seen: &Submission) -> Self {
        Self {
            id: seen.id,
            state: seen.state,
            version: seen.version,
        }
    }
}

/// A step to be made, with everything that belongs in its transaction.
#[derive(Debug, Clone)]
pub struct Transition {
    expected: Expected,
    by: Actor,
    action: Move,
    worker: Option<String>,
    facts: Value,
    evidence: Vec<(String, Digest)>,
    mails: Vec<NewMail>,
}

impl Transition {
    /// The step `action` by `by` of a row that stands as `seen`.
    pub fn new(seen: impl Into<Expected>, by: &Actor, action: Move) -> Self {
        Self {
            expected: seen.into(),
            by: by.clone(),
            action,
            worker: None,
            facts: Value::Null,
            evidence: Vec::new(),
            mails: Vec::new(),
        }
    }

    /// Made by a worker: refused unless `holder` still has the row.
    #[must_use]
    pub fn worker(mut self, holder: &str) -> Self {
        self.worker = Some(holder.to_owned());
        self
    }

    /// More facts for the audit log: an object.
    #[must_use]
    pub fn facts(mut self, facts: Value) -> Self {
        self.facts = facts;
        self
    }

    /// Names something in the content store that speaks of the submission, as `scan-report`.
    #[must_use]
    pub fn evidence(mut self, kind: &str, digest: Digest) -> Self {
        self.evidence.push((kind.to_owned(), digest));
        self
    }

    /// A mail to be sent if, and only if, the step is made.
    #[must_use]
    pub fn mail(mut self, mail: NewMail) -> Self {
        self.mails.push(mail);
        self
    }

    fn record(&self, from: State) -> Record {
        let mut facts = json!({ "from": from, "to": self.action.to() });
        for part in [self.action.facts(), self.facts.clone()] {
            match (facts.as_object_mut(), part) {
                (Some(all), Value::Object(part)) => all.extend(part),
                (_, Value::Null) | (None, _) => {}
                (Some(all), other) => {
                    all.insert("facts".into(), other);
                }
            }
        }
        Record::new(
            &self.by,
            self.action.action(),
            Some(self.expected.id),
            facts,
        )
    }

    /// Whether the row as it stands lets this step be made.
    fn check(
        &self,
        t: &Transaction<'_>,
        row: &Submission,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Expected { id, state, version } = self.expected;
        // A worker that lost its row hears that first: it is what it has to act on.
        if let Some(worker) = &self.worker
            && row.work.as_ref().map(|lease| &lease.holder) != Some(worker)
        {
            return Err(StoreError::NotYours {
                id,
                asked: worker.clone(),
                holder: row.work.as_ref().map(|lease| lease.holder.clone()),
            });
        }
        if row.state != state || row.version != version {
            return Err(conflict(t, row, state)?);
        }
        let to = self.action.to();
        let waits_on = matches!(self.action, Move::Assent { .. }) && state == to;
        if !waits_on && !state.may_become(to) {
            return Err(StoreError::Forbidden {
                id,
                from: state,
                to,
            });
        }
        // What a worker has begun only a worker goes on with; an approved row that waits is anybody's.
        let in_hand = row.work.as_ref().is_some_and(|l| l.expires_at > now);
        if self.worker.is_none() && row.state.is_work() && (in_hand || state != State::Approved) {
            return Err(StoreError::NotYours {
                id,
                asked: self.by.to_string(),
                holder: row.work.as_ref().map(|lease| lease.holder.clone()),
            });
        }
        let is_for_it = matches!(self.action, Move::Approve { .. } | Move::Assent { .. });
        if is_for_it && self.by == row.submitter {
            return Err(StoreError::OwnSubmission {
                id,
                actor: self.by.clone(),
            });
        }
        if let (true, Some(claim)) = (self.action.is_decision(), &row.claim)
            && claim.holder != self.by.0
            && claim.expires_at > now
        {
            return Err(StoreError::Claimed {
                id,
                by: claim.holder.clone(),
                until: claim.expires_at,
            });
        }
        if let Move::Publish(module) = &self.action
            && (module.submission != id
                || module.slug != row.slug
                || Some(module.digest) != row.image)
        {
            return Err(StoreError::Invalid(format!(
                "what is to be published is not the image of submission {id}"
            )));
        }
        Ok(())
    }

    /// Changes the row and what hangs on it.
    fn apply(
        &self,
        t: &Transaction<'_>,
        row: &Submission,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let id = row.id;
        let set = |columns: &str, value: &dyn rusqlite::ToSql| -> Result<(), StoreError> {
            t.prepare_cached(&format!("UPDATE submissions SET {columns} WHERE id = ?1"))?
                .execute(params![id, value])?;
            Ok(())
        };
        let decide = |verdict, reason: &str, binding: Option<&Binding>| {
            decisions::put(
                t,
                id,
                &Decision {
                    verdict,
                    by: self.by.clone(),
                    reason: reason.to_owned(),
                    at: now,
                    binding: binding.cloned(),
                    voided: None,
                },
            )
        };
        // What a state needs stands before the state does: the table's checks hold at every statement.
        match &self.action {
            Move::Approve { binding, reason } => {
                decide(Verdict::Approve, reason, Some(binding))?;
                set("approval = ?2", &binding.digest())?;
                set("approved_at = ?2", &At(now))?;
            }
            Move::Assent { binding, reason } => decide(Verdict::Approve, reason, Some(binding))?,
            Move::Reject { reason } => {
                decide(Verdict::Reject, reason, None)?;
                set("failure = ?2", &Json(Failure::new(reason.clone())))?;
            }
            Move::Built(image) => {
                set("built = ?2", &Json(image))?;
                set("image = ?2", &image.digest)?;
            }
            Move::Fail(failure) => set("failure = ?2", &Json(failure))?,
            Move::Publish(module) => modules::put(t, module, now)?,
            Move::Yank { .. } => modules::yank(t, id, now)?,
            Move::Void { reason } => decisions::void(t, id, reason, now)?,
            Move::Withdraw | Move::Begin | Move::Scanned => {}
        }
        let to = self.action.to();
        set("state = ?2, version = version + 1", &to)?;
        set("updated_at = ?2", &At(now))?;
        set("claim_holder = ?2, claim_expires = ?2", &None::<i64>)?;
        if matches!(self.action, Move::Void { .. }) {
            set("approval = ?2, approved_at = ?2", &None::<i64>)?;
        }
        if !to.is_work() {
            set("work_holder = ?2, work_expires = ?2", &None::<i64>)?;
            attempts::end(t, id, now, to.word())?;
        }
        for (kind, digest) in &self.evidence {
            attempts::put_evidence(t, id, kind, *digest, now)?;
        }
        Ok(())
    }
}

/// The error that says who was faster.
pub(super) fn conflict(
    t: &Transaction<'_>,
    row: &Submission,
    expected: State,
) -> Result<StoreError, StoreError> {
    let last = audit::last_about(t, row.id)?;
    let (by, action, at) = last.map_or_else(
        || {
            (
                row.submitter.clone(),
                "submission.submit".to_owned(),
                row.updated_at,
            )
        },
        |entry| (entry.actor, entry.action, entry.at),
    );
    Ok(StoreError::Conflict {
        id: row.id,
        expected,
        state: row.state,
        by,
        action,
        at,
    })
}

impl Queue {
    /// Makes a step, with its audit entry and its mail, or changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the row is not what was expected, [`StoreError::Forbidden`] if the design has no
    /// such step, [`StoreError::NotYours`] if a worker speaks whose lease another has, [`StoreError::Claimed`] if
    /// another reviewer reads it, [`StoreError::OwnSubmission`] (R29), or if the database can't be written.
    pub fn transition(&self, step: &Transition) -> Result<Submission, StoreError> {
        let now = self.now();
        self.write(|t| {
            let row = fetch(t, step.expected.id)?;
            step.check(t, &row, now)?;
            step.apply(t, &row, now)?;
            audit::append(t, now, &step.record(row.state))?;
            outbox::put(t, now, Some(row.id), &step.mails)?;
            fetch(t, row.id)
        })
    }
}
