//! Why a step can't go on. [`embedded`](super::embedded) adds the step and the line and makes the build's error of it.

use std::io;
use std::time::Duration;

use super::tar::TarError;
use super::tree::{MemberError, TooManyLinks};
use crate::model::foreign;
use crate::model::limits::GIB;
use crate::oci::OciError;
use crate::sandbox::spec::Reached;

/// A message has no more characters: a path may have 4095 bytes, and two may be named.
const LONGEST: usize = 10_000;

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
        /// How long the build had run.
        elapsed: Duration,
    },
    /// All layers together are too large.
    #[error("layer size limit exceeded")]
    Layers {
        /// What they had come to, in bytes, as far as is known.
        reached: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The processes of the steps that ran wanted too much memory.
    #[error("build exceeded {} GB memory limit", gigabytes(_0.limit))]
    Memory(Reached),
    /// A step made too many files.
    #[error("build exceeded limit of {} files in a step", _0.limit)]
    Files(Reached),
    /// The steps that ran made too many processes.
    #[error("build exceeded limit of {} processes", _0.limit)]
    Processes(Reached),
    /// The host lacks something or refuses.
    #[error("{0}")]
    Host(String),
    /// The content store is at fault.
    #[error(transparent)]
    Store(#[from] OciError),
}

/// `4`, or `0.25` where it is no whole number.
fn gigabytes(bytes: u64) -> String {
    let whole = bytes / GIB;
    let hundredths = (bytes % GIB) * 100 / GIB;
    if hundredths == 0 && whole > 0 {
        return whole.to_string();
    }
    let text = format!("{whole}.{hundredths:02}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `10-minute`, or `90-second` where it is no whole number of minutes.
fn period(seconds: u64) -> String {
    match seconds {
        0 => "0-minute".into(),
        s if s % 60 == 0 => format!("{}-minute", s / 60),
        s => format!("{s}-second"),
    }
}

/// `10 min`, `90 s`, `1 min 5 s`.
fn duration(seconds: u64) -> String {
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

/// `4 GiB of 4 GiB`, or `1 GiB and with the steps beside it 4 GiB of 4 GiB`.
fn of(reached: &Reached, amount: &dyn Fn(&u64) -> String) -> String {
    let Reached {
        used,
        together,
        limit,
    } = reached;
    if used == together {
        return format!("{} of {}", amount(used), amount(limit));
    }
    format!(
        "{} and with the steps beside it {} of {}",
        amount(used),
        amount(together),
        amount(limit)
    )
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
    /// What the reader is told beside the error itself: for a limit, how far `who` (as in `step 3 (line 7)`) went, of
    /// how much, and what to do.
    pub fn advice(&self, who: &str) -> String {
        match self {
            Self::Input { help, .. } => help.clone(),
            Self::Time { seconds, elapsed } => format!(
                "{who} was at work after {} of {}; make the build do less, or ask for a longer limit with --time-limit",
                duration(elapsed.as_secs()),
                duration(*seconds)
            ),
            Self::Layers { reached, limit } => format!(
                "{who} brought all layers of all stages, uncompressed, to {} of {}; leave out what is not needed",
                amount(*reached),
                amount(*limit)
            ),
            Self::Memory(reached) => format!(
                "{who} reached {}; all processes of a build together may use that much: run fewer at once, for example with make -j2",
                of(reached, &|bytes| amount(*bytes))
            ),
            Self::Files(reached) => format!(
                "{who} reached {} files and folders; remove what is only needed on the way before more is made",
                of(reached, &u64::to_string)
            ),
            Self::Processes(reached) => format!(
                "{who} reached {} processes and threads; run fewer at once, for example with make -j2",
                of(reached, &u64::to_string)
            ),
            Self::Cancelled | Self::Host(_) | Self::Store(_) => String::new(),
        }
    }

    /// A fault of the input. A path of a stranger's in it neither moves a cursor nor begins a line.
    pub fn input(message: impl AsRef<str>) -> Self {
        Self::Input {
            message: foreign::shown(message.as_ref(), LONGEST),
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
    fn a_message_is_one_line_whatever_a_path_holds() {
        let fault = Fault::input("\"/a\n\x1b[2Jb\u{202e}\": not found");
        assert_eq!(
            fault.to_string(),
            "\"/a\\u{a}\\u{1b}[2Jb\\u{202e}\": not found"
        );
    }

    #[test]
    fn limits_are_named_in_units_that_fit() {
        for (seconds, text) in [
            (600, "10-minute"),
            (5, "5-second"),
            (90, "90-second"),
            (0, "0-minute"),
        ] {
            assert_eq!(
                Fault::Time {
                    seconds,
                    elapsed: Duration::ZERO
                }
                .to_string(),
                format!("build exceeded {text} time limit")
            );
        }
        for (bytes, text) in [
            (4 * GIB, "4"),
            (GIB / 2, "0.5"),
            (GIB / 4, "0.25"),
            (3 * GIB / 2, "1.5"),
            (64 << 20, "0.06"),
        ] {
            assert_eq!(gigabytes(bytes), text);
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

    #[test]
    fn a_limit_says_how_far_the_step_went_alone_and_with_others() {
        let reached = |used, together| Reached {
            used,
            together,
            limit: 4 << 30,
        };
        let alone = Fault::Memory(reached(4 << 30, 4 << 30));
        assert_eq!(alone.to_string(), "build exceeded 4 GB memory limit");
        let advice = alone.advice("step 3 (line 7)");
        assert!(
            advice.starts_with("step 3 (line 7) reached 4 GiB of 4 GiB; "),
            "{advice}"
        );
        let shared = Fault::Memory(reached(1 << 30, 4 << 30)).advice("step 3 (line 7)");
        assert!(
            shared.starts_with(
                "step 3 (line 7) reached 1 GiB and with the steps beside it 4 GiB of 4 GiB; "
            ),
            "{shared}"
        );
        let late = Fault::Time {
            seconds: 600,
            elapsed: Duration::from_secs(605),
        };
        assert_eq!(late.to_string(), "build exceeded 10-minute time limit");
        assert!(
            late.advice("step 1 (line 1)")
                .contains(" after 10 min 5 s of 10 min; ")
        );
    }
}
