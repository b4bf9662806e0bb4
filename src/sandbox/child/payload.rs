//! From pid 1's child to the payload: gives up everything that a step must not have, and becomes the program.

use std::ffi::CString;
use std::fs;
use std::io::Write;
use std::os::fd::{BorrowedFd, OwnedFd};

use libc::sock_filter;
use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit};
use rustix::thread::{CapabilitySet, CapabilitySets, Gid, Uid};

use super::fault::{At, Fault};
use crate::sandbox::kernel;
use crate::sandbox::probe;
use crate::sandbox::wire::{self, Limits, Payload, RunOrder};

/// What Docker leaves to root in a container.
const CAPABILITIES: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::MKNOD)
    .union(CapabilitySet::NET_RAW)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::SYS_CHROOT)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::AUDIT_WRITE);

/// Where a program is looked for when the environment has no PATH, as in Docker.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Open files, as far as the host allows.
const OPEN_FILES: u64 = 65_536;

/// Becomes the payload; answers with an exit code when that failed.
pub fn become_payload(
    order: &RunOrder,
    filters: &[Vec<sock_filter>],
    stdin: Option<&OwnedFd>,
    control: BorrowedFd<'_>,
) -> i32 {
    if let Err(fault) = prepare(order, filters, stdin) {
        let _ = wire::report(control, &fault.report(), &[]);
        return 1;
    }
    match order.payload {
        Payload::Program => execute(order),
        Payload::Probes { .. } => probe::run(order),
        Payload::Appetite(appetite) => probe::want(order, appetite),
    }
}

fn prepare(
    order: &RunOrder,
    filters: &[Vec<sock_filter>],
    stdin: Option<&OwnedFd>,
) -> Result<(), Fault> {
    if filters.is_empty() && !order.payload.without_filters() {
        return Err(Fault::new(
            "start a program",
            "there are no system-call filters",
        ));
    }
    kernel::reset_signals();
    rustix::process::setsid().at(|| "leave the session".into())?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    if let Some(stdin) = stdin {
        rustix::stdio::dup2_stdin(stdin).at(|| "hand over the standard input".into())?;
    }
    limit(&order.limits)?;
    rustix::process::chdir(&order.cwd).at(|| format!("change to the folder {}", order.cwd))?;

    // USER in a sandbox with one id: root in name, but with nothing of root's power.
    let powerless = order.ids.is_single() && order.uid != 0;
    let kept = if powerless {
        CapabilitySet::empty()
    } else {
        CAPABILITIES
    };
    drop_bounding(kept)?;
    // The last thing that needs CAP_SYS_ADMIN: without no_new_privs, so that su and sudo keep working.
    for filter in filters {
        kernel::load_filter(filter).at(|| "load the seccomp filter".into())?;
    }
    if !order.ids.is_single() {
        become_user(order)?;
    }
    let held = if order.uid == 0 {
        kept
    } else {
        CapabilitySet::empty()
    };
    let sets = CapabilitySets {
        effective: held,
        permitted: held,
        inheritable: CapabilitySet::empty(),
    };
    rustix::thread::set_capabilities(None, sets).at(|| "drop capabilities".into())
}

fn become_user(order: &RunOrder) -> Result<(), Fault> {
    let doing = || format!("become user {}:{}", order.uid, order.gid);
    for id in order.groups.iter().chain([&order.uid, &order.gid]) {
        if *id == u32::MAX {
            return Err(Fault::new(doing(), "there is no such id"));
        }
    }
    let groups: Vec<Gid> = order.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
    let (uid, gid) = (Uid::from_raw(order.uid), Gid::from_raw(order.gid));
    rustix::thread::set_thread_groups(&groups).at(doing)?;
    rustix::thread::set_thread_res_gid(gid, gid, gid).at(doing)?;
    rustix::thread::set_thread_res_uid(uid, uid, uid).at(doing)
}

fn drop_bounding(kept: CapabilitySet) -> Result<(), Fault> {
    for capability in CapabilitySet::all().difference(kept).iter() {
        match rustix::thread::remove_capability_from_bounding_set(capability) {
            // A capability that this kernel does not know.
            Ok(()) | Err(rustix::io::Errno::INVAL) => {}
            Err(error) => return Err(Fault::new("drop capabilities", error)),
        }
    }
    let _ = rustix::thread::clear_ambient_capability_set();
    Ok(())
}

