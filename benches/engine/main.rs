//! The embedded engine beside the Docker Engine's BuildKit: from the same Dockerfile, context and base to an OCI layout
//! on disk. Prints medians and ratios; asserts nothing.
//!
//! `tests/run --up` starts the real parts and says how to export their environment; then `cargo bench --bench engine`
//! (`-- --help` shows what can be chosen). Both stores should lie on a tmpfs, or the disk's mood is measured: ours is
//! put on /dev/shm where that is one, and so does `tests/run` with the engine's.
//!
//! What is measured, each a whole run of the program, ours and BuildKit's in turn:
//! - *cold*: a context in a new folder. Ours has a state folder with the base and nothing else; BuildKit, which has a
//!   running daemon, gets `--no-cache` and has not seen the folder before.
//! - *nothing*: once more, with nothing changed; ours writes a new OCI layout all the same.
//! - *changed*: the last file of the context, in the order of its paths, has got other bytes of the same length. For
//!   the steps and the stages that is a small file that the last instruction copies; for the 200 MB it is all of them.

mod cases;
mod curve;
mod memory;
mod options;
mod ours;
mod peer;
mod table;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cases::Case;
use options::Options;
use ours::{Ours, Peak};
use peer::Peer;
use table::Times;

/// What happened to the context since the last build.
#[derive(Debug, Clone, Copy)]
pub enum Phase {
    /// It is new.
    Cold,
    /// Nothing.
    Nothing,
    /// Its last file has other bytes.
    Changed,
}

impl Phase {
    const ALL: [Self; 3] = [Self::Cold, Self::Nothing, Self::Changed];

    /// By this one chooses it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Nothing => "nothing",
            Self::Changed => "changed",
        }
    }
}

/// Runs a command that has to succeed.
pub fn must(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// How long `work` takes, in seconds.
pub fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// Nobody saves a file and builds in the same tenth of a second. Who does gets the same image: a file that was written
/// so lately is read again.
pub fn settle() {
    std::thread::sleep(Duration::from_millis(300));
}

fn main() {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(text) => return println!("{text}"),
    };
    let rootfs = std::env::var_os("FLAREO_TEST_BASES").filter(|v| !v.is_empty());
    let Some(rootfs) = rootfs.map(|bases| PathBuf::from(bases).join("busybox.tar")) else {
        println!("skipped: the bases are not there: `tests/run --up` makes them");
        return;
    };
    let memory = Path::new("/dev/shm");
    let work = match memory.is_dir() && std::env::var_os("TMPDIR").is_none() {
        true => tempfile::tempdir_in(memory).unwrap(),
        false => tempfile::tempdir().unwrap(),
    };
    let peer = if options.peer {
        Peer::find(work.path())
    } else {
        None
    };
    if options.peer && peer.is_none() {
        println!(
            "skipped: the Docker Engine and skopeo are not there: `tests/run --up` starts them"
        );
        return;
    }
    let ours = Ours::new(work.path(), &rootfs, options.program.as_deref());
    if let Some(peer) = &peer {
        peer.import(&rootfs);
        println!("beside: {}", peer.version());
    }
    println!(
        "medians of {}; work in {}",
        options.rounds,
        work.path().display()
    );
    let cases: Vec<Case> = cases::all()
        .into_iter()
        .filter(|case| options.wants_case(case.key))
        .collect();
    if !cases.is_empty() {
        table::head();
    }
    for case in &cases {
        for (phase, times) in measure(&options, work.path(), case, &ours, peer.as_ref()) {
            table::line(case, phase, &times, options.raw);
        }
    }
    if options.memory && !cases.is_empty() {
        println!();
        for case in &cases {
            table::memory(case, peak(work.path(), case, &ours));
        }
    }
    if !options.curve.is_empty() {
        curve::run(&options, work.path(), &ours, peer.as_ref());
    }
}

fn measure(
    options: &Options,
    work: &Path,
    case: &Case,
    ours: &Ours,
    peer: Option<&Peer>,
) -> Vec<(Phase, Times)> {
    let wanted = |phase: &Phase| options.wants_phase(phase.name());
    let mut all: Vec<(Phase, Times)> = Phase::ALL
        .into_iter()
        .map(|phase| (phase, Times::default()))
        .collect();
    for round in 0..options.rounds {
        let context = work.join(format!("{}-{round}", case.key));
        case.write(&context);
        ours.fresh();
        for (phase, times) in &mut all {
            let cold = matches!(phase, Phase::Cold);
            if !cold && !wanted(phase) {
                continue;
            }
            if matches!(phase, Phase::Changed) {
                case.change_last(&context, round as u64 + 1);
            }
            settle();
            times.ours.push(ours.build(&context));
            if let Some(peer) = peer {
                let build = peer.build(&context, cold);
                times.build.push(build);
                if wanted(phase) && (cold || options.exports) {
                    times.exported.push(build + peer.export());
                }
            }
        }
        let _ = std::fs::remove_dir_all(&context);
    }
    all.retain(|(phase, _)| wanted(phase));
    all
}

/// The most memory in any phase.
fn peak(work: &Path, case: &Case, ours: &Ours) -> Peak {
    let context = work.join(format!("{}-memory", case.key));
    case.write(&context);
    ours.fresh();
    let mut most = Peak::default();
    for phase in Phase::ALL {
        if matches!(phase, Phase::Changed) {
            case.change_last(&context, 1);
        }
        settle();
        let peak = ours.peak(&context);
        most.tree = most.tree.max(peak.tree);
        most.process = most.process.max(peak.process);
    }
    let _ = std::fs::remove_dir_all(&context);
    most
}
