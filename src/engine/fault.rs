//! Why a step can't go on. [`embedded`](super::embedded) adds the step and the line and makes the build's error of it.

use std::io;

use super::tar::TarError;
use super::tree::{MemberError, TooManyLinks};
use crate::oci::OciError;

/// Why a step can't go on.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The Dockerfile or the context is at fault.
    #[error("{message}")]
    Input {
        /// What is wrong.
        message: String,
        /// What to do about it.
        help: String,
    },
    /// The end was asked for.
    #[error("the build was cancelled")]
    Cancelled,
    /// The build's time is up.
    #[error("build exceeded {} time limit", period(*seconds))]
    Time {
        /// The limit.
        seconds: u64,
    },
    /// All layers together are too large.
    #[error("layer size limit exceeded")]
    Layers {
        /// The limit, in bytes.
        limit: u64,
    },
    /// A step's processes wanted too much memory.
    #[error("build exceeded {gigabytes} GB memory limit")]
    Memory {
        /// The limit, as the error names it.
        gigabytes: String,
    },
    /// The host lacks something or refuses.
    #[error("{0}")]
    Host(String),
    /// The content store is at fault.
    #[error(transparent)]
    Store(#[from] OciError),
}

/// `10-minute`, or `90-second` where it is no whole number of minutes.
fn period(seconds: u64) -> String {
    match seconds {
        0 => "0-minute".into(),
        s if s % 60 == 0 => format!("{}-minute", s / 60),
        s => format!("{s}-second"),
    }
}

/// `20 GiB`, in the largest unit of which there is one.
pub fn amount(bytes: u64) -> String {
    let (unit, name) = match bytes {
        b if b >= 1 << 30 => (1 << 30, "GiB"),
        b if b >= 1 << 20 => (1 << 20, "MiB"),
        b if b >= 1 << 10 => (1 << 10, "KiB"),
        b => return format!("{b} bytes"),
    };
    match (bytes / unit, bytes % unit * 10 / unit) {
        (whole, 0) => format!("{whole} {name}"),
        (whole, tenth) => format!("{whole}.{tenth} {name}"),
    }
}

impl Fault {
    /// A fault of the input.
    pub fn input(message: impl Into<String>) -> Self {
        Self::Input {
            message: message.into(),
            help: String::new(),
        }
    }

    /// With what to do about it, where it is a fault of the input.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        if let Self::Input { help, .. } = &mut self {
            *help = text.into();
        }
        self
    }

    /// The host refused to do something with a file of ours.
    pub fn host(doing: &str, path: impl AsRef<std::path::Path>, error: &io::Error) -> Self {
        Self::Host(format!(
            "cannot {doing} {}: {error}",
            path.as_ref().display()
        ))
    }

    /// Puts a fault through an interface that only knows I/O errors; [`from_io`](Self::from_io) gets it back.
    pub fn into_io(self) -> io::Error {
        io::Error::other(self)
    }

    /// An I/O error, or the fault that was put through as one.
    pub fn from_io(error: io::Error, otherwise: impl FnOnce(io::Error) -> Self) -> Self {
        match error.downcast::<Self>() {
            Ok(fault) => fault,
            Err(error) => match error.downcast::<OciError>() {
                Ok(error) => Self::Store(error),
                Err(error) => otherwise(error),
            },
        }
    }
}

impl From<TooManyLinks> for Fault {
    fn from(error: TooManyLinks) -> Self {
        Self::input(error.to_string())
    }
}

/// Why a layer or an archive can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It is damaged.
    #[error(transparent)]
    Tar(#[from] TarError),
    /// It holds what it must not hold.
    #[error(transparent)]
    Member(#[from] MemberError),
    /// Something else went wrong on the way.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<io::Error> for ArchiveError {
    fn from(error: io::Error) -> Self {
        Self::Tar(TarError::Io(error))
    }
}

impl ArchiveError {
    /// As a fault; `what` names the archive.
    pub fn of(self, what: &str) -> Fault {
        match self {
            Self::Fault(fault) => fault,
            Self::Tar(TarError::Io(error)) => {
                Fault::from_io(error, |e| Fault::input(format!("{what}: {e}")))
            }
            Self::Tar(error) => Fault::input(format!("{what}: {error}")),
            Self::Member(error) => Fault::input(format!("{what}: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_named_in_units_that_fit() {
        for (seconds, text) in [
            (600, "10-minute"),
            (5, "5-second"),
            (90, "90-second"),
            (0, "0-minute"),
        ] {
            assert_eq!(
                Fault::Time { seconds }.to_string(),
                format!("build exceeded {text} time limit")
            );
        }
        for (bytes, text) in [
            (20 << 30, "20 GiB"),
            (3 << 29, "1.5 GiB"),
            (64 << 20, "64 MiB"),
            (1500, "1.4 KiB"),
            (7, "7 bytes"),
        ] {
            assert_eq!(amount(bytes), text);
        }
    }
}
