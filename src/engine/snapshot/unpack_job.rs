//! The job that unpacks a layer's tar into a folder, inside the sandbox's user namespace.
//!
//! The host process has made the tar clean; here it is not believed either.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, XattrFlags};
use serde::{Deserialize, Serialize};

use super::disk::{
    CAPABILITY, OPAQUE, open_below, open_folder, open_root, remove, set_time, times,
};
use super::reorder::reorder;
use crate::engine::tar::{Member, MemberKind, TarReader};
use crate::engine::tree::{join, split_name};
use crate::sandbox::Task;

/// The arguments of this job.
#[derive(Debug, Serialize, Deserialize)]
pub struct Unpack {
    /// Whether there is only one id: then owners are not set.
    pub single: bool,
    /// Whether the entries are to stand on the disk in another order than they come.
    #[serde(default)]
    pub reordered: bool,
}

/// The mode of a whiteout that takes away what the layer itself put there before, and hides nothing below.
pub const REMOVE: u32 = 1;

/// The job.
pub fn unpack_job(task: &mut Task<'_>) -> Result<Vec<u8>, String> {
    let arguments: Unpack =
        serde_json::from_slice(task.arguments).map_err(|e| format!("unpack: {e}"))?;
    let root = task.views.first().ok_or("unpack: no folder")?;
    let mut unpacker = Unpacker {
        root: open_root(root).map_err(|e| format!("open the folder of a layer: {e}"))?,
        single: arguments.single,
        folder: None,
        times: HashMap::new(),
    };
    let mut reader = TarReader::new(&mut *task.input);
    loop {
        let member = reader.next().map_err(|e| format!("unpack: {e}"))?;
        let Some(member) = member else { break };
        unpacker.member(&member, &mut reader).map_err(|e| {
            let path = String::from_utf8_lossy(&member.path);
            format!("unpack {}: {e}", path.escape_debug())
        })?;
    }
    unpacker
        .set_times()
        .map_err(|e| format!("set the times of folders: {e}"))?;
    if arguments.reordered {
        reorder(&unpacker.root).map_err(|e| format!("put entries in another order: {e}"))?;
    }
    Ok(Vec::new())
}

struct Unpacker {
    root: OwnedFd,
    single: bool,
    /// The folder that the last entry was in: most entries are in the same.
    folder: Option<(Vec<u8>, OwnedFd)>,
    /// Times of folders, set when nothing comes into them any more.
    times: HashMap<Vec<u8>, (i64, u32)>,
}

