//! Starting the inside: a child of the nursery, which is this program again, with an empty environment and one socket.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::process::Signal;

use super::nursery::Nursery;
use crate::sandbox::error::SandboxError;
use crate::sandbox::wire::{self, NAME, Report};

/// What to start.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    /// A copy that nobody can write to.
    sealed: Option<Arc<OwnedFd>>,
    nursery: Arc<Mutex<Option<Arc<Nursery>>>>,
}

impl Program {
    /// Takes the program as it is, or a sealed copy if this user could write to the file: the root of a sandbox is
    /// this user then, and a step that got hold of `/proc/self/exe` could change what runs on the host next.
    pub fn new(path: &Path, ids_are_own: bool) -> Result<Self, SandboxError> {
        let doing = || format!("copy {}", path.display());
        let own = rustix::fs::stat(path)
            .map_err(SandboxError::sys(doing()))?
            .st_uid
            == rustix::process::geteuid().as_raw();
        let writable = own || rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok();
        if !ids_are_own || !writable {
            return Ok(Self {
                path: path.to_owned(),
                sealed: None,
                nursery: Arc::default(),
            });
        }
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let memory = rustix::fs::memfd_create(NAME, flags).map_err(SandboxError::sys(doing()))?;
        let mut copy = File::from(memory);
        let mut program = File::open(path).map_err(SandboxError::host(doing()))?;
        io::copy(&mut program, &mut copy).map_err(SandboxError::host(doing()))?;
        let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
        rustix::fs::fcntl_add_seals(&copy, seals).map_err(SandboxError::sys(doing()))?;
        Ok(Self {
            path: path.to_owned(),
            sealed: Some(Arc::new(copy.into())),
            nursery: Arc::default(),
        })
    }

    /// Whether it is a copy.
    pub const fn is_sealed(&self) -> bool {
        self.sealed.is_some()
    }

    fn path(&self) -> PathBuf {
        self.sealed.as_ref().map_or_else(
            || self.path.clone(),
            |copy| format!("/proc/self/fd/{}", copy.as_raw_fd()).into(),
        )
    }

    /// Starts the inside. What it prints goes to `stdout`, or nowhere, and to `stderr`.
    pub fn start(
        &self,
        stdout: Option<BorrowedFd<'_>>,
        stderr: BorrowedFd<'_>,
    ) -> Result<Inside, SandboxError> {
        let mut said = String::new();
        // If somebody killed the nursery, there is a new one.
        for _ in 0..2 {
            let nursery = self.nursery()?;
            if let Some(inside) = nursery.bear(stdout, stderr)? {
                return Ok(inside);
            }
            said = nursery.last_words();
            self.forget(&nursery);
        }
        Err(SandboxError::Inside {
            doing: format!("start {}", self.path.display()),
            reason: if said.is_empty() {
                "it ended without an answer".into()
            } else {
                said
            },
        })
    }

    fn nursery(&self) -> Result<Arc<Nursery>, SandboxError> {
        let mut current = self.nursery.lock().unwrap_or_else(PoisonError::into_inner);
        let nursery = match current.take() {
            Some(nursery) => nursery,
            None => Arc::new(Nursery::start(&self.path())?),
        };
        Ok(Arc::clone(current.insert(nursery)))
    }

    fn forget(&self, nursery: &Arc<Nursery>) {
        let mut current = self.nursery.lock().unwrap_or_else(PoisonError::into_inner);
        current.take_if(|known| Arc::ptr_eq(known, nursery));
    }
}

/// The inside, seen from here. Dropped, it is gone.
pub struct Inside {
    pid: u32,
    pidfd: OwnedFd,
    control: Option<OwnedFd>,
}

impl Inside {
    /// The process with this number, held by this descriptor, at the other end of this socket.
    pub const fn new(pid: u32, pidfd: OwnedFd, control: OwnedFd) -> Self {
        Self {
            pid,
            pidfd,
            control: Some(control),
        }
    }

    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// The socket to it.
    pub fn control(&self) -> Result<BorrowedFd<'_>, SandboxError> {
        self.control
            .as_ref()
            .map(AsFd::as_fd)
            .ok_or_else(|| SandboxError::Invalid("the inside is gone".into()))
    }

    /// Sends a word down. If nobody is there any more, the next [`receive`](Self::receive) says so.
    pub fn send(&self, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<(), SandboxError> {
        match wire::send(self.control()?, bytes, descriptors) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            answer => answer.map_err(SandboxError::host("talk to the inside")),
        }
    }

    /// The next report; `None` at the end.
    pub fn receive(&self) -> Result<Option<(Report, Vec<OwnedFd>)>, SandboxError> {
        Self::listen(self.control()?)
    }

    /// The next report on the socket of an inside that may not be there yet.
    pub fn listen(control: impl AsFd) -> Result<Option<(Report, Vec<OwnedFd>)>, SandboxError> {
        let listening = || SandboxError::host("listen to the inside");
        match wire::receive(control) {
            Ok(None) => Ok(None),
            // It went without reading what we sent.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(None),
            Err(error) => Err(listening()(error)),
            Ok(Some((bytes, descriptors))) => {
                let report = serde_json::from_slice(&bytes)
                    .map_err(io::Error::from)
                    .map_err(listening())?;
                Ok(Some((report, descriptors)))
            }
        }
    }

    /// Kills the process itself. (A step's processes go by the hang-up.)
    pub fn kill(&self) {
        let _ = rustix::process::pidfd_send_signal(&self.pidfd, Signal::KILL);
    }

    /// Hangs up, and waits until it is gone with everything in it.
    pub fn end(&mut self) -> io::Result<()> {
        self.control = None;
        let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN)];
        rustix::io::retry_on_intr(|| rustix::event::poll(&mut fds, None))?;
        Ok(())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = self.end();
    }
}
