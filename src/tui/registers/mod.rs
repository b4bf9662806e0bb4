//! The lists beside the way of a submission: bases, audit log, outbox, and what this host can do.
//!
//! They are of one shape, rows with a sheet for the chosen one, so that one screen shows all of them. What stands in
//! the columns is made here of what the model says, a file a register.

pub mod audit;
pub mod bases;
pub mod doctor;
pub mod outbox;

use super::ink::Line;
use crate::model::SubmissionId;

/// A list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Register {
    /// The cache of base images and the approved list.
    Bases,
    /// Everything that anyone decided.
    Audit,
    /// Mail that was written.
    Outbox,
    /// What this host can do, and how things went lately.
    Doctor,
}

impl Register {
    /// All of them, in the order of their keys.
    pub const ALL: [Self; 4] = [Self::Bases, Self::Audit, Self::Outbox, Self::Doctor];

    /// Its name.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Bases => "Bases",
            Self::Audit => "Audit",
            Self::Outbox => "Outbox",
            Self::Doctor => "Doctor",
        }
    }

    /// Its columns. The first that has no width takes what the others leave.
    pub const fn columns(self) -> &'static [Column] {
        match self {
            Self::Bases => bases::COLUMNS,
            Self::Audit => audit::COLUMNS,
            Self::Outbox => outbox::COLUMNS,
            Self::Doctor => doctor::COLUMNS,
        }
    }

    /// The column that says how a row stands: a mark goes before its word, for eyes that see no colour.
    pub const fn state_column(self) -> Option<usize> {
        match self {
            Self::Bases => Some(1),
            Self::Audit => None,
            Self::Outbox | Self::Doctor => Some(0),
        }
    }

    /// What else can be asked of the row called `key`, where that takes its time.
    pub fn deeper(self, key: &str) -> Option<String> {
        (self == Self::Bases).then(|| format!("findings {key}"))
    }

    /// What stands there while it has no rows: a title, and how rows come.
    pub const fn when_empty(self) -> (&'static str, &'static str) {
        match self {
            Self::Bases => (
                "No base is known",
                "`flareo base import debian:12-slim SRC` puts one into the cache, and `flareo base add` on the approved list.",
            ),
            Self::Audit => (
                "Nothing was recorded yet",
                "Whatever anybody decides here is written down, each entry chained to the one before it.",
            ),
            Self::Outbox => (
                "No mail was written yet",
                "Submitters get mail when their submission is rejected, fails, or is published.",
            ),
            Self::Doctor => ("Nothing to be told", ""),
        }
    }
}

/// A column of a register.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its head.
    pub title: &'static str,
    /// Its width with the gap after it; 0 takes the rest.
    pub width: u16,
    /// The least width of the list at which it is shown.
    pub from: u16,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterRow {
    /// What it is asked for by.
    pub key: String,
    /// One text a column, as the register's columns say.
    pub cells: Line<'static>,
    /// What is copied of it: a digest, a hash, an address.
    pub copy: Option<String>,
    /// The submission that it is about.
    pub about: Option<SubmissionId>,
}

/// A stretch of a register.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RegisterPage {
    /// How many rows match in all.
    pub total: u64,
    /// The rows asked for.
    pub rows: Vec<RegisterRow>,
}

impl RegisterPage {
    /// The stretch of a short list that is here as a whole: the rows that hold `text`, without regard to case.
    pub fn of_all(rows: Vec<RegisterRow>, text: &str, offset: u64, limit: usize) -> Self {
        let wanted = text.to_lowercase();
        let matching: Vec<RegisterRow> = rows
            .into_iter()
            .filter(|row| {
                let cells = row.cells.iter();
                wanted.is_empty()
                    || cells
                        .into_iter()
                        .any(|c| c.text.to_lowercase().contains(&wanted))
            })
            .collect();
        Self {
            total: matching.len() as u64,
            rows: matching
                .into_iter()
                .skip(usize::try_from(offset).unwrap_or(usize::MAX))
                .take(limit)
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_register_has_one_column_that_takes_the_rest() {
        for register in Register::ALL {
            let columns = register.columns();
            assert_eq!(columns.iter().filter(|c| c.width == 0).count(), 1);
            // What is shown at the smallest size fits there, with room for the rest.
            let fixed: u16 = columns
                .iter()
                .filter(|c| c.from <= 40)
                .map(|c| c.width)
                .sum();
            assert!(fixed <= 30, "{register:?}: {fixed}");
            for width in [48, 56, 64, 72, 80, 92, 120] {
                let fixed: u16 = columns
                    .iter()
                    .filter(|c| c.from <= width)
                    .map(|c| c.width)
                    .sum();
                assert!(fixed + 12 <= width, "{register:?} at {width}: {fixed}");
            }
        }
    }
}
