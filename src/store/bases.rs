//! Base images in the cache: what each reference stands for today, and everything that it ever stood for (R9).

use rusqlite::{OptionalExtension as _, Row, params};
use serde_json::json;

use super::columns::{At, Count};
use super::{Queue, StoreError, audit};
use crate::model::audit::Record;
use crate::model::base::Base;
use crate::model::{Actor, Digest, Reference, Slug, State, SubmissionId};

/// What a reference stood for from one import to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseVersion {
    /// The base as it was imported.
    pub base: Base,
    /// Who imported it.
    pub by: Actor,
}

/// Who stands on a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUsers {
    /// How many submissions were approved on it.
    pub count: u64,
    /// The latest of them.
    pub latest: Vec<(SubmissionId, Slug, State)>,
}

const COLUMNS: &str = "reference, digest, bytes, layers, source, imported_at";

fn base(row: &Row<'_>) -> rusqlite::Result<Base> {
    Ok(Base {
        reference: row.get(0)?,
        digest: row.get(1)?,
        bytes: row.get::<_, Count>(2)?.0,
        layers: row.get(3)?,
        source: row.get(4)?,
        imported_at: row.get::<_, At>(5)?.0,
    })
}

impl Queue {
    /// A reference stands for `base.digest` from now on. The store sets the time.
    ///
    /// # Errors
    /// If the database can't be written.
    pub fn put_base(&self, base: &Base, by: &Actor) -> Result<Base, StoreError> {
        let base = Base {
            reference: base.reference.without_digest(),
            imported_at: self.now(),
            ..base.clone()
        };
        self.write(|t| {
            let before: Option<Digest> = t
                .prepare_cached("SELECT digest FROM bases WHERE reference = ?1")?
                .query_row([&base.reference], |r| r.get(0))
                .optional()?;
            let values = params![
                base.reference,
                base.digest,
                Count(base.bytes),
                base.layers,
                base.source,
                At(base.imported_at),
                by
            ];
            t.execute(
                &format!("INSERT OR REPLACE INTO bases ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"),
                &values[..6],
            )?;
            t.execute(
                &format!(
                    "INSERT INTO base_history ({COLUMNS}, imported_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
                ),
                values,
            )?;
            let facts = json!({
                "reference": base.reference,
                "digest": base.digest,
                "before": before,
                "source": base.source,
            });
            audit::append(
                t,
                base.imported_at,
                &Record::new(by, "base.import", None, facts),
            )?;
            Ok(base.clone())
        })
    }

    /// What a reference stands for.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn base(&self, reference: &Reference) -> Result<Option<Base>, StoreError> {
        self.read(|t| {
            Ok(
                t.prepare_cached(&format!("SELECT {COLUMNS} FROM bases WHERE reference = ?1"))?
                    .query_row([reference.without_digest()], base)
                    .optional()?,
            )
        })
    }

    /// Every base, by reference.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn bases(&self) -> Result<Vec<Base>, StoreError> {
        self.read(|t| {
            let mut statement =
                t.prepare_cached(&format!("SELECT {COLUMNS} FROM bases ORDER BY reference"))?;
            let bases = statement.query_map([], base)?;
            Ok(bases.collect::<Result<_, _>>()?)
        })
    }

    /// Everything that a reference ever stood for, newest first.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn base_history(&self, reference: &Reference) -> Result<Vec<BaseVersion>, StoreError> {
        self.read(|t| {
            let mut statement = t.prepare_cached(&format!(
                "SELECT {COLUMNS}, imported_by FROM base_history WHERE reference = ?1 ORDER BY id DESC"
            ))?;
            let versions = statement.query_map([reference.without_digest()], |r| {
                Ok(BaseVersion {
                    base: base(r)?,
                    by: r.get(6)?,
                })
            })?;
            Ok(versions.collect::<Result<_, _>>()?)
        })
    }

    /// How many submissions were approved on a reference, and the latest of them, at most `limit`.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn base_users(&self, reference: &Reference, limit: u32) -> Result<BaseUsers, StoreError> {
        let users = "FROM submissions s WHERE s.id IN (
             SELECT d.submission FROM decisions d, json_each(d.binding, '$.pins') p
             WHERE d.verdict = 'approve' AND p.key = ?1)";
        let name = reference.without_digest().to_string();
        self.read(|t| {
            let count: Count = t
                .prepare_cached(&format!("SELECT count(*) {users}"))?
                .query_row([&name], |r| r.get(0))?;
            let mut statement = t.prepare_cached(&format!(
                "SELECT s.id, s.slug, s.state {users} ORDER BY s.id DESC LIMIT ?2"
            ))?;
            let found = statement.query_map(params![name, limit], |r| {
                Ok((r.get(0)?, r.get(1)?, r.get(2)?))
            })?;
            Ok(BaseUsers {
                count: count.0,
                latest: found.collect::<Result<_, _>>()?,
            })
        })
    }

    /// Forgets what a reference stands for. Its history stays.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or if the database can't be written.
    pub fn remove_base(&self, reference: &Reference, by: &Actor) -> Result<(), StoreError> {
        let now = self.now();
        let reference = reference.without_digest();
        self.write(|t| {
            if t.execute("DELETE FROM bases WHERE reference = ?1", [&reference])? == 0 {
                return Err(StoreError::NotFound(format!(
                    "base {} in the cache",
                    reference.familiar()
                )));
            }
            let facts = json!({ "reference": reference });
            audit::append(t, now, &Record::new(by, "base.forget", None, facts))?;
            Ok(())
        })
    }
}
