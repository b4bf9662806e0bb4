//! The root of a step: the layers, and on them /proc, /sys, /dev, the names files and the mounts of the specification.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::MountAttrFlags;

use super::fault::{At, Fault};
use super::skeleton::{self, Place};
use super::stage::Overlay;
use super::{device, mounts};
use crate::sandbox::kernel;
use crate::sandbox::spec::Mount;

/// `MOUNT_ATTR_RDONLY`.
const READ_ONLY: u64 = 1;

/// What of /proc and /sys nobody inside should see: files and folders.
const HIDDEN: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    "/sys/kernel/debug",
];
/// What of /proc nobody inside may change.
const FROZEN: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

/// A mount of the specification, its source on the stage.
pub struct Planned {
    pub mount: Mount,
    /// The name of a bind's source, and whether it is a folder.
    pub source: Option<(String, bool)>,
    /// The layers of a stack of its own, and the folder of the stage that they are mounted on.
    pub layers: Option<(Overlay, String)>,
}

impl Planned {
    /// What is seen of a stack of layers, not mounted inside yet, and whether it is a folder.
    fn layered(&self) -> Result<Option<(OwnedFd, bool)>, Fault> {
        let (Some((overlay, name)), Mount::Layers { source, .. }) = (&self.layers, &self.mount)
        else {
            return Ok(None);
        };
        let doing = || format!("find {source} in the layers of a mount");
        overlay.mount(name, None)?;
        let root = mounts::here(name).at(doing)?;
        let found = mounts::inside(&root, source).at(doing)?;
        let folder = super::stage::is_folder(found.as_fd()).at(doing)?;
        Ok(Some((mounts::cloned(&found, "")?, folder)))
    }
}

/// The files that tell names, as they will be seen inside.
pub struct Names {
    pub hosts: String,
    pub resolver: String,
}

impl Names {
    /// For a host with this name, and a resolver on its loopback that answers for everything else.
    pub fn of(hostname: &str) -> Self {
        Self {
            hosts: format!(
                "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\t{hostname}\n"
            ),
            resolver: "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n".into(),
        }
    }

    /// `/etc/hostname` stays the image's, as it does with Docker.
    fn files(&self) -> [(&'static str, &str); 2] {
        [
            ("/etc/hosts", &self.hosts),
            ("/etc/resolv.conf", &self.resolver),
        ]
    }
}

/// The folders that [`build`] needs on the stage.
pub const FOLDERS: [&str; 4] = ["root", "look", "skeleton", "names"];

/// Mounts the root at the stage's `root`; answers with it.
pub fn build(overlay: &Overlay, names: &Names, planned: &[Planned]) -> Result<OwnedFd, Fault> {
    let layered: Vec<_> = planned
        .iter()
        .map(Planned::layered)
        .collect::<Result<_, _>>()?;
    let places = places(names, planned, &layered);
    let skeleton = skeleton::make(overlay, &places, "skeleton")?;
    overlay.mount("root", skeleton.then_some("skeleton"))?;
    let root = mounts::here("root").at(|| "find the root".into())?;

    let quiet = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let proc = mounts::detached("proc", &[], quiet)?;
    put(&proc, &root, &places[0])?;
    put(&system(quiet)?, &root, &places[1])?;
    let dev = device::file_system()?;
    put(&dev, &root, &places[2])?;
    device::fill(&dev)?;
    write_names(names, &root, &places[3..5])?;
    for ((mount, place), layered) in planned.iter().zip(&places[5..]).zip(layered) {
        let made = match (&mount.mount, &mount.source) {
            (Mount::Layers { read_only, .. }, _) => {
                let Some((made, _)) = layered else { continue };
                restrict(&made, *read_only, place)?;
                made
            }
            (Mount::Tmpfs { bytes, .. }, _) => mounts::detached(
                "tmpfs",
                &[("mode", "1777"), ("size", &bytes.to_string())],
                MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV,
            )?,
            (Mount::Bind { read_only, .. }, Some((name, _))) => {
                let made = mounts::cloned(CWD, name)?;
                restrict(&made, *read_only, place)?;
                made
            }
            (Mount::Bind { .. }, None) => continue,
        };
        put_asked(&made, &root, place)?;
    }
    protect(&root)?;
    Ok(root)
}

/// Takes from a mount what a step could misuse.
fn restrict(mount: &OwnedFd, read_only: bool, place: &Place) -> Result<(), Fault> {
    let flags = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    let flags = u64::from(flags.bits()) | if read_only { READ_ONLY } else { 0 };
    kernel::set_mount_attributes(mount, flags).at(|| format!("mount on {}", place.path))
}

/// Every place that something will be mounted on: five of our own, then those of the specification.
fn places(names: &Names, planned: &[Planned], layered: &[Option<(OwnedFd, bool)>]) -> Vec<Place> {
    let own = ["/proc", "/sys", "/dev"].map(|path| Place {
        path: path.into(),
        folder: true,
        links: false,
    });
    let files = names.files().map(|(path, _)| Place {
        path: path.into(),
        folder: false,
        links: true,
    });
    let asked = planned
        .iter()
        .zip(layered)
        .map(|(planned, layered)| match &planned.mount {
            Mount::Layers { target, .. } => Place {
                path: target.clone(),
                folder: layered.as_ref().is_none_or(|(_, folder)| *folder),
                links: true,
            },
            Mount::Tmpfs { target, .. } => Place {
                path: target.clone(),
                folder: true,
                links: true,
            },
            Mount::Bind { target, .. } => Place {
                path: target.clone(),
                folder: planned.source.as_ref().is_none_or(|(_, folder)| *folder),
                links: true,
            },
        });
    own.into_iter().chain(files).chain(asked).collect()
}

/// Puts a mount that the specification or the image has a say in: never into /proc or /sys, whose masks it could cover.
fn put_asked(mount: &OwnedFd, root: &OwnedFd, place: &Place) -> Result<(), Fault> {
    const PROC: i64 = 0x9fa0;
    const SYS: i64 = 0x6265_6572;
    if let Some(spot) = place.find(root) {
        let doing = || format!("mount on {}", place.path);
        let kind = rustix::fs::fstatfs(&spot).at(doing)?.f_type;
        if [PROC, SYS].contains(&kind) {
            return Err(Fault::new(doing(), "it lies in /proc or /sys"));
        }
    }
    put(mount, root, place)
}

fn put(mount: &OwnedFd, root: &OwnedFd, place: &Place) -> Result<(), Fault> {
    let doing = || format!("mount on {}", place.path);
    let spot = match place.find(root) {
        Some(spot) => spot,
        // Inside a mount that was made a moment ago, where the skeleton does not reach.
        None => {
            make_inside_mount(root, place).at(doing)?;
            place
                .find(root)
                .ok_or_else(|| Fault::new(doing(), "there is no place for it"))?
        }
    };
    mounts::put(mount, spot).at(doing)
}

/// Makes the last name of a place that lies in another mount of the specification.
fn make_inside_mount(root: &OwnedFd, place: &Place) -> rustix::io::Result<()> {
    let (parent, name) = place.path.rsplit_once('/').unwrap_or(("", &place.path));
    let parent = mounts::inside(root, &format!("/{parent}"))?;
    let (root_device, parent_device) = (device_of(root)?, device_of(&parent)?);
    if root_device == parent_device {
        // It would be written into the layer.
        return Err(rustix::io::Errno::NOTDIR);
    }
    if place.folder {
        rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o755))
    } else {
        let flags =
            OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::WRONLY;
        rustix::fs::openat(&parent, name, flags, Mode::from_raw_mode(0o644)).map(drop)
    }
}

