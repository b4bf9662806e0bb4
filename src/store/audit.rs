//! The audit log: appended in the transaction of what it records, chained by hashes, verified from the start (R30).

use rusqlite::{OptionalExtension as _, Row, Transaction, params};
use serde_json::Value;

use super::columns::At;
use super::{Queue, StoreError};
use crate::model::audit::{AuditEntry, Record};
use crate::model::{Digest, Slug, SubmissionId, Timestamp};

/// What an unbroken log amounts to. Whoever keeps `head` elsewhere can tell later that nothing was cut off the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditCheck {
    /// Every entry stands as it was written.
    Intact {
        /// How many entries there are.
        entries: i64,
        /// The hash of the last one, zeros for an empty log.
        head: Digest,
    },
    /// The first entry that does not.
    Broken {
        /// Its number.
        number: i64,
        /// What is wrong with it.
        why: String,
    },
}

/// Which entries to list.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// About one submission only.
    pub submission: Option<SubmissionId>,
    /// Only entries with a number greater than this.
    pub after: i64,
    /// At most so many; 0 means 1000.
    pub limit: usize,
    /// Where there are more than so many: the newest of them, not the oldest.
    pub newest: bool,
}

/// A window of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// How many entries match in all.
    pub total: u64,
    /// Those of the window, the latest first, each with the slug of the submission it is about.
    pub entries: Vec<(AuditEntry, Option<Slug>)>,
}

const ZERO: Digest = Digest::from_bytes([0; 32]);
const COLUMNS: &str = "number, at, actor, action, submission, facts, previous, hash";

const WITH_SLUG: &str = "audit a LEFT JOIN submissions s ON s.id = a.submission";
const HOLDS: &str = "(?1 = '' OR instr(lower(a.actor || ' ' || a.action || ifnull(' ' || s.slug || ' #' || s.id, '')), ?1) > 0)";

fn entry(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    let facts: String = row.get(5)?;
    let facts = serde_json::from_str(&facts).map_err(|e| {
        rusqlite::Error::FromSqlConversionFailure(5, rusqlite::types::Type::Text, e.into())
    })?;
    Ok(AuditEntry {
        number: row.get(0)?,
        at: row.get::<_, At>(1)?.0,
        actor: row.get(2)?,
        action: row.get(3)?,
        submission: row.get(4)?,
        facts,
        previous: row.get(6)?,
        hash: row.get(7)?,
    })
}

/// What the value reads back as: a number may lose its last bit on the way through text, and the hash has to be
/// over what a reader will see.
fn as_it_reads_back(facts: &Value) -> Value {
    serde_json::from_str(&facts.to_string()).unwrap_or(Value::Null)
}

/// Appends a record to the log, within the transaction of what it speaks of.
pub(super) fn append(
    transaction: &Transaction<'_>,
    at: Timestamp,
    record: &Record,
) -> Result<AuditEntry, StoreError> {
    let last: Option<(i64, Digest)> = transaction
        .prepare_cached("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1")?
        .query_row([], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?;
    let (number, previous) = last.unwrap_or((0, ZERO));
    let text = as_it_reads_back(&record.facts).to_string();
    let mut entry = AuditEntry {
        number: number + 1,
        at,
        actor: record.actor.clone(),
        action: record.action.clone(),
        submission: record.submission,
        facts: serde_json::from_str(&text).unwrap_or(Value::Null),
        previous,
        hash: ZERO,
    };
    entry.hash = entry.expected_hash();
    transaction
        .prepare_cached(
            "INSERT INTO audit (number, at, actor, action, submission, facts, previous, hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            entry.number,
            At(at),
            entry.actor,
            entry.action,
            entry.submission,
            text,
            entry.previous,
            entry.hash
        ])?;
    Ok(entry)
}

/// The last entry about a submission.
pub(super) fn last_about(
    transaction: &Transaction<'_>,
    id: SubmissionId,
) -> Result<Option<AuditEntry>, StoreError> {
    Ok(transaction
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM audit WHERE submission = ?1 ORDER BY number DESC LIMIT 1"
        ))?
        .query_row([id], entry)
        .optional()?)
}

