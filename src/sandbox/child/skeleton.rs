//! Places for mounts that an image lacks, made without a trace.
//!
//! A mount needs something to stand on. What an image lacks is not made in its upper directory, where it would end in
//! the layer, but in a small layer above the image's that lasts as long as the step. Folders on the way keep the mode,
//! owner, time and attributes that the image gives them, so that nobody can tell the difference.

use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Gid, Mode, Timespec, Timestamps, Uid};
use rustix::mount::MountAttrFlags;

use super::fault::{At, Fault};
use super::mounts;
use super::stage::{Overlay, is_folder};

/// Where something will be mounted.
#[derive(Debug, Clone)]
pub struct Place {
    /// Absolute, inside.
    pub path: String,
    /// Whether a folder is needed there, or a file.
    pub folder: bool,
    /// Whether links on the way are the image's to choose. For the kernel's own file systems they are not.
    pub links: bool,
}

impl Place {
    /// Finds it under a root, if what is there is of the right kind.
    pub fn find(&self, root: impl AsFd) -> Option<OwnedFd> {
        let found = if self.links {
            mounts::inside(root, &self.path)
        } else {
            mounts::inside_without_links(root, &self.path)
        };
        found
            .ok()
            .filter(|fd| is_folder(fd.as_fd()).is_ok_and(|folder| folder == self.folder))
    }
}

/// Looks which places the layers lack. Makes a layer on the stage's folder `name` with them, if any.
pub fn make(overlay: &Overlay, places: &[Place], name: &str) -> Result<bool, Fault> {
    overlay.read_only().mount("look", None)?;
    let root = mounts::here("look").at(|| "look at the layers".into())?;
    let missing: Vec<&Place> = places
        .iter()
        .filter(|place| place.find(&root).is_none())
        .collect();
    if !missing.is_empty() {
        let layer = mounts::detached(
            "tmpfs",
            &[("mode", "755"), ("size", "16m")],
            MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV,
        )?;
        mounts::put(
            &layer,
            mounts::here(name).at(|| "find the skeleton".into())?,
        )
        .at(|| "mount the skeleton".into())?;
        let (mut known, mut made) = (Vec::new(), Vec::new());
        for place in &missing {
            add(&root, place, Path::new(name), &mut known, &mut made)?;
        }
        // Last, because what is added to a folder changes its time.
        for path in &made {
            mounts::set_time(CWD, path).at(|| format!("set the time of {}", path.display()))?;
        }
        for (path, like) in known.iter().rev() {
            dress(path, like.as_fd());
        }
    }
    // What looked stays until everything of the stage is let go of at once: each time costs a wait for all processors.
    Ok(!missing.is_empty())
}

/// Adds one place, with the folders that lead there; remembers those that the image has, too, and those that are new.
fn add(
    root: &OwnedFd,
    place: &Place,
    layer: &Path,
    known: &mut Vec<(PathBuf, OwnedFd)>,
    made: &mut Vec<PathBuf>,
) -> Result<(), Fault> {
    let doing = || format!("make a place for the mount on {}", place.path);
    let (found, rest) = longest(root, place)?;
    let mut at = layer.to_owned();
    let mut inside = PathBuf::new();
    for name in &found {
        at.push(name);
        inside.push(name);
        if fs::symlink_metadata(&at).is_err() {
            fs::create_dir(&at).at(doing)?;
            if let Ok(fd) = mounts::inside_without_links(root, &inside.to_string_lossy()) {
                known.push((at.clone(), fd));
            }
        }
    }
    for (index, name) in rest.iter().enumerate() {
        at.push(name);
        if fs::symlink_metadata(&at).is_ok() {
            continue;
        }
        if index + 1 == rest.len() && !place.folder {
            fs::File::create(&at).at(doing)?;
        } else {
            fs::create_dir(&at).at(doing)?;
        }
        made.push(at.clone());
    }
    Ok(())
}

/// Splits a place's path into the folder that exists, by its real names, and the names that are missing after it.
fn longest(root: &OwnedFd, place: &Place) -> Result<(Vec<String>, Vec<String>), Fault> {
    let names: Vec<&str> = place
        .path
        .split('/')
        .filter(|name| !name.is_empty() && *name != ".")
        .collect();
    if names.is_empty() || names.contains(&"..") {
        return Err(Fault::new(
            format!("mount on {}", place.path),
            "it is no place inside",
        ));
    }
    // The last name is missing, or it is of the wrong kind and is covered.
    for known in (0..names.len()).rev() {
        let prefix = format!("/{}", names[..known].join("/"));
        let found = if place.links {
            mounts::inside(root, &prefix)
        } else {
            mounts::inside_without_links(root, &prefix)
        };
        let Some(found) = found
            .ok()
            .filter(|fd| is_folder(fd.as_fd()).unwrap_or(false))
        else {
            continue;
        };
        let real = real_names(root, &found)?;
        return Ok((
            real,
            names[known..]
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
        ));
    }
    Ok((Vec::new(), names.into_iter().map(str::to_owned).collect()))
}

/// The names that lead from `root` to `found`, as the kernel says.
fn real_names(root: &OwnedFd, found: &OwnedFd) -> Result<Vec<String>, Fault> {
    let path = |fd: &OwnedFd| {
        fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()))
            .at(|| "ask for a folder's name".into())
    };
    let (root, found) = (path(root)?, path(found)?);
    let rest = found
        .strip_prefix(&root)
        .at(|| format!("find {} in the layers", found.display()))?;
    Ok(rest
        .iter()
        .map(|name| name.to_string_lossy().into_owned())
        .collect())
}

/// Gives a folder of the skeleton the looks of the image's. What can't be copied is left out: it only matters if the
/// step changes the folder itself.
fn dress(path: &Path, like: impl AsFd) {
    let flags = rustix::fs::StatxFlags::BASIC_STATS;
    let Ok(stat) = rustix::fs::statx(&like, c"", AtFlags::EMPTY_PATH, flags) else {
        return;
    };
    let (uid, gid) = (Uid::from_raw(stat.stx_uid), Gid::from_raw(stat.stx_gid));
    let _ = rustix::fs::chownat(CWD, path, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW);
    let _ = rustix::fs::chmod(path, Mode::from_raw_mode(u32::from(stat.stx_mode) & 0o7777));
    let like = format!("/proc/self/fd/{}", like.as_fd().as_raw_fd());
    let mut names = vec![0; 64 << 10];
    if let Ok(length) = rustix::fs::listxattr(&like, names.as_mut_slice()) {
        for name in names[..length]
            .split(|byte| *byte == 0)
            .filter(|name| !name.is_empty())
        {
            let mut value = vec![0; 64 << 10];
            if let Ok(length) = rustix::fs::getxattr(&like, name, value.as_mut_slice()) {
                let _ = rustix::fs::setxattr(
                    path,
                    name,
                    &value[..length],
                    rustix::fs::XattrFlags::empty(),
                );
            }
        }
    }
    let time = |at: rustix::fs::StatxTimestamp| Timespec {
        tv_sec: at.tv_sec,
        tv_nsec: at.tv_nsec.into(),
    };
    let times = Timestamps {
        last_access: time(stat.stx_atime),
        last_modification: time(stat.stx_mtime),
    };
    let _ = rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW);
}