fn limit(limits: &Limits) -> Result<(), Fault> {
    let set = |resource, value: u64| {
        let most = rustix::process::getrlimit(resource)
            .maximum
            .unwrap_or(u64::MAX);
        let value = Some(value.min(most));
        rustix::process::setrlimit(
            resource,
            Rlimit {
                current: value,
                maximum: value,
            },
        )
        .at(|| format!("limit {resource:?}"))
    };
    set(Resource::Core, 0)?;
    set(Resource::Fsize, limits.file_bytes)?;
    set(Resource::Nofile, OPEN_FILES)?;
    if let Some(processes) = limits.processes {
        set(Resource::Nproc, processes)?;
    }
    if let Some(cores) = limits.cores {
        bind_to(cores);
    }
    Ok(())
}

/// Binds to the first `cores` of the cores that we may use.
fn bind_to(cores: usize) {
    let Ok(allowed) = rustix::thread::sched_getaffinity(None) else {
        return;
    };
    let mut chosen = rustix::thread::CpuSet::new();
    for core in (0..rustix::thread::CpuSet::MAX_CPU)
        .filter(|core| allowed.is_set(*core))
        .take(cores)
    {
        chosen.set(core);
    }
    let _ = rustix::thread::sched_setaffinity(None, &chosen);
}

/// As a container runtime: looks in PATH, says what is wrong in Docker's words, answers 127 or 126.
fn execute(order: &RunOrder) -> i32 {
    let Some(program) = order.argv.first() else {
        return say("no command specified", 127);
    };
    let argv = strings(order.argv.iter().cloned());
    let env = strings(
        order
            .env
            .iter()
            .map(|(name, value)| format!("{name}={value}")),
    );
    let (Some(argv), Some(env)) = (argv, env) else {
        return say(
            &format!("exec: {program:?}: a NUL byte in an argument or in the environment"),
            126,
        );
    };
    let path = order
        .env
        .iter()
        .rev()
        .find(|(name, _)| name == "PATH")
        .map_or(DEFAULT_PATH, |(_, path)| path);
    let candidates: Vec<String> = if program.contains('/') {
        vec![program.clone()]
    } else {
        path.split(':')
            .map(|folder| format!("{}/{program}", if folder.is_empty() { "." } else { folder }))
            .collect()
    };
    if kernel::close_from(3).is_err() {
        return say("exec: can't close what the sandbox had open", 126);
    }
    let mut refusal = None;
    for candidate in &candidates {
        let Ok(candidate) = CString::new(candidate.as_str()) else {
            continue;
        };
        let error = kernel::execve(&candidate, &argv, &env);
        match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENOTDIR) if fs::metadata(os(&candidate)).is_err() => {}
            _ => refusal = refusal.or(Some(error)),
        }
    }
    match refusal {
        None if program.contains('/') => say(
            &format!("exec: {program:?}: stat {program}: no such file or directory"),
            127,
        ),
        None => say(
            &format!("exec: {program:?}: executable file not found in $PATH"),
            127,
        ),
        Some(error) => match error.raw_os_error() {
            Some(libc::EACCES) => say(&format!("exec: {program:?}: permission denied"), 126),
            Some(libc::ENOEXEC) => say(&format!("exec {program}: exec format error"), 126),
            // The file is there, its interpreter is not.
            Some(libc::ENOENT) => say(&format!("exec {program}: no such file or directory"), 127),
            _ => say(&format!("exec {program}: {error}"), 126),
        },
    }
}

fn os(path: &CString) -> &std::ffi::OsStr {
    std::os::unix::ffi::OsStrExt::from_bytes(path.as_bytes())
}

fn strings(items: impl Iterator<Item = String>) -> Option<Vec<CString>> {
    items.map(|item| CString::new(item).ok()).collect()
}

fn say(what: &str, code: i32) -> i32 {
    let _ = writeln!(std::io::stderr(), "{what}");
    code
}
