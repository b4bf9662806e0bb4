//! What can go wrong in the queue, with the facts that a person needs to go on.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::model::{Actor, Slug, State, SubmissionId, Timestamp};

/// Why the queue did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// R4.
    #[error("submission already pending for slug {slug}")]
    AlreadyPending {
        /// The slug.
        slug: Slug,
    },
    /// R29.
    #[error("{actor} sent submission {id} and can't approve it; somebody else has to")]
    OwnSubmission {
        /// Which one.
        id: SubmissionId,
        /// Who tried.
        actor: Actor,
    },
    /// The row is no longer what the caller saw.
    #[error(
        "submission {id} is {state} now, not {expected}: {by} did `{action}` at {at}; look at it again"
    )]
    Conflict {
        /// Which one.
        id: SubmissionId,
        /// What the caller saw.
        expected: State,
        /// What it is.
        state: State,
        /// Who changed it last.
        by: Actor,
        /// How.
        action: String,
        /// When.
        at: Timestamp,
    },
    /// Another reviewer reads it.
    #[error("submission {id} is claimed by {by} until {until}; take the claim over, or wait")]
    Claimed {
        /// Which one.
        id: SubmissionId,
        /// Who.
        by: String,
        /// Until when.
        until: Timestamp,
    },
    /// A worker or a reviewer speaks for a lease that is not theirs any more.
    #[error("{asked} does not hold submission {id}{}", .holder.as_ref().map_or_else(String::new, |h| format!(": {h} does")))]
    NotYours {
        /// Which one.
        id: SubmissionId,
        /// Who asked.
        asked: String,
        /// Who holds it.
        holder: Option<String>,
    },
    /// The design has no such step.
    #[error("submission {id} can't go from {from} to {to}")]
    Forbidden {
        /// Which one.
        id: SubmissionId,
        /// Where it stands.
        from: State,
        /// Where it was to go.
        to: State,
    },
    /// There is no such thing.
    #[error("there is no {0}")]
    NotFound(String),
    /// It is there already.
    #[error("{0} already")]
    Exists(String),
    /// What was given can't be kept.
    #[error("{0}")]
    Invalid(String),
    /// Another process writes and did not stop in time.
    #[error("{path} is busy: another flareo process has been writing for {seconds} s; try again", path = path.display())]
    Busy {
        /// The database.
        path: PathBuf,
        /// How long was waited.
        seconds: u64,
    },
    /// No room.
    #[error("the disk that holds {path} is full: nothing was changed; make room and try again", path = path.display())]
    DiskFull {
        /// The database.
        path: PathBuf,
    },
    /// Not readable as a database, or not ours.
    #[error("{path} can't be trusted: {why}; restore it from a backup", path = path.display())]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Written by a later flareo.
    #[error(
        "{path} was written by a newer flareo (schema {found}, this one knows {known}); run that version",
        path = path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// The file can't be opened.
    #[error("can't open {path}: {source}", path = path.display())]
    Open {
        /// The database.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Anything else that SQLite says.
    #[error("the queue's database refused: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// How long a connection waits for another writer.
pub(super) const BUSY_SECONDS: u64 = 10;

impl StoreError {
    /// Whether the same call may succeed a little later.
    pub const fn is_busy(&self) -> bool {
        matches!(self, Self::Busy { .. })
    }

    /// Gives an error of SQLite its meaning and its place.
    pub(super) fn at(self, path: &Path) -> Self {
        let Self::Sqlite(error) = self else {
            return self;
        };
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy {
                path,
                seconds: BUSY_SECONDS,
            },
            Some(ErrorCode::DiskFull) => Self::DiskFull { path },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt {
                path,
                why: error.to_string(),
            },
            _ => match error {
                unreadable @ (rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..)) => Self::Corrupt {
                    path,
                    why: unreadable.to_string(),
                },
                other => Self::Sqlite(other),
            },
        }
    }
}
