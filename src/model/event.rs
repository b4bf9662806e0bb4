//! What happens, as it happens: one line of JSON each in `--batch`, in a build's spool, and on the console.

use serde::{Deserialize, Serialize};

use super::ledger::Connection;
use super::reproduction::{Comparison, Reproduction};
use super::{Digest, Failure, Slug, State, SubmissionId, Timestamp};

/// Which stream a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// What a build uses at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Since the build's start, in milliseconds.
    pub elapsed_ms: u64,
    /// Memory of the running step, in bytes.
    pub memory_bytes: u64,
    /// The most that any step used so far, in bytes.
    pub memory_peak_bytes: u64,
    /// CPU time of the running step, in milliseconds.
    pub cpu_ms: u64,
    /// Uncompressed layers so far, in bytes.
    pub layer_bytes: u64,
    /// Processes of the running step.
    pub pids: u64,
    /// What the running step has printed, in bytes.
    #[serde(default)]
    pub log_bytes: u64,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepOutcome {
    /// It ran.
    Done,
    /// The cache had it.
    Cached,
    /// It failed.
    Failed,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Happening {
    /// A submission came to a state.
    State {
        /// Which.
        state: State,
    },
    /// A build begins.
    Build {
        /// How many steps it has.
        steps: u32,
        /// The limits in force: memory in bytes, time in seconds, layers in bytes.
        memory_limit: u64,
        /// Seconds.
        time_limit: u64,
        /// Bytes.
        layer_limit: u64,
        /// Bytes of output of a step.
        #[serde(default)]
        log_limit: u64,
    },
    /// A step begins.
    Step {
        /// From 1.
        step: u32,
        /// The stage's name or number.
        stage: String,
        /// The Dockerfile's line, from 1.
        line: u32,
        /// The instruction as written, on one line.
        text: String,
    },
    /// A step printed a line. Control characters are as they came: sanitise before a terminal sees it.
    Log {
        /// From 1.
        step: u32,
        /// Which stream.
        stream: Stream,
        /// The line without its end.
        text: String,
    },
    /// A step ended.
    StepEnd {
        /// From 1.
        step: u32,
        /// How.
        outcome: StepOutcome,
        /// In milliseconds.
        took_ms: u64,
        /// The layer that it made, uncompressed bytes.
        layer_bytes: u64,
    },
    /// A connection of a granted build has ended.
    Connection(Connection),
    /// What the build uses now.
    Usage(Usage),
    /// A second build, which is to show whether the first can be had again (R20), says something.
    Again {
        /// Which of its steps begins; none if it is about all of them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<u32>,
        /// For people.
        text: String,
    },
    /// What the second build came to.
    Reproduction {
        /// The label.
        #[serde(flatten)]
        label: Reproduction,
        /// Both builds, and the first difference.
        report: Box<Comparison>,
    },
    /// The scanner says something.
    Scan {
        /// For people.
        text: String,
    },
    /// Signing says something.
    Sign {
        /// For people.
        text: String,
    },
    /// The end. The last line of every build.
    Result {
        /// Whether it went well.
        ok: bool,
        /// The manifest.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        digest: Option<Digest>,
        /// Steps that the cache answered.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        cached_steps: Option<u32>,
        /// Steps.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        steps: Option<u32>,
        /// What went wrong, exactly.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        error: Option<String>,
        /// The step at fault.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        step: Option<u32>,
        /// The line at fault.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        line: Option<u32>,
        /// What to do.
        #[serde(skip_serializing_if = "String::is_empty", default)]
        help: String,
    },
}

impl Happening {
    /// The result line of a failure.
    pub fn failed(failure: &Failure) -> Self {
        Self::Result {
            ok: false,
            digest: None,
            cached_steps: None,
            steps: None,
            error: Some(failure.message.clone()),
            step: failure.step,
            line: failure.line,
            help: failure.help.clone(),
        }
    }
}

/// One line of the stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// The submission, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<SubmissionId>,
    /// Its slug.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub slug: Option<Slug>,
    /// What.
    #[serde(flatten)]
    pub what: Happening,
}

/// Takes what happens. A sink must not block for long and must not fail.
pub trait EventSink: Send + Sync {
    /// Something happened.
    fn emit(&self, what: Happening);
}

impl<F: Fn(Happening) + Send + Sync> EventSink for F {
    fn emit(&self, what: Happening) {
        self(what);
    }
}

/// Tells running work to stop.
#[derive(Debug, Clone, Default)]
pub struct Cancel(std::sync::Arc<std::sync::atomic::AtomicBool>);

impl Cancel {
    /// Asks for the end.
    pub fn cancel(&self) {
        self.0.store(true, std::sync::atomic::Ordering::SeqCst);
    }

    /// Whether the end was asked for.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}
