//! The queue in SQLite: connection, migrations, queries, leases, the audit chain.
//!
//! Every change is one `BEGIN IMMEDIATE` transaction that holds the change, its audit entry and its mail, so that
//! a process that dies leaves all of it or nothing. Readers never wait for writers (WAL), and several processes
//! share one file. This room knows no files but the database, builds nothing and decides nothing: whoever calls
//! has decided, and the store refuses what the rules of a row do not allow (R4, R5, R28, R29, R30).

mod approved;
mod attempts;
mod audit;
mod bases;
mod cancellations;
mod changes;
mod claims;
mod columns;
mod comments;
mod decisions;
mod error;
mod exceptions;
mod figures;
mod modules;
mod moves;
mod network;
mod outbox;
mod page;
mod schema;
mod submissions;
mod window;
mod work;

#[cfg(test)]
mod tests;

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::model::{Clock, Timestamp};
use columns::At;

pub use attempts::Attempt;
pub use audit::{AuditCheck, AuditFilter, AuditPage};
pub use bases::{BaseUsers, BaseVersion};
pub use changes::Changes;
pub use error::StoreError;
pub use exceptions::NewException;
pub use moves::{Expected, Move, Transition};
pub use outbox::{Mail, NewMail};
pub use submissions::{NewSubmission, OpenedReview};
pub use window::{Counts, QueueFilter};

/// How many idle connections for reading are kept.
const IDLE_READERS: usize = 4;

/// The queue of one state folder. Cheap to clone, and safe to share between threads and processes.
#[derive(Clone)]
pub struct Queue(Arc<Inner>);

struct Inner {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Queue").field(&self.0.path).finish()
    }
}

impl Queue {
    /// Opens the database at `path`, and makes or migrates it where that is needed.
    ///
    /// # Errors
    /// If the file can't be opened, is not ours, is damaged, or was written by a newer flareo.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        // SQLite gives its companions (-wal, -shm) the mode of the database: nobody else may read the queue.
        OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .map_err(|source| StoreError::Open {
                path: path.to_owned(),
                source,
            })?;
        let located = |e: StoreError| e.at(path);
        let mut writer = schema::connect(path).map_err(located)?;
        schema::prepare(&mut writer, path).map_err(located)?;
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            clock,
            writer: Mutex::new(writer),
            readers: Mutex::default(),
        })))
    }

    /// The database's file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// The present, as precisely as a column keeps it.
    fn now(&self) -> Timestamp {
        At::rounded(self.0.clock.now())
    }

    /// One transaction that may change things: all of it happens, or nothing.
    fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = lock(&self.0.writer);
        let run = || {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        run().map_err(|e: StoreError| e.at(&self.0.path))
    }

    /// One consistent look. It waits for no writer.
    fn read<T>(
        &self,
        look: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let run = || {
            let idle = lock(&self.0.readers).pop();
            // Another connection costs a reading of the schema: most commands end before they need one.
            if idle.is_none()
                && let Ok(mut writer) = self.0.writer.try_lock()
            {
                let transaction =
                    writer.transaction_with_behavior(TransactionBehavior::Deferred)?;
                let result = look(&transaction)?;
                transaction.finish()?;
                return Ok(result);
            }
            let mut connection = match idle {
                Some(connection) => connection,
                None => self.reader()?,
            };
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
            let result = look(&transaction)?;
            transaction.finish()?;
            let mut readers = lock(&self.0.readers);
            if readers.len() < IDLE_READERS {
                readers.push(connection);
            }
            Ok(result)
        };
        run().map_err(|e: StoreError| e.at(&self.0.path))
    }

    fn reader(&self) -> Result<Connection, StoreError> {
        let connection = schema::connect(&self.0.path)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }

    /// Whether SQLite finds the file sound. Reads all of it.
    ///
    /// # Errors
    /// If it is damaged, or can't be read.
    pub fn check(&self) -> Result<(), StoreError> {
        let answer: String =
            self.read(|t| Ok(t.query_row("PRAGMA quick_check(1)", [], |r| r.get(0))?))?;
        if answer == "ok" {
            return Ok(());
        }
        Err(StoreError::Corrupt {
            path: self.0.path.clone(),
            why: answer,
        })
    }
}

/// A panic elsewhere leaves no half transaction behind (it rolls back), so a poisoned lock is still good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
