//! Carries bytes both ways between a step and a host, until both have said all, or one of the caps is reached.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{SendFlags, Shutdown};

use super::keeper::Keeper;
use super::wait::{Bell, left};

/// What is carried at one go.
const BUFFER: usize = 128 << 10;

/// Why it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Both sides were done, or one broke off.
    Said,
    /// The step ended.
    Closing,
    /// Nothing was said for too long.
    Idle,
    /// The build's bytes are used up.
    Bytes,
}

/// One direction.
struct Way {
    buffer: Vec<u8>,
    from: usize,
    to: usize,
    /// Nothing more comes in.
    ended: bool,
    /// Nothing more goes out.
    closed: bool,
    carried: u64,
}

impl Way {
    fn new() -> Self {
        Self {
            buffer: vec![0; BUFFER],
            from: 0,
            to: 0,
            ended: false,
            closed: false,
            carried: 0,
        }
    }

    const fn is_empty(&self) -> bool {
        self.from == self.to
    }

    const fn wants_in(&self) -> bool {
        self.is_empty() && !self.ended
    }

    /// Moves what can be moved now. False when this way is broken.
    fn carry(&mut self, source: &OwnedFd, target: &OwnedFd, keeper: &Keeper) -> Result<bool, End> {
        if self.wants_in() {
            match rustix::io::read(source, self.buffer.as_mut_slice()) {
                Ok(0) => self.ended = true,
                Ok(length) => {
                    (self.from, self.to) = (0, length);
                    if !keeper.spend(length as u64) {
                        return Err(End::Bytes);
                    }
                }
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(_) => return Ok(false),
            }
        }
        if !self.is_empty() {
            let part = self.buffer.get(self.from..self.to).unwrap_or_default();
            match rustix::net::send(target, part, SendFlags::NOSIGNAL) {
                Ok(length) => {
                    self.from += length;
                    self.carried += length as u64;
                }
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(_) => return Ok(false),
            }
        }
        if self.is_empty() && self.ended && !self.closed {
            self.closed = true;
            let _ = rustix::net::shutdown(target, Shutdown::Write);
        }
        Ok(true)
    }
}

/// Carries; answers with the bytes up and down, and why it ended.
pub fn relay(
    step: &OwnedFd,
    host: &OwnedFd,
    keeper: &Keeper,
    idle: Duration,
    bell: &Bell,
) -> (u64, u64, End) {
    let (mut up, mut down) = (Way::new(), Way::new());
    let end = carry(step, host, &mut up, &mut down, keeper, idle, bell);
    (up.carried, down.carried, end)
}

fn carry(
    step: &OwnedFd,
    host: &OwnedFd,
    up: &mut Way,
    down: &mut Way,
    keeper: &Keeper,
    idle: Duration,
    bell: &Bell,
) -> End {
    loop {
        if up.closed && down.closed {
            return End::Said;
        }
        let wants = |inward: &Way, outward: &Way| {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, inward.wants_in());
            flags.set(PollFlags::OUT, !outward.is_empty());
            flags
        };
        let (of_step, of_host) = (wants(up, down), wants(down, up));
        let mut fds = vec![PollFd::new(bell, PollFlags::empty())];
        let mut sides = Vec::with_capacity(2);
        // A side that nothing is wanted of would wake us up again and again when it has hung up.
        for (socket, flags) in [(step, of_step), (host, of_host)] {
            if !flags.is_empty() {
                fds.push(PollFd::from_borrowed_fd(socket.as_fd(), flags));
                sides.push(());
            }
        }
        if sides.is_empty() {
            return End::Said;
        }
        match rustix::event::poll(&mut fds, Some(&left(Instant::now() + idle))) {
            Ok(0) => return End::Idle,
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return End::Said,
        }
        let closing = fds.first().is_some_and(|bell| !bell.revents().is_empty());
        for (way, source, target) in [(&mut *up, step, host), (&mut *down, host, step)] {
            match way.carry(source, target, keeper) {
                Ok(true) => {}
                Ok(false) => return End::Said,
                Err(end) => return end,
            }
        }
        if closing {
            return End::Closing;
        }
    }
}
