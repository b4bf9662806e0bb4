//! What went wrong inside, and while doing what.

use std::fmt::Display;

use crate::sandbox::wire::Report;

/// The longest reason that is told.
const LONGEST: usize = 8 << 10;

/// A failure inside, on its way to the host process.
#[derive(Debug)]
pub struct Fault {
    pub doing: String,
    pub reason: String,
}

impl Fault {
    pub fn new(doing: impl Into<String>, reason: impl Display) -> Self {
        Self {
            doing: doing.into(),
            reason: reason.to_string(),
        }
    }
}

impl Fault {
    /// For the host process.
    pub fn report(mut self) -> Report {
        let mut end = self.reason.len().min(LONGEST);
        while !self.reason.is_char_boundary(end) {
            end -= 1;
        }
        self.reason.truncate(end);
        Report::Failed {
            doing: self.doing,
            reason: self.reason,
        }
    }
}

/// Says what was being done.
pub trait At<T> {
    fn at(self, doing: impl FnOnce() -> String) -> Result<T, Fault>;
}

impl<T, E: Display> At<T> for Result<T, E> {
    fn at(self, doing: impl FnOnce() -> String) -> Result<T, Fault> {
        self.map_err(|error| Fault::new(doing(), error))
    }
}
