//! One error for the faces: what happened, what to do, and which exit code it means.

use crate::model::Failure;

/// What kind of trouble it is: the exit code of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// A rule, a gate or a build said no: 1.
    Refused,
    /// The question makes no sense here: 2.
    Usage,
    /// The host lacks something: 3.
    Host,
    /// Somebody else has it: 4.
    Busy,
    /// Interrupted: 130.
    Interrupted,
}

impl Trouble {
    /// The exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Refused => 1,
            Self::Usage => 2,
            Self::Host => 3,
            Self::Busy => 4,
            Self::Interrupted => 130,
        }
    }
}

/// Why the site did not do what a face asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", failure.message)]
pub struct SiteError {
    /// What kind of trouble.
    pub trouble: Trouble,
    /// What happened, where, and what to do.
    pub failure: Failure,
}

impl SiteError {
    /// A rule, a gate or a build said no.
    pub fn refused(failure: impl Into<Failure>) -> Self {
        Self {
            trouble: Trouble::Refused,
            failure: failure.into(),
        }
    }

    /// The question makes no sense here.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            trouble: Trouble::Usage,
            failure: Failure::new(message),
        }
    }

    /// The host lacks something, or failed.
    pub fn host(message: impl std::fmt::Display) -> Self {
        Self {
            trouble: Trouble::Host,
            failure: Failure::new(message.to_string()),
        }
    }

    /// Somebody else has it.
    pub fn busy(message: impl std::fmt::Display) -> Self {
        Self {
            trouble: Trouble::Busy,
            failure: Failure::new(message.to_string()),
        }
    }

    /// Stopped by a signal.
    pub fn interrupted() -> Self {
        Self {
            trouble: Trouble::Interrupted,
            failure: Failure::new("interrupted"),
        }
    }

    /// With what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.failure.help = help.into();
        self
    }
}

impl From<crate::store::StoreError> for SiteError {
    fn from(error: crate::store::StoreError) -> Self {
        use crate::store::StoreError as E;
        match &error {
            E::AlreadyPending { .. } => Self::refused(Failure::new(error.to_string()))
                .help("wait for its review, or take it back: `flareo review ID withdraw`"),
            E::OwnSubmission { .. } | E::Conflict { .. } | E::Forbidden { .. } | E::Exists(_) => {
                Self::refused(Failure::new(error.to_string()))
            }
            E::NotFound(_) | E::Invalid(_) => Self::usage(error.to_string()),
            E::Busy { .. } | E::Claimed { .. } | E::NotYours { .. } => Self::busy(error),
            _ => Self::host(error),
        }
    }
}

impl From<crate::oci::OciError> for SiteError {
    fn from(error: crate::oci::OciError) -> Self {
        Self::host(error)
    }
}

impl From<crate::review::Refusal> for SiteError {
    fn from(refusal: crate::review::Refusal) -> Self {
        Self::refused(Failure::new(refusal.to_string()))
    }
}

impl From<crate::intake::IntakeError> for SiteError {
    fn from(error: crate::intake::IntakeError) -> Self {
        if error.is_host() {
            Self::host(error)
        } else {
            Self::refused(Failure::new(error.to_string()))
        }
    }
}
