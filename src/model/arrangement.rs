//! How a reviewer has the queue arranged.

use serde::{Deserialize, Serialize};

use super::Actor;

/// In which order rows come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// What is open first, oldest first; then what is done, the latest first.
    #[default]
    Age,
    /// The latest first.
    Newest,
    /// By name.
    Slug,
    /// What lint says most against comes first.
    Severity,
}

impl Order {
    /// The one behind it, round and round.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Age => Self::Newest,
            Self::Newest => Self::Slug,
            Self::Slug => Self::Severity,
            Self::Severity => Self::Age,
        }
    }

    /// The word that a heading uses.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Age => "by age",
            Self::Newest => "newest first",
            Self::Slug => "by slug",
            Self::Severity => "by severity",
        }
    }
}

/// Which rows there are beside their state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Narrow {
    /// All.
    #[default]
    All,
    /// Those that one reads or has sent.
    Mine,
    /// Those that ask for something: network, time, a base.
    Grants,
}

impl Narrow {
    /// The one behind it, round and round.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::All => Self::Mine,
            Self::Mine => Self::Grants,
            Self::Grants => Self::All,
        }
    }

    /// The words that a heading uses; none for all.
    pub const fn words(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Mine => "mine",
            Self::Grants => "asking for grants",
        }
    }
}

/// Order and choice, for somebody.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Arrangement {
    /// In which order.
    pub order: Order,
    /// Which rows.
    pub narrow: Narrow,
    /// Who asks.
    pub who: Option<Actor>,
}
