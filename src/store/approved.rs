//! The approved list: which bases a Dockerfile may name without a grant (R8). Its history is the audit log.

use rusqlite::params;
use serde_json::json;

use super::columns::At;
use super::{Queue, StoreError, audit};
use crate::model::audit::Record;
use crate::model::base::ApprovedBase;
use crate::model::{Actor, Reference};

const SEEDED: &str = "approved-list-seeded";

impl Queue {
    /// Fills the list with what the program ships, once in the life of a database: whoever empties the list later
    /// finds it empty.
    ///
    /// # Errors
    /// If the database can't be written.
    pub fn seed_approved(&self, defaults: &[ApprovedBase], by: &Actor) -> Result<(), StoreError> {
        let seeded = "SELECT EXISTS (SELECT 1 FROM marks WHERE name = ?1)";
        if self.read(|t| Ok(t.query_row(seeded, [SEEDED], |r| r.get::<_, bool>(0))?))? {
            return Ok(());
        }
        let now = self.now();
        self.write(|t| {
            if t.query_row(seeded, [SEEDED], |r| r.get(0))? {
                return Ok(());
            }
            t.execute(
                "INSERT INTO marks VALUES (?1, ?2)",
                params![SEEDED, At(now)],
            )?;
            for base in defaults {
                t.execute(
                    "INSERT OR IGNORE INTO approved_bases (reference, purpose, added_at, added_by)
                     VALUES (?1, ?2, ?3, ?4)",
                    params![base.reference.without_digest(), base.purpose, At(now), by],
                )?;
            }
            let references: Vec<String> = defaults.iter().map(|b| b.reference.familiar()).collect();
            let facts = json!({ "references": references });
            audit::append(t, now, &Record::new(by, "approved.seed", None, facts))?;
            Ok(())
        })
    }

    /// The list, by reference.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn approved_bases(&self) -> Result<Vec<ApprovedBase>, StoreError> {
        self.read(|t| {
            let mut statement = t.prepare_cached(
                "SELECT reference, purpose FROM approved_bases ORDER BY reference",
            )?;
            let list = statement.query_map([], |r| {
                Ok(ApprovedBase {
                    reference: r.get(0)?,
                    purpose: r.get(1)?,
                })
            })?;
            Ok(list.collect::<Result<_, _>>()?)
        })
    }

    /// Whether the list has a reference, in any spelling, with or without a digest.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn is_approved(&self, reference: &Reference) -> Result<bool, StoreError> {
        self.read(|t| {
            Ok(t.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM approved_bases WHERE reference = ?1)",
            )?
            .query_row([reference.without_digest()], |r| r.get(0))?)
        })
    }

    /// Adds a line, or changes what it says it is for.
    ///
    /// # Errors
    /// If the database can't be written.
    pub fn approve_base(&self, base: &ApprovedBase, by: &Actor) -> Result<(), StoreError> {
        let now = self.now();
        let reference = base.reference.without_digest();
        self.write(|t| {
            t.execute(
                "INSERT OR REPLACE INTO approved_bases (reference, purpose, added_at, added_by)
                 VALUES (?1, ?2, ?3, ?4)",
                params![reference, base.purpose, At(now), by],
            )?;
            let facts = json!({ "reference": reference, "purpose": base.purpose });
            audit::append(t, now, &Record::new(by, "approved.add", None, facts))?;
            Ok(())
        })
    }

    /// Takes a line away.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or if the database can't be written.
    pub fn disapprove_base(&self, reference: &Reference, by: &Actor) -> Result<(), StoreError> {
        let now = self.now();
        let reference = reference.without_digest();
        self.write(|t| {
            let gone = t.execute(
                "DELETE FROM approved_bases WHERE reference = ?1",
                [&reference],
            )?;
            if gone == 0 {
                return Err(StoreError::NotFound(format!(
                    "{} in the approved list",
                    reference.familiar()
                )));
            }
            let facts = json!({ "reference": reference });
            audit::append(t, now, &Record::new(by, "approved.remove", None, facts))?;
            Ok(())
        })
    }
}
