//! Mail that waits to be sent: written in the transaction of what it tells of, sent at least once.

use std::time::Duration;

use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::columns::{At, Count};
use super::{Queue, StoreError};
use crate::model::{SubmissionId, Timestamp};

/// A mail before it has a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMail {
    /// Address.
    pub to: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub body: String,
}

/// A mail in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Its number.
    pub id: i64,
    /// The submission that it speaks of.
    pub submission: Option<SubmissionId>,
    /// Address, subject, text.
    pub mail: NewMail,
    /// When it was written.
    pub created_at: Timestamp,
    /// How often sending was tried.
    pub tries: u32,
    /// What the last try said.
    pub last_error: Option<String>,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
}

const COLUMNS: &str =
    "id, submission, recipient, subject, body, created_at, tries, last_error, sent_at";

fn mail(row: &Row<'_>) -> rusqlite::Result<Mail> {
    Ok(Mail {
        id: row.get(0)?,
        submission: row.get(1)?,
        mail: NewMail {
            to: row.get(2)?,
            subject: row.get(3)?,
            body: row.get(4)?,
        },
        created_at: row.get::<_, At>(5)?.0,
        tries: row.get(6)?,
        last_error: row.get(7)?,
        sent_at: row.get::<_, Option<At>>(8)?.map(|at| at.0),
    })
}

pub(super) fn put(
    t: &Transaction<'_>,
    now: Timestamp,
    submission: Option<SubmissionId>,
    mails: &[NewMail],
) -> Result<(), StoreError> {
    for mail in mails {
        t.prepare_cached(
            "INSERT INTO outbox (submission, recipient, subject, body, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![submission, mail.to, mail.subject, mail.body, At(now)])?;
    }
    Ok(())
}

impl Queue {
    /// Takes up to `limit` unsent mails for `lease`: no other process gets them meanwhile, and whoever dies with them
    /// in hand leaves them to the next.
    ///
    /// # Errors
    /// If the database can't be written.
    pub fn take_mails(&self, limit: u32, lease: Duration) -> Result<Vec<Mail>, StoreError> {
        let now = self.now();
        let until = now.saturating_add(lease).unwrap_or(Timestamp::MAX);
        self.write(|t| {
            let mut statement = t.prepare_cached(&format!(
                "UPDATE outbox SET leased_to = ?2, tries = tries + 1 WHERE id IN
                    (SELECT id FROM outbox WHERE sent_at IS NULL AND leased_to <= ?1 ORDER BY id LIMIT ?3)
                 RETURNING {COLUMNS}"
            ))?;
            let taken = statement.query_map(params![At(now), At(until), limit], mail)?;
            let mut taken: Vec<Mail> = taken.collect::<Result<_, _>>()?;
            taken.sort_by_key(|mail| mail.id);
            Ok(taken)
        })
    }

    /// A mail is out.
    ///
    /// # Errors
    /// If the database can't be written.
    pub fn mail_sent(&self, id: i64) -> Result<(), StoreError> {
        let now = self.now();
        self.write(|t| {
            t.execute(
                "UPDATE outbox SET sent_at = ?2, last_error = NULL WHERE id = ?1 AND sent_at IS NULL",
                params![id, At(now)],
            )?;
            Ok(())
        })
    }

    /// A mail could not be sent. It is offered again once its lease is over.
    ///
    /// # Errors
    /// If the database can't be written.
    pub fn mail_failed(&self, id: i64, error: &str) -> Result<(), StoreError> {
        self.write(|t| {
            t.execute(
                "UPDATE outbox SET last_error = ?2 WHERE id = ?1 AND sent_at IS NULL",
                params![id, error],
            )?;
            Ok(())
        })
    }

    /// How many mails hold `text` (in address, subject or `#number`, without regard to case), and a window of them, the
    /// latest first.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn mail_page(
        &self,
        text: &str,
        offset: u64,
        limit: u32,
    ) -> Result<(u64, Vec<Mail>), StoreError> {
        let text = text.to_lowercase();
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        let holds = "(?1 = '' OR instr(lower(recipient || ' ' || subject || ifnull(' #' || submission, '')), ?1) > 0)";
        self.read(|t| {
            let total: Count = t
                .prepare_cached(&format!("SELECT count(*) FROM outbox WHERE {holds}"))?
                .query_row([&text], |r| r.get(0))?;
            let mut statement = t.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM outbox WHERE {holds} ORDER BY id DESC LIMIT ?2 OFFSET ?3"
            ))?;
            let mails = statement.query_map(params![text, limit, offset], mail)?;
            Ok((total.0, mails.collect::<Result<_, _>>()?))
        })
    }

    /// One mail.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or if the database can't be read.
    pub fn mail(&self, id: i64) -> Result<Mail, StoreError> {
        self.read(|t| {
            t.prepare_cached(&format!("SELECT {COLUMNS} FROM outbox WHERE id = ?1"))?
                .query_row([id], mail)
                .optional()?
                .ok_or_else(|| StoreError::NotFound(format!("mail {id} in the outbox")))
        })
    }

    /// Every mail about a submission, oldest first.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn mails(&self, about: SubmissionId) -> Result<Vec<Mail>, StoreError> {
        self.read(|t| {
            let mut statement = t.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM outbox WHERE submission = ?1 ORDER BY id"
            ))?;
            let mails = statement.query_map([about], mail)?;
            Ok(mails.collect::<Result<_, _>>()?)
        })
    }
}
