//! What can be wrong with the content store or with what lies in it.

use std::io;
use std::path::PathBuf;

use crate::model::Digest;

/// Why something in the content store could not be had.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// The host refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried, as in `read`.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the host said.
        source: io::Error,
    },
    /// No such blob.
    #[error("{0} is not in the content store")]
    Missing(Digest),
    /// A file does not hold what its name says.
    #[error(
        "{} is damaged: its content is {found}, expected {expected}; remove the file and import or build it again",
        path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What its name says.
        expected: Digest,
        /// What it holds.
        found: Digest,
    },
    /// A blob is longer than what it is may be.
    #[error("{what} is {size} bytes long; at most {limit} are accepted")]
    TooLarge {
        /// What it is.
        what: String,
        /// Its length.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// A document does not follow its format.
    #[error("{what} is not valid: {why}")]
    Invalid {
        /// Which document.
        what: String,
        /// What is wrong with it.
        why: String,
    },
}

impl OciError {
    pub(super) fn io(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }

    pub(super) fn invalid(what: impl Into<String>, why: impl std::fmt::Display) -> Self {
        Self::Invalid {
            what: what.into(),
            why: why.to_string(),
        }
    }
}
