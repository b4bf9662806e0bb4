//! Vulnerabilities that may pass the gate for a while, each with an owner, a reason and an end (R23).

use rusqlite::{OptionalExtension as _, Row, params};
use serde_json::json;

use super::columns::At;
use super::{Queue, StoreError, audit};
use crate::model::audit::Record;
use crate::model::scan::Exception;
use crate::model::{Actor, Slug, Timestamp};

/// An exception before it has a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewException {
    /// The advisory's id.
    pub vulnerability: String,
    /// The package, by name.
    pub package: String,
    /// One module, or all of them.
    pub module: Option<Slug>,
    /// Who answers for it.
    pub owner: Actor,
    /// Why.
    pub reason: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

const COLUMNS: &str = "id, vulnerability, package, module, owner, reason, expires_at, created_at";

fn exception(row: &Row<'_>) -> rusqlite::Result<Exception> {
    Ok(Exception {
        id: row.get(0)?,
        vulnerability: row.get(1)?,
        package: row.get(2)?,
        module: row.get(3)?,
        owner: row.get(4)?,
        reason: row.get(5)?,
        expires_at: row.get::<_, At>(6)?.0,
        created_at: row.get::<_, At>(7)?.0,
    })
}

impl NewException {
    fn check(&self, now: Timestamp) -> Result<(), StoreError> {
        let empty = [
            ("a vulnerability", &self.vulnerability),
            ("a package", &self.package),
            ("an owner", &self.owner.0),
            ("a reason", &self.reason),
        ]
        .into_iter()
        .find(|(_, text)| text.trim().is_empty());
        if let Some((what, _)) = empty {
            return Err(StoreError::Invalid(format!("an exception needs {what}")));
        }
        if self.expires_at <= now {
            return Err(StoreError::Invalid(format!(
                "an exception has to end in the future, not at {}",
                self.expires_at
            )));
        }
        Ok(())
    }
}

impl Queue {
    /// Adds an exception.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] if it lacks an owner, a reason or an end in the future, or if the database can't be
    /// written.
    pub fn add_exception(&self, new: &NewException, by: &Actor) -> Result<Exception, StoreError> {
        let now = self.now();
        new.check(now)?;
        self.write(|t| {
            t.execute(
                "INSERT INTO exceptions (vulnerability, package, module, owner, reason, expires_at, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    new.vulnerability,
                    new.package,
                    new.module,
                    new.owner,
                    new.reason,
                    At(new.expires_at),
                    At(now)
                ],
            )?;
            let id = t.last_insert_rowid();
            let added = t.query_row(
                &format!("SELECT {COLUMNS} FROM exceptions WHERE id = ?1"),
                [id],
                exception,
            )?;
            let facts = json!({ "exception": added });
            audit::append(t, now, &Record::new(by, "exception.add", None, facts))?;
            Ok(added)
        })
    }

    /// Exceptions that were not removed, oldest first; those that ended are among them.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn exceptions(&self) -> Result<Vec<Exception>, StoreError> {
        self.read(|t| {
            let mut statement = t.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM exceptions WHERE removed_at IS NULL ORDER BY id"
            ))?;
            let exceptions = statement.query_map([], exception)?;
            Ok(exceptions.collect::<Result<_, _>>()?)
        })
    }

    /// Ends an exception now. It stays readable in the audit log.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or if the database can't be written.
    pub fn remove_exception(&self, id: i64, by: &Actor) -> Result<Exception, StoreError> {
        let now = self.now();
        self.write(|t| {
            let removed = t
                .query_row(
                    &format!(
                        "UPDATE exceptions SET removed_at = ?2 WHERE id = ?1 AND removed_at IS NULL
                         RETURNING {COLUMNS}"
                    ),
                    params![id, At(now)],
                    exception,
                )
                .optional()?
                .ok_or_else(|| StoreError::NotFound(format!("exception {id}")))?;
            let facts = json!({ "exception": removed });
            audit::append(t, now, &Record::new(by, "exception.remove", None, facts))?;
            Ok(removed)
        })
    }
}
