//! What the sandbox is told to run, and what it answers.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::gate::Pass;
use crate::model::event::Stream;
use crate::model::ledger::Connection;

/// One process tree to run.
#[derive(Debug, Clone)]
pub struct RunSpec {
    /// Unpacked layers, lowest first. May be empty (scratch).
    pub lower: Vec<PathBuf>,
    /// Receives what the step changes: an overlay's upper directory, empty at the start.
    pub upper: PathBuf,
    /// The overlay's work directory, beside `upper`.
    pub work: PathBuf,
    /// The program and its arguments, looked up in the sandbox's PATH as execvp does.
    pub argv: Vec<String>,
    /// The whole environment, in order.
    pub env: Vec<(String, String)>,
    /// The working directory inside.
    pub cwd: String,
    /// User id inside.
    pub uid: u32,
    /// Group id inside.
    pub gid: u32,
    /// Supplementary groups inside.
    pub groups: Vec<u32>,
    /// The hostname inside.
    pub hostname: String,
    /// Mounts beside the fixed set (/proc, /dev, /sys, /tmp is the image's own).
    pub mounts: Vec<Mount>,
    /// Written to the payload's standard input; empty gives /dev/null.
    pub stdin: Vec<u8>,
    /// Its pass to the network gate; without, it reaches nobody.
    pub gate: Option<Pass>,
    /// What it sees of the host.
    pub seen: Seen,
    /// What it may use.
    pub limits: StepLimits,
}

/// What a step sees of the host, where that is to differ from the ordinary: a step whose result depends on it does not
/// build to the same bytes everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// How many cores it is bound to; none leaves it those of the host.
    pub cores: Option<usize>,
    /// The id of its first process; none leaves that to the kernel, which gives 2.
    pub first_process: Option<u32>,
}

/// A mount inside the sandbox. What it puts over the image leaves no trace in the layer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Mount {
    /// An empty tmpfs.
    Tmpfs {
        /// Absolute path inside.
        target: String,
        /// Size in bytes.
        bytes: u64,
    },
    /// A host file or folder.
    Bind {
        /// On the host.
        source: PathBuf,
        /// Absolute path inside.
        target: String,
        /// Whether writing is refused.
        read_only: bool,
    },
    /// Something in a stack of layers of its own.
    Layers {
        /// Unpacked layers, lowest first.
        lower: Vec<PathBuf>,
        /// Where what is written goes, an upper and a work directory beside each other; nothing can be written without.
        /// It counts as disk that the step uses.
        write: Option<(PathBuf, PathBuf)>,
        /// Absolute path in the layers, followed through links as if they were `/`.
        source: String,
        /// Absolute path inside.
        target: String,
        /// Whether writing is refused although there is a place for it.
        read_only: bool,
    },
}

/// What one step may use. Memory, CPU and processes are shared with the steps beside it where it runs in a
/// [`Together`](super::Together).
#[derive(Debug, Clone)]
pub struct StepLimits {
    /// Memory of the whole tree, in bytes.
    pub memory_bytes: u64,
    /// CPU quota: 2.0 is two cores.
    pub cpus: f64,
    /// Processes and threads.
    pub pids: u64,
    /// When the build's time is up.
    pub deadline: Instant,
    /// What `upper` may grow to, in bytes.
    pub disk_bytes: u64,
    /// How many files and folders `upper` may hold.
    pub inodes: u64,
    /// What the step may print, in bytes.
    pub log_bytes: u64,
}

/// Sees the step while it runs. Called from the supervising thread; must not block for long.
pub trait Observer {
    /// A line was printed, without its end; a line longer than 64 KiB comes in pieces.
    fn line(&self, stream: Stream, line: &[u8]);
    /// About four times a second.
    fn usage(&self, usage: StepUsage);
    /// The step wanted `host` (a name, or an address with its port) and was refused.
    fn refused(&self, host: &str);
    /// A connection through the gate has ended.
    fn connection(&self, _connection: &Connection) {}
}

/// What a step uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StepUsage {
    /// Memory now, in bytes.
    pub memory_bytes: u64,
    /// The most so far, in bytes.
    pub memory_peak_bytes: u64,
    /// CPU time so far.
    pub cpu: Duration,
    /// Bytes in `upper`, as far as known.
    pub disk_bytes: u64,
    /// Processes and threads now.
    pub pids: u64,
}

/// Why a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The payload exited with this code.
    Exited(i32),
    /// A signal killed the payload, and no limit was behind it.
    Signalled(i32),
    /// Something in the tree was killed for memory, whatever the payload's own code says.
    Memory,
    /// The same, but it was the whole host that had no memory left, and not the step that had too much.
    HostMemory,
    /// The deadline passed.
    Time,
    /// `upper` grew past its limit.
    Disk,
    /// `upper` holds too many files.
    Inodes,
    /// No process could be made any more, and the payload failed.
    Pids,
    /// [`Cancel`](crate::model::event::Cancel) was asked for.
    Cancelled,
}

/// How far a step went that was stopped by a limit; in bytes, or in things counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// The step alone, at most.
    pub used: u64,
    /// With the steps beside it.
    pub together: u64,
    /// What there was to be had.
    pub limit: u64,
}

/// How a step went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Why it ended.
    pub ending: Ending,
    /// What it used in all.
    pub usage: StepUsage,
    /// How far it went, where the ending is a limit of memory, disk, inodes or processes.
    pub reached: Option<Reached>,
    /// Hosts that it wanted and was refused, each once, in order.
    pub refused: Vec<String>,
    /// Whether output was cut at `log_bytes`.
    pub log_cut: bool,
}
