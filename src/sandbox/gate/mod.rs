//! The gate in the wall: how a granted step reaches the hosts that its build may reach, and nobody else (R14, R15).
//!
//! ```text
//! step ──CONNECT host:443──► 127.0.0.1:3128, in its own network namespace
//!                               │ the listening socket, handed out by pid 1
//!                               ▼
//!              host process: allowed? resolved once, every address checked, connected to that very address,
//!                            ClientHello greets the same host? then bytes both ways, counted
//! ```
//!
//! The step has no interface but its own loopback: whatever does not ask here stays refused, as in any other step.
//! What is inside the TLS nobody sees here: a host can be named that serves for others (a shared front, by its `Host`
//! header), so the operator names hosts that are worth their trust.
//!
//! [`request`] and [`hello`] read what the step writes. Everything waits with a deadline and ends with the step.

pub mod address;
pub mod hello;
pub mod keeper;
mod relay;
pub mod request;
pub mod resolve;
mod serve;
mod wait;

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::SocketFlags;
use rustix::pipe::PipeFlags;

pub use keeper::{Keeper, Patience};
pub use resolve::{Resolve, SystemResolver};

use super::error::SandboxError;
use crate::model::ledger::{Connection, Passage};
use keeper::Admission;

/// Where the gate is, as a step sees it.
pub const PORT: u16 = 3128;

/// A step's pass: it may use the gate that `keeper` keeps.
#[derive(Debug, Clone)]
pub struct Pass {
    /// The build's.
    pub keeper: Arc<Keeper>,
    /// The step's number, for the ledger.
    pub step: u32,
}

/// The variables that tell programs of the gate. They stand in the step's environment alone.
pub fn environment() -> impl Iterator<Item = (&'static str, String)> {
    let proxy = format!("http://127.0.0.1:{PORT}");
    let none = "localhost,127.0.0.1,::1".to_owned();
    ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"]
        .into_iter()
        .map(move |name| (name, proxy.clone()))
        .chain(["NO_PROXY", "no_proxy"].map(|name| (name, none.clone())))
}

/// A gate that is open, for one step. Dropped, it is closed.
pub struct Gate {
    /// What rings when it is dropped.
    bell: Option<OwnedFd>,
    porter: Option<JoinHandle<()>>,
    entries: Arc<Mutex<Vec<Connection>>>,
}

impl Gate {
    /// Opens it: whoever connects to `listener` is served.
    ///
    /// # Errors
    /// If the host has no thread or pipe left.
    pub fn open(listener: OwnedFd, pass: &Pass) -> Result<Self, SandboxError> {
        let doing = "open the network gate";
        let (bell, rope) =
            rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(SandboxError::sys(doing))?;
        rustix::io::ioctl_fionbio(&listener, true).map_err(SandboxError::sys(doing))?;
        let entries = Arc::default();
        let porter = Porter {
            listener,
            pass: pass.clone(),
            bell: Arc::new(bell),
            entries: Arc::clone(&entries),
        };
        let porter = std::thread::Builder::new()
            .name("gate".into())
            .spawn(move || porter.work())
            .map_err(SandboxError::host(doing))?;
        Ok(Self {
            bell: Some(rope),
            porter: Some(porter),
            entries,
        })
    }

    /// The connections that have ended since this was last asked.
    pub fn news(&self) -> Vec<Connection> {
        std::mem::take(&mut *self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends all connections; answers with the rest of the ledger.
    pub fn close(mut self) -> Vec<Connection> {
        self.shut();
        self.news()
    }

    fn shut(&mut self) {
        self.bell = None;
        if let Some(porter) = self.porter.take() {
            let _ = porter.join();
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.shut();
    }
}

/// Lets connections in, each on a thread of its own.
struct Porter {
    listener: OwnedFd,
    pass: Pass,
    bell: Arc<OwnedFd>,
    entries: Arc<Mutex<Vec<Connection>>>,
}

impl Porter {
    fn work(&self) {
        let mut guests: Vec<JoinHandle<()>> = Vec::new();
        loop {
            let mut fds = [
                PollFd::new(&self.listener, PollFlags::IN),
                PollFd::new(&*self.bell, PollFlags::empty()),
            ];
            match rustix::event::poll(&mut fds, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => break,
            }
            if !fds[1].revents().is_empty() {
                break;
            }
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            match rustix::net::accept_with(&self.listener, flags) {
                Ok(client) => guests.extend(self.receive(client)),
                Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => {}
                // The process has no descriptor left: those inside give some back.
                Err(_) => std::thread::sleep(std::time::Duration::from_millis(20)),
            }
            guests.retain(|guest| !guest.is_finished());
        }
        for guest in guests {
            let _ = guest.join();
        }
    }

    fn receive(&self, client: OwnedFd) -> Option<JoinHandle<()>> {
        let keeper = &self.pass.keeper;
        let reason = match keeper.admit() {
            Admission::Come => {
                let _ = rustix::net::sockopt::set_tcp_nodelay(&client, true);
                let (pass, bell, entries) =
                    (self.pass.clone(), self.bell.clone(), self.entries.clone());
                let guest =
                    std::thread::Builder::new()
                        .name("gate-guest".into())
                        .spawn(move || {
                            let entry = serve::serve(&client, &pass.keeper, pass.step, &bell);
                            pass.keeper.leave();
                            note(&entries, entry);
                        });
                match guest {
                    Ok(guest) => return Some(guest),
                    Err(error) => {
                        keeper.leave();
                        format!("the host has no thread left: {error}")
                    }
                }
            }
            Admission::Crowded => {
                let _ = rustix::net::send(
                    &client,
                    &serve::answer(503, "too many connections at once"),
                    rustix::net::SendFlags::NOSIGNAL,
                );
                format!(
                    "more than {} connections at once",
                    keeper.allowance().connections
                )
            }
            Admission::Last => {
                "the build has had as many connections as its ledger lists; all others are refused"
                    .to_owned()
            }
            Admission::Silent => return None,
        };
        let entry = Connection {
            step: self.pass.step,
            host: String::new(),
            port: 0,
            address: None,
            started_at: keeper.clock().now(),
            took_ms: 0,
            up: 0,
            down: 0,
            verdict: Passage::Refused,
            reason,
        };
        note(&self.entries, entry);
        None
    }
}

fn note(entries: &Mutex<Vec<Connection>>, entry: Connection) {
    entries
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(entry);
}
