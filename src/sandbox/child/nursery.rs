//! The process that bears the insides: this program, started once, that waits for a word and forks.
//!
//! To start a program of this size again for every step and job costs more than what most of them do. A fork of a
//! process that has done nothing but wait costs a tenth of that. It is as safe as starting anew:
//!
//! * It has one thread, was started with an empty environment and nothing open, and never enters a namespace, a cgroup
//!   or another user: it has no memory and no descriptor that a step could have written to. It reads requests from the
//!   host process and nothing else; all that it keeps between them is a pidfd for each child, to bury it.
//! * What it bears holds three streams and the socket of its own host side. The socket of requests and the pidfds of
//!   others are closed before it reads its order, so nothing passes from one step to another.
//! * The host process's order goes past it, from the host process to the child.
//!
//! It ends when the host process is gone. Its children have a socket of their own to notice that by.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags, WaitOptions};

use crate::sandbox::kernel::{self, Fork};
use crate::sandbox::wire::{self, Report};

/// Bears a child for each request until the host process is gone; the child answers with its socket.
pub fn bear(requests: OwnedFd) -> io::Result<Option<OwnedFd>> {
    let mut children: Vec<(Pid, OwnedFd)> = Vec::new();
    loop {
        if bury(&requests, &mut children)? {
            continue;
        }
        let Some((_, descriptors)) = wire::receive(&requests)? else {
            return Ok(None);
        };
        let mut descriptors = descriptors.into_iter();
        let (Some(control), Some(stderr)) = (descriptors.next(), descriptors.next()) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        match kernel::fork() {
            Ok(Fork::Child) => {
                drop((requests, children));
                rustix::stdio::dup2_stderr(&stderr)?;
                if let Some(stdout) = descriptors.next() {
                    rustix::stdio::dup2_stdout(&stdout)?;
                }
                return Ok(Some(control));
            }
            Ok(Fork::Parent(pid)) => {
                // It waits for its order, so it is there.
                let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
                let born = Report::Started(pid.as_raw_nonzero().get().unsigned_abs());
                // Who does not want to know any more has hung up, and the child sees that.
                let _ = wire::report(&control, &born, &[pidfd.as_fd()]);
                children.push((pid, pidfd));
            }
            Err(error) => {
                let failed = Report::Failed {
                    doing: "start the inside".into(),
                    reason: error.to_string(),
                };
                let _ = wire::report(&control, &failed, &[]);
            }
        }
    }
}

/// Waits for a request or the end of a child; true if there was no request.
fn bury(requests: &OwnedFd, children: &mut Vec<(Pid, OwnedFd)>) -> io::Result<bool> {
    let pidfds = children.iter().map(|(_, pidfd)| pidfd);
    let mut fds: Vec<PollFd<'_>> = std::iter::once(requests)
        .chain(pidfds)
        .map(|fd| PollFd::new(fd, PollFlags::IN))
        .collect();
    match rustix::event::poll(&mut fds, None) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return Ok(true),
        Err(error) => return Err(error.into()),
    }
    let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
    let mut ended = ready.iter().skip(1);
    children.retain(|(pid, _)| {
        let over = ended.next() == Some(&true);
        if over {
            let _ = rustix::process::waitpid(Some(*pid), WaitOptions::NOHANG);
        }
        !over
    });
    Ok(ready.first() != Some(&true))
}
