//! Mounts by descriptor: made detached, configured, and put on a place that was resolved once.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, Timespec, Timestamps};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
    fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount,
    open_tree,
};

use super::fault::{At, Fault};

/// A new file system, not mounted anywhere yet. An option without value is a flag.
pub fn detached(
    kind: &str,
    options: &[(&str, &str)],
    attributes: MountAttrFlags,
) -> Result<OwnedFd, Fault> {
    let doing = || format!("make a {kind}");
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC).at(doing)?;
    for (key, value) in options {
        if value.is_empty() {
            fsconfig_set_flag(&context, *key).at(doing)?;
        } else {
            fsconfig_set_string(&context, *key, *value).at(doing)?;
        }
    }
    fsconfig_create(&context).at(doing)?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes).at(doing)
}

/// Another mount of what is at `path` under `from`, not mounted anywhere yet.
pub fn cloned(from: impl AsFd, path: &str) -> Result<OwnedFd, Fault> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if path.is_empty() {
        flags |= OpenTreeFlags::AT_EMPTY_PATH;
    }
    open_tree(from, path, flags).at(|| format!("clone {path}"))
}

/// 1980-01-01, the time of images from scratch, in seconds since 1970.
const TIME: i64 = 315_532_800;

/// Gives what the sandbox adds to an image the time of images from scratch: a step that lists it must see the same on
/// every day. Of a link, its own.
pub fn set_time(at: impl AsFd, path: impl rustix::path::Arg) -> rustix::io::Result<()> {
    let time = Timespec {
        tv_sec: TIME,
        tv_nsec: 0,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    rustix::fs::utimensat(at, path, &times, AtFlags::SYMLINK_NOFOLLOW)
}

/// Puts a detached mount on a place.
pub fn put(mount: impl AsFd, place: impl AsFd) -> rustix::io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(mount, "", place, "", flags)
}

/// What is at `path` under `root`, links resolved as if `root` were `/`.
pub fn inside(root: impl AsFd, path: &str) -> rustix::io::Result<OwnedFd> {
    find(root, path, ResolveFlags::IN_ROOT)
}

/// What is at `path` under `root`, without any link on the way.
pub fn inside_without_links(root: impl AsFd, path: &str) -> rustix::io::Result<OwnedFd> {
    find(
        root,
        path,
        ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS,
    )
}

fn find(root: impl AsFd, path: &str, how: ResolveFlags) -> rustix::io::Result<OwnedFd> {
    let how = how | ResolveFlags::NO_MAGICLINKS;
    loop {
        match rustix::fs::openat2(
            &root,
            path,
            OFlags::PATH | OFlags::CLOEXEC,
            Mode::empty(),
            how,
        ) {
            // Something was renamed or mounted meanwhile, anywhere on the machine.
            Err(rustix::io::Errno::AGAIN) => {}
            answer => return answer,
        }
    }
}

/// Makes the mount on `root` the root of this mount namespace, and lets go of everything else.
pub fn pivot(root: impl AsFd) -> Result<(), Fault> {
    let doing = || "change the root".to_owned();
    rustix::process::fchdir(root).at(doing)?;
    rustix::process::pivot_root(".", ".").at(doing)?;
    rustix::mount::unmount(".", UnmountFlags::DETACH).at(doing)?;
    rustix::process::chdir("/").at(doing)
}

/// What is at `path` seen from the working directory or, if absolute, from this process's root.
pub fn here(path: &str) -> rustix::io::Result<OwnedFd> {
    rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
}
