//! Layers as folders, for a RUN to stand on: unpacked when one needs them, inside the sandbox's user namespace, under
//! the owners that a step sees.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

use super::unpack_job::{REMOVE, Unpack};
use super::{Scratch, Snapshots, UNPACK};
use crate::engine::fault::Fault;
use crate::engine::key::Key;
use crate::engine::layer::{self, Layer, Sink};
use crate::engine::tar::{self, Header, Member, MemberKind, Type};
use crate::engine::tree::{Kind, LayerIndex, Node, Placed, Tree, join, split_name};
use crate::engine::watch::Watch;
use crate::model::Digest;
use crate::oci::Store;
use crate::sandbox::{Input, Output, Sandbox, SandboxError, View, Work};

/// The folders of a step: what it changes goes to `upper`.
#[derive(Debug)]
pub struct Upper {
    scratch: Scratch,
    sandbox: Sandbox,
}

impl Upper {
    /// Receives the changes.
    pub fn upper(&self) -> PathBuf {
        self.scratch.path().join("made/fs")
    }

    /// The overlay's own folder.
    pub fn work(&self) -> PathBuf {
        self.scratch.path().join("made/work")
    }

    /// Removes what the overlay worked in. Mostly there is nothing but the kernel's own folders, with the mark of an
    /// overlay that was not synced, and no job is needed. No step ever reached into it.
    fn remove_work(&self) {
        let work = self.work();
        let own = ["work", "work/incompat", "work/incompat/volatile"].map(|path| work.join(path));
        for folder in &own {
            // The kernel lets nobody enter them.
            let _ = rustix::fs::chmod(folder, rustix::fs::Mode::RWXU);
        }
        let _ = fs::remove_file(own[2].join("dirty"));
        for folder in own.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
        self.remove(&work);
    }

    fn remove(&self, folder: &Path) {
        if fs::remove_dir(folder).is_err() {
            // What could not be removed is swept by the next process. It is no error if there is nothing.
            let _ = self.sandbox.remove_folder(folder);
        }
    }
}

impl Drop for Upper {
    fn drop(&mut self) {
        self.remove_work();
        self.remove(&self.upper());
    }
}

