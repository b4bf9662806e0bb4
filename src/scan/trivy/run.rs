//! Runs the program: an environment of its own, its words passed on, an end when time is up.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use crate::model::event::{EventSink, Happening};
use crate::scan::error::ScanError;
use crate::scan::survey::Watch;

/// What Trivy exits with where it found something: its own failures are 1, a panic is 2.
pub(super) const FOUND: i32 = 7;
/// A longer line is cut.
const LINE_LIMIT: u64 = 4096;
/// So many lines are passed on.
const LINES_LIMIT: usize = 2000;
/// So many are kept for the error.
const KEPT: usize = 8;
const POLL: Duration = Duration::from_millis(20);

/// The folders of one run.
pub(super) struct Place {
    root: PathBuf,
    /// Its cache folder, with the database.
    pub(super) cache: PathBuf,
    /// The image.
    pub(super) layout: PathBuf,
    /// What it found.
    pub(super) output: PathBuf,
}

impl Place {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            cache: root.join("cache"),
            layout: root.join("image"),
            output: root.join("report.json"),
        }
    }
}

/// Runs Trivy to its end; returns 0 (nothing found) or [`FOUND`].
pub(super) fn run(
    program: &Path,
    place: &Place,
    events: &dyn EventSink,
    watch: &Watch,
) -> Result<i32, ScanError> {
    // An empty folder to stand in: Trivy reads `trivy.yaml` and `.trivyignore` from wherever it is.
    let home = place.root.join("home");
    std::fs::create_dir_all(&home).map_err(ScanError::host("make a folder for Trivy"))?;
    let seconds = watch.left().as_secs().max(1) + 5;
    let mut child = Command::new(program)
        .arg("image")
        .arg("--input")
        .arg(&place.layout)
        .args([
            "--skip-db-update",
            "--skip-java-db-update",
            "--offline-scan",
        ])
        .arg("--cache-dir")
        .arg(&place.cache)
        .args([
            "--cache-backend",
            "memory",
            "--scanners",
            "vuln",
            "--pkg-types",
            "os,library",
        ])
        .args(["--list-all-pkgs", "--format", "json", "--no-progress"])
        .arg("--output")
        .arg(&place.output)
        .args([
            "--exit-code",
            &FOUND.to_string(),
            "--timeout",
            &format!("{seconds}s"),
        ])
        .env_clear()
        .env("HOME", &home)
        .env("TMPDIR", &home)
        .env("TRIVY_DISABLE_TELEMETRY", "true")
        .env("TRIVY_SKIP_VERSION_CHECK", "true")
        .current_dir(&home)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => ScanError::NoTrivy,
            _ => ScanError::Host {
                doing: "start Trivy",
                source,
            },
        })?;
    let stderr = child.stderr.take();
    let last = Mutex::new(VecDeque::new());
    let ended = std::thread::scope(|scope| {
        if let Some(stderr) = stderr {
            let last = &last;
            scope.spawn(move || listen(stderr, events, last));
        }
        wait(&mut child, watch)
    });
    let status = ended?;
    match status.code() {
        Some(code @ (0 | FOUND)) => Ok(code),
        _ => {
            let how = match (status.code(), status.signal()) {
                (Some(code), _) => format!("ended with code {code}"),
                (None, Some(signal)) => format!("was killed by signal {signal}"),
                (None, None) => "ended".to_owned(),
            };
            let said = last.lock().map(|lines| words(&lines)).unwrap_or_default();
            Err(ScanError::Trivy { how, said })
        }
    }
}

/// Waits for the end, or makes it.
fn wait(child: &mut Child, watch: &Watch) -> Result<ExitStatus, ScanError> {
    let result = loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) => {}
            Err(source) => {
                break Err(ScanError::Host {
                    doing: "wait for Trivy",
                    source,
                });
            }
        }
        if let Err(stop) = watch.check() {
            break Err(stop);
        }
        std::thread::sleep(POLL);
    };
    // The child was not waited for yet, so its number is still its own and its group's.
    if let Some(group) = i32::try_from(child.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw)
    {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.wait();
    result
}

