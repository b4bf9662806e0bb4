//! Opening a database file: pragmas, migrations, and the refusal of what is not ours.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use rusqlite_migration::{M, Migrations};

use super::StoreError;
use super::error::BUSY_SECONDS;

/// One step for each version that was ever released; a released step never changes.
const STEPS: &[M<'static>] = &[
    M::up(include_str!("migrations/01-queue.sql")),
    M::up(include_str!("migrations/02-reproduction.sql")),
    M::up(include_str!("migrations/03-network.sql")),
    M::up(include_str!("migrations/04-comments.sql")),
    M::up(include_str!("migrations/05-voids.sql")),
    M::up(include_str!("migrations/06-cancellations.sql")),
];

/// The schema that this program knows.
pub(super) const VERSION: u32 = STEPS.len() as u32;

/// Marks the file as ours: `Flar`.
const APPLICATION_ID: i32 = 0x466c_6172;

/// Opens a connection to a database that exists, or makes the file.
pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(Duration::from_secs(BUSY_SECONDS))?;
    // FULL: a decision that somebody was told of must outlive a power cut. Under WAL that is one fsync a
    // transaction, and a submission has about ten.
    connection.execute_batch(
        "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON; PRAGMA journal_size_limit = 16777216;",
    )?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Brings a database to this program's schema. Any number of processes may do so at once.
pub(super) fn prepare(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    connection.set_transaction_behavior(TransactionBehavior::Immediate);
    let deadline = Instant::now() + Duration::from_secs(BUSY_SECONDS);
    loop {
        match try_prepare(connection, path) {
            // Two processes may see an empty file at once: the second finds the tables of the first, or a lock
            // that no busy timeout covers (the change to WAL). Either passes.
            Err(StoreError::Sqlite(e)) if passes(&e) && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(20));
            }
            other => return other,
        }
    }
}

fn passes(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

fn try_prepare(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    // One snapshot for the three, or a file that another process makes right now looks like a stranger's.
    let snapshot = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
    let tables: i64 = snapshot.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?;
    let owner: i32 = snapshot.query_row("PRAGMA application_id", [], |r| r.get(0))?;
    let found: u32 = snapshot.query_row("PRAGMA user_version", [], |r| r.get(0))?;
    snapshot.finish()?;
    if (owner != APPLICATION_ID && tables > 0) || (tables == 0 && found > 0) {
        return Err(StoreError::Corrupt {
            path: path.to_owned(),
            why: "it is a database of another program".into(),
        });
    }
    if found > VERSION {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known: VERSION,
        });
    }
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    if found == VERSION {
        return Ok(());
    }
    if tables == 0 {
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    let migrated = Migrations::from_slice(STEPS).to_latest(connection);
    let now: u32 = connection.query_row("PRAGMA user_version", [], |r| r.get(0))?;
    match migrated {
        Ok(()) => Ok(()),
        // Somebody else was faster.
        Err(_) if now == VERSION => Ok(()),
        Err(rusqlite_migration::Error::RusqliteError { err, .. }) => Err(err.into()),
        Err(other) => Err(StoreError::Corrupt {
            path: path.to_owned(),
            why: other.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_are_well_formed() {
        Migrations::from_slice(STEPS).validate().unwrap();
    }
}
