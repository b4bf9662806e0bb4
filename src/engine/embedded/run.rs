//! RUN: in the sandbox, on folders of the layers so far; what it changed becomes a layer.

use std::cell::{Cell, RefCell};
use std::path::Path;

use super::stage::{Build, Made, Stage};
use super::{network, owners};
use crate::dockerfile::run::Program;
use crate::engine::accounts::User;
use crate::engine::fault::{Fault, amount};
use crate::engine::key::Key;
use crate::engine::layer::{LayerBuilder, Written};
use crate::engine::plan::PlannedStep;
use crate::engine::snapshot::{Packed, Record, Upper, pack};
use crate::engine::tree::Tree;
use crate::engine::watch::Watch;
use crate::model::event::{Happening, Stream, Usage};
use crate::model::ledger::Connection;
use crate::sandbox::spec::{
    Ending, Mount, Observer, Outcome, Reached, RunSpec, StepLimits, StepUsage,
};
use crate::sandbox::{Sandbox, SandboxError};

/// Where a here-document with an interpreter of its own is put.
const SCRIPTS: &str = "/dev/pipes";

/// A RUN, expanded.
struct Order {
    argv: Vec<String>,
    env: Vec<(String, String)>,
    mounts: super::mounts::Mounts,
    script: Option<(String, String)>,
}

impl Stage<'_> {
    /// RUN.
    ///
    /// # Errors
    /// If the command fails, a limit is reached, or the host can't run it.
    pub fn run(&mut self, step: &PlannedStep) -> Result<Made, Fault> {
        let order = self.run_order(step)?;
        let build = self.build;
        let created_by = self.run_created_by(&order);
        let user = self.image.config.config.user.clone();
        let cwd = self.image.working_dir().to_owned();
        let single = build.engine.sandbox.is_single()?;
        let mut key = Key::new("run");
        key.digest(self.image.chain())
            .texts(&order.argv)
            .texts(
                order
                    .env
                    .iter()
                    .map(|(name, value)| format!("{name}={value}")),
            )
            .texts(&order.mounts.key)
            .texts(
                order
                    .script
                    .iter()
                    .map(|(name, text)| format!("{name}\n{text}")),
            )
            .text(&user)
            .text(&cwd)
            // Where owners can't be set, a step may come to something else.
            .number(single.into());
        let pass = self.pass(step)?;
        network::file_under(&mut key, pass.as_ref());
        let key = key.finish();
        if let Some(record) = build.known(key) {
            return Ok(Made {
                record,
                cached: true,
                created_by,
            });
        }
        let sandbox = &build.engine.sandbox.get()?;
        if sandbox.ids().is_single() != single {
            // Now that it is open, it is known for sure: under the right key there may be something.
            return self.run(step);
        }
        let user = self.accounts()?.run_as(&user)?;
        let tree = self.tree()?;
        let watch = build.watch;
        let turn = build.board.turn(side_by_side(watch), watch)?;
        let engine = build.engine;
        let lower = engine
            .snapshots
            .unpacked(&engine.store, sandbox, &self.image.layers, watch)?;
        let root = tree.find(b"").map(|found| found.node.clone());
        let root = root.unwrap_or(crate::engine::tree::Node::directory(0o755));
        let upper = engine.snapshots.upper(sandbox, &root, self.image.epoch())?;
        let mut ready = self.prepare(order.mounts, sandbox)?;
        let scratch = match &order.script {
            Some((name, text)) => {
                let scratch = engine.snapshots.scratch()?;
                ready.list.push(script_mount(scratch.path(), name, text)?);
                Some(scratch)
            }
            None => None,
        };
        let spec = RunSpec {
            lower,
            upper: upper.upper(),
            work: upper.work(),
            argv: order.argv.clone(),
            env: network::environment(self.run_env(order.env, &user), pass.as_ref()),
            cwd,
            uid: user.uid,
            gid: user.gid,
            groups: user.groups.clone(),
            hostname: build.request.conditions.hostname.clone(),
            mounts: std::mem::take(&mut ready.list),
            stdin: Vec::new(),
            gate: pass,
            seen: build.request.conditions.seen,
            limits: step_limits(watch),
        };
        let observer = Told {
            step: step.number,
            build,
            printed: Cell::new(0),
            last: RefCell::default(),
            network: network::Heard::default(),
        };
        if sandbox.ids().is_single() {
            let script = order.script.iter().map(|(_, text)| text);
            let texts = order.argv.iter().chain(script).map(String::as_str);
            if owners::are_asked_for(texts) {
                observer.line(Stream::Stderr, owners::NOT_KEPT.as_bytes());
            }
        }
        let together = build
            .together
            .get_or_init(|| sandbox.together(&spec.limits));
        let outcome = sandbox.run_in(together, &spec, &observer, watch.stop());
        let outcome = outcome.map_err(|e| sandbox_fault(e, &order.argv))?;
        drop((turn, scratch));
        ready.finish(sandbox, watch.limits().layer_bytes)?;
        observer.finish(&outcome);
        disk_has_room(&outcome, &upper.upper())?;
        judge(&outcome, &order.argv, watch, observer.network.fault())?;
        let record = self.take(sandbox, &upper, &tree, &user)?;
        engine.snapshots.keep_step(key, &record)?;
        Ok(Made {
            record,
            cached: false,
            created_by,
        })
    }

    fn run_order(&mut self, step: &PlannedStep) -> Result<Order, Fault> {
        let program = step
            .program
            .as_ref()
            .ok_or_else(|| Fault::Host("a RUN without a program".into()))?;
        let mut script = None;
        let argv = match program {
            Program::Exec(words) => words.iter().map(|w| w.text.clone()).collect(),
            Program::Shell { text, .. } => {
                let mut argv = self.image.shell();
                argv.push(text.clone());
                argv
            }
            Program::Script { name, text, .. } => {
                // A name is one part of a path: what stands before a slash would be a folder that is not there.
                let name = name.rsplit('/').next().unwrap_or_default();
                let name = if name.is_empty() { "script" } else { name };
                script = Some((name.to_owned(), text.clone()));
                vec![format!("{SCRIPTS}/{name}")]
            }
        };
        if argv.is_empty() {
            return Err(Fault::input("RUN: there is no command"));
        }
        let mut env = self.scope.run_environment();
        if !env.iter().any(|(name, _)| name == "SOURCE_DATE_EPOCH") {
            let epoch = self.image.epoch().to_string();
            env.push(("SOURCE_DATE_EPOCH".into(), epoch));
        }
        Ok(Order {
            argv,
            env,
            mounts: self.mounts(step)?,
            script,
        })
    }

    fn run_env(&self, mut env: Vec<(String, String)>, user: &User) -> Vec<(String, String)> {
        if !env.iter().any(|(name, _)| name == "HOME") {
            env.push(("HOME".into(), user.home.clone()));
        }
        env
    }

    fn run_created_by(&self, order: &Order) -> String {
        let args: Vec<String> = self
            .scope
            .declared_args()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let count = if args.is_empty() {
            None
        } else {
            Some(format!("|{}", args.len()))
        };
        let words: Vec<String> = ["RUN".to_owned()]
            .into_iter()
            .chain(count)
            .chain(args)
            .chain(order.argv.iter().cloned())
            .collect();
        format!("{} # buildkit", words.join(" "))
    }

    /// Makes a layer of what a step changed, and keeps the folder for the next step.
    fn take(
        &self,
        sandbox: &Sandbox,
        upper: &Upper,
        tree: &Tree,
        user: &User,
    ) -> Result<Record, Fault> {
        let path = upper.upper();
        if std::fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_none()) {
            return Ok(Record { layer: None });
        }
        let engine = self.build.engine;
        let watch = self.build.watch;
        let mut layer = LayerBuilder::new(&engine.store, self.image.epoch(), watch)?;
        let packed = Packed {
            upper: &path,
            tree,
            user: (user.uid, user.gid),
            mtime: self.image.epoch(),
        };
        pack(sandbox, &packed, &mut layer, watch)?;
        let Some(Written { layer, index, .. }) = layer.finish()? else {
            return Ok(Record { layer: None });
        };
        engine.snapshots.keep_index(layer.diff_id, index)?;
        engine.snapshots.adopt(upper, &layer)?;
        Ok(Record { layer: Some(layer) })
    }
}

