//! Submissions: how they come in, and how they are read back.

use rusqlite::{OptionalExtension as _, Row, Transaction, params};
use serde_json::json;

use super::columns::{At, Count, Json};
use super::{NewMail, Queue, StoreError, audit, outbox};
use crate::model::audit::Record;
use crate::model::finding::{Finding, Severity};
use crate::model::image::BuiltImage;
use crate::model::submission::{Detection, Lease, Wishes};
use crate::model::view::BasePin;
use crate::model::{Actor, Digest, Slug, State, Submission, SubmissionId, Timestamp};

/// A submission before it has a number.
#[derive(Debug, Clone)]
pub struct NewSubmission {
    /// The module that it wants to become.
    pub slug: Slug,
    /// Who sent it.
    pub submitter: Actor,
    /// The stored context.
    pub context: Digest,
    /// Its length in bytes.
    pub context_bytes: u64,
    /// Its entries.
    pub context_entries: u64,
    /// What intake found in it.
    pub detection: Detection,
    /// What the submitter asks for.
    pub wishes: Wishes,
    /// What lint said at intake.
    pub findings: Vec<Finding>,
}

/// What a reviewer's page was made of when it was last opened (R9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedReview {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
    /// What lint said then.
    pub findings: Vec<Finding>,
    /// What each base was then pinned to.
    pub pins: Vec<BasePin>,
}

/// The columns that [`submission`] reads, in its order.
pub(super) const COLUMNS: &str = "id, slug, submitter, state, context, context_bytes, context_entries, detection, \
     wishes, created_at, updated_at, claim_holder, claim_expires, work_holder, work_expires, approval, attempts, \
     image, failure, version";

fn lease(row: &Row<'_>, holder: usize) -> rusqlite::Result<Option<Lease>> {
    let held: Option<String> = row.get(holder)?;
    let until: Option<At> = row.get(holder + 1)?;
    Ok(held
        .zip(until)
        .map(|(holder, At(expires_at))| Lease { holder, expires_at }))
}

pub(super) fn submission(row: &Row<'_>) -> rusqlite::Result<Submission> {
    Ok(Submission {
        id: row.get(0)?,
        slug: row.get(1)?,
        submitter: row.get(2)?,
        state: row.get(3)?,
        context: row.get(4)?,
        context_bytes: row.get::<_, Count>(5)?.0,
        context_entries: row.get::<_, Count>(6)?.0,
        detection: row.get::<_, Json<_>>(7)?.0,
        wishes: row.get::<_, Json<_>>(8)?.0,
        created_at: row.get::<_, At>(9)?.0,
        updated_at: row.get::<_, At>(10)?.0,
        claim: lease(row, 11)?,
        work: lease(row, 13)?,
        approval: row.get(15)?,
        attempts: row.get(16)?,
        image: row.get(17)?,
        failure: row.get::<_, Option<Json<_>>>(18)?.map(|j| j.0),
        version: row.get(19)?,
    })
}

pub(super) fn missing(id: SubmissionId) -> StoreError {
    StoreError::NotFound(format!("submission {id}"))
}

pub(super) fn fetch(t: &Transaction<'_>, id: SubmissionId) -> Result<Submission, StoreError> {
    t.prepare_cached(&format!("SELECT {COLUMNS} FROM submissions WHERE id = ?1"))?
        .query_row([id], submission)
        .optional()?
        .ok_or_else(|| missing(id))
}

