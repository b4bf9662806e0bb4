//! /dev: six harmless devices of the host, terminals of its own, shared memory.

use std::os::fd::OwnedFd;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::MountAttrFlags;

use super::fault::{At, Fault};
use super::mounts;

const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// The file system, empty.
pub fn file_system() -> Result<OwnedFd, Fault> {
    let flags = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    mounts::detached("tmpfs", &[("mode", "755"), ("size", "64k")], flags)
}

/// Fills it, once it is mounted.
pub fn fill(dev: &OwnedFd) -> Result<(), Fault> {
    for name in DEVICES {
        let doing = || format!("bind /dev/{name}");
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
        rustix::fs::openat(dev, name, flags, Mode::from_raw_mode(0o666)).at(doing)?;
        let spot = rustix::fs::openat(dev, name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
            .at(doing)?;
        mounts::put(mounts::cloned(CWD, &format!("/dev/{name}"))?, spot).at(doing)?;
    }
    for (name, target) in LINKS {
        rustix::fs::symlinkat(target, dev, name).at(|| format!("link /dev/{name}"))?;
        mounts::set_time(dev, name).at(|| format!("set the time of /dev/{name}"))?;
    }
    let quiet = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let terminals = [
        ("newinstance", ""),
        ("ptmxmode", "0666"),
        ("mode", "0620"),
        ("gid", "5"),
    ];
    // Where there is one id only, nobody is in the group of terminals.
    let pts = mounts::detached("devpts", &terminals, quiet)
        .or_else(|_| mounts::detached("devpts", &terminals[..3], quiet))?;
    mount_in(dev, "pts", &pts)?;
    let memory = [("mode", "1777"), ("size", "64m")];
    let shm = mounts::detached("tmpfs", &memory, quiet | MountAttrFlags::MOUNT_ATTR_NODEV)?;
    mount_in(dev, "shm", &shm)?;
    for name in ["shm", "."] {
        mounts::set_time(dev, name).at(|| format!("set the time of /dev/{name}"))?;
    }
    Ok(())
}

fn mount_in(dev: &OwnedFd, name: &str, mount: &OwnedFd) -> Result<(), Fault> {
    let doing = || format!("mount /dev/{name}");
    rustix::fs::mkdirat(dev, name, Mode::from_raw_mode(0o755)).at(doing)?;
    let spot =
        rustix::fs::openat(dev, name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).at(doing)?;
    mounts::put(mount, spot).at(doing)
}