fn device_of(fd: &OwnedFd) -> rustix::io::Result<(u32, u32)> {
    let stat = rustix::fs::statx(
        fd,
        c"",
        rustix::fs::AtFlags::EMPTY_PATH,
        rustix::fs::StatxFlags::BASIC_STATS,
    )?;
    Ok((stat.stx_dev_major, stat.stx_dev_minor))
}

/// /sys, read-only. A container that hides parts of its own gets an empty folder instead.
fn system(quiet: MountAttrFlags) -> Result<OwnedFd, Fault> {
    let flags = quiet | MountAttrFlags::MOUNT_ATTR_RDONLY;
    mounts::detached("sysfs", &[], flags)
        .or_else(|_| mounts::detached("tmpfs", &[("mode", "555")], flags))
}

/// Puts the names files over the image's.
fn write_names(names: &Names, root: &OwnedFd, places: &[Place]) -> Result<(), Fault> {
    let doing = || "write the names files".to_owned();
    let flags = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    let folder = mounts::detached("tmpfs", &[("mode", "755"), ("size", "1m")], flags)?;
    mounts::put(&folder, mounts::here("names").at(doing)?).at(doing)?;
    for ((path, text), place) in names.files().into_iter().zip(places) {
        let name = path.trim_start_matches("/etc/");
        let create = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
        let file =
            rustix::fs::openat(&folder, name, create, Mode::from_raw_mode(0o644)).at(doing)?;
        rustix::io::write(&file, text.as_bytes()).at(doing)?;
        mounts::set_time(&folder, name).at(doing)?;
        // An image whose /etc/hosts is a link into /proc keeps it.
        let _ = put_asked(&mounts::cloned(&folder, name)?, root, place);
    }
    Ok(())
}

/// Hides and freezes what Docker hides and freezes.
fn protect(root: &OwnedFd) -> Result<(), Fault> {
    let flags = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    for path in HIDDEN {
        let Ok(spot) = mounts::inside_without_links(root, path) else {
            continue;
        };
        let cover = if super::stage::is_folder(spot.as_fd()).at(|| format!("look at {path}"))? {
            mounts::detached("tmpfs", &[("mode", "555"), ("size", "4k")], flags)?
        } else {
            mounts::cloned(
                mounts::inside_without_links(root, "/dev/null").at(|| "find /dev/null".into())?,
                "",
            )?
        };
        mounts::put(cover, spot).at(|| format!("hide {path}"))?;
    }
    for path in FROZEN {
        let Ok(spot) = mounts::inside_without_links(root, path) else {
            continue;
        };
        let same = mounts::cloned(&spot, "")?;
        kernel::set_mount_attributes(&same, READ_ONLY).at(|| format!("freeze {path}"))?;
        mounts::put(same, spot).at(|| format!("freeze {path}"))?;
    }
    Ok(())
}
