//! pid 1 of a step: builds the root, starts the payload, buries the dead, and takes everybody along when it goes.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use libc::sock_filter;
use rustix::fs::{Mode, OFlags};
use rustix::mount::MountAttrFlags;
use rustix::process::{Pid, Signal, WaitOptions};
use rustix::thread::UnshareFlags;

use super::fault::{At, Fault};
use super::root::{self, Names, Planned};
use super::stage::Overlay;
use super::{measure, mounts, network, payload};
use crate::sandbox::kernel::{self, Fork};
use crate::sandbox::wire::{self, Report, RunOrder};

/// What pid 1 works with.
pub struct Step<'a> {
    pub order: &'a RunOrder,
    pub filters: &'a [Vec<sock_filter>],
    pub stdin: Option<&'a OwnedFd>,
    /// The doors of the step's cgroups.
    pub doors: Vec<OwnedFd>,
    pub overlay: &'a Overlay,
    pub planned: &'a [Planned],
    pub control: BorrowedFd<'a>,
}

/// Runs the step. Returns when nothing is left to do but to exit, which ends every process of the step.
pub fn run(mut step: Step<'_>) -> Result<(), Fault> {
    // The holder kills us when the host process goes; this is for when the holder goes.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .at(|| "follow the holder".into())?;
    for door in std::mem::take(&mut step.doors) {
        rustix::io::write(door, b"0").at(|| "enter the step's cgroup".into())?;
    }
    let _ = kernel::new_session_keyring();
    let refusing = network::refuse_everything(step.order.gate)?;
    let packets = refusing.packets.iter();
    let sockets: Vec<BorrowedFd<'_>> = refusing
        .names
        .iter()
        .chain(packets.clone().map(|(_, socket)| socket))
        .chain(&refusing.gate)
        .map(AsFd::as_fd)
        .collect();
    let report = Report::Network {
        names: refusing.names.is_some(),
        packets: packets.map(|(ear, _)| *ear).collect(),
        gate: refusing.gate.is_some(),
        v6: refusing.v6,
    };
    wire::report(step.control, &report, &sockets).at(|| "report the network".into())?;
    drop(refusing);

    if let Some(first) = step.order.first_process {
        number_from(first)?;
    }
    let names = Names::of(&step.order.hostname);
    let root = root::build(step.overlay, &names, step.planned)?;
    mounts::pivot(root)?;
    make_folder(step.order)?;
    rustix::system::sethostname(step.order.hostname.as_bytes()).at(|| "set the hostname".into())?;

    if !step.order.at_once {
        wire::report(step.control, &Report::Ready, &[]).at(|| "report".into())?;
        if wire::receive(step.control)
            .at(|| "wait for the word".into())?
            .is_none()
        {
            return Ok(());
        }
    }
    // Only now are we in the step's cgroup, which is to look like the root of all.
    kernel::unshare(UnshareFlags::NEWCGROUP).at(|| "enter a cgroup namespace".into())?;
    match kernel::fork().at(|| "start the payload".into())? {
        Fork::Child => {
            kernel::exit_now(payload::become_payload(
                step.order,
                step.filters,
                step.stdin,
                step.control,
            ));
        }
        Fork::Parent(pid) => {
            // What the payload prints must end with the payload.
            super::silence().at(|| "let go of the output".into())?;
            let report = bury(pid);
            if step.order.limits.processes.is_some() {
                let left = measure::processes().len() as u64;
                let _ = wire::report(step.control, &Report::Left(left), &[]);
            }
            wire::report(step.control, &report, &[]).at(|| "report the end".into())
        }
    }
}

/// Lets the kernel give `first` to the next process of this namespace.
fn number_from(first: u32) -> Result<(), Fault> {
    let doing = || format!("number processes from {first}");
    let proc = mounts::detached("proc", &[], MountAttrFlags::empty())?;
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    let last = rustix::fs::openat(&proc, "sys/kernel/ns_last_pid", flags, Mode::empty());
    let last = match last {
        // A kernel without checkpoints can't be told.
        Err(rustix::io::Errno::NOENT) => return Ok(()),
        last => last.at(doing)?,
    };
    let before = first.saturating_sub(1).to_string();
    rustix::io::write(&last, before.as_bytes()).at(doing)?;
    Ok(())
}

/// Makes the working directory where the image has lost it, with what is missing above it.
/// It is the step's user's, as it is with Docker, where ids can be given.
fn make_folder(order: &RunOrder) -> Result<(), Fault> {
    use std::os::unix::fs::PermissionsExt;
    let doing = || format!("make the working directory {}", order.cwd);
    let path = std::path::Path::new(&order.cwd);
    let missing: Vec<_> = path.ancestors().take_while(|p| !p.exists()).collect();
    for folder in missing.into_iter().rev() {
        std::fs::create_dir(folder).at(doing)?;
        // Whatever the umask was that we came with.
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder, mode).at(doing)?;
        let _ = std::os::unix::fs::chown(folder, Some(order.uid), Some(order.gid));
    }
    Ok(())
}

/// Reaps whoever ends, until the payload does.
fn bury(payload: Pid) -> Report {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == payload => {
                if let Some(code) = status.exit_status() {
                    return Report::Exited(code);
                }
                if let Some(signal) = status.terminating_signal() {
                    return Report::Signalled(signal);
                }
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => {
                return Report::Failed {
                    doing: "wait for the payload".into(),
                    reason: error.to_string(),
                };
            }
        }
    }
}
