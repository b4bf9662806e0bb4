//! Lint beside Hadolint: whole runs of both programs on the same files. Prints medians and ratios; asserts nothing.
//!
//! `tests/run --up` installs Hadolint and says how to export its place; then `cargo bench --bench lint`. The files are those of
//! the corpus in `tests/lint/corpus`, again and again until there are enough, in three sizes: a single one, process start
//! included; a thousand in one process; and a single long one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How many files the large run has.
const FILES: usize = 1_000;
/// How often each run is made.
const ROUNDS: usize = 9;

/// The Dockerfiles of the corpus, without those that are not to be parsed.
fn corpus() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint/corpus");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let mut texts = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(path).unwrap();
        for case in text.split("\n===").skip(1) {
            let (_, text) = case.split_once("\n\n").unwrap();
            texts.push(format!("{}\n", text.trim_end_matches('\n')));
        }
    }
    texts
}

/// How long a run takes, in the middle of several. Both find something, so that their exit codes say nothing.
fn median(make: &dyn Fn() -> Command) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            let status = make()
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::inherit())
                .status()
                .unwrap();
            assert!(matches!(status.code(), Some(0 | 1)), "{status}");
            start.elapsed()
        })
        .collect();
    times.sort();
    times[ROUNDS / 2]
}

fn main() {
    let Ok(hadolint) = std::env::var("FLAREO_TEST_HADOLINT") else {
        println!("FLAREO_TEST_HADOLINT is not set: `tests/run --up` installs it and says how");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let texts = corpus();
    let write = |name: String, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let thousand: Vec<PathBuf> = (0..FILES)
        .map(|n| write(format!("{n}.Dockerfile"), &texts[n % texts.len()]))
        .collect();
    let one = vec![write(
        "one".into(),
        "FROM node:20-slim AS build\nWORKDIR /src\nCOPY package.json .\nRUN npm ci --offline && npm run build\n\
         FROM node:20-slim\nCOPY --from=build /src/dist /app\nENV A=b\nUSER node\nCMD [\"node\", \"/app/index.js\"]\n",
    )];
    let step =
        "RUN set -e; for f in a b c; do echo \"$f\" > /tmp/$f; done && test -e /tmp/a || exit 1\n";
    let long = vec![write(
        "long".into(),
        &format!("FROM debian:12-slim\n{}", step.repeat(500)),
    )];
    println!(
        "{:<26} {:>10} {:>10} {:>7}",
        "", "ours", "hadolint", "ratio"
    );
    for (name, files) in [
        ("one file", &one),
        ("1,000 files, one process", &thousand),
        ("one file of 500 RUN", &long),
    ] {
        let ours = median(&|| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_flareo"));
            command
                .args(["--format", "json", "--state-dir"])
                .arg(&state)
                .arg("lint")
                .args(files);
            command
        });
        let theirs = median(&|| {
            let mut command = Command::new(&hadolint);
            command.args(["--no-fail", "--format", "json"]).args(files);
            command
        });
        let ms = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
        println!(
            "{name:<26} {:>10} {:>10} {:>7.3}",
            ms(ours),
            ms(theirs),
            ours.as_secs_f64() / theirs.as_secs_f64()
        );
    }
}
