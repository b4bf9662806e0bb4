//! The stage: a small file system of our own on which every folder of the host that the inside needs is bound, under
//! short relative names.
//!
//! It is built while the process may still walk to these folders (root's process is not the host's root any more once
//! it is in the user namespace), it gives an overlay names without commas and colons, and it keeps an option string
//! of hundreds of layers inside one page.

use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, StatxFlags};
use rustix::mount::{MountFlags, MountPropagationFlags};

use super::fault::{At, Fault};
use crate::sandbox::kernel;

/// `MOUNT_ATTR_RDONLY`.
const READ_ONLY: u64 = 1;

/// Empty folders on every stage: the bottom of each overlay.
const EMPTY: [&str; 2] = ["empty", "nothing"];

/// Collects folders, then binds them.
#[derive(Default)]
pub struct Stage {
    sources: Vec<Source>,
    links: Vec<(String, String)>,
    folders: Vec<String>,
}

struct Source {
    from: OwnedFd,
    folder: bool,
    read_only: bool,
    path: PathBuf,
}

/// A layered file system to be, by names on the stage.
#[derive(Debug, Clone, Default)]
pub struct Overlay {
    /// Lowest first.
    pub lower: Vec<String>,
    /// The names of upper and work.
    pub upper: Option<(String, String)>,
}

impl Stage {
    /// Adds a file or folder of the host; answers with its name on the stage.
    pub fn add(&mut self, path: &Path, read_only: bool) -> Result<String, Fault> {
        let from = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
            .at(|| format!("open {}", path.display()))?;
        let folder = is_folder(from.as_fd()).at(|| format!("look at {}", path.display()))?;
        self.sources.push(Source {
            from,
            folder,
            read_only,
            path: path.to_owned(),
        });
        Ok((self.sources.len() - 1).to_string())
    }

    /// Adds what an overlay needs.
    pub fn overlay(
        &mut self,
        lower: &[PathBuf],
        upper: Option<(&Path, &Path)>,
    ) -> Result<Overlay, Fault> {
        let lower = lower
            .iter()
            .map(|layer| self.add(layer, false))
            .collect::<Result<_, _>>()?;
        let Some((upper, work)) = upper else {
            return Ok(Overlay { lower, upper: None });
        };
        // The kernel wants both under one mount, so their parent is bound.
        let (Some(parent), Some(upper_name), Some(work_name)) =
            (upper.parent(), upper.file_name(), work.file_name())
        else {
            return Err(Fault::new(
                "prepare the overlay",
                "upper and work need names",
            ));
        };
        if work.parent() != Some(parent) {
            return Err(Fault::new(
                "prepare the overlay",
                "work must be beside upper",
            ));
        }
        let parent = self.add(parent, false)?;
        let mut link = |name: &std::ffi::OsStr| -> Result<String, Fault> {
            let name = name
                .to_str()
                .ok_or_else(|| Fault::new("prepare the overlay", "a name is not UTF-8"))?;
            let short = format!("o{}", self.links.len());
            self.links.push((short.clone(), format!("{parent}/{name}")));
            Ok(short)
        };
        let upper = (link(upper_name)?, link(work_name)?);
        Ok(Overlay {
            lower,
            upper: Some(upper),
        })
    }

    /// Adds an empty folder.
    pub fn folder(&mut self, name: &str) {
        self.folders.push(name.to_owned());
    }

    /// Builds the stage over the folder `at`, in a mount namespace of our own, and goes there.
    pub fn build(self, at: &Path) -> Result<(), Fault> {
        // Nothing that is mounted from here on may show outside.
        let private = MountPropagationFlags::REC | MountPropagationFlags::PRIVATE;
        rustix::mount::mount_change("/", private).at(|| "make mounts private".into())?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        rustix::mount::mount("flareo", at, "tmpfs", flags, c"mode=755,size=16m")
            .at(|| format!("mount the stage on {}", at.display()))?;
        rustix::process::chdir(at).at(|| "go to the stage".into())?;
        for name in EMPTY
            .into_iter()
            .chain(self.folders.iter().map(String::as_str))
        {
            fs::create_dir(name).at(|| format!("make {name}"))?;
        }
        for (name, target) in &self.links {
            std::os::unix::fs::symlink(target, name).at(|| format!("link {name}"))?;
        }
        for (index, source) in self.sources.iter().enumerate() {
            let name = index.to_string();
            let doing = || format!("bind {}", source.path.display());
            if source.folder {
                fs::create_dir(&name).at(doing)?;
            } else {
                fs::File::create(&name).at(doing)?;
            }
            rustix::mount::mount_bind(format!("/proc/self/fd/{}", source.from.as_raw_fd()), &name)
                .at(doing)?;
            if source.read_only {
                let mount = rustix::fs::open(&name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
                    .at(doing)?;
                kernel::set_mount_attributes(&mount, READ_ONLY).at(doing)?;
            }
        }
        Ok(())
    }
}

impl Overlay {
    /// Mounts it on `target`; relative names are the stage's. `top` lies over the layers.
    /// The kernel asks for two layers where nothing can be written; [`EMPTY`] is made twice for that.
    pub fn mount(&self, target: &str, top: Option<&str>) -> Result<(), Fault> {
        // userxattr: whiteouts and opaque folders that a user namespace may make. volatile: nothing is synced, a
        // layer of a host that crashed is thrown away.
        let mut options = format!("userxattr,lowerdir={}", self.lowerdir(top));
        if let Some((upper, work)) = &self.upper {
            options.push_str(&format!(",upperdir={upper},workdir={work},volatile"));
        }
        let options = std::ffi::CString::new(options).at(|| "prepare the overlay".into())?;
        rustix::mount::mount(
            "overlay",
            target,
            "overlay",
            MountFlags::empty(),
            options.as_c_str(),
        )
        .at(|| format!("mount an overlay of {} layers", self.lower.len()))
    }

    /// The layers, topmost first.
    fn lowerdir(&self, top: Option<&str>) -> String {
        let layers = self.lower.iter().rev().map(String::as_str);
        top.into_iter()
            .chain(layers)
            .chain(EMPTY)
            .collect::<Vec<_>>()
            .join(":")
    }

    /// The same layers without a place to write.
    pub fn read_only(&self) -> Self {
        Self {
            lower: self.lower.clone(),
            upper: None,
        }
    }
}

/// Whether a descriptor is a folder's.
pub fn is_folder(fd: BorrowedFd<'_>) -> rustix::io::Result<bool> {
    let stat = rustix::fs::statx(fd, c"", AtFlags::EMPTY_PATH, StatxFlags::TYPE)?;
    Ok(
        rustix::fs::FileType::from_raw_mode(stat.stx_mode.into())
            == rustix::fs::FileType::Directory,
    )
}
