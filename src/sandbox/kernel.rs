//! The system calls that no safe crate offers. Beside the probes' own
//! ([`probe`](super::probe)) the only file of the program with `unsafe` in it; it knows nothing of what the calls are for.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use libc::sock_filter;
use rustix::process::Pid;
use rustix::thread::UnshareFlags;

/// Where a fork came out.
pub enum Fork {
    /// In the new process.
    Child,
    /// In the old one.
    Parent(Pid),
}

/// `fork(2)`. For a process with one thread: the child may then do anything.
pub fn fork() -> io::Result<Fork> {
    // SAFETY: fork has no arguments. Its danger is a copy of a locked lock; the callers are the single-threaded
    // processes of `child`, where no other thread can hold one.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(Pid::from_raw(pid).map_or(Fork::Child, Fork::Parent)),
    }
}

/// `execve(2)`: returns only when it failed.
pub fn execve(path: &CStr, argv: &[CString], env: &[CString]) -> io::Error {
    let pointers = |list: &[CString]| -> Vec<*const libc::c_char> {
        list.iter()
            .map(|item| item.as_ptr())
            .chain([std::ptr::null()])
            .collect()
    };
    let (argv, env) = (pointers(argv), pointers(env));
    // SAFETY: `path` and every item end in a NUL and outlive the call; both lists end in a null pointer.
    unsafe { libc::execve(path.as_ptr(), argv.as_ptr(), env.as_ptr()) };
    io::Error::last_os_error()
}

/// `_exit(2)`: at once, without destructors or buffers.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: _exit takes any code and does not return.
    unsafe { libc::_exit(code) }
}

/// `unshare(2)` of namespaces.
pub fn unshare(flags: UnshareFlags) -> io::Result<()> {
    debug_assert!(!flags.contains(UnshareFlags::FILES));
    // SAFETY: the danger is in FILES, which makes descriptors differ between threads; no caller asks for it, and the
    // callers have one thread.
    unsafe { rustix::thread::unshare_unsafe(flags) }.map_err(Into::into)
}

/// Installs a seccomp filter without touching no_new_privs.
pub fn load_filter(program: &[sock_filter]) -> io::Result<()> {
    let length =
        u16::try_from(program.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let fprog = libc::sock_fprog {
        len: length,
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: the kernel copies `len` instructions out of the slice, which outlives the call, and writes nothing.
    let answer = unsafe {
        libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::SECCOMP_MODE_FILTER,
            &raw const fprog,
        )
    };
    check(answer.into())
}

/// Lets only packets through that `program` accepts.
pub fn attach_packet_filter(
    socket: BorrowedFd<'_>,
    program: &[libc::sock_filter],
) -> io::Result<()> {
    let length =
        u16::try_from(program.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let fprog = libc::sock_fprog {
        len: length,
        filter: program.as_ptr().cast_mut(),
    };
    let size = libc::socklen_t::try_from(size_of::<libc::sock_fprog>()).unwrap_or(16);
    // SAFETY: the option's value is a sock_fprog of that size; the kernel copies the program and writes nothing.
    let answer = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const fprog).cast(),
            size,
        )
    };
    check(answer.into())
}

/// Sets attributes (`MOUNT_ATTR_*`) of the mount that `mount` stands on.
pub fn set_mount_attributes(mount: impl AsFd, attributes: u64) -> io::Result<()> {
    let attr = libc::mount_attr {
        attr_set: attributes,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    let flags = libc::AT_EMPTY_PATH;
    // SAFETY: an open descriptor, an empty path that ends in a NUL, and a mount_attr of the size that is said.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attr,
            size_of::<libc::mount_attr>(),
        )
    };
    check(answer)
}

/// Closes every descriptor from `first` on.
pub fn close_from(first: u32) -> io::Result<()> {
    // SAFETY: the callers have one thread, and own nothing with a descriptor from `first` on: one is about to execve or
    // exit, the other has just begun.
    let answer = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
    check(answer)
}

/// Leaves the host's session keyring for an empty one of our own.
pub fn new_session_keyring() -> io::Result<()> {
    const KEYCTL_JOIN_SESSION_KEYRING: libc::c_int = 1;
    // SAFETY: a null name asks for an anonymous keyring; nothing is written.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            KEYCTL_JOIN_SESSION_KEYRING,
            std::ptr::null::<libc::c_char>(),
        )
    };
    check(answer)
}

/// Every signal back to its default action, and none blocked.
pub fn reset_signals() {
    for signal in 1..=64 {
        // SAFETY: SIG_DFL is a valid action for every signal; SIGKILL, SIGSTOP and the C library's own two are
        // refused, which changes nothing.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: an all-zero sigset_t is a valid, empty set on Linux, and sigprocmask only reads it.
    unsafe {
        let empty: libc::sigset_t = std::mem::zeroed();
        libc::sigprocmask(libc::SIG_SETMASK, &raw const empty, std::ptr::null_mut());
    }
}

/// Bytes of a page. Of the C library, which was told at the start: on kernels before 6.4 rustix reads such facts from
/// /proc/self, which a process that hides itself may not.
pub fn page_size() -> u64 {
    // SAFETY: sysconf takes any name and only answers.
    let answer = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(answer).unwrap_or(4096)
}

/// Ticks of CPU time in a second.
pub fn clock_ticks() -> u64 {
    // SAFETY: sysconf takes any name and only answers.
    let answer = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    u64::try_from(answer).unwrap_or(100).max(1)
}

/// Every signal that can be ignored is.
pub fn ignore_signals() {
    for signal in 1..=64 {
        // SAFETY: SIG_IGN is a valid action for every signal; those that can't be ignored are refused, which changes
        // nothing.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

fn check(answer: libc::c_long) -> io::Result<()> {
    if answer < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
