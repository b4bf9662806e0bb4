//! The job that packs what a step changed, an overlay's upper folder, into a tar, inside the sandbox's user namespace.
//!
//! A step made it: nothing of it is believed. The files get the layer's time on the way, so that the folder can serve
//! as the layer's unpacked form.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use serde::{Deserialize, Serialize};

use super::disk::{CAPABILITY, OPAQUE, names, open_folder, open_root, set_time, times};
use crate::engine::tar::{self, Header, Type};
use crate::engine::tree::{join, split_name};
use crate::model::foreign;
use crate::sandbox::Task;

/// How deep folders may nest: as deep as a layer that is read may have them.
const DEPTH: usize = 1000;
/// How long a path may be: as long as a layer that is read may have it.
const PATH: usize = 4095;
/// What stands in every refusal of something that a step made and no layer can hold.
pub const REFUSED: &str = "can't stand in an image";

/// The arguments of this job.
#[derive(Debug, Serialize, Deserialize)]
pub struct Pack {
    /// The time of everything, in seconds since 1970.
    pub mtime: i64,
}

/// The job.
pub fn pack_job(task: &mut Task<'_>) -> Result<Vec<u8>, String> {
    let arguments: Pack =
        serde_json::from_slice(task.arguments).map_err(|e| format!("pack: {e}"))?;
    let root = task.views.first().ok_or("pack: no folder")?;
    let root = open_root(root).map_err(|e| format!("open what a step made: {e}"))?;
    let mut packer = Packer {
        out: &mut *task.output,
        mtime: arguments.mtime,
        links: HashMap::new(),
    };
    packer.folder(&root, b"", 0)?;
    tar::end(&mut packer.out).map_err(|e| format!("pack: {e}"))?;
    rustix::fs::futimens(&root, &times(arguments.mtime, 0)).map_err(|e| format!("pack: {e}"))?;
    Ok(Vec::new())
}

struct Packer<'a> {
    out: &'a mut dyn Write,
    mtime: i64,
    /// The first name of each file that has several.
    links: HashMap<u64, Vec<u8>>,
}

impl Packer<'_> {
    fn folder(&mut self, folder: &OwnedFd, path: &[u8], depth: usize) -> Result<(), String> {
        let told = |path: &[u8], e: &dyn std::fmt::Display| {
            let path = String::from_utf8_lossy(path);
            format!("/{}: {e}", path.escape_debug())
        };
        for name in names(folder).map_err(|e| told(path, &e))? {
            let path = join(path, &name);
            self.entry(folder, &name, &path, depth)
                .map_err(|e| match e {
                    Failed::Here(e) => told(&path, &e),
                    Failed::Below(text) => text,
                })?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        folder: &OwnedFd,
        name: &[u8],
        path: &[u8],
        depth: usize,
    ) -> Result<(), Failed> {
        let refused = if name.starts_with(b".wh.") {
            Some("file names that begin with `.wh.`".to_owned())
        } else if depth >= DEPTH {
            Some(format!("folders nested deeper than {DEPTH}"))
        } else if path.len() > PATH {
            Some(format!("paths of more than {PATH} bytes"))
        } else {
            None
        };
        if let Some(what) = refused {
            let path = foreign::shown(&String::from_utf8_lossy(path), 200);
            return Err(Failed::Below(format!("/{path}: {what} {REFUSED}")));
        }
        let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        let mut header = Header {
            path,
            kind: Type::File,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: 0,
            mtime: self.mtime,
            nanos: 0,
            link: b"",
            capability: None,
        };
        match kind {
            FileType::Directory => {
                let below = open_folder(folder, name)?;
                header.kind = Type::Directory;
                tar::header(&mut self.out, &header)?;
                if opaque(&below) {
                    let marker = join(path, b".wh..wh..opq");
                    header.path = &marker;
                    header.kind = Type::File;
                    tar::header(&mut self.out, &header)?;
                }
                self.folder(&below, path, depth + 1)
                    .map_err(Failed::Below)?;
                rustix::fs::futimens(&below, &times(self.mtime, 0))?;
                return Ok(());
            }
            FileType::CharacterDevice if stat.st_rdev == 0 => {
                let (above, _) = split_name(path);
                let marker = join(above, &[b".wh.", name].concat());
                header.path = &marker;
                header.mode = 0;
                tar::header(&mut self.out, &header)?;
                return Ok(());
            }
            FileType::RegularFile | FileType::Symlink | FileType::Fifo => {}
            // Sockets end with their process, and nobody could use a device.
            _ => return Ok(()),
        }
        if stat.st_nlink > 1 {
            if let Some(first) = self.links.get(&stat.st_ino).cloned() {
                let mut header = header;
                header.kind = Type::HardLink;
                header.link = &first;
                tar::header(&mut self.out, &header)?;
                return Ok(());
            }
            self.links.insert(stat.st_ino, path.to_vec());
        }
        match kind {
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(folder, name, Vec::new())?;
                header.kind = Type::Symlink;
                header.link = target.as_bytes();
                tar::header(&mut self.out, &header)?;
            }
            FileType::Fifo => {
                header.kind = Type::Fifo;
                tar::header(&mut self.out, &header)?;
            }
            _ => {
                let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
                let file = rustix::fs::openat(folder, name, flags, Mode::empty())?;
                let capability = capability(&file);
                header.capability = capability.as_deref();
                header.size = u64::try_from(stat.st_size).unwrap_or(0);
                tar::header(&mut self.out, &header)?;
                let copied = io::copy(&mut File::from(file).take(header.size), &mut self.out)?;
                if copied != header.size {
                    return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                }
                tar::padding(&mut self.out, header.size)?;
            }
        }
        set_time(folder, name, self.mtime, 0)?;
        Ok(())
    }
}

enum Failed {
    Here(io::Error),
    Below(String),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Here(error)
    }
}

impl From<rustix::io::Errno> for Failed {
    fn from(error: rustix::io::Errno) -> Self {
        Self::Here(error.into())
    }
}

fn opaque(folder: &OwnedFd) -> bool {
    let mut value = [0_u8; 1];
    let got = rustix::fs::fgetxattr(folder, OPAQUE, &mut value[..]);
    got == Ok(1) && value[0] == b'y'
}

/// A file's capabilities as version 2. Inside a user namespace they are kept as version 3, with whose root they are.
fn capability(file: &OwnedFd) -> Option<Vec<u8>> {
    let mut value = [0_u8; 64];
    let length = rustix::fs::fgetxattr(file, CAPABILITY, &mut value[..]).ok()?;
    let mut value = value.get(..length)?.to_vec();
    if length == 24 && value[3] == 3 {
        value[3] = 2;
        value.truncate(20);
    }
    Some(value)
}
