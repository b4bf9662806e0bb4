//! Why a submission went no further, in the words that its submitter reads.

use serde::{Deserialize, Serialize};

/// What happened, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The exact error, as in R10, R12, R17 and R23.
    pub message: String,
    /// The build step, from 1, if one is at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
    /// The Dockerfile's line, from 1, if one is at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub help: String,
}

impl Failure {
    /// A failure that no line is to blame for.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            step: None,
            line: None,
            help: String::new(),
        }
    }

    /// With what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// With the step and the line at fault.
    #[must_use]
    pub const fn at(mut self, step: Option<u32>, line: Option<u32>) -> Self {
        self.step = step;
        self.line = line;
        self
    }
}
