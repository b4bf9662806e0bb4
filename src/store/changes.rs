//! Whether anything in the queue has changed: cheap enough to be asked several times a second.

use rusqlite::Connection;

use super::{Queue, StoreError};

/// Watches the database for commits of any connection in any process.
///
/// It has a connection of its own, on which nothing is ever written: SQLite counts for each connection the commits of
/// all others. Asking reads no page of the file.
#[derive(Debug)]
pub struct Changes {
    connection: Connection,
    seen: i64,
}

impl Queue {
    /// Starts to watch.
    ///
    /// # Errors
    /// If the database can't be opened again.
    pub fn changes(&self) -> Result<Changes, StoreError> {
        let open = || {
            let connection = self.reader()?;
            let seen = version(&connection)?;
            Ok(Changes { connection, seen })
        };
        open().map_err(|e: StoreError| e.at(self.path()))
    }
}

impl Changes {
    /// Whether anything was committed since the last time that this was asked.
    ///
    /// # Errors
    /// If the database can't be read.
    pub fn any(&mut self) -> Result<bool, StoreError> {
        let now = version(&self.connection)?;
        Ok(std::mem::replace(&mut self.seen, now) != now)
    }
}

fn version(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection
        .prepare_cached("PRAGMA data_version")?
        .query_row([], |r| r.get(0))?)
}
