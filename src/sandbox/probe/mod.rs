//! What a hostile step tries, carried by the program itself: the self-test runs it inside the sandbox and compares.
//!
//! Each probe asks for something that would change nothing of the host's even if it were granted: it opens for writing
//! and writes nothing, sets a mode that is set already. And none is asked for outside: [`Inside`] is the key to the table,
//! and only a process that can tell that it is in the sandbox of this very test gets one.

mod appetite;
mod calls;
mod table;

use std::ffi::{CStr, CString};
use std::os::fd::AsRawFd;

use rustix::fs::{CWD, Mode, OFlags};

use super::kernel::{self, Fork};
use super::wire::RunOrder;
pub use appetite::Appetite;
pub use table::TABLE;

/// The name that the self-test's sandbox is told to have begins with this; what follows was never used before.
pub const HOSTNAME: &str = "flareo-self-test-";
/// What `statfs(2)` says of an overlay.
const OVERLAY: u64 = 0x794c_7630;
/// The code of a process that was not inside.
pub const OUTSIDE: i32 = 125;

/// A probe: what it tries, and what must come of it.
pub struct Probe {
    /// What it is about.
    pub area: &'static str,
    /// What it tries.
    pub name: &'static str,
    /// Any of these answers is as it should be.
    pub expected: &'static [&'static str],
    ask: fn(&Inside<'_>) -> String,
}

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Probe").field(&self.name).finish()
    }
}

/// A process that is inside of the sandbox, and what it was told about the host.
pub struct Inside<'a> {
    order: &'a RunOrder,
}

impl<'a> Inside<'a> {
    /// Looks around. Every sign has to be there.
    fn look(order: &'a RunOrder) -> Option<Self> {
        let uname = rustix::system::uname();
        let named = order.hostname.starts_with(HOSTNAME)
            && uname.nodename().to_bytes() == order.hostname.as_bytes();
        // The first child of a pid 1, in a process namespace of its own.
        let young = rustix::process::getpid().as_raw_nonzero().get() < 16
            && rustix::process::getppid().is_some_and(|parent| parent.as_raw_nonzero().get() == 1);
        let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
        let mapped = map
            .split_whitespace()
            .nth(2)
            .and_then(|count| count.parse::<u32>().ok())
            .is_some_and(|count| count < u32::MAX);
        let layered = rustix::fs::statfs("/")
            .is_ok_and(|stat| u64::try_from(stat.f_type).is_ok_and(|kind| kind == OVERLAY));
        (named && young && mapped && layered).then_some(Self { order })
    }

    /// A fact that the host process handed down.
    fn fact(&self, name: &str) -> &str {
        let found = self.order.env.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }
}

/// Runs every probe, each in a process of its own, and prints `number answer` for each. Answers with an exit code.
pub fn run(order: &RunOrder) -> i32 {
    let Some(inside) = Inside::look(order) else {
        return OUTSIDE;
    };
    if !settle() {
        return 1;
    }
    let _ = std::fs::create_dir("/tmp");
    let _ = std::fs::create_dir("/tmp/p");
    for (number, probe) in TABLE.iter().enumerate() {
        match kernel::fork() {
            Ok(Fork::Child) => {
                let answer = (probe.ask)(&inside);
                say(number, &answer);
                kernel::exit_now(0);
            }
            Ok(Fork::Parent(pid)) => {
                let ended =
                    rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
                if let Ok(Some((_, status))) = ended
                    && let Some(signal) = status.terminating_signal()
                {
                    say(number, &format!("signal {signal}"));
                }
            }
            Err(error) => say(number, &format!("not asked: {error}")),
        }
    }
    0
}

/// Becomes like a program that was started in the ordinary way: others may look, and nothing of ours is open.
fn settle() -> bool {
    let readable = rustix::process::DumpableBehavior::Dumpable;
    rustix::process::set_dumpable_behavior(readable).is_ok() && kernel::close_from(3).is_ok()
}

/// Wants too much of something, for the part of the self-test that is about limits.
pub fn want(order: &RunOrder, appetite: Appetite) -> i32 {
    appetite::run(order, appetite)
}

fn say(number: usize, answer: &str) {
    let line = format!("{number} {answer}\n");
    let _ = rustix::io::write(rustix::stdio::stdout(), line.as_bytes());
}

/// The name of a system call's error.
fn error_name(number: i32) -> String {
    let known = [
        (libc::EPERM, "EPERM"),
        (libc::EACCES, "EACCES"),
        (libc::ENOSYS, "ENOSYS"),
        (libc::EROFS, "EROFS"),
        (libc::ESRCH, "ESRCH"),
        (libc::ENXIO, "ENXIO"),
        (libc::ENOTTY, "ENOTTY"),
        (libc::ENOENT, "ENOENT"),
        (libc::ENODEV, "ENODEV"),
        (libc::ENOTDIR, "ENOTDIR"),
        (libc::EIO, "EIO"),
        (libc::EINVAL, "EINVAL"),
        (libc::EBADF, "EBADF"),
        (libc::EFAULT, "EFAULT"),
        (libc::EBUSY, "EBUSY"),
        (libc::ETXTBSY, "ETXTBSY"),
        (libc::ETIMEDOUT, "ETIMEDOUT"),
        (libc::EAGAIN, "EAGAIN"),
        (libc::ECONNREFUSED, "ECONNREFUSED"),
        (libc::ENETUNREACH, "ENETUNREACH"),
        (libc::EAFNOSUPPORT, "EAFNOSUPPORT"),
        (libc::EPROTONOSUPPORT, "EPROTONOSUPPORT"),
        (libc::ESOCKTNOSUPPORT, "ESOCKTNOSUPPORT"),
        (libc::EOPNOTSUPP, "EOPNOTSUPP"),
        (libc::ENOKEY, "ENOKEY"),
    ];
    let found = known.iter().find(|(code, _)| *code == number);
    found.map_or_else(|| format!("errno {number}"), |(_, name)| (*name).to_owned())
}

