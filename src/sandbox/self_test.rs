//! The self-test: the sandbox of this host, tried by what hostile steps try, with the answers compared.
//!
//! This is the one place from which a sandbox without its system-call filters can be asked for, and what runs in it is
//! the program's own probes and nothing else: the inside starts no program without filters.

use std::cell::RefCell;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::error::SandboxError;
use super::host;
use super::open::Sandbox;
use super::probe::{self, Appetite, HOSTNAME, TABLE};
use super::spec::{Ending, Observer, Outcome, RunSpec, Seen, StepLimits, StepUsage};
use super::wire::Payload;
use crate::model::event::{Cancel, Stream};

/// What one probe came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probed {
    /// What it is about.
    pub area: String,
    /// What it tried.
    pub name: String,
    /// Any of these answers would have been right.
    pub expected: Vec<String>,
    /// The answer.
    pub got: String,
    /// Whether it was right.
    pub held: bool,
}

/// Memory that a step of the self-test may use.
const MEMORY: u64 = 64 << 20;
/// Processes.
const PROCESSES: u64 = 32;
/// Disk.
const DISK: u64 = 64 << 20;
/// Files.
const FILES: u64 = 5_000;
/// Output.
const OUTPUT: u64 = 1 << 20;

/// The limits, with what is wanted too much of and the ending that must come.
const LIMITS: [(&str, Appetite, &str); 7] = [
    (
        "memory, of a grandchild",
        Appetite::Memory,
        "stopped for memory",
    ),
    ("memory, as files", Appetite::Files, "stopped for memory"),
    ("processes", Appetite::Processes, "stopped for processes"),
    ("disk, deleted but open", Appetite::Disk, "stopped for disk"),
    ("files", Appetite::Inodes, "stopped for files"),
    (
        "time, with signals ignored",
        Appetite::Time,
        "stopped for time",
    ),
    ("output", Appetite::Output, "cut"),
];

impl Sandbox {
    /// Tries the sandbox with every probe; `nonce` is a name that was never used before. Without `seccomp`, the
    /// system-call filters are left out, to see what they are good for; the limits are not tried then. `folder` gets
    /// the steps' files and is empty again at the end.
    ///
    /// # Errors
    /// If the probes could not be run, or could not tell that they were inside.
    pub fn self_test(
        &self,
        seccomp: bool,
        folder: &Path,
        nonce: &str,
    ) -> Result<Vec<Probed>, SandboxError> {
        let ground = Ground {
            sandbox: self,
            folder,
            nonce,
        };
        let mut probed = ground.probes(seccomp)?;
        if seccomp {
            for (name, appetite, expected) in LIMITS {
                let got = ground.limit(appetite)?;
                probed.push(Probed {
                    area: "limits".into(),
                    name: name.into(),
                    expected: vec![expected.into()],
                    held: got == expected,
                    got,
                });
            }
        }
        Ok(probed)
    }
}

struct Ground<'a> {
    sandbox: &'a Sandbox,
    folder: &'a Path,
    nonce: &'a str,
}

