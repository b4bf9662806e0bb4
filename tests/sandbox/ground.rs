//! What the sandbox's tests stand on: a root file system, folders, and the users to be.

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use flareo::model::event::{Cancel, Stream};
use flareo::sandbox::spec::{Ending, Observer, Outcome, RunSpec, Seen, StepLimits, StepUsage};
use flareo::sandbox::{Sandbox, Settings};

use crate::everybody::{self, Who, busybox};

/// A test of the sandbox: `test(&Ground)`.
pub type Test = fn(&Ground);

/// Runs a test as somebody.
pub fn run_as(who: Who, name: &str, test: Test) {
    everybody::run_as(who, name, Ground::new, test);
}

/// A folder with a root file system, and a sandbox.
pub struct Ground {
    pub sandbox: Sandbox,
    pub base: PathBuf,
    dir: tempfile::TempDir,
    number: RefCell<u32>,
}

impl Ground {
    fn new() -> Option<Self> {
        let busybox = busybox()?;
        let sandbox = Sandbox::open(settings()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().join("base");
        for folder in ["", "bin", "etc", "tmp", "root", "home"] {
            folder_for(&sandbox, &base.join(folder));
        }
        fs::set_permissions(base.join("tmp"), PermissionsExt::from_mode(0o1777)).unwrap();
        fs::copy(busybox, base.join("bin/busybox")).unwrap();
        for name in Command::new(busybox)
            .arg("--list")
            .output()
            .map(|out| out.stdout)
            .unwrap()
            .split(|b| *b == b'\n')
        {
            let name = std::str::from_utf8(name).unwrap();
            if !name.is_empty() && name != "busybox" {
                symlink("busybox", base.join("bin").join(name)).unwrap();
            }
        }
        fs::write(
            base.join("etc/passwd"),
            "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home:/bin/sh\n",
        )
        .unwrap();
        fs::write(base.join("etc/group"), "root:x:0:\napp:x:1000:\n").unwrap();
        own(&sandbox, &base);
        Some(Self {
            sandbox,
            base,
            dir,
            number: RefCell::new(0),
        })
    }

    /// The same ground under another sandbox.
    pub fn with(&self, sandbox: Sandbox) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            sandbox,
            base: self.base.clone(),
            dir,
            number: RefCell::new(0),
        }
    }

    /// A command that sleeps for a minute, and that no other test runs.
    pub fn nap(&self) -> String {
        format!("sleep 61.{}", std::process::id())
    }

    /// The test's folder on the host.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A specification that runs `script` in the shell.
    pub fn script(&self, script: &str) -> RunSpec {
        self.argv(&["/bin/sh", "-c", script])
    }

    /// A specification that runs a program.
    pub fn argv(&self, argv: &[&str]) -> RunSpec {
        let number = {
            let mut number = self.number.borrow_mut();
            *number += 1;
            *number
        };
        let step = self.path().join(format!("step{number}"));
        fs::create_dir(&step).unwrap();
        let (upper, work) = (step.join("upper"), step.join("work"));
        self.sandbox.make_folder(&upper).unwrap();
        self.sandbox.make_folder(&work).unwrap();
        RunSpec {
            lower: vec![self.base.clone()],
            upper,
            work,
            argv: argv.iter().map(ToString::to_string).collect(),
            env: vec![("PATH".into(), "/bin".into())],
            cwd: "/".into(),
            uid: 0,
            gid: 0,
            groups: vec![],
            hostname: "build".into(),
            mounts: vec![],
            stdin: vec![],
            gate: None,
            seen: Seen::default(),
            limits: limits(),
        }
    }

    /// Runs it.
    pub fn run(&self, spec: &RunSpec) -> Ran {
        self.run_until(spec, &Cancel::default())
    }

    pub fn run_until(&self, spec: &RunSpec, cancel: &Cancel) -> Ran {
        let heard = Heard::default();
        let began = Instant::now();
        let outcome = self.sandbox.run(spec, &heard, cancel).unwrap();
        let took = began.elapsed();
        Ran {
            outcome,
            took,
            out: heard.out.take(),
            err: heard.err.take(),
            refused: heard.refused.take(),
        }
    }

    /// Runs a script and expects that it exits with 0; answers with what it printed.
    pub fn says(&self, script: &str) -> String {
        let ran = self.run(&self.script(script));
        assert_eq!(
            ran.outcome.ending,
            Ending::Exited(0),
            "{script}\n{}\n{}",
            ran.out,
            ran.err
        );
        ran.out
    }

    /// Names in an upper directory.
    pub fn left_in(&self, spec: &RunSpec) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&spec.upper)
            .unwrap()
            .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // Folders that only the inside can read.
        for step in fs::read_dir(self.dir.path())
            .into_iter()
            .flatten()
            .flatten()
        {
            for folder in ["upper", "work"] {
                let _ = self.sandbox.remove_folder(&step.path().join(folder));
            }
        }
    }
}

pub fn settings() -> Settings {
    Settings {
        program: env!("CARGO_BIN_EXE_flareo").into(),
        ..Settings::default()
    }
}

pub fn limits() -> StepLimits {
    StepLimits {
        memory_bytes: 256 << 20,
        cpus: 2.0,
        pids: 64,
        deadline: Instant::now() + Duration::from_secs(30),
        disk_bytes: 256 << 20,
        inodes: 10_000,
        log_bytes: 1 << 20,
    }
}

fn folder_for(sandbox: &Sandbox, path: &Path) {
    sandbox.make_folder(path).unwrap();
}

/// Gives a tree to the sandbox's root.
pub fn own(sandbox: &Sandbox, path: &Path) {
    lchown(path, sandbox.ids().host_uid(0), sandbox.ids().host_gid(0)).unwrap();
    if fs::symlink_metadata(path).unwrap().is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            own(sandbox, &entry.unwrap().path());
        }
    }
}

/// How a step went, with what it printed.
#[derive(Debug)]
pub struct Ran {
    pub outcome: Outcome,
    pub took: Duration,
    pub out: String,
    pub err: String,
    pub refused: Vec<String>,
}

/// Hears nothing.
pub struct Deaf;

impl Observer for Deaf {
    fn line(&self, _: Stream, _: &[u8]) {}
    fn usage(&self, _: StepUsage) {}
    fn refused(&self, _: &str) {}
}

#[derive(Default)]
struct Heard {
    out: RefCell<String>,
    err: RefCell<String>,
    refused: RefCell<Vec<String>>,
}

impl Observer for Heard {
    fn line(&self, stream: Stream, line: &[u8]) {
        let text = match stream {
            Stream::Stdout => &self.out,
            Stream::Stderr => &self.err,
        };
        let mut text = text.borrow_mut();
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }

    fn usage(&self, _: StepUsage) {}

    fn refused(&self, host: &str) {
        self.refused.borrow_mut().push(host.to_owned());
    }
}
