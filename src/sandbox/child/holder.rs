//! The process that holds a step: it makes the namespaces, starts pid 1, and stays beside it until the end.

use std::fs;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use libc::sock_filter;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Gid, Mode, OFlags, Uid};
use rustix::process::{DumpableBehavior, Pid, PidfdFlags, Resource, Rlimit, Signal, WaitOptions};
use rustix::thread::UnshareFlags;

use super::fault::{At, Fault};
use super::init::{self, Step};
use super::measure::Watch;
use super::root::{FOLDERS, Planned};
use super::stage::Stage;
use crate::sandbox::ids::Ids;
use crate::sandbox::kernel::{self, Fork};
use crate::sandbox::spec::Mount;
use crate::sandbox::wire::{self, Report, RunOrder};

/// How often the step is looked at.
const TICK: Duration = Duration::from_millis(100);

/// Holds one step from its beginning to its end. The descriptors are: the doors of its cgroups, and its standard input
/// if there is one.
pub fn run(
    order: &RunOrder,
    filters: &[Vec<sock_filter>],
    mut doors: Vec<OwnedFd>,
    control: BorrowedFd<'_>,
) -> Result<(), Fault> {
    let stdin = if doors.len() > order.doors {
        doors.pop()
    } else {
        None
    };
    let at = order
        .upper
        .parent()
        .ok_or_else(|| Fault::new("prepare the overlay", "upper has no parent"))?;
    let mut stage = Stage::default();
    let mut planned = Vec::new();
    let mut overlay = super::stage::Overlay::default();
    let mut prepare = || -> Result<(), Fault> {
        overlay = stage.overlay(&order.lower, Some((&order.upper, &order.work)))?;
        planned = plan(&order.mounts, &mut stage)?;
        for folder in FOLDERS {
            stage.folder(folder);
        }
        Ok(())
    };
    let inner =
        UnshareFlags::NEWPID | UnshareFlags::NEWNET | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    if let Some(processes) = order.limits.processes {
        // Before the user namespace, so that it binds all its users together.
        let limit = Some(
            processes.min(
                rustix::process::getrlimit(Resource::Nproc)
                    .maximum
                    .unwrap_or(u64::MAX),
            ),
        );
        let maximum = rustix::process::getrlimit(Resource::Nproc).maximum;
        let _ = rustix::process::setrlimit(
            Resource::Nproc,
            Rlimit {
                current: limit,
                maximum,
            },
        );
    }
    // Under memory pressure of the whole host, the step goes first.
    let _ = fs::write("/proc/self/oom_score_adj", "500");
    own_the_output(order, matches!(order.ids, Ids::Shifted { .. }));
    if matches!(order.ids, Ids::Shifted { .. }) {
        // A namespace of root's first: only what is opened in one can be bound in it.
        kernel::unshare(UnshareFlags::NEWNS).at(|| "enter a mount namespace".into())?;
        prepare()?;
        stage.build(at)?;
        enter(order.ids, inner, control)?;
    } else {
        enter(order.ids, inner, control)?;
        prepare()?;
        stage.build(at)?;
        own_the_output(order, true);
    }

    let layered = planned.iter().filter_map(|p| Some(&p.layers.as_ref()?.0));
    let uppers = [&overlay].into_iter().chain(layered);
    let uppers = uppers.filter_map(|overlay| overlay.upper.as_ref());
    let uppers: Result<Vec<OwnedFd>, Fault> = uppers
        .map(|(upper, _)| {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            rustix::fs::open(upper, flags, Mode::empty()).at(|| "open upper".into())
        })
        .collect();
    let watch = Watch::new(uppers?, order.limits, &order.mounts);
    let step = Step {
        order,
        filters,
        stdin: stdin.as_ref(),
        doors,
        overlay: &overlay,
        planned: &planned,
        control,
    };
    match kernel::fork().at(|| "start pid 1".into())? {
        Fork::Child => {
            if let Err(fault) = init::run(step) {
                let _ = wire::report(control, &fault.report(), &[]);
            }
            kernel::exit_now(0);
        }
        Fork::Parent(pid) => {
            let _ = super::silence();
            drop(step.doors);
            drop(stdin);
            hold(pid, watch, control)
        }
    }
}

