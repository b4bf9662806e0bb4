//! Opening the sandbox: what can this host do?

use std::path::Path;
use std::sync::Arc;

use super::cgroup::Cgroups;
use super::error::SandboxError;
use super::host::{self, launch::Program, maps};
use super::ids::Ids;
use super::job::{Input, Output, View, Work};
use super::seccomp::Filters;
use super::settings::Settings;
use super::spec::{Observer, Outcome, RunSpec, StepLimits};
use super::support::{Held, Support};
use super::together::Together;
use crate::model::event::Cancel;

/// A job that every program has: gives back what it gets. To see whether a sandbox can be made at all.
pub const ECHO: &str = "sandbox.echo";
/// A job that every program has: empties the folder that it sees.
pub const EMPTY: &str = "sandbox.empty";

/// The sandbox of this host. Cheap to clone; several steps may run in it at once.
#[derive(Debug, Clone)]
pub struct Sandbox(Arc<Opened>);

#[derive(Debug)]
struct Opened {
    support: Support,
    program: Program,
    cgroups: Option<Cgroups>,
    filters: Filters,
}

impl Sandbox {
    /// Looks at what the host can do, by doing it. Sweeps what a killed process left behind.
    pub fn open(settings: Settings) -> Result<Self, SandboxError> {
        let Settings {
            program: path,
            cgroups,
        } = settings;
        let filters = Filters::compile()?;
        let cgroups = if cgroups { Cgroups::find() } else { None };
        let mut refusal = None;
        for ids in maps::candidates() {
            if let Ids::Shifted { base, count } = ids
                && !maps::all_exist(base, count)
            {
                return Err(SandboxError::Unsupported {
                    what: "this root has only a part of the user ids".into(),
                    help: "run outside of a container, or in one without a user namespace, or as an ordinary user".into(),
                });
            }
            let program = Program::new(&path, !matches!(ids, Ids::Shifted { .. }))?;
            let support = support(ids, cgroups.as_ref(), &program);
            let opened = Opened {
                support,
                program,
                cgroups: cgroups.clone(),
                filters: filters.clone(),
            };
            let sandbox = Self(Arc::new(opened));
            match sandbox.try_out() {
                Ok(()) => return Ok(sandbox),
                Err(error) => refusal = Some(error),
            }
        }
        Err(SandboxError::Unsupported {
            what: refusal.map_or_else(|| "there are no ids to map".into(), |error| error.to_string()),
            help: "flareo needs Linux 5.12 or later and unprivileged user namespaces (sysctl user.max_user_namespaces; \
                   on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0), or root"
                .into(),
        })
    }

    fn try_out(&self) -> Result<(), SandboxError> {
        let echo = Work {
            job: ECHO,
            arguments: b"there",
            views: &[],
            input: Input::Empty,
            output: Output::Discard,
        };
        match self.work(echo, &Cancel::default())? {
            answer if answer == b"there" => Ok(()),
            _ => Err(SandboxError::Invalid(
                "the inside does not answer as it should".into(),
            )),
        }
    }

    /// Removes a folder with everything in it, whoever inside owns what. It is no error if there is none.
    pub fn remove_folder(&self, path: &Path) -> Result<(), SandboxError> {
        if !path.exists() {
            return Ok(());
        }
        let views = [View::Folder {
            path: path.to_owned(),
            read_only: false,
        }];
        let empty = Work {
            job: EMPTY,
            arguments: &[],
            views: &views,
            input: Input::Empty,
            output: Output::Discard,
        };
        self.work(empty, &Cancel::default())?;
        std::fs::remove_dir(path).map_err(SandboxError::host(format!("remove {}", path.display())))
    }

    /// What was found.
    pub fn support(&self) -> &Support {
        &self.0.support
    }

    /// How ids are mapped.
    pub fn ids(&self) -> Ids {
        self.0.support.ids
    }

    /// Makes a folder that the sandbox's root owns: an `upper`, a `work`, the place of an unpacked layer. Its parent
    /// must exist. Mode 0755.
    pub fn make_folder(&self, path: &Path) -> Result<(), SandboxError> {
        let doing = || format!("make {}", path.display());
        std::fs::create_dir(path).map_err(SandboxError::host(doing()))?;
        let mode = rustix::fs::Mode::from_raw_mode(0o755);
        rustix::fs::chmod(path, mode).map_err(SandboxError::sys(doing()))?;
        if let (Ids::Shifted { .. }, ids) = (self.ids(), self.ids()) {
            std::os::unix::fs::lchown(path, ids.host_uid(0), ids.host_gid(0))
                .map_err(SandboxError::host(doing()))?;
        }
        Ok(())
    }

    /// Runs a process tree to its end. Blocks; `observer` is called from this thread.
    pub fn run(
        &self,
        spec: &RunSpec,
        observer: &dyn Observer,
        cancel: &Cancel,
    ) -> Result<Outcome, SandboxError> {
        self.run_in(&self.together(&spec.limits), spec, observer, cancel)
    }

    /// The same, under the limits of memory, CPU and processes that a whole build has.
    pub fn run_in(
        &self,
        together: &Together,
        spec: &RunSpec,
        observer: &dyn Observer,
        cancel: &Cancel,
    ) -> Result<Outcome, SandboxError> {
        host::run::run(self, together, spec, observer, cancel)
    }

    /// Limits that several steps share: those of memory, CPU and processes hold for their sum.
    pub fn together(&self, limits: &StepLimits) -> Together {
        Together::new(self.cgroups().cloned(), limits)
    }

    /// Does a job inside the user namespace; blocks. Answers with what the job answered. When it fails, what was
    /// written to the output is worth nothing.
    pub fn work(&self, work: Work<'_>, cancel: &Cancel) -> Result<Vec<u8>, SandboxError> {
        host::work::work(self, work, cancel)
    }

    pub(super) fn program(&self) -> &Program {
        &self.0.program
    }

    pub(super) fn cgroups(&self) -> Option<&Cgroups> {
        self.0.cgroups.as_ref()
    }

    pub(super) fn filters(&self) -> &Filters {
        &self.0.filters
    }
}

fn support(ids: Ids, cgroups: Option<&Cgroups>, program: &Program) -> Support {
    let (memory, cpus, pids) = cgroups.map_or((false, false, false), Cgroups::holds);
    let held = |kernel| if kernel { Held::Kernel } else { Held::Watched };
    Support {
        ids,
        cgroups: cgroups.map_or("none", Cgroups::version).into(),
        memory: held(memory),
        cpus: held(cpus),
        pids: held(pids),
        sealed_program: program.is_sealed(),
    }
}