impl Snapshots {
    /// Fresh folders for a step, whose root looks as `root` says.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn upper(&self, sandbox: &Sandbox, root: &Node, mtime: i64) -> Result<Upper, Fault> {
        let upper = Upper {
            scratch: self.scratch()?,
            sandbox: sandbox.clone(),
        };
        upper.scratch.made()?;
        for folder in [upper.upper(), upper.work()] {
            sandbox.make_folder(&folder).map_err(fault)?;
        }
        let path = upper.upper();
        let ids = sandbox.ids();
        if (root.uid, root.gid) != (0, 0)
            && let (Some(uid), Some(gid)) = (ids.host_uid(root.uid), ids.host_gid(root.gid))
        {
            // An ordinary user can't give a folder away; then the step sees its root as root's.
            let _ = std::os::unix::fs::lchown(&path, Some(uid), Some(gid));
        }
        let set = || -> io::Result<()> {
            rustix::fs::chmod(&path, rustix::fs::Mode::from_raw_mode(root.mode & 0o7777))?;
            let time = rustix::fs::Timespec {
                tv_sec: mtime,
                tv_nsec: 0,
            };
            let times = rustix::fs::Timestamps {
                last_access: time,
                last_modification: time,
            };
            rustix::fs::utimensat(
                rustix::fs::CWD,
                &path,
                &times,
                rustix::fs::AtFlags::SYMLINK_NOFOLLOW,
            )?;
            Ok(())
        };
        set().map_err(|e| Fault::host("prepare", &path, &e))?;
        Ok(upper)
    }

    /// Keeps what a step made as the unpacked form of the layer that was packed from it.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn adopt(&self, upper: &Upper, layer: &Layer) -> Result<(), Fault> {
        if self.reordered {
            // Whoever stands on it is to see another order than the step left.
            return Ok(());
        }
        upper.remove_work();
        let path = self.layer_path(layer.diff_id);
        place(&upper.scratch.path().join("made"), &path)
    }

    /// Folders of `layers`, lowest first, unpacking what is not unpacked yet.
    ///
    /// # Errors
    /// If a layer is damaged or hostile, the host refuses, or the build must end.
    pub fn unpacked(
        &self,
        store: &Store,
        sandbox: &Sandbox,
        layers: &[Layer],
        watch: &Watch,
    ) -> Result<Vec<PathBuf>, Fault> {
        let mut folders = Vec::with_capacity(layers.len());
        let mut below = Vec::with_capacity(layers.len());
        for layer in layers {
            let busy = self.busy(layer.diff_id);
            let _busy = busy.lock().unwrap_or_else(PoisonError::into_inner);
            let tree = Tree::new(below.clone());
            let known = self.known_index(layer.diff_id);
            let there = known.and_then(|index| {
                let key = snapshot_key(layer.diff_id, &index, &tree);
                self.folders(key).map(|folders| (folders, index))
            });
            let (own, index) = match there {
                Some(there) => there,
                None => self.unpack(store, sandbox, layer, &tree, watch)?,
            };
            let root = index.get(b"").map(|node| &node.kind);
            if matches!(root, Some(Kind::Directory { opaque: true, .. })) {
                // To an overlay a root hides nothing, whatever its mark says.
                folders.clear();
            }
            folders.extend(own);
            below.push(index);
        }
        // The kernel takes no folder twice. Of a layer that comes again only the topmost counts: it says all that the
        // lower one says.
        let mut seen = std::collections::HashSet::new();
        let mut last: Vec<PathBuf> = Vec::with_capacity(folders.len());
        for folder in folders.into_iter().rev() {
            if seen.insert(folder.clone()) {
                last.push(folder);
            }
        }
        last.reverse();
        Ok(last)
    }

    pub(super) fn layer_path(&self, key: Digest) -> PathBuf {
        self.root.join("layers").join(key.hex())
    }

    fn unpack(
        &self,
        store: &Store,
        sandbox: &Sandbox,
        layer: &Layer,
        below: &Tree,
        watch: &Watch,
    ) -> Result<(Vec<PathBuf>, std::sync::Arc<LayerIndex>), Fault> {
        let scratch = self.scratch()?;
        let made = scratch.made()?;
        let folder = made.join("fs");
        sandbox.make_folder(&folder).map_err(fault)?;
        let unpacked = self.stream(store, sandbox, layer, below, &folder, watch);
        let index = match unpacked {
            Ok(index) => index,
            Err(fault) => {
                let _ = sandbox.remove_folder(&folder);
                return Err(fault);
            }
        };
        let path = self.layer_path(snapshot_key(layer.diff_id, &index, below));
        let index = self.keep_index(layer.diff_id, index)?;
        if let Err(fault) = place(&made, &path) {
            let _ = sandbox.remove_folder(&folder);
            return Err(fault);
        }
        if folder.exists() {
            // Another process was faster.
            let _ = sandbox.remove_folder(&folder);
        }
        Ok((vec![path.join("fs")], index))
    }

    fn stream(
        &self,
        store: &Store,
        sandbox: &Sandbox,
        layer: &Layer,
        below: &Tree,
        folder: &Path,
        watch: &Watch,
    ) -> Result<LayerIndex, Fault> {
        let host = |e: io::Error| Fault::Host(format!("cannot make a pipe: {e}"));
        let (reader, writer) = io::pipe().map_err(host)?;
        let _ = rustix::pipe::fcntl_setpipe_size(&writer, 1 << 20);
        let arguments = serde_json::to_vec(&Unpack {
            single: sandbox.ids().is_single(),
            reordered: self.reordered,
        })
        .unwrap_or_default();
        let views = [View::Folder {
            path: folder.to_owned(),
            read_only: false,
        }];
        let refused = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let feed = Feed {
                pipe: writer,
                refused: &refused,
            };
            let feeder = scope.spawn(move || {
                let mut sink = TarSink {
                    out: io::BufWriter::with_capacity(256 << 10, feed),
                };
                let limit = watch.limits().layer_bytes;
                let index = layer::read(
                    store,
                    &layer.descriptor,
                    layer.diff_id,
                    limit,
                    watch,
                    &mut sink,
                )?;
                sink.folders(&index, below)
                    .map_err(|e| Fault::host("unpack", folder, &e))?;
                Ok::<_, Fault>(index)
            });
            let work = Work {
                job: UNPACK,
                arguments: &arguments,
                views: &views,
                input: Input::File(File::from(std::os::fd::OwnedFd::from(reader))),
                output: Output::Discard,
            };
            let done = sandbox.work(work, watch.stop());
            let fed = feeder
                .join()
                .unwrap_or_else(|_| Err(Fault::Host("the unpacker panicked".into())));
            match (fed, done) {
                (Ok(index), Ok(_)) => Ok(index),
                // Who stopped first knows why: the other was left with a broken pipe, or half an archive.
                (Err(first), _) if !refused.load(Ordering::Relaxed) => Err(first),
                (_, Err(error)) => Err(fault(error)),
                (Err(fault), Ok(_)) => Err(fault),
            }
        })
    }
}

/// A layer's unpacked form depends on lower layers where it has files in folders that it does not speak of.
fn snapshot_key(diff_id: Digest, index: &LayerIndex, below: &Tree) -> Digest {
    if !index.has_implied() {
        return diff_id;
    }
    let mut key = Key::new("unpacked");
    key.digest(diff_id);
    for (path, node) in implied(index, below) {
        key.bytes(path)
            .number(node.mode.into())
            .number(node.uid.into())
            .number(node.gid.into());
    }
    key.finish()
}