/// Enters the user namespace and what belongs to it, and becomes its root.
pub fn enter(ids: Ids, more: UnshareFlags, control: BorrowedFd<'_>) -> Result<(), Fault> {
    kernel::unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS | more)
        .at(|| "enter a user namespace".into())?;
    if let Ids::Single { uid, gid } = ids {
        let doing = || "map the user".to_owned();
        fs::write("/proc/self/setgroups", "deny").at(doing)?;
        fs::write("/proc/self/uid_map", format!("0 {uid} 1")).at(doing)?;
        fs::write("/proc/self/gid_map", format!("0 {gid} 1")).at(doing)?;
    } else {
        wire::report(control, &Report::Unshared, &[]).at(|| "ask for the ids".into())?;
        if wire::receive(control)
            .at(|| "wait for the ids".into())?
            .is_none()
        {
            kernel::exit_now(0);
        }
        rustix::thread::set_thread_groups(&[]).at(|| "leave the host's groups".into())?;
    }
    let doing = || "become root inside".to_owned();
    rustix::thread::set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT).at(doing)?;
    rustix::thread::set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT).at(doing)?;
    // Nobody inside may look into us: not at /proc/1/exe, not at /proc/1/root.
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).at(doing)
}

/// Lets the step's user open /dev/stdout again, which is a pipe of the host process's.
fn own_the_output(order: &RunOrder, able: bool) {
    if !able {
        return;
    }
    let shifted = matches!(order.ids, Ids::Shifted { .. });
    let (uid, gid) = if shifted {
        (order.ids.host_uid(order.uid), order.ids.host_gid(order.gid))
    } else if order.ids.is_single() {
        return;
    } else {
        (Some(order.uid), Some(order.gid))
    };
    let (uid, gid) = (uid.map(Uid::from_raw), gid.map(Gid::from_raw));
    let _ = rustix::fs::fchown(rustix::stdio::stdout(), uid, gid);
    let _ = rustix::fs::fchown(rustix::stdio::stderr(), uid, gid);
}

/// Puts the sources of the mounts on the stage.
fn plan(mounts: &[Mount], stage: &mut Stage) -> Result<Vec<Planned>, Fault> {
    mounts
        .iter()
        .enumerate()
        .map(|(index, mount)| {
            let mut layers = None;
            let source = match mount {
                Mount::Tmpfs { .. } => None,
                Mount::Layers { lower, write, .. } => {
                    let write = write.as_ref().map(|(u, w)| (u.as_path(), w.as_path()));
                    let name = format!("m{index}");
                    stage.folder(&name);
                    layers = Some((stage.overlay(lower, write)?, name));
                    None
                }
                Mount::Bind {
                    source, read_only, ..
                } => {
                    let folder = fs::metadata(source)
                        .at(|| format!("look at {}", source.display()))?
                        .is_dir();
                    Some((stage.add(source, *read_only)?, folder))
                }
            };
            Ok(Planned {
                mount: mount.clone(),
                source,
                layers,
            })
        })
        .collect()
}

/// Watches the step and the host process until one of them is gone.
fn hold(pid: Pid, mut watch: Watch, control: BorrowedFd<'_>) -> Result<(), Fault> {
    let doing = || "hold the step".to_owned();
    let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty()).at(doing)?;
    let born = Report::Born(pid.as_raw_nonzero().get());
    wire::report(control, &born, &[std::os::fd::AsFd::as_fd(&pidfd)]).at(doing)?;
    let alone = |timeout: Duration| -> Option<bool> {
        let mut fds = [
            PollFd::new(&pidfd, PollFlags::IN),
            PollFd::from_borrowed_fd(control, PollFlags::empty()),
        ];
        let timeout = Timespec {
            tv_sec: 0,
            tv_nsec: timeout.subsec_nanos().into(),
        };
        let _ = rustix::event::poll(&mut fds, Some(&timeout));
        if !fds[1].revents().is_empty() {
            return Some(true);
        }
        (!fds[0].revents().is_empty()).then_some(false)
    };
    let abandoned = loop {
        if let Some(abandoned) = alone(TICK) {
            break abandoned;
        }
        // A long look is broken off when there is something else to do.
        if let Some(measure) = watch.look(&|| alone(Duration::ZERO).is_some()) {
            let _ = wire::report(control, &Report::Measured(measure), &[]);
        }
    };
    if abandoned {
        let _ = rustix::process::pidfd_send_signal(&pidfd, Signal::KILL);
    }
    let _ = rustix::io::retry_on_intr(|| rustix::process::waitpid(Some(pid), WaitOptions::empty()));
    if !abandoned {
        let measure = watch.last_look(&|| {
            let mut fds = [PollFd::from_borrowed_fd(control, PollFlags::empty())];
            let _ = rustix::event::poll(&mut fds, Some(&Timespec::default()));
            !fds[0].revents().is_empty()
        });
        wire::report(control, &Report::Measured(measure), &[]).at(doing)?;
    }
    Ok(())
}