/// What a step may use now: of disk, what the layers so far have left.
fn step_limits(watch: &Watch) -> StepLimits {
    let limits = watch.limits();
    StepLimits {
        memory_bytes: limits.memory_bytes,
        cpus: limits.cpus,
        pids: limits.pids,
        deadline: watch.deadline(),
        disk_bytes: watch.layer_bytes_left(),
        inodes: limits.inodes,
        log_bytes: limits.log_bytes,
    }
}

/// How many steps run at the same time: as many as the build may use cores.
fn side_by_side(watch: &Watch) -> usize {
    // A whole number of a few cores.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped"
    )]
    let cpus = watch.limits().cpus.clamp(1.0, 64.0) as usize;
    cpus
}

/// A folder with the script, put where BuildKit puts it.
fn script_mount(folder: &Path, name: &str, text: &str) -> Result<Mount, Fault> {
    use std::os::unix::fs::PermissionsExt;
    let scripts = folder.join("scripts");
    let path = scripts.join(name);
    let write = || -> std::io::Result<()> {
        let readable = || std::fs::Permissions::from_mode(0o755);
        std::fs::create_dir(&scripts)?;
        std::fs::set_permissions(&scripts, readable())?;
        std::fs::write(&path, text)?;
        std::fs::set_permissions(&path, readable())
    };
    write().map_err(|e| Fault::host("write", &path, &e))?;
    Ok(Mount::Bind {
        source: scripts,
        target: SCRIPTS.into(),
        read_only: true,
    })
}

