//! The jobs that run inside the sandbox's user namespace: a layer's tar to a folder, and a step's changes to a tar.
//!
//! What they are handed was made clean by the host process, or made by a step: it is believed in no case. Parents are
//! opened without following links and without leaving the folder.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, Timespec, Timestamps, XattrFlags,
};
use serde::{Deserialize, Serialize};

use super::unpacked::fault;
use crate::engine::fault::{ArchiveError, Fault};
use crate::engine::layer::{LayerBuilder, NewEntry, What};
use crate::engine::tar::{self, Header, Member, MemberKind, TarReader, Type};
use crate::engine::tree::{Kind, Tree, join, split_name};
use crate::engine::watch::Watch;
use crate::sandbox::{Job, Output, Sandbox, Task, View, Work};

/// Unpacks a tar into a folder.
pub const UNPACK: &str = "engine.unpack";
/// Packs an overlay's upper folder into a tar.
pub const PACK: &str = "engine.pack";
/// Every job of this room, for [`child`](crate::sandbox::child).
pub const JOBS: &[(&str, Job)] = &[(UNPACK, unpack_job), (PACK, pack_job)];

/// What marks a folder of an overlay that hides what is below it.
const OPAQUE: &str = "user.overlay.opaque";
const CAPABILITY: &str = "security.capability";
/// How deep folders may nest: as deep as a layer that is read may have them.
const DEPTH: usize = 1000;