impl Unpacker {
    fn member(&mut self, member: &Member, content: &mut dyn Read) -> io::Result<()> {
        let path = member.path.strip_suffix(b"/").unwrap_or(&member.path);
        let (folder, name) = split_name(path);
        if name == b".wh..wh..opq" {
            let at = self.folder(folder)?;
            return Ok(rustix::fs::fsetxattr(
                at,
                OPAQUE,
                b"y",
                XattrFlags::empty(),
            )?);
        }
        if path.is_empty() {
            let root = self.root.try_clone()?;
            self.attributes(&root, member)?;
            self.times.insert(Vec::new(), (member.mtime, member.nanos));
            return Ok(());
        }
        let at = self.folder(folder)?.try_clone()?;
        if let Some(gone) = name.strip_prefix(b".wh.") {
            self.make_way(&at, gone, &join(folder, gone))?;
            if member.mode == REMOVE {
                return Ok(());
            }
            let mode = Mode::empty();
            return Ok(rustix::fs::mknodat(
                &at,
                gone,
                FileType::CharacterDevice,
                mode,
                0,
            )?);
        }
        match member.kind {
            MemberKind::Directory => {
                self.make_folder(&at, name, path)?;
                let made = open_folder(&at, name)?;
                self.attributes(&made, member)?;
                self.times
                    .insert(path.to_vec(), (member.mtime, member.nanos));
            }
            MemberKind::File => {
                self.make_way(&at, name, path)?;
                let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
                let file = rustix::fs::openat(&at, name, flags, Mode::RUSR | Mode::WUSR)?;
                let mut file = File::from(file);
                let copied = io::copy(content, &mut file)?;
                if copied != member.size {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                self.attributes(&file, member)?;
                rustix::fs::futimens(&file, &times(member.mtime, member.nanos))?;
            }
            MemberKind::Symlink => {
                self.make_way(&at, name, path)?;
                rustix::fs::symlinkat(&*member.link, &at, name)?;
                self.owner(&at, name, member)?;
                set_time(&at, name, member.mtime, member.nanos)?;
            }
            MemberKind::HardLink => {
                let (folder, first) = split_name(&member.link);
                let from = self.folder(folder)?.try_clone()?;
                self.make_way(&at, name, path)?;
                rustix::fs::linkat(&from, first, &at, name, AtFlags::empty())?;
            }
            MemberKind::Fifo => {
                self.make_way(&at, name, path)?;
                let mode = Mode::from_raw_mode(member.mode & 0o777);
                rustix::fs::mknodat(&at, name, FileType::Fifo, mode, 0)?;
                self.owner(&at, name, member)?;
                rustix::fs::chmodat(
                    &at,
                    name,
                    Mode::from_raw_mode(member.mode),
                    AtFlags::empty(),
                )?;
                set_time(&at, name, member.mtime, member.nanos)?;
            }
            MemberKind::Device => {}
        }
        Ok(())
    }

    /// The folder at `path`, made with everything above it where it is missing.
    fn folder(&mut self, path: &[u8]) -> io::Result<&OwnedFd> {
        if path.is_empty() {
            return Ok(&self.root);
        }
        let known = self.folder.take();
        let opened = match known {
            Some((at, fd)) if at == path => fd,
            _ => match open_below(&self.root, path) {
                Ok(fd) => fd,
                Err(_) => self.make_all(path)?,
            },
        };
        Ok(&self.folder.insert((path.to_vec(), opened)).1)
    }

    fn make_all(&mut self, path: &[u8]) -> io::Result<OwnedFd> {
        let mut at = self.root.try_clone()?;
        let mut done = Vec::new();
        for part in path.split(|&b| b == b'/') {
            done = join(&done, part);
            self.make_folder(&at, part, &done)?;
            at = open_folder(&at, part)?;
        }
        Ok(at)
    }

    /// Makes a folder unless one is there; anything else that is there goes.
    fn make_folder(&mut self, at: &OwnedFd, name: &[u8], path: &[u8]) -> io::Result<()> {
        let mode = Mode::from_raw_mode(0o755);
        match rustix::fs::mkdirat(at, name, mode) {
            Ok(()) => {
                self.times.entry(path.to_vec()).or_default();
                Ok(())
            }
            Err(rustix::io::Errno::EXIST) => {
                let stat = rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW)?;
                if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                    return Ok(());
                }
                rustix::fs::unlinkat(at, name, AtFlags::empty())?;
                self.times.entry(path.to_vec()).or_default();
                Ok(rustix::fs::mkdirat(at, name, mode)?)
            }
            Err(e) => Err(e.into()),
        }
    }

    /// Removes what stands where something is to stand.
    fn make_way(&mut self, at: &OwnedFd, name: &[u8], path: &[u8]) -> io::Result<()> {
        let Some(kind) = remove(at, name)? else {
            return Ok(());
        };
        if kind == FileType::Directory {
            let below = [path, b"/"].concat();
            self.times
                .retain(|folder, _| folder != path && !folder.starts_with(&below));
            self.folder = None;
        }
        Ok(())
    }

    /// Owner, mode, capabilities of something that is open. In this order: each takes away what comes after it.
    fn attributes(&self, file: impl AsFd + Copy, member: &Member) -> io::Result<()> {
        if !self.single {
            let (uid, gid) = ids(member)?;
            rustix::fs::fchown(file, Some(uid), Some(gid))?;
        }
        rustix::fs::fchmod(file, Mode::from_raw_mode(member.mode))?;
        if let Some(capability) = &member.capability {
            rustix::fs::fsetxattr(file, CAPABILITY, capability, XattrFlags::empty())?;
        }
        Ok(())
    }

    fn owner(&self, at: &OwnedFd, name: &[u8], member: &Member) -> io::Result<()> {
        if !self.single {
            let (uid, gid) = ids(member)?;
            let flags = AtFlags::SYMLINK_NOFOLLOW;
            rustix::fs::chownat(at, name, Some(uid), Some(gid), flags)?;
        }
        Ok(())
    }

    fn set_times(&mut self) -> io::Result<()> {
        for (path, (seconds, nanos)) in std::mem::take(&mut self.times) {
            let folder = open_below(&self.root, &path)?;
            rustix::fs::futimens(folder, &times(seconds, nanos))?;
        }
        Ok(())
    }
}

fn ids(member: &Member) -> io::Result<(rustix::fs::Uid, rustix::fs::Gid)> {
    // The largest id means "leave it" to the kernel.
    if member.uid == u32::MAX || member.gid == u32::MAX {
        return Err(io::Error::other("an owner that is no id"));
    }
    Ok((
        rustix::fs::Uid::from_raw(member.uid),
        rustix::fs::Gid::from_raw(member.gid),
    ))
}
