//! The inside: what this program does when it was started again as the inside of a sandbox.
//!
//! The *nursery* waits for the host process's word and forks. For each step there are three more processes. The
//! *holder* enters the user namespace, builds the stage, and stays outside of the step's process ids and cgroup: it
//! watches the host process and the step, and kills the step when the host process goes. *pid 1* builds the root. Its
//! child becomes the *payload*. None of them has a thread.

mod device;
mod fault;
mod held;
mod holder;
mod init;
mod measure;
mod mounts;
mod network;
mod nursery;
mod payload;
mod root;
mod skeleton;
mod stage;
mod task;
mod tree;

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};

use super::job::Job;
use super::wire::{self, NAME, Order};
use fault::{At, Fault};

/// Call this first thing in `main`, before any thread: if this process is the inside of a sandbox, does what it is
/// there for and answers with its exit code. `jobs` are what [`work`](super::Sandbox::work) can be asked for.
pub fn child(jobs: &[(&str, Job)]) -> Option<i32> {
    if std::env::args_os().next().is_none_or(|name| name != NAME) {
        return None;
    }
    let control = match take_control() {
        Ok(control) => control,
        Err(error) => {
            eprintln!("{NAME}: this is the inside of flareo's sandbox and not for people: {error}");
            return Some(2);
        }
    };
    // Signals of a terminal are for the host process, which has a use for a nursery until its end.
    let _ = rustix::process::setsid();
    let control = match nursery::bear(control) {
        Ok(Some(control)) => control,
        Ok(None) => return Some(0),
        Err(error) => {
            eprintln!("{NAME}: {error}");
            return Some(1);
        }
    };
    let code = match serve(&control, jobs) {
        Ok(()) => 0,
        Err(fault) => {
            let _ = wire::report(&control, &fault.report(), &[]);
            1
        }
    };
    // Everything was written, and nothing of this process outlives it: to clean up is time.
    super::kernel::exit_now(code)
}

/// The socket to the host process comes as standard input; puts it aside and /dev/null in its place. Lets go of
/// everything else: what the host process got from whoever started it may be open here, too.
fn take_control() -> std::io::Result<OwnedFd> {
    super::kernel::close_from(3)?;
    let control = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    rustix::net::sockopt::socket_type(&control)?;
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(&null)?;
    Ok(control)
}

fn serve(control: &OwnedFd, jobs: &[(&str, Job)]) -> Result<(), Fault> {
    let doing = || "take the order".to_owned();
    let Some((_, mut descriptors)) = wire::receive(control).at(doing)? else {
        return Ok(());
    };
    if descriptors.is_empty() {
        return Err(Fault::new(doing(), "it has no file"));
    }
    let unpacked = wire::unpack(descriptors.remove(0)).at(doing)?;
    // What is made here has the modes that are written here, whatever the caller's shell takes away from files.
    rustix::process::umask(Mode::from_raw_mode(0o022));
    // Signals of a terminal are for the host process.
    let _ = rustix::process::setsid();
    match unpacked.order {
        Order::Run(order) => holder::run(&order, &unpacked.filters, descriptors, control.as_fd()),
        Order::Work(order) => task::run(
            &order,
            &unpacked.arguments,
            &unpacked.filters,
            descriptors,
            control.as_fd(),
            jobs,
        ),
    }
}

/// Puts /dev/null in the place of standard output and error.
fn silence() -> std::io::Result<()> {
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}
