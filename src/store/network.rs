//! The ledgers of granted builds (R14): connections as they end, and one closing entry a build.

use rusqlite::types::Type;
use rusqlite::{OptionalExtension as _, Row, params};
use serde_json::json;

use super::columns::{At, Count, Json};
use super::{Queue, StoreError, audit};
use crate::model::audit::Record;
use crate::model::ledger::{Connection, LedgerEntry, NetworkUse, Passage};
use crate::model::{Actor, Slug, SubmissionId};

fn connection(row: &Row<'_>) -> rusqlite::Result<Connection> {
    let unreadable = |column: usize, what: &str| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, what.to_owned().into())
    };
    let address: Option<String> = row.get(3)?;
    let verdict: String = row.get(8)?;
    Ok(Connection {
        step: row.get(0)?,
        host: row.get(1)?,
        port: row.get(2)?,
        address: match address {
            Some(text) => Some(text.parse().map_err(|_| unreadable(3, "no address"))?),
            None => None,
        },
        started_at: row.get::<_, At>(4)?.0,
        took_ms: row.get::<_, Count>(5)?.0,
        up: row.get::<_, Count>(6)?.0,
        down: row.get::<_, Count>(7)?.0,
        verdict: Passage::ALL
            .into_iter()
            .find(|passage| passage.word() == verdict)
            .ok_or_else(|| unreadable(8, "no verdict"))?,
        reason: row.get(9)?,
    })
}

impl Queue {
    /// Adds connections of an attempt's build to its ledger, in one transaction.
    ///
    /// # Errors
    /// If the database can't be written.
    pub fn log_connections(
        &self,
        id: SubmissionId,
        attempt: u32,
        connections: &[Connection],
    ) -> Result<(), StoreError> {
        if connections.is_empty() {
            return Ok(());
        }
        self.write(|t| {
            let mut insert = t.prepare_cached(
                "INSERT INTO connections (submission, attempt, step, host, port, address, started_at, took_ms, up, down,
                     verdict, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?;
            for c in connections {
                insert.execute(params![
                    id,
                    attempt,
                    c.step,
                    c.host,
                    c.port,
                    c.address.map(|address| address.to_string()),
                    At(c.started_at),
                    Count(c.took_ms),
                    Count(c.up),
                    Count(c.down),
                    c.verdict.word(),
                    c.reason
                ])?;
            }
            Ok(())
        })
    }

    /// The connections of all attempts, in the order in which they ended.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn connections(&self, id: SubmissionId) -> Result<Vec<LedgerEntry>, StoreError> {
        self.read(|t| {
            let mut statement = t.prepare_cached(
                "SELECT step, host, port, address, started_at, took_ms, up, down, verdict, reason, attempt
                 FROM connections WHERE submission = ?1 ORDER BY attempt, id",
            )?;
            let entries = statement.query_map([id], |row| {
                Ok(LedgerEntry {
                    attempt: row.get(10)?,
                    connection: connection(row)?,
                })
            })?;
            Ok(entries.collect::<Result<_, _>>()?)
        })
    }

    /// Closes the ledger of an attempt's build, with the build's one entry in the audit log.
    ///
    /// # Errors
    /// If the database can't be written, or it was closed before.
    pub fn close_ledger(&self, id: SubmissionId, network: &NetworkUse) -> Result<(), StoreError> {
        let now = self.now();
        self.write(|t| {
            t.prepare_cached(
                "INSERT INTO ledgers (submission, attempt, network, closed_at) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![id, network.attempt, Json(network), At(now)])?;
            let facts = json!({
                "attempt": network.attempt, "groups": network.groups, "ledger": network.ledger,
                "connections": network.connections, "refused": network.refused,
                "up": network.up, "down": network.down,
            });
            let record = Record::new(&Actor::worker(), "submission.network", Some(id), facts);
            audit::append(t, now, &record)?;
            Ok(())
        })
    }

    /// What the last granted build of a submission used.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn network_use(&self, id: SubmissionId) -> Result<Option<NetworkUse>, StoreError> {
        self.read(|t| {
            let found: Option<Json<NetworkUse>> = t
                .prepare_cached(
                    "SELECT network FROM ledgers WHERE submission = ?1 ORDER BY attempt DESC LIMIT 1",
                )?
                .query_row([id], |row| row.get(0))
                .optional()?;
            Ok(found.map(|json| json.0))
        })
    }

    /// The slug's last granted build that came to an image, before the submission `before`.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn last_granted(
        &self,
        slug: &Slug,
        before: SubmissionId,
    ) -> Result<Option<(SubmissionId, NetworkUse)>, StoreError> {
        self.read(|t| {
            let found: Option<(SubmissionId, Json<NetworkUse>)> = t
                .prepare_cached(
                    "SELECT l.submission, l.network FROM ledgers l JOIN submissions s ON s.id = l.submission
                     WHERE s.slug = ?1 AND s.id < ?2 AND s.image IS NOT NULL
                     ORDER BY l.submission DESC, l.attempt DESC LIMIT 1",
                )?
                .query_row(params![slug, before], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            Ok(found.map(|(id, json)| (id, json.0)))
        })
    }
}
