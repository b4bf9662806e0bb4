//! What can go wrong around a step, as opposed to in it.

use std::io;

/// Why the sandbox could not do its work. How a step itself ended is an [`Outcome`](super::spec::Outcome).
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The host lacks what a sandbox is made of.
    #[error("this host can't sandbox a build: {what}; {help}")]
    Unsupported {
        /// What is missing.
        what: String,
        /// What to do.
        help: String,
    },
    /// The host side failed.
    #[error("sandbox: {doing}: {source}")]
    Host {
        /// What was being done.
        doing: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The inside failed before the payload started.
    #[error("sandbox: inside: {doing}: {reason}")]
    Inside {
        /// What was being done.
        doing: String,
        /// The system's answer.
        reason: String,
    },
    /// A specification that can't be carried out.
    #[error("sandbox: {0}")]
    Invalid(String),
    /// A job said no.
    #[error("{reason}")]
    Job {
        /// Which.
        job: String,
        /// In its own words.
        reason: String,
    },
    /// The end was asked for while a job ran.
    #[error("cancelled")]
    Cancelled,
}

impl SandboxError {
    pub(super) fn host(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Host { doing, source }
    }

    /// The same, for calls that answer with rustix's error.
    pub(super) fn sys(doing: impl Into<String>) -> impl FnOnce(rustix::io::Errno) -> Self {
        let doing = doing.into();
        move |errno| Self::Host {
            doing,
            source: errno.into(),
        }
    }
}
