//! From a specification to an order: what can't be carried out is refused here, and each limit that no cgroup holds
//! becomes one that the inside holds or watches.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::sandbox::Sandbox;
use crate::sandbox::error::SandboxError;
use crate::sandbox::spec::RunSpec;
use crate::sandbox::support::Held;
use crate::sandbox::wire::{Limits, Payload, RunOrder};

/// A file may be this much longer than all files together, so that who hits this limit has hit the other.
const FILE_SLACK: u64 = 1 << 20;
/// The kernel's limit of a hostname.
const LONGEST_HOSTNAME: usize = 64;

/// Refuses what can't be carried out, before anything is started.
pub fn check(sandbox: &Sandbox, spec: &RunSpec) -> Result<(), SandboxError> {
    let invalid = |what: String| Err(SandboxError::Invalid(what));
    if spec.argv.is_empty() {
        return invalid("there is no program to run".into());
    }
    if !spec.cwd.starts_with('/') {
        return invalid(format!(
            "the working directory {:?} is not absolute",
            spec.cwd
        ));
    }
    if spec.hostname.is_empty()
        || spec.hostname.len() > LONGEST_HOSTNAME
        || spec.hostname.contains(['\n', '\0'])
    {
        return invalid(format!("the hostname {:?} can't be set", spec.hostname));
    }
    let ids = sandbox.ids();
    let known = ids.host_uid(spec.uid).is_some()
        && spec
            .groups
            .iter()
            .chain([&spec.gid])
            .all(|gid| ids.host_gid(*gid).is_some());
    if !known && !ids.is_single() {
        return invalid(format!(
            "user {}:{} is beyond the ids that this host maps",
            spec.uid, spec.gid
        ));
    }
    Ok(())
}

/// The order for a specification that was checked, with so many doors of cgroups. Unless it goes in by itself or there
/// is none, the step waits to be taken into its cgroup.
pub fn order(sandbox: &Sandbox, spec: &RunSpec, doors: usize, cgroup: bool) -> RunOrder {
    let support = sandbox.support();
    let kernel = |held: Held| held == Held::Kernel;
    let watch = !(kernel(support.memory) && kernel(support.pids));
    RunOrder {
        ids: support.ids,
        lower: spec.lower.clone(),
        upper: spec.upper.clone(),
        work: spec.work.clone(),
        argv: spec.argv.clone(),
        env: spec.env.clone(),
        cwd: spec.cwd.clone(),
        uid: spec.uid,
        gid: spec.gid,
        groups: spec.groups.clone(),
        hostname: spec.hostname.clone(),
        mounts: spec.mounts.clone(),
        gate: spec.gate.is_some(),
        first_process: spec.seen.first_process,
        limits: Limits {
            file_bytes: spec.limits.disk_bytes.saturating_add(FILE_SLACK),
            inodes: spec.limits.inodes,
            // The kernel's backstop. All the user's processes count, other steps' too, so it is set wide; who is past
            // the limit itself is found by watching.
            processes: (!kernel(support.pids))
                .then(|| own_threads() + spec.limits.pids.saturating_mul(4)),
            cores: (!kernel(support.cpus))
                .then(|| spec.limits.cpus.ceil().max(1.0) as usize)
                .into_iter()
                .chain(spec.seen.cores)
                .min(),
            watch_memory: watch.then_some(spec.limits.memory_bytes),
        },
        doors,
        at_once: doors > 0 || !cgroup,
        payload: Payload::Program,
    }
}

/// Threads of this user on the whole machine: the kernel counts them together with the step's. Looked up again when a
/// while has passed; to look at every process of the machine takes a tenth of a small step.
fn own_threads() -> u64 {
    static KNOWN: Mutex<Option<(Instant, u64)>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    match *known {
        Some((at, threads)) if at.elapsed() < FRESH => threads,
        _ => {
            let threads = count_own_threads();
            *known = Some((Instant::now(), threads));
            threads
        }
    }
}

/// How long a count of threads is good for.
const FRESH: Duration = Duration::from_secs(1);

fn count_own_threads() -> u64 {
    use std::os::unix::fs::MetadataExt;
    let uid = rustix::process::geteuid().as_raw();
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return 0;
    };
    entries
        .flatten()
        .filter(|entry| {
            entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        })
        .filter_map(|entry| std::fs::metadata(entry.path().join("task")).ok())
        .filter(|task| task.uid() == uid)
        .map(|task| task.nlink().saturating_sub(2))
        .sum()
}
