//! Reading and writing with an end: each wait is broken off by a deadline, and when the gate closes.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, sockopt};

/// Why a wait came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// The gate closes.
    Closing,
    /// The deadline passed.
    Late,
    /// The other side went, or never was there.
    Gone(Errno),
}

/// The other end of a pipe that the gate holds: it hangs up when the gate closes.
pub type Bell = OwnedFd;

/// Until `deadline`, for `poll`.
pub fn left(deadline: Instant) -> Timespec {
    let left = deadline.saturating_duration_since(Instant::now());
    Timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: left.subsec_nanos().into(),
    }
}

fn until(
    socket: BorrowedFd<'_>,
    what: PollFlags,
    bell: &Bell,
    deadline: Instant,
) -> Result<(), Broken> {
    loop {
        let mut fds = [
            PollFd::from_borrowed_fd(socket, what),
            PollFd::new(bell, PollFlags::empty()),
        ];
        match rustix::event::poll(&mut fds, Some(&left(deadline))) {
            Ok(0) => return Err(Broken::Late),
            Ok(_) if !fds[1].revents().is_empty() => return Err(Broken::Closing),
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(Broken::Gone(error)),
        }
    }
}

/// Reads what is there; 0 at the end.
pub fn read(
    socket: impl AsFd,
    buffer: &mut [u8],
    bell: &Bell,
    deadline: Instant,
) -> Result<usize, Broken> {
    loop {
        match rustix::io::read(&socket, &mut *buffer) {
            Ok(length) => return Ok(length),
            Err(Errno::AGAIN) => until(socket.as_fd(), PollFlags::IN, bell, deadline)?,
            Err(Errno::INTR) => {}
            Err(error) => return Err(Broken::Gone(error)),
        }
        if Instant::now() >= deadline {
            return Err(Broken::Late);
        }
    }
}

/// Writes all of it.
pub fn write(
    socket: impl AsFd,
    mut bytes: &[u8],
    bell: &Bell,
    deadline: Instant,
) -> Result<(), Broken> {
    while !bytes.is_empty() {
        match rustix::net::send(&socket, bytes, SendFlags::NOSIGNAL) {
            Ok(length) => bytes = bytes.get(length..).unwrap_or_default(),
            Err(Errno::AGAIN) => until(socket.as_fd(), PollFlags::OUT, bell, deadline)?,
            Err(Errno::INTR) => {}
            Err(error) => return Err(Broken::Gone(error)),
        }
    }
    Ok(())
}

/// Connects to an address, and to nothing else.
pub fn connect(
    address: IpAddr,
    port: u16,
    bell: &Bell,
    deadline: Instant,
) -> Result<OwnedFd, Broken> {
    let family = match address {
        IpAddr::V4(_) => AddressFamily::INET,
        IpAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket =
        rustix::net::socket_with(family, SocketType::STREAM, flags, None).map_err(Broken::Gone)?;
    match rustix::net::connect(&socket, &SocketAddr::new(address, port)) {
        Ok(()) => {}
        Err(Errno::INPROGRESS | Errno::INTR) => {
            until(socket.as_fd(), PollFlags::OUT, bell, deadline)?;
            sockopt::socket_error(&socket)
                .and_then(|state| state)
                .map_err(Broken::Gone)?;
        }
        Err(error) => return Err(Broken::Gone(error)),
    }
    let _ = sockopt::set_tcp_nodelay(&socket, true);
    Ok(socket)
}

/// Says a last word and hangs up, so that the word arrives: what the other side still sends is read for a moment.
pub fn dismiss(socket: &OwnedFd, word: &[u8], bell: &Bell) {
    const MOMENT: Duration = Duration::from_millis(500);
    let deadline = Instant::now() + MOMENT;
    if write(socket, word, bell, deadline).is_err()
        || rustix::net::shutdown(socket, rustix::net::Shutdown::Write).is_err()
    {
        return;
    }
    let mut buffer = [0_u8; 4096];
    for _ in 0..16 {
        if !matches!(read(socket, &mut buffer, bell, deadline), Ok(1..)) {
            return;
        }
    }
}

/// Whether the gate closes.
pub fn rings(bell: &Bell) -> bool {
    let mut fds = [PollFd::new(bell, PollFlags::empty())];
    rustix::event::poll(&mut fds, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}
