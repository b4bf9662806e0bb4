//! Our side: whole runs of the program, from its start to its end.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::cases::BASE;
use super::{memory, must, seconds};

const FLAREO: &str = env!("CARGO_BIN_EXE_flareo");

/// A state folder with nothing in it but the base, and room for copies of it.
pub struct Ours {
    work: PathBuf,
    program: PathBuf,
}

/// What a run needed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Peak {
    /// All processes together, as often as they were looked at, in bytes.
    pub tree: u64,
    /// The largest one, as the kernel kept it, in bytes.
    pub process: u64,
}

impl Ours {
    /// Imports the base.
    pub fn new(work: &Path, rootfs: &Path, program: Option<&Path>) -> Self {
        let ours = Self {
            work: work.into(),
            program: program.unwrap_or(Path::new(FLAREO)).into(),
        };
        must(
            ours.flareo("template")
                .args(["base", "import", BASE])
                .arg(format!("rootfs:{}", rootfs.display())),
        );
        // By policy, as it is used: so lint is part of what is measured.
        must(ours.flareo("template").args(["base", "add", BASE]));
        ours
    }

    /// A state folder in which nothing was built yet.
    pub fn fresh(&self) {
        let _ = std::fs::remove_dir_all(self.work.join("state"));
        must(
            Command::new("cp")
                .arg("-a")
                .args([self.work.join("template"), self.work.join("state")]),
        );
    }

    /// Builds `context` into a new layout, and says how long that took.
    pub fn build(&self, context: &Path) -> f64 {
        let layout = self.layout();
        let mut command = self.command(context, &layout);
        let took = seconds(|| must(&mut command));
        let _ = std::fs::remove_dir_all(layout);
        took
    }

    /// Builds `context` and looks at its memory all the while.
    pub fn peak(&self, context: &Path) -> Peak {
        let layout = self.layout();
        let peak = memory::watch(&mut self.command(context, &layout));
        let _ = std::fs::remove_dir_all(layout);
        peak
    }

    /// Builds `context` and counts the calls of the system; none where there is no strace.
    pub fn calls(&self, context: &Path) -> Option<u64> {
        let (layout, counts) = (self.layout(), self.work.join("counts"));
        let plain = self.command(context, &layout);
        let mut traced = Command::new("strace");
        traced.args(["-f", "-c", "-o"]).arg(&counts);
        traced.arg(plain.get_program()).args(plain.get_args());
        traced.stdout(std::process::Stdio::null());
        let done = traced.stderr(std::process::Stdio::null()).status();
        let _ = std::fs::remove_dir_all(layout);
        if !done.is_ok_and(|status| status.success()) {
            return None;
        }
        let text = std::fs::read_to_string(counts).ok()?;
        let total = text.lines().find(|line| line.ends_with(" total"))?;
        total.split_whitespace().nth(3)?.parse().ok()
    }

    fn layout(&self) -> PathBuf {
        self.work.join("ours")
    }

    fn command(&self, context: &Path, layout: &Path) -> Command {
        let mut command = self.flareo("state");
        command
            .args(["build", "--output"])
            .arg(format!("oci:{}:1", layout.display()))
            .arg(context);
        command
    }

    fn flareo(&self, state: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--state-dir").arg(self.work.join(state));
        command
    }
}
