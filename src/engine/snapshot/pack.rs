//! What a step changed becomes a layer: the host's side of packing.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;

use super::PACK;
use super::pack_job::{Pack, REFUSED};
use super::unpacked::fault;
use crate::engine::fault::{ArchiveError, Fault};
use crate::engine::layer::{LayerBuilder, NewEntry, What};
use crate::engine::tar::{MemberKind, TarReader};
use crate::engine::tree::{Kind, Tree, join, split_name};
use crate::engine::watch::Watch;
use crate::sandbox::{Output, Sandbox, View, Work};

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
        let panicked = |_| Fault::Host("the packer panicked".into());
        let done = job.join().map_err(panicked)?;
        match (taken, done) {
            (Ok(()), Ok(_)) => Ok(()),
            (_, Err(crate::sandbox::SandboxError::Job { reason, .. }))
                if reason.contains(REFUSED) =>
            {
                let help = if reason.contains("`.wh.`") {
                    "layers use such names to say that a file was removed; use another name"
                } else {
                    "let the step remove it, or put it less deep"
                };
                Err(Fault::input(reason).help(help))
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
                layer.entry(&gone, &NewEntry::whiteout(), &mut io::empty())?;
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