/// The arguments of [`UNPACK`].
#[derive(Debug, Serialize, Deserialize)]
pub struct Unpack {
    /// Whether there is only one id: then owners are not set.
    pub single: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Pack {
    mtime: i64,
}

fn unpack_job(task: &mut Task<'_>) -> Result<Vec<u8>, String> {
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
    Ok(Vec::new())
}

fn open_root(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    Ok(rustix::fs::openat(CWD, path, flags, Mode::empty())?)
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
            remove(&at, gone)?;
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

fn open_below(root: &OwnedFd, path: &[u8]) -> io::Result<OwnedFd> {
    if path.is_empty() {
        return root.try_clone();
    }
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    let within = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    Ok(rustix::fs::openat2(
        root,
        path,
        flags,
        Mode::empty(),
        within,
    )?)
}

fn open_folder(at: impl AsFd, name: &[u8]) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    Ok(rustix::fs::openat(at, name, flags, Mode::empty())?)
}

fn times(seconds: i64, nanos: u32) -> Timestamps {
    let time = Timespec {
        tv_sec: seconds,
        tv_nsec: nanos.into(),
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

fn set_time(at: impl AsFd, name: &[u8], seconds: i64, nanos: u32) -> io::Result<()> {
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    Ok(rustix::fs::utimensat(
        at,
        name,
        &times(seconds, nanos),
        flags,
    )?)
}

/// Removes something with all that is in it; says what it was.
fn remove(at: &OwnedFd, name: &[u8]) -> io::Result<Option<FileType>> {
    let stat = match rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    let kind = FileType::from_raw_mode(stat.st_mode);
    if kind != FileType::Directory {
        rustix::fs::unlinkat(at, name, AtFlags::empty())?;
        return Ok(Some(kind));
    }
    let folder = open_folder(at, name)?;
    for entry in names(&folder)? {
        remove(&folder, &entry)?;
    }
    rustix::fs::unlinkat(at, name, AtFlags::REMOVEDIR)?;
    Ok(Some(kind))
}

fn names(folder: &OwnedFd) -> io::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(name.to_vec());
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn pack_job(task: &mut Task<'_>) -> Result<Vec<u8>, String> {
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
        if depth > DEPTH {
            return Err(told(path, &"folders are nested too deep"));
        }
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
        if name.starts_with(b".wh.") {
            return Err(Failed::Below(format!(
                "/{}: file names that begin with `.wh.` can't stand in an image",
                String::from_utf8_lossy(path).escape_debug()
            )));
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

/// What a step made, on its way into a layer.
#[derive(Debug)]
pub struct Packed<'a> {
    /// The upper folder.
    pub upper: &'a Path,
    /// What the step stood on.
    pub tree: &'a Tree,
    /// Who owns what the step made, where only one id exists.
    pub user: (u32, u32),
    /// The time of everything.
    pub mtime: i64,
}

/// Packs a step's changes into `layer`, and gives them the layer's time on disk too.
///
/// # Errors
/// If something can't stand in a layer, the layer grows past its limit, or the build must end.
pub fn pack(
    sandbox: &Sandbox,
    packed: &Packed<'_>,
    layer: &mut LayerBuilder<'_>,
    watch: &Watch,
) -> Result<(), Fault> {
    let host = |e: io::Error| Fault::Host(format!("cannot make a pipe: {e}"));
    let (reader, writer) = io::pipe().map_err(host)?;
    let _ = rustix::pipe::fcntl_setpipe_size(&writer, 1 << 20);
    let arguments = serde_json::to_vec(&Pack {
        mtime: packed.mtime,
    })
    .unwrap_or_default();
    let views = [View::Folder {
        path: packed.upper.to_owned(),
        read_only: false,
    }];
    let single = sandbox.ids().is_single();
    std::thread::scope(|scope| {
        let job = scope.spawn(|| {
            let work = Work {
                job: PACK,
                arguments: &arguments,
                views: &views,
                input: crate::sandbox::Input::Empty,
                output: Output::File(File::from(OwnedFd::from(writer))),
            };
            sandbox.work(work, watch.stop())
        });
        let mut tar = TarReader::new(io::BufReader::with_capacity(256 << 10, reader));
        let taken = take(&mut tar, packed, single, layer);
        // Closed before waiting: a job that still writes must end.
        drop(tar);
        let done = job
            .join()
            .unwrap_or_else(|_| Err(crate::sandbox::SandboxError::Cancelled));
        match (taken, done) {
            (Ok(()), Ok(_)) => Ok(()),
            (_, Err(crate::sandbox::SandboxError::Job { reason, .. }))
                if reason.contains("`.wh.`") =>
            {
                Err(Fault::input(reason)
                    .help("layers use such names to say that a file was removed; use another name"))
            }
            (Err(ArchiveError::Fault(fault)), _) => Err(fault),
            (_, Err(error)) => Err(fault(error)),
            (Err(error), Ok(_)) => Err(error.of("what the step made")),
        }
    })
}

fn take<R: Read>(
    tar: &mut TarReader<R>,
    packed: &Packed<'_>,
    single: bool,
    layer: &mut LayerBuilder<'_>,
) -> Result<(), ArchiveError> {
    // A folder is written when its opaque mark, which comes right after it, is known.
    let mut waiting: Option<(Vec<u8>, NewEntry)> = None;
    loop {
        let member = tar.next()?;
        let path = member.as_ref().map(|m| {
            let path = m.path.strip_suffix(b"/").unwrap_or(&m.path);
            path.to_vec()
        });
        if let Some((folder, mut entry)) = waiting.take() {
            let hides = path.as_deref() == Some(&join(&folder, b".wh..wh..opq"));
            if hides {
                // The kernel also marks folders that hide nothing.
                let below = packed.tree.find(&folder);
                entry.what = What::Directory {
                    opaque: below.is_some_and(|found| found.node.is_directory()),
                };
            }
            layer.entry(&folder, &entry, &mut io::empty())?;
            if hides {
                continue;
            }
        }
        let (Some(member), Some(path)) = (member, path) else {
            return Ok(());
        };
        let (above, name) = split_name(&path);
        if let Some(gone) = name.strip_prefix(b".wh.") {
            let gone = join(above, gone);
            if packed.tree.find(&gone).is_some() {
                let entry = NewEntry {
                    what: What::Whiteout,
                    mode: 0,
                    uid: 0,
                    gid: 0,
                    capability: None,
                };
                layer.entry(&gone, &entry, &mut io::empty())?;
            }
            continue;
        }
        let what = match member.kind {
            MemberKind::File => What::File(member.size),
            MemberKind::HardLink => What::HardLink(member.link.clone()),
            MemberKind::Symlink => What::Symlink(member.link.clone().into()),
            MemberKind::Directory => What::Directory { opaque: false },
            MemberKind::Fifo => What::Fifo,
            MemberKind::Device => continue,
        };
        let (uid, gid) = if single {
            logical_owner(packed, &path, &what)
        } else {
            (member.uid, member.gid)
        };
        let entry = NewEntry {
            what,
            mode: member.mode,
            uid,
            gid,
            capability: member.capability.map(Into::into),
        };
        if member.kind == MemberKind::Directory {
            waiting = Some((path, entry));
        } else {
            layer.entry(&path, &entry, tar)?;
        }
    }
}

/// Where only one id exists, what was there keeps its owner and what is new belongs to the step's user.
fn logical_owner(packed: &Packed<'_>, path: &[u8], what: &What) -> (u32, u32) {
    let same = |kind: &Kind| {
        matches!(
            (kind, what),
            (Kind::File { .. }, What::File(_) | What::HardLink(_))
                | (Kind::Directory { .. }, What::Directory { .. })
                | (Kind::Symlink(_), What::Symlink(_))
                | (Kind::Fifo, What::Fifo)
        )
    };
    packed
        .tree
        .find(path)
        .filter(|found| same(&found.node.kind))
        .map_or(packed.user, |found| (found.node.uid, found.node.gid))
}