/// A call's answer in a word.
fn word(answer: Result<i64, i32>) -> String {
    match answer {
        Ok(_) => "done".into(),
        Err(error) => error_name(error),
    }
}

fn call(number: libc::c_long, args: &[calls::Arg<'_>]) -> String {
    word(calls::ask(number, args))
}

/// A call that makes a process if it is granted: the child ends at once.
fn forking(number: libc::c_long, args: &[calls::Arg<'_>]) -> String {
    let answer = calls::ask(number, args);
    if answer == Ok(0) {
        kernel::exit_now(0);
    }
    word(answer)
}

/// Opens a file, and touches nothing of it.
fn open(path: &str, flags: OFlags) -> String {
    match rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty()) {
        Ok(_) => "done".into(),
        Err(error) => error_name(error.raw_os_error()),
    }
}

/// Reads a byte of a file.
fn read(path: &str) -> String {
    let mut byte = [0];
    let opened = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    match opened.and_then(|file| rustix::io::read(file, &mut byte)) {
        Ok(0) => "empty".into(),
        Ok(_) => "done".into(),
        Err(error) => error_name(error.raw_os_error()),
    }
}

fn of_unit(answer: rustix::io::Result<()>) -> String {
    word(answer.map(|()| 0).map_err(rustix::io::Errno::raw_os_error))
}

/// Sets a mode that the file has already.
fn same_mode(path: &str) -> String {
    let mode = rustix::fs::stat(path).map(|stat| Mode::from_raw_mode(stat.st_mode));
    of_unit(mode.and_then(|mode| rustix::fs::chmod(path, mode)))
}

/// Connects to a port of the loopback.
fn loopback(port: &str) -> String {
    let Ok(port) = port.parse::<u16>() else {
        return "not asked: no port was told".into();
    };
    match std::net::TcpStream::connect(("127.0.0.1", port)) {
        Ok(_) => "done".into(),
        Err(error) => error_name(error.raw_os_error().unwrap_or(0)),
    }
}

/// Connects to an abstract socket.
fn abstract_socket(name: &str) -> String {
    use std::os::linux::net::SocketAddrExt;
    if name.is_empty() {
        return "not asked: no name was told".into();
    }
    let connected = std::os::unix::net::SocketAddr::from_abstract_name(name)
        .and_then(|address| std::os::unix::net::UnixStream::connect_addr(&address));
    match connected {
        Ok(_) => "done".into(),
        Err(error) => error_name(error.raw_os_error().unwrap_or(0)),
    }
}

/// Climbs out of a chroot of its own, and looks for a file of the host's.
fn climb(marker: &str) -> String {
    if marker.is_empty() {
        return "not asked: no file was told".into();
    }
    let outer = rustix::fs::open("/", OFlags::PATH | OFlags::DIRECTORY, Mode::empty());
    if let Err(error) = rustix::process::chroot("/tmp/p") {
        return error_name(error.raw_os_error());
    }
    if let Ok(outer) = outer {
        let _ = rustix::process::fchdir(outer);
    }
    for _ in 0..64 {
        let _ = rustix::process::chdir("..");
    }
    let below = marker.trim_start_matches('/');
    match rustix::fs::openat(CWD, below, OFlags::RDONLY, Mode::empty()) {
        Ok(_) => "done".into(),
        Err(error) => error_name(error.raw_os_error()),
    }
}

/// Kills pid 1 in the ways that can't be caught, and goes on.
fn survive() -> String {
    use rustix::process::{Signal, kill_process};
    let Some(one) = rustix::process::Pid::from_raw(1) else {
        return "not asked".into();
    };
    for signal in [Signal::KILL, Signal::STOP] {
        let _ = kill_process(one, signal);
    }
    std::thread::sleep(std::time::Duration::from_millis(5));
    "goes on".into()
}

/// Joins a namespace of pid 1.
fn join(name: &str) -> String {
    let path = format!("/proc/1/ns/{name}");
    let opened = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    match opened {
        Ok(file) => call(
            libc::SYS_setns,
            &[calls::Arg::Is(file.as_raw_fd().into()), calls::Arg::Is(0)],
        ),
        Err(error) => error_name(error.raw_os_error()),
    }
}

/// A path as the kernel takes it.
fn text(path: &str) -> CString {
    CString::new(path).unwrap_or_default()
}

const NOTHING: &CStr = c"none";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_outside_gets_to_ask() {
        let order = RunOrder {
            hostname: format!("{HOSTNAME}x"),
            ..super::super::wire::RunOrder::nothing()
        };
        assert!(Inside::look(&order).is_none());
        assert_eq!(run(&order), OUTSIDE);
        // Not even under the host's own name.
        let name = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        let order = RunOrder {
            hostname: name,
            ..order
        };
        assert_eq!(run(&order), OUTSIDE);
    }

    #[test]
    fn probes_have_names_of_their_own_and_never_expect_to_get_through() {
        let mut names: Vec<_> = TABLE.iter().map(|probe| probe.name).collect();
        assert!(names.len() >= 70, "{}", names.len());
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
        for probe in TABLE {
            assert!(
                !probe.expected.is_empty() && !probe.expected.contains(&"done"),
                "{probe:?}"
            );
        }
    }
}
