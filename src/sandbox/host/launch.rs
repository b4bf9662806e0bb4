//! Starting the inside: this program again, with an empty environment and one socket.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::sandbox::error::SandboxError;
use crate::sandbox::wire::{self, NAME, Report};

/// What to start.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    /// A copy that nobody can write to.
    sealed: Option<Arc<OwnedFd>>,
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

    /// Starts it. What it prints goes to `stdout` and `stderr`.
    pub fn start(&self, stdout: Stdio, stderr: Stdio) -> Result<Inside, SandboxError> {
        let (ours, theirs) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
        .map_err(SandboxError::sys("make a socket"))?;
        let child = Command::new(self.path())
            .arg0(NAME)
            // No program that does not know what it is (a test's own binary) takes this for a call.
            .arg("--inside")
            .env_clear()
            .stdin(theirs)
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .map_err(SandboxError::host(format!("start {}", self.path.display())))?;
        Ok(Inside {
            child,
            control: Some(ours),
        })
    }
}

/// The inside, seen from here. Dropped, it is gone.
pub struct Inside {
    child: Child,
    control: Option<OwnedFd>,
}

impl Inside {
    pub fn pid(&self) -> u32 {
        self.child.id()
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
        let listening = || SandboxError::host("listen to the inside");
        match wire::receive(self.control()?) {
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
    pub fn kill(&mut self) {
        let _ = self.child.kill();
    }

    /// Hangs up, and waits until it is gone with everything in it.
    pub fn end(&mut self) -> io::Result<std::process::ExitStatus> {
        self.control = None;
        self.child.wait()
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = self.end();
    }
}
