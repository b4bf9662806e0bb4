//! Namespaces, limits, seccomp: where a RUN runs.

pub mod error;
pub mod ids;
pub mod job;
pub mod settings;
pub mod spec;
pub mod support;

use std::path::Path;

use crate::model::event::Cancel;

pub use error::SandboxError;
pub use ids::Ids;
pub use job::{Input, Job, Output, Task, View, Work};
pub use settings::Settings;
pub use support::Support;

use spec::{Observer, Outcome, RunSpec};

/// The sandbox of this host. Cheap to clone; several steps may run in it at once.
#[derive(Debug, Clone)]
pub struct Sandbox {
    support: std::sync::Arc<Support>,
}

impl Sandbox {
    /// Looks at what the host can do.
    pub fn open(_settings: Settings) -> Result<Self, SandboxError> {
        Err(not_yet())
    }

    /// What was found.
    pub fn support(&self) -> &Support {
        &self.support
    }

    /// How ids are mapped.
    pub fn ids(&self) -> Ids {
        self.support.ids
    }

    /// Makes a folder that the sandbox's root owns: an `upper`, a `work`, the place of an unpacked layer. Its parent
    /// must exist. Mode 0755.
    pub fn make_folder(&self, _path: &Path) -> Result<(), SandboxError> {
        Err(not_yet())
    }

    /// Runs a process tree to its end. Blocks; `observer` is called from this thread.
    pub fn run(
        &self,
        _spec: &RunSpec,
        _observer: &dyn Observer,
        _cancel: &Cancel,
    ) -> Result<Outcome, SandboxError> {
        Err(not_yet())
    }

    /// Does a job inside the user namespace; blocks. Answers with what the job answered. When it fails, what was
    /// written to the output is worth nothing.
    pub fn work(&self, _work: Work<'_>, _cancel: &Cancel) -> Result<Vec<u8>, SandboxError> {
        Err(not_yet())
    }
}

/// Call this first thing in `main`, before any thread: if this process is the inside of a sandbox, does what it is
/// there for and answers with its exit code.
pub fn child(_jobs: &[(&str, Job)]) -> Option<i32> {
    None
}

fn not_yet() -> SandboxError {
    SandboxError::Unsupported {
        what: "the inside is not built yet".into(),
        help: "wait for it".into(),
    }
}