/// Passes on what Trivy says, line by line, and keeps the last lines.
fn listen(stderr: impl Read, events: &dyn EventSink, last: &Mutex<VecDeque<String>>) {
    let mut reader = BufReader::new(stderr);
    let mut lines = 0;
    loop {
        let mut line = Vec::new();
        match reader
            .by_ref()
            .take(LINE_LIMIT)
            .read_until(b'\n', &mut line)
        {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        if text.is_empty() {
            continue;
        }
        lines += 1;
        if lines <= LINES_LIMIT {
            events.emit(Happening::Scan { text: text.clone() });
        }
        if let Ok(mut last) = last.lock() {
            if last.len() == KEPT {
                last.pop_front();
            }
            last.push_back(text);
        }
    }
}

/// What is worth repeating of the last lines: the fatal one, or the last.
fn words(lines: &VecDeque<String>) -> String {
    let fatal = lines.iter().rev().find(|line| line.contains("FATAL"));
    let line = fatal
        .or(lines.back())
        .map_or("it said nothing", String::as_str);
    // Without the time and the level before it.
    let said = line.split('\t').skip(2).collect::<Vec<_>>().join(" ");
    let said = if said.is_empty() { line } else { &said };
    said.chars().take(600).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Instant;

    use super::*;
    use crate::model::event::Cancel;

    /// A program in Trivy's place.
    fn run_script(
        script: &str,
        seconds: u64,
        cancel: &Cancel,
    ) -> (Result<i32, ScanError>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("trivy");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let said = Mutex::new(Vec::new());
        let events = |happening| {
            if let Happening::Scan { text } = happening {
                said.lock().unwrap().push(text);
            }
        };
        let watch = Watch::start(cancel, seconds);
        // A program that is written and run at once may still be open for writing in a test beside this one.
        let result = loop {
            match run(&program, &Place::new(folder.path()), &events, &watch) {
                Err(ScanError::Host { source, .. })
                    if source.raw_os_error() == Some(libc::ETXTBSY) => {}
                result => break result,
            }
        };
        let said = said.lock().unwrap().clone();
        (result, said)
    }

    #[test]
    fn only_nothing_found_and_something_found_are_results() {
        for (script, code) in [
            ("exit 0", Some(0)),
            ("exit 7", Some(7)),
            ("exit 1", None),
            ("exit 2", None),
            ("kill -9 $$", None),
        ] {
            let (result, _) = run_script(script, 60, &Cancel::default());
            assert_eq!(result.ok(), code, "{script}");
        }
    }

    #[test]
    fn its_words_are_passed_on_and_its_reason_is_in_the_error() {
        let script =
            "printf 'now\\tINFO\\thello\\nnow\\tFATAL\\tno such thing\\nbye\\n' >&2; exit 1";
        let (result, said) = run_script(script, 60, &Cancel::default());
        assert_eq!(
            said,
            ["now\tINFO\thello", "now\tFATAL\tno such thing", "bye"]
        );
        assert_eq!(
            result.unwrap_err().to_string(),
            "cannot scan: Trivy ended with code 1: no such thing"
        );
    }

    #[test]
    fn it_and_its_children_end_when_time_is_up_or_somebody_asks() {
        let start = Instant::now();
        let (result, _) = run_script("sleep 600 & sleep 600", 1, &Cancel::default());
        assert!(matches!(result, Err(ScanError::Time { seconds: 1 })));
        let cancel = Cancel::default();
        let late = cancel.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            late.cancel();
        });
        let (result, _) = run_script("sleep 600 & sleep 600", 60, &cancel);
        assert!(matches!(result, Err(ScanError::Cancelled)));
        assert!(start.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn its_environment_is_empty_but_for_what_it_needs() {
        let (result, said) = run_script(
            "env | grep -v -E '^(PWD|SHLVL|_|OLDPWD)=' | cut -d= -f1 | sort >&2; ls -A >&2",
            60,
            &Cancel::default(),
        );
        assert_eq!(result.unwrap(), 0);
        assert_eq!(
            said,
            [
                "HOME",
                "TMPDIR",
                "TRIVY_DISABLE_TELEMETRY",
                "TRIVY_SKIP_VERSION_CHECK"
            ]
        );
    }
}