fn sandbox_fault(error: SandboxError, argv: &[String]) -> Fault {
    match error {
        SandboxError::Cancelled => Fault::Cancelled,
        // What the specification says comes from the Dockerfile.
        SandboxError::Invalid(reason) => Fault::input(format!(
            "process {:?} can't be run: {reason}",
            argv.join(" ")
        )),
        error => Fault::Host(error.to_string()),
    }
}

/// Less room than this on the disk that a step writes to counts as none, in bytes.
const ROOM: u64 = 1 << 20;

/// Whether a step failed on a disk without room: that is no fault of the submission.
fn disk_has_room(outcome: &Outcome, upper: &Path) -> Result<(), Fault> {
    if !matches!(outcome.ending, Ending::Exited(1..) | Ending::Signalled(_)) {
        return Ok(());
    }
    let Ok(disk) = rustix::fs::statvfs(upper) else {
        return Ok(());
    };
    let no_files = disk.f_files > 0 && disk.f_favail == 0;
    if no_files || disk.f_bavail.saturating_mul(disk.f_frsize) < ROOM {
        return Err(Fault::Host(
            "the disk of the state folder is full, so the step could not write; make room and build again".into(),
        ));
    }
    Ok(())
}

/// What a step's end means for the build.
fn judge(
    outcome: &Outcome,
    argv: &[String],
    watch: &Watch,
    turned_away: Option<Fault>,
) -> Result<(), Fault> {
    let failed = |code: i32| {
        if let Some(fault) = turned_away {
            return fault;
        }
        if let Some(host) = outcome.refused.first() {
            return Fault::input(format!("network disabled — connection refused to {host}")).help(
                "put what the build downloads into the context, or ask for network with --requires-network",
            );
        }
        let command = argv.join(" ");
        let message =
            format!("process {command:?} did not complete successfully: exit code: {code}");
        Fault::input(message).help("the step's output says why")
    };
    // The sandbox says how far it went whenever it says that a limit was reached.
    let reached = |limit: u64| {
        outcome.reached.unwrap_or(Reached {
            used: limit,
            together: limit,
            limit,
        })
    };
    let limits = watch.limits();
    match outcome.ending {
        Ending::Exited(0) => Ok(()),
        Ending::Exited(code) => Err(failed(code)),
        Ending::Signalled(signal) => Err(failed(128 + signal)),
        Ending::Memory => Err(Fault::Memory(reached(limits.memory_bytes))),
        Ending::HostMemory => Err(Fault::Host(format!(
            "this host ran out of memory while the build used {} of its {}; run fewer builds at once, or add memory",
            amount(outcome.usage.memory_peak_bytes),
            amount(limits.memory_bytes)
        ))),
        Ending::Time => Err(watch.time_up()),
        Ending::Disk => Err(watch.layers_full(outcome.usage.disk_bytes)),
        Ending::Inodes => Err(Fault::Files(reached(limits.inodes))),
        Ending::Pids => Err(Fault::Processes(reached(limits.pids))),
        Ending::Cancelled => Err(Fault::Cancelled),
    }
}

/// Passes on what a step prints and uses.
struct Told<'a> {
    step: u32,
    build: &'a Build<'a>,
    last: RefCell<StepUsage>,
    printed: Cell<u64>,
    network: network::Heard,
}

impl Told<'_> {
    fn finish(&self, outcome: &Outcome) {
        self.usage(outcome.usage);
        if outcome.log_cut {
            let text = format!(
                "output cut after {}",
                amount(self.build.watch.limits().log_bytes)
            );
            self.build.events.emit(Happening::Log {
                step: self.step,
                stream: Stream::Stderr,
                text,
            });
        }
    }
}

impl Observer for Told<'_> {
    fn line(&self, stream: Stream, line: &[u8]) {
        self.printed.set(self.printed.get() + line.len() as u64 + 1);
        self.build.events.emit(Happening::Log {
            step: self.step,
            stream,
            text: String::from_utf8_lossy(line).into_owned(),
        });
    }

    fn usage(&self, usage: StepUsage) {
        if self.last.replace(usage) == usage {
            return;
        }
        let watch = self.build.watch;
        let milliseconds =
            |d: std::time::Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        self.build.events.emit(Happening::Usage(Usage {
            elapsed_ms: milliseconds(watch.elapsed()),
            memory_bytes: usage.memory_bytes,
            memory_peak_bytes: watch.memory_peak(usage.memory_peak_bytes),
            cpu_ms: milliseconds(usage.cpu),
            layer_bytes: watch.layer_bytes() + usage.disk_bytes,
            pids: usage.pids,
            log_bytes: self.printed.get(),
        }));
    }

    fn connection(&self, connection: &Connection) {
        self.network.connection(self.build, connection);
    }

    fn refused(&self, host: &str) {
        self.build.events.emit(Happening::Log {
            step: self.step,
            stream: Stream::Stderr,
            text: format!("network disabled — connection refused to {host}"),
        });
    }
}
