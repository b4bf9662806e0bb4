//! The process that bears the insides, from the host's side.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::PoisonError;

use rustix::fs::MemfdFlags;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::launch::Inside;
use crate::sandbox::error::SandboxError;
use crate::sandbox::wire::{self, NAME, Report};

/// How much of what it said before it ended is worth reading.
const LAST_WORDS: u64 = 16 << 10;

/// It lives as long as this.
#[derive(Debug)]
pub struct Nursery {
    child: Mutex<Child>,
    requests: Option<OwnedFd>,
    said: File,
}

impl Nursery {
    /// Starts it: `program`, with an empty environment and one socket.
    pub fn start(program: &Path) -> Result<Self, SandboxError> {
        let (ours, theirs) = pair()?;
        let said = rustix::fs::memfd_create("flareo-stderr", MemfdFlags::CLOEXEC)
            .map_err(SandboxError::sys("make a memory file"))?;
        let said = File::from(said);
        let stderr = said
            .try_clone()
            .map_err(SandboxError::host("copy a descriptor"))?;
        let child = Command::new(program)
            .arg0(NAME)
            // No program that does not know what it is (a test's own binary) takes this for a call.
            .arg("--inside")
            .env_clear()
            .stdin(theirs)
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .map_err(SandboxError::host(format!("start {}", program.display())))?;
        Ok(Self {
            child: Mutex::new(child),
            requests: Some(ours),
            said,
        })
    }

    /// Bears an inside that prints to these; `None` if the nursery is gone.
    pub fn bear(
        &self,
        stdout: Option<BorrowedFd<'_>>,
        stderr: BorrowedFd<'_>,
    ) -> Result<Option<Inside>, SandboxError> {
        let Some(requests) = &self.requests else {
            return Ok(None);
        };
        let (ours, theirs) = pair()?;
        let streams: Vec<BorrowedFd<'_>> =
            [theirs.as_fd(), stderr].into_iter().chain(stdout).collect();
        // If nobody is there, the answer does not come.
        let _ = wire::send(requests, b"bear", &streams);
        drop(theirs);
        let answer = Inside::listen(&ours)?;
        match answer {
            Some((Report::Started(pid), descriptors)) => {
                let pidfd = descriptors.into_iter().next();
                let missing = || SandboxError::Invalid("an inside was born without a name".into());
                Ok(Some(Inside::new(pid, pidfd.ok_or_else(missing)?, ours)))
            }
            Some((Report::Failed { doing, reason }, _)) => {
                Err(SandboxError::Inside { doing, reason })
            }
            _ => Ok(None),
        }
    }

    /// What it said before it ended.
    pub fn last_words(&self) -> String {
        let _ = self
            .child
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .wait();
        let mut said = Vec::new();
        let read = |mut file: &File| -> std::io::Result<()> {
            file.rewind()?;
            file.take(LAST_WORDS).read_to_end(&mut said).map(drop)
        };
        let _ = { read }(&self.said);
        String::from_utf8_lossy(&said).trim().to_owned()
    }
}

impl Drop for Nursery {
    fn drop(&mut self) {
        // That is its sign to go.
        self.requests = None;
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = child.wait();
    }
}

/// A socket for a process of our own, and its other end.
fn pair() -> Result<(OwnedFd, OwnedFd), SandboxError> {
    let kind = SocketType::SEQPACKET;
    rustix::net::socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)
        .map_err(SandboxError::sys("make a socket"))
}