impl Queue {
    /// Puts a submission in the queue, with the mail that says so (R7). Answers with it and with its place among those that wait for a reviewer.
    ///
    /// # Errors
    /// [`StoreError::AlreadyPending`] if the slug has a live submission (R4), or if the database can't be written.
    pub fn submit(
        &self,
        new: &NewSubmission,
        acknowledge: impl FnOnce(&Submission, u32) -> Option<NewMail>,
    ) -> Result<(Submission, u32), StoreError> {
        let now = self.now();
        let count = |severity| {
            new.findings
                .iter()
                .filter(|f| f.severity == severity)
                .count() as u64
        };
        self.write(|t| {
            // The index would refuse it too; asking first lets the error name the slug.
            let live: bool = t
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM submissions WHERE slug = ?1
                     AND state IN ('pending', 'approved', 'building', 'scanning', 'signing'))",
                )?
                .query_row([&new.slug], |r| r.get(0))?;
            if live {
                return Err(StoreError::AlreadyPending {
                    slug: new.slug.clone(),
                });
            }
            t.prepare_cached(
                "INSERT INTO submissions (slug, submitter, state, context, context_bytes, context_entries,
                     detection, wishes, findings, blocks, warnings, created_at, updated_at)
                 VALUES (?1, ?2, 'pending', ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11)",
            )?
            .execute(params![
                new.slug,
                new.submitter,
                new.context,
                Count(new.context_bytes),
                Count(new.context_entries),
                Json(&new.detection),
                Json(&new.wishes),
                Json(&new.findings),
                Count(count(Severity::Block)),
                Count(count(Severity::Warn)),
                At(now)
            ])?;
            let id = SubmissionId(t.last_insert_rowid());
            let facts = json!({
                "slug": new.slug,
                "context": new.context,
                "wishes": new.wishes,
            });
            audit::append(
                t,
                now,
                &Record::new(&new.submitter, "submission.submit", Some(id), facts),
            )?;
            let position: u32 = t
                .prepare_cached(
                    "SELECT count(*) FROM submissions WHERE state = 'pending' AND id <= ?1",
                )?
                .query_row([id], |r| r.get(0))?;
            let row = fetch(t, id)?;
            let mail = acknowledge(&row, position);
            outbox::put(t, now, Some(id), mail.as_slice())?;
            Ok((row, position))
        })
    }

    /// One submission.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or if the database can't be read.
    pub fn submission(&self, id: SubmissionId) -> Result<Submission, StoreError> {
        self.read(|t| fetch(t, id))
    }

    /// The slug's submission before this one (R5, R27).
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn previous(&self, of: &Submission) -> Result<Option<Submission>, StoreError> {
        self.read(|t| {
            Ok(t.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM submissions WHERE slug = ?1 AND id < ?2 ORDER BY id DESC LIMIT 1"
            ))?
            .query_row(params![of.slug, of.id], submission)
            .optional()?)
        })
    }

    /// The slug's last submission before this one that was published.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn published_before(&self, of: &Submission) -> Result<Option<Submission>, StoreError> {
        self.read(|t| {
            Ok(t.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM submissions WHERE slug = ?1 AND id < ?2 AND state = ?3 ORDER BY id DESC LIMIT 1"
            ))?
            .query_row(params![of.slug, of.id, State::Published], submission)
            .optional()?)
        })
    }

    /// What lint said when the submission came in.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or if the database can't be read.
    pub fn findings(&self, id: SubmissionId) -> Result<Vec<Finding>, StoreError> {
        self.read(|t| {
            t.prepare_cached("SELECT findings FROM submissions WHERE id = ?1")?
                .query_row([id], |r| Ok(r.get::<_, Json<_>>(0)?.0))
                .optional()?
                .ok_or_else(|| missing(id))
        })
    }

    /// What the build gave, once the submission has come that far.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or if the database can't be read.
    pub fn built(&self, id: SubmissionId) -> Result<Option<BuiltImage>, StoreError> {
        self.read(|t| {
            t.prepare_cached("SELECT built FROM submissions WHERE id = ?1")?
                .query_row([id], |r| {
                    Ok(r.get::<_, Option<Json<_>>>(0)?.map(|Json(image)| image))
                })
                .optional()?
                .ok_or_else(|| missing(id))
        })
    }

    /// Keeps what a reviewer's page was made of. The latest opening counts.
    ///
    /// # Errors
    /// If there is no such submission, or the database can't be written.
    pub fn open_review(&self, id: SubmissionId, review: &OpenedReview) -> Result<(), StoreError> {
        self.write(|t| {
            fetch(t, id)?;
            t.prepare_cached(
                "INSERT INTO reviews (submission, opened_at, opened_by, findings, pins)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (submission) DO UPDATE SET opened_at = excluded.opened_at,
                     opened_by = excluded.opened_by, findings = excluded.findings, pins = excluded.pins",
            )?
            .execute(params![
                id,
                At(review.at),
                review.by,
                Json(&review.findings),
                Json(&review.pins)
            ])?;
            Ok(())
        })
    }

    /// What the reviewer's page was made of when it was last opened.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn opened_review(&self, id: SubmissionId) -> Result<Option<OpenedReview>, StoreError> {
        self.read(|t| {
            Ok(t.prepare_cached(
                "SELECT opened_at, opened_by, findings, pins FROM reviews WHERE submission = ?1",
            )?
            .query_row([id], |r| {
                Ok(OpenedReview {
                    at: r.get::<_, At>(0)?.0,
                    by: r.get(1)?,
                    findings: r.get::<_, Json<_>>(2)?.0,
                    pins: r.get::<_, Json<_>>(3)?.0,
                })
            })
            .optional()?)
        })
    }
}