/// Folders that a layer has only because something is in them, as lower layers have them.
fn implied<'a>(index: &'a LayerIndex, below: &Tree) -> impl Iterator<Item = (&'a [u8], Node)> {
    let implied = index.entries().filter(|(_, node)| node.is_implied());
    implied.map(|(path, node)| {
        let found = below.find(path).map(|found| found.node);
        let like = found.filter(|found| found.is_directory()).unwrap_or(node);
        (path, like.clone())
    })
}

/// Moves `made` to `path`, unless something stands there already.
pub(super) fn place(made: &Path, path: &Path) -> Result<(), Fault> {
    match fs::rename(made, path) {
        Ok(()) => Ok(()),
        Err(e) if matches!(e.raw_os_error(), Some(libc::EEXIST | libc::ENOTEMPTY)) => Ok(()),
        Err(e) => Err(Fault::host("keep", path, &e)),
    }
}

/// A sandbox's error as a fault.
pub fn fault(error: SandboxError) -> Fault {
    match error {
        SandboxError::Cancelled => Fault::Cancelled,
        error => Fault::Host(error.to_string()),
    }
}

/// The way to the job, which remembers whether the job would take no more.
struct Feed<'a> {
    pipe: io::PipeWriter,
    refused: &'a AtomicBool,
}

impl Write for Feed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.pipe.write(bytes);
        let interrupted = |error: &io::Error| error.kind() == io::ErrorKind::Interrupted;
        if written.as_ref().is_err_and(|error| !interrupted(error)) {
            self.refused.store(true, Ordering::Relaxed);
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a layer's entries, made clean, as a tar for the job.
struct TarSink<W: Write> {
    out: W,
}

impl<W: Write> TarSink<W> {
    fn header(&mut self, path: &[u8], kind: Type, member: &Member, link: &[u8]) -> io::Result<()> {
        let header = Header {
            path,
            kind,
            mode: member.mode,
            uid: member.uid,
            gid: member.gid,
            size: if kind == Type::File { member.size } else { 0 },
            mtime: member.mtime,
            nanos: member.nanos,
            link,
            capability: member.capability.as_deref(),
        };
        tar::header(&mut self.out, &header)
    }

    /// A file that says something of a path.
    fn marker(&mut self, path: &[u8], mode: u32) -> io::Result<()> {
        let header = Header {
            path,
            kind: Type::File,
            mode,
            uid: 0,
            gid: 0,
            size: 0,
            mtime: 0,
            nanos: 0,
            link: b"",
            capability: None,
        };
        tar::header(&mut self.out, &header)
    }

    fn whiteout(&mut self, path: &[u8], mode: u32) -> io::Result<()> {
        let (folder, name) = split_name(path);
        self.marker(&join(folder, &[b".wh.", name].concat()), mode)
    }

    /// What is known only at the end: folders as lower layers have them, and what hides something of those.
    fn folders(&mut self, index: &LayerIndex, below: &Tree) -> io::Result<()> {
        for (path, node) in index.entries() {
            match node.kind {
                Kind::Directory { opaque: true, .. } => {
                    self.marker(&join(path, b".wh..wh..opq"), 0)?;
                }
                // No step sees a device, nor what stood there before. In a folder that is no lower layer's too, an
                // overlay would list what hides nothing.
                Kind::Whiteout | Kind::Device
                    if below.find(path).is_some() && !index.hides_above(path) =>
                {
                    self.whiteout(path, 0)?;
                }
                _ => {}
            }
        }
        for (path, node) in implied(index, below) {
            let header = Header {
                path,
                kind: Type::Directory,
                mode: node.mode,
                uid: node.uid,
                gid: node.gid,
                size: 0,
                mtime: 0,
                nanos: 0,
                link: b"",
                capability: None,
            };
            tar::header(&mut self.out, &header)?;
        }
        tar::end(&mut self.out)?;
        self.out.flush()
    }
}

impl<W: Write> Sink for TarSink<W> {
    fn take(&mut self, member: &Member, placed: &Placed, content: &mut dyn Read) -> io::Result<()> {
        match placed {
            Placed::File(path) => {
                self.header(path, Type::File, member, b"")?;
                io::copy(content, &mut self.out)?;
                tar::padding(&mut self.out, member.size)
            }
            Placed::HardLink { path, target } => self.header(path, Type::HardLink, member, target),
            Placed::Node(path) => {
                let kind = match member.kind {
                    MemberKind::Directory => Type::Directory,
                    MemberKind::Symlink => Type::Symlink,
                    MemberKind::Fifo => Type::Fifo,
                    // A device, or another name of one: what stood there in this layer is gone.
                    MemberKind::File | MemberKind::Device | MemberKind::HardLink => {
                        return self.whiteout(path, REMOVE);
                    }
                };
                let link = if kind == Type::Symlink {
                    &member.link[..]
                } else {
                    b""
                };
                self.header(path, kind, member, link)
            }
            // What hides something comes at the end.
            Placed::Whiteout(_) | Placed::Opaque(_) | Placed::Skipped => Ok(()),
        }
    }
}
