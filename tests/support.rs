//! What the end-to-end tests share: the real parts that `tests/run` started, and a site in a folder of its own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The flareo that cargo built for these tests.
pub const FLAREO: &str = env!("CARGO_BIN_EXE_flareo");

/// Two people who exist on every Debian: root may act for them through sudo, as `flareo` reads it.
pub const SUBMITTER: &str = "daemon";
/// The other one.
pub const REVIEWER: &str = "nobody";

/// The value that `tests/run` exported, or a line that says that the test is skipped.
pub fn part(name: &str) -> Option<String> {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => Some(value),
        _ => {
            println!("skipped: {name} is not set: `tests/run` installs and starts the real parts");
            None
        }
    }
}

/// Whether builds can be sandboxed here; says so if not.
pub fn can_build() -> bool {
    if rustix::process::geteuid().is_root() {
        return true;
    }
    println!("skipped: this test builds as root");
    false
}

/// A state folder of its own, and the command line on it.
pub struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A scene in which builds go the whole way: a base of this host's own tools, the embedded scanner and its database.
    /// None, aloud, where this host can't.
    pub fn that_builds() -> Option<Self> {
        if !can_build() {
            return None;
        }
        let scene = Self::new();
        let rootfs = crate::vulnerabilities::small_debian(&scene.path("rootfs"))?;
        scene.base("debian:12-slim", &rootfs);
        crate::vulnerabilities::install(&scene.state().join("trivy"));
        scene.write("state/policy.toml", "[scan]\nscanner = \"embedded\"\n");
        Some(scene)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// Writes a file, with its folders.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// `flareo` as `actor`.
    pub fn command(&self, actor: &str) -> Command {
        let mut command = Command::new(FLAREO);
        command
            .env("SUDO_USER", actor)
            .env("NO_COLOR", "1")
            .env("HOME", self.folder.path())
            .env_remove("FLAREO_STATE_DIR")
            .env_remove("FLAREO_CONFIG")
            .arg("--state-dir")
            .arg(self.state());
        command
    }

    pub fn run<A: AsRef<OsStr>>(
        &self,
        actor: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Answer {
        Answer(self.command(actor).args(arguments).output().unwrap())
    }

    /// Runs and wants success.
    pub fn ok<A: AsRef<OsStr>>(
        &self,
        actor: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Answer {
        let answer = self.run(actor, arguments);
        assert_eq!(answer.code(), 0, "{answer:?}");
        answer
    }

    /// Runs with `--format json` and wants one document.
    pub fn json<A: AsRef<OsStr>>(
        &self,
        actor: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> serde_json::Value {
        let answer = Answer(
            self.command(actor)
                .args(["--format", "json"])
                .args(arguments)
                .output()
                .unwrap(),
        );
        serde_json::from_str(&answer.out()).unwrap_or_else(|e| panic!("{e}: {answer:?}"))
    }

    /// Imports a root file system under a name.
    pub fn base(&self, name: &str, rootfs: &Path) {
        self.ok(
            "root",
            [
                OsStr::new("base"),
                "import".as_ref(),
                name.as_ref(),
                format!("rootfs:{}", rootfs.display()).as_ref(),
            ],
        );
    }
}

/// What a command answered.
pub struct Answer(pub Output);

impl Answer {
    pub fn code(&self) -> i32 {
        self.0.status.code().unwrap_or(-1)
    }

    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "exit {}\n--- out\n{}\n--- err\n{}",
            self.code(),
            self.out(),
            self.err()
        )
    }
}