impl Ground<'_> {
    fn probes(&self, seccomp: bool) -> Result<Vec<Probed>, SandboxError> {
        // Things of the host's that are really there to be found.
        let marker = self.folder.join("marker");
        std::fs::write(&marker, self.nonce).map_err(SandboxError::host("write a marker"))?;
        let listener = TcpListener::bind(("127.0.0.1", 0));
        let listener = listener.map_err(SandboxError::host("listen on the loopback"))?;
        let port = listener.local_addr().map_or(0, |address| address.port());
        let name = format!("{HOSTNAME}{}", self.nonce);
        let socket = SocketAddr::from_abstract_name(&name)
            .and_then(|address| UnixListener::bind_addr(&address))
            .map_err(SandboxError::host("listen on an abstract socket"))?;
        let env = vec![
            ("MARKER".to_owned(), marker.display().to_string()),
            ("PORT".to_owned(), port.to_string()),
            ("ABSTRACT".to_owned(), name),
        ];
        let heard = Heard::default();
        let outcome = self.run(Payload::Probes { seccomp }, env, &heard);
        drop((listener, socket));
        std::fs::remove_file(&marker).map_err(SandboxError::host("remove the marker"))?;
        let outcome = outcome?;
        if outcome.ending != Ending::Exited(0) {
            return Err(SandboxError::Invalid(format!(
                "the probes did not come to their end: {}",
                ending(&outcome)
            )));
        }
        let lines = heard.0.into_inner();
        Ok(TABLE
            .iter()
            .enumerate()
            .map(|(number, probe)| {
                let start = format!("{number} ");
                let got = lines.iter().find_map(|line| line.strip_prefix(&start));
                let got = got.unwrap_or("no answer");
                Probed {
                    area: probe.area.into(),
                    name: probe.name.into(),
                    expected: probe.expected.iter().map(|one| (*one).to_owned()).collect(),
                    got: got.into(),
                    held: probe.expected.contains(&got),
                }
            })
            .collect())
    }

    fn limit(&self, appetite: Appetite) -> Result<String, SandboxError> {
        let heard = Heard::default();
        let outcome = self.run(Payload::Appetite(appetite), Vec::new(), &heard)?;
        Ok(match ending(&outcome) {
            _ if outcome.log_cut && outcome.ending == Ending::Exited(0) => "cut".into(),
            other => other,
        })
    }

    fn run(
        &self,
        payload: Payload,
        env: Vec<(String, String)>,
        observer: &dyn Observer,
    ) -> Result<Outcome, SandboxError> {
        let (upper, work) = (self.folder.join("upper"), self.folder.join("work"));
        self.sandbox.make_folder(&upper)?;
        self.sandbox.make_folder(&work)?;
        let seconds = if payload == Payload::Appetite(Appetite::Time) {
            1
        } else {
            60
        };
        let spec = RunSpec {
            lower: Vec::new(),
            upper: upper.clone(),
            work: work.clone(),
            argv: vec!["self-test".into()],
            env,
            cwd: "/".into(),
            uid: 0,
            gid: 0,
            groups: Vec::new(),
            hostname: format!("{HOSTNAME}{}", self.nonce),
            mounts: Vec::new(),
            stdin: Vec::new(),
            gate: None,
            seen: Seen::default(),
            limits: StepLimits {
                memory_bytes: MEMORY,
                cpus: 1.0,
                pids: PROCESSES,
                deadline: Instant::now() + Duration::from_secs(seconds),
                disk_bytes: DISK,
                inodes: FILES,
                log_bytes: OUTPUT,
            },
        };
        let together = self.sandbox.together(&spec.limits);
        let outcome = host::run::run_payload(
            self.sandbox,
            &together,
            &spec,
            payload,
            observer,
            &Cancel::default(),
        );
        self.sandbox.remove_folder(&upper)?;
        self.sandbox.remove_folder(&work)?;
        outcome
    }
}

/// An ending in words.
fn ending(outcome: &Outcome) -> String {
    match outcome.ending {
        Ending::Exited(probe::OUTSIDE) => "it was not inside".into(),
        Ending::Exited(code) => format!("ended with {code}"),
        Ending::Signalled(signal) => format!("ended by signal {signal}"),
        Ending::Memory => "stopped for memory".into(),
        Ending::HostMemory => "the host ran out of memory".into(),
        Ending::Time => "stopped for time".into(),
        Ending::Disk => "stopped for disk".into(),
        Ending::Inodes => "stopped for files".into(),
        Ending::Pids => "stopped for processes".into(),
        Ending::Cancelled => "cancelled".into(),
    }
}

#[derive(Default)]
struct Heard(RefCell<Vec<String>>);

impl Observer for Heard {
    fn line(&self, stream: Stream, line: &[u8]) {
        if stream == Stream::Stdout && line.len() < 200 {
            self.0
                .borrow_mut()
                .push(String::from_utf8_lossy(line).into_owned());
        }
    }

    fn usage(&self, _: StepUsage) {}

    fn refused(&self, _: &str) {}
}
