//! Why a base was not taken into the cache.

use std::io;
use std::path::PathBuf;

use crate::model::foreign;
use crate::model::image::Platform;
use crate::oci::registry::RegistryError;
use crate::oci::{InvalidLocation, OciError};

/// Why a base was not taken.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// The source is written wrongly.
    #[error(transparent)]
    Location(#[from] InvalidLocation),
    /// A file of the source can't be read.
    #[error("cannot read {}: {source}", foreign::shown(&path.to_string_lossy(), 400))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the host said.
        source: io::Error,
    },
    /// There is no room for it.
    #[error("no room for the base in {}: {source}; make room and import it again", path.display())]
    Full {
        /// The content store.
        path: PathBuf,
        /// What the host said.
        source: io::Error,
    },
    /// The content store refuses.
    #[error(transparent)]
    Store(#[from] OciError),
    /// The registry does not give it.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The source is not what it says it is.
    #[error("{what} is not what it should be: expected {expected}, found {found}")]
    Lie {
        /// Which part.
        what: String,
        /// What was promised.
        expected: String,
        /// What came.
        found: String,
    },
    /// The source is damaged, or not what its transport says.
    #[error("{what} is not valid: {why}")]
    Invalid {
        /// Which part.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// More than may come in.
    #[error("{what} is {size} bytes long; at most {limit} are accepted")]
    TooLarge {
        /// Which part.
        what: String,
        /// Its length.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// There is no image of that platform.
    #[error("there is no image for {wanted}; it offers {}", listed(offered))]
    Platform {
        /// What was asked for.
        wanted: Platform,
        /// What there is.
        offered: Vec<String>,
    },
    /// There is no image of that name.
    #[error("there is no image `{wanted}`{}", offers(offered))]
    NotFound {
        /// What was asked for.
        wanted: String,
        /// What there is.
        offered: Vec<String>,
    },
    /// There are several images.
    #[error("it holds several images: say which one of {}", listed(offered))]
    Ambiguous {
        /// What there is.
        offered: Vec<String>,
    },
}

impl BaseError {
    /// Whether it is this host's trouble, not the base's.
    pub const fn is_host(&self) -> bool {
        matches!(
            self,
            Self::Full { .. }
                | Self::Store(OciError::Io { .. })
                | Self::Registry(RegistryError::NotKept { .. })
        )
    }

    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    pub(super) fn invalid(what: impl Into<String>, why: impl std::fmt::Display) -> Self {
        Self::Invalid {
            what: what.into(),
            why: why.to_string(),
        }
    }

    pub(super) fn lie(
        what: impl Into<String>,
        expected: impl std::fmt::Display,
        found: impl std::fmt::Display,
    ) -> Self {
        Self::Lie {
            what: what.into(),
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }
}

fn offers(offered: &[String]) -> String {
    if offered.is_empty() {
        return String::new();
    }
    format!("; it offers {}", listed(offered))
}

/// At most ten of them, harmless to a terminal.
fn listed(offered: &[String]) -> String {
    if offered.is_empty() {
        return "none".into();
    }
    let shown = offered.iter().take(10);
    let shown: Vec<String> = shown.map(|o| o.escape_debug().to_string()).collect();
    let more = offered.len().saturating_sub(10);
    match more {
        0 => shown.join(", "),
        _ => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_an_archive_is_quoted_and_not_sent_to_the_terminal() {
        let error = BaseError::Io {
            path: PathBuf::from("any.tar/a\n\u{1b}[2J"),
            source: io::ErrorKind::NotFound.into(),
        };
        let said = error.to_string();
        assert!(
            said.starts_with("cannot read any.tar/a\\u{a}\\u{1b}[2J: "),
            "{said}"
        );
    }
}