impl Queue {
    /// Records something that changes nothing else in the queue.
    ///
    /// # Errors
    /// If the database can't be written.
    pub fn record(&self, record: &Record) -> Result<AuditEntry, StoreError> {
        let now = self.now();
        self.write(|t| append(t, now, record))
    }

    /// The log, oldest first.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreError> {
        let limit = if filter.limit == 0 {
            1000
        } else {
            filter.limit
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(|t| {
            let of_one = if filter.submission.is_some() {
                "AND submission = ?3"
            } else {
                "AND ?3 IS NULL"
            };
            let order = if filter.newest { "DESC" } else { "ASC" };
            let mut statement = t.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM audit WHERE number > ?1 {of_one} ORDER BY number {order} LIMIT ?2"
            ))?;
            let entries =
                statement.query_map(params![filter.after, limit, filter.submission], entry)?;
            let mut entries = entries.collect::<Result<Vec<_>, _>>()?;
            if filter.newest {
                entries.reverse();
            }
            Ok(entries)
        })
    }

    /// How many entries hold `text` (in who, what, slug or `#number`, without regard to case), and a window of them,
    /// the latest first, each with the slug of the submission it is about.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn audit_page(&self, text: &str, offset: u64, limit: u32) -> Result<AuditPage, StoreError> {
        let text = text.to_lowercase();
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        self.read(|t| {
            // Without a text the numbers alone tell where the window is.
            let last: i64 =
                t.query_row("SELECT ifnull(max(number), 0) FROM audit", [], |r| r.get(0))?;
            let (total, below, offset) = if text.is_empty() {
                (last, last.saturating_sub(offset), 0)
            } else {
                let counted = format!("SELECT count(*) FROM {WITH_SLUG} WHERE {HOLDS}");
                let total = t
                    .prepare_cached(&counted)?
                    .query_row([&text], |r| r.get(0))?;
                (total, last, offset)
            };
            let columns = COLUMNS.split(", ").map(|column| format!("a.{column}"));
            let columns = columns.collect::<Vec<_>>().join(", ");
            let mut statement = t.prepare_cached(&format!(
                "SELECT {columns}, s.slug FROM {WITH_SLUG} WHERE {HOLDS} AND a.number <= ?2
                 ORDER BY a.number DESC LIMIT ?3 OFFSET ?4"
            ))?;
            let found = statement.query_map(params![text, below, limit, offset], |r| {
                Ok((entry(r)?, r.get(8)?))
            })?;
            Ok(AuditPage {
                total: u64::try_from(total).unwrap_or_default(),
                entries: found.collect::<Result<_, _>>()?,
            })
        })
    }

    /// One entry.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or if the database can't be read.
    pub fn audit_entry(&self, number: i64) -> Result<AuditEntry, StoreError> {
        self.read(|t| {
            t.prepare_cached(&format!("SELECT {COLUMNS} FROM audit WHERE number = ?1"))?
                .query_row([number], entry)
                .optional()?
                .ok_or_else(|| StoreError::NotFound(format!("entry {number} of the audit log")))
        })
    }

    /// Recomputes every hash from the first entry on and names the first that does not fit.
    ///
    /// # Errors
    /// If the database can't be read. A broken chain is an answer, not an error.
    pub fn verify_audit(&self) -> Result<AuditCheck, StoreError> {
        self.read(|t| {
            let mut statement =
                t.prepare(&format!("SELECT {COLUMNS} FROM audit ORDER BY number"))?;
            let mut rows = statement.query([])?;
            let (mut number, mut head) = (0, ZERO);
            while let Some(row) = rows.next()? {
                number += 1;
                let broken = |why: String| Ok(AuditCheck::Broken { number, why });
                let entry = match entry(row) {
                    Ok(entry) => entry,
                    Err(error) => return broken(format!("it can't be read: {error}")),
                };
                if entry.number != number {
                    return broken(format!("it is missing: entry {} follows", entry.number));
                }
                if entry.previous != head {
                    return broken("it does not follow from the entry before it".into());
                }
                if entry.hash != entry.expected_hash() {
                    return broken("its content is not what its hash was made of".into());
                }
                head = entry.hash;
            }
            Ok(AuditCheck::Intact {
                entries: number,
                head,
            })
        })
    }
}
