//! A state folder with as many submissions as nobody has.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flareo::config::Paths;
use flareo::logs::spool_path;
use flareo::model::event::{Happening, Stream};
use flareo::model::{Event, State as Place, SubmissionId};
use portable_pty::CommandBuilder;
use rusqlite::Connection;

pub const FLAREO: &str = env!("CARGO_BIN_EXE_flareo");

/// Rows of the queue.
pub const ROWS: u32 = 100_000;

/// Every row's slug begins with it, but for the two below.
pub const SLUG: &str = "module-";

/// The submission whose build is running.
pub const GROWING: &str = "growing";

/// The submission whose log is long.
pub const LONG: &str = "longlog";

/// A state folder.
pub struct State {
    folder: tempfile::TempDir,
}

impl State {
    /// Publishes one submission by the program itself, and copies its row in one statement: all rows share a context.
    pub fn seed() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = Self { folder };
        let sample = state.path("sample");
        std::fs::create_dir(&sample).unwrap();
        // Few findings: a hundred thousand rows have them.
        let steps: String = (0..60).map(|n| format!("ENV PART_{n}={n}\n")).collect();
        std::fs::write(
            sample.join("Dockerfile"),
            format!("FROM debian:12-slim\nRUN curl -fsSL https://example.org/x | sh\n{steps}USER nobody\nCMD [\"x\"]\n"),
        )
        .unwrap();
        state.run(&["init".as_ref()]);
        state.run(&[
            "publish".as_ref(),
            sample.as_path(),
            "--slug".as_ref(),
            "module-000000".as_ref(),
        ]);
        state.copy_rows();
        state
    }

    fn copy_rows(&self) {
        let database = Connection::open(self.paths().queue()).unwrap();
        let named = |state: &str, slug: &str, attempts: u32| {
            format!(
                "INSERT INTO submissions (slug, submitter, state, context, context_bytes, context_entries, detection,
                     wishes, findings, blocks, warnings, created_at, updated_at, attempts)
                 SELECT {slug}, submitter, {state}, context, context_bytes, context_entries, detection, wishes,
                     findings, i % 3, i % 2, created_at - i * 1000, updated_at - i * 1000, {attempts}
                 FROM submissions, n WHERE id = 1"
            )
        };
        let count = |rows: u32| {
            format!(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) "
            )
        };
        let states = "CASE i % 5 WHEN 0 THEN 'pending' WHEN 1 THEN 'rejected' WHEN 2 THEN 'failed'
                      WHEN 3 THEN 'withdrawn' ELSE 'published' END";
        let all = [
            count(ROWS - 3) + &named(states, "printf('module-%06d', i)", 0),
            count(1) + &named("'building'", &format!("'{GROWING}'"), 1),
            count(1) + &named("'failed'", &format!("'{LONG}'"), 1),
        ];
        database
            .execute_batch(&format!("BEGIN; {}; COMMIT;", all.join("; ")))
            .unwrap();
        let rows: u32 = database
            .query_row("SELECT count(*) FROM submissions", [], |r| r.get(0))
            .unwrap();
        assert_eq!(rows, ROWS);
    }

    /// Writes a log of so many bytes for [`LONG`].
    pub fn write_long_log(&self, bytes: usize) {
        let id = self.id(LONG);
        let path = spool_path(&self.paths().logs(), id, 1);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut block = Vec::new();
        for line in 0..100_000 {
            serde_json::to_writer(&mut block, &log(id, line)).unwrap();
            block.push(b'\n');
        }
        let mut file = BufWriter::new(File::create(path).unwrap());
        for what in begins() {
            serde_json::to_writer(&mut file, &event(id, what)).unwrap();
            file.write_all(b"\n").unwrap();
        }
        for _ in 0..bytes.div_ceil(block.len()) {
            file.write_all(&block).unwrap();
        }
        let ends = Happening::Result {
            ok: false,
            digest: None,
            cached_steps: None,
            steps: Some(1),
            error: Some("this is the last line".into()),
            step: Some(1),
            line: Some(1),
            help: String::new(),
        };
        for what in [
            Happening::State {
                state: Place::Failed,
            },
            ends,
        ] {
            serde_json::to_writer(&mut file, &event(id, what)).unwrap();
            file.write_all(b"\n").unwrap();
        }
        file.flush().unwrap();
    }

    pub fn id(&self, slug: &str) -> SubmissionId {
        let database = Connection::open(self.paths().queue()).unwrap();
        let find = "SELECT id FROM submissions WHERE slug = ?1";
        SubmissionId(database.query_row(find, [slug], |r| r.get(0)).unwrap())
    }

    pub fn paths(&self) -> Paths {
        Paths::at(self.path("state"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The console on this state, in the theme with the most bytes.
    pub fn console(&self) -> CommandBuilder {
        let mut command = CommandBuilder::new(FLAREO);
        command.env_remove("FLAREO_STATE_DIR");
        command.env_remove("FLAREO_CONFIG");
        command.env("FLAREO_THEME", "dark");
        command.env("TERM", "xterm-256color");
        command.env("LC_ALL", "C.UTF-8");
        command.env("HOME", self.folder.path());
        command.arg("--state-dir");
        command.arg(self.path("state"));
        command
    }

    fn run(&self, arguments: &[&Path]) {
        let status = Command::new(FLAREO)
            .env("HOME", self.folder.path())
            .env_remove("FLAREO_CONFIG")
            .arg("--state-dir")
            .arg(self.path("state"))
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(
            matches!(status.code(), Some(0 | 1)),
            "{arguments:?}: {status}"
        );
    }
}

fn event(id: SubmissionId, what: Happening) -> Event {
    Event {
        at: "2026-01-05T09:00:00Z".parse().unwrap(),
        id: Some(id),
        slug: None,
        what,
    }
}

/// A build of one step, up to its output.
fn begins() -> [Happening; 2] {
    [
        Happening::Build {
            steps: 1,
            memory_limit: 4 << 30,
            time_limit: 600,
            layer_limit: 20 << 30,
            log_limit: 64 << 20,
        },
        Happening::Step {
            step: 1,
            stage: "0".into(),
            line: 2,
            text: "RUN make".into(),
        },
    ]
}

/// A line as compilers print them; one in a hundred thousand is an error.
pub fn log(id: SubmissionId, line: u64) -> Event {
    let text = if line % 100_000 == 77_777 {
        format!("src/part-{line}.c:12:3: error: expected expression before token")
    } else {
        format!("[{line:>8}] cc -O2 -Wall -c -o build/part-{line}.o src/part-{line}.c")
    };
    event(
        id,
        Happening::Log {
            step: 1,
            stream: Stream::Stdout,
            text,
        },
    )
}
