//! Writes a layer: entries in, tar hashed and compressed on the way, a blob and a list of what is in it out.

use std::collections::HashMap;
use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};

use super::block::ends_before;
use super::earlier::Earlier;
use super::form::Form;
use super::gzip::{BlockGzip, Finished};
use super::members::{Member, Members, Packed};
use super::midstate::TarHash;
use super::outline::{Outline, Planned};
use crate::engine::fault::Fault;
use crate::engine::tar;
use crate::engine::tree::{Kind, LayerIndex, Node, fits, split_name};
use crate::engine::watch::Watch;
use crate::model::{Digest, foreign};
use crate::oci::{BlobWriter, Descriptor, OciError, Store, media};
use crate::ustar::padding_after;

/// How much of a file is read at once, at most.
const PIECE: usize = 128 << 10;

/// A layer in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// The blob.
    pub descriptor: Descriptor,
    /// The digest of the tar in it.
    pub diff_id: Digest,
    /// The length of the tar in it.
    pub unpacked: u64,
}

/// An entry to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// What it is.
    pub what: What,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// File capabilities, as version 2.
    pub capability: Option<Box<[u8]>>,
}

impl NewEntry {
    /// What lower layers hold there is gone.
    pub const fn whiteout() -> Self {
        Self {
            what: What::Whiteout,
            mode: 0,
            uid: 0,
            gid: 0,
            capability: None,
        }
    }
}

/// What an entry to write is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A regular file of so many bytes.
    File(u64),
    /// Another name of a file that was written before.
    HardLink(Vec<u8>),
    /// A folder, and whether it hides what lower layers hold in it.
    Directory {
        /// Whether it does.
        opaque: bool,
    },
    /// A symbolic link.
    Symlink(Box<[u8]>),
    /// A named pipe.
    Fifo,
    /// What lower layers hold here is gone.
    Whiteout,
}

/// A layer being written. Dropped before [`finish`](Self::finish), it leaves nothing in the store.
pub struct LayerBuilder<'a> {
    out: Out<'a>,
    mtime: i64,
    entries: Vec<(Vec<u8>, Node)>,
    /// Where files stand among the entries, once one of them has another name.
    names: Option<HashMap<Vec<u8>, usize>>,
    outline: Outline,
    /// How many entries came.
    count: usize,
    /// How many of them stand in what was taken over.
    taken_entries: usize,
    /// What was taken over of an earlier layer.
    taken: Vec<Packed>,
}

/// A layer that was written.
#[derive(Debug)]
pub struct Written {
    /// The layer.
    pub layer: Layer,
    /// What is in it.
    pub index: LayerIndex,
    /// Its members, for a later layer that has some of them too.
    pub members: Members,
}

struct Out<'a> {
    gzip: BlockGzip<BlobWriter>,
    position: u64,
    watch: &'a Watch,
}

impl Out<'_> {
    fn charge(&mut self, bytes: u64) -> io::Result<()> {
        self.watch.charge(bytes).map_err(Fault::into_io)?;
        self.position += bytes;
        Ok(())
    }
}

impl Write for Out<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.charge(bytes.len() as u64)?;
        self.gzip.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> LayerBuilder<'a> {
    /// Starts a layer whose entries all have the time `mtime`, in seconds since 1970.
    ///
    /// # Errors
    /// If the store refuses.
    pub fn new(store: &Store, mtime: i64, watch: &'a Watch) -> Result<Self, Fault> {
        Self::with_watchers(store, mtime, watch, Vec::new())
    }

    /// The same; each of `watchers` is given the layer's tar on the way. One that fails is left alone.
    ///
    /// # Errors
    /// If the store refuses.
    pub fn with_watchers(
        store: &Store,
        mtime: i64,
        watch: &'a Watch,
        watchers: Vec<Box<dyn Write + Send>>,
    ) -> Result<Self, Fault> {
        Self::upon(store, mtime, watch, watchers, None)
    }

    /// The same for a layer whose members will be as planned: what `earlier` has of them is taken over. Entries at the
    /// beginning are taken over only where nobody watches.
    ///
    /// # Errors
    /// If the store refuses.
    pub fn upon(
        store: &Store,
        mtime: i64,
        watch: &'a Watch,
        watchers: Vec<Box<dyn Write + Send>>,
        earlier: Option<(&Earlier, &[Planned])>,
    ) -> Result<Self, Fault> {
        let mut blob = store.writer()?;
        let mut taken = Vec::new();
        if let Some((earlier, planned)) = earlier
            && watchers.is_empty()
        {
            let common = earlier.common(planned);
            match earlier.copy(common.len(), &mut blob) {
                Ok(()) => taken.extend(common.iter().map(|member| member.packed)),
                // Damaged, or no room: then it is written anew, and what is wrong shows.
                Err(_) => blob = store.writer()?,
            }
        }
        let mut gzip = BlockGzip::new(blob, watchers);
        let mut taken_entries = 0;
        if let Some((earlier, planned)) = earlier {
            let (_, rest) = planned.split_at(taken.len().min(planned.len()));
            let mut hash = TarHash::new();
            if let Some(last) = taken.last() {
                hash = TarHash::resume(last.after, taken.iter().map(|member| member.tar).sum());
                taken_entries = rest.first().and_then(|next| next.entries).unwrap_or(0);
            }
            gzip = gzip.upon(hash, earlier.known(rest));
        }
        Ok(Self {
            out: Out {
                gzip,
                position: 0,
                watch,
            },
            mtime,
            entries: Vec::new(),
            names: None,
            outline: Outline::new(),
            count: 0,
            taken_entries,
            taken,
        })
    }

    /// Writes the next entry, and gives the digest of a file's content. Entries must come sorted by path, each once.
    ///
    /// # Errors
    /// If the content is shorter or longer than said, can't be read, or the build must end.
    pub fn entry(
        &mut self,
        path: &[u8],
        entry: &NewEntry,
        content: &mut dyn Read,
    ) -> Result<Option<Digest>, Fault> {
        self.out.watch.check()?;
        self.count += 1;
        let name = split_name(path).1;
        if name.starts_with(b".wh.") {
            let shown = String::from_utf8_lossy(path).into_owned();
            return Err(
                Fault::input(format!("/{shown}: file names that begin with `.wh.` can't stand in an image"))
                    .help("layers use such names to say that a file was removed; rename the file or leave it out with .dockerignore"),
            );
        }
        if !fits(path) {
            // It could be written, and nobody could read or unpack it.
            let shown = foreign::shown(&String::from_utf8_lossy(path), 200);
            return Err(Fault::input(format!(
                "/{shown}: so long or deep a path can't stand in an image"
            ))
            .help("a path may have 4095 bytes and 1000 folders, a name 255 bytes"));
        }
        if path.is_empty() {
            return Ok(None);
        }
        let form = Form::of(path, entry, self.mtime);
        self.head(&form.path, form.size, &form.head)?;
        let offset = self.out.position;
        let digest = match entry.what {
            What::File(size) => Some(self.content(path, size, content)?),
            _ => None,
        };
        if let Some((path, head)) = &form.mark {
            self.head(path, 0, head)?;
        }
        self.took(path, entry, &form, offset, digest)?;
        Ok(digest)
    }

    /// Whether the next entry stands in what was taken over: then it is only told, by [`told`](Self::told).
    pub const fn holds_next(&self) -> bool {
        self.count < self.taken_entries
    }

    /// The next entry, which [stands](Self::holds_next) in what was taken over, with a file's digest.
    ///
    /// # Errors
    /// If the layer grows past its limit, or the build must end.
    pub fn told(
        &mut self,
        path: &[u8],
        entry: &NewEntry,
        digest: Option<Digest>,
    ) -> Result<(), Fault> {
        self.count += 1;
        if path.is_empty() {
            return Ok(());
        }
        let form = Form::of(path, entry, self.mtime);
        let out = &mut self.out;
        out.charge(form.head.len() as u64).map_err(write_fault)?;
        let offset = out.position;
        let mark = form.mark.as_ref().map_or(0, |(_, head)| head.len() as u64);
        out.charge(form.size + padding_after(form.size) + mark)
            .map_err(write_fault)?;
        self.took(path, entry, &form, offset, digest)
    }

    /// Notes what was written or told.
    fn took(
        &mut self,
        path: &[u8],
        entry: &NewEntry,
        form: &Form,
        offset: u64,
        digest: Option<Digest>,
    ) -> Result<(), Fault> {
        self.outline.entry(form, digest);
        let kind = match &entry.what {
            What::File(size) => Kind::File {
                size: *size,
                digest: digest.ok_or_else(|| Fault::Host("a file has no digest".into()))?,
                offset,
            },
            What::HardLink(target) => {
                let first = self.named(target).ok_or_else(|| {
                    Fault::Host("a hard link came before the file that it names".into())
                })?;
                first.kind.clone()
            }
            What::Directory { opaque } => Kind::Directory {
                opaque: *opaque,
                implied: false,
            },
            What::Symlink(target) => Kind::Symlink(target.clone()),
            What::Fifo => Kind::Fifo,
            What::Whiteout => Kind::Whiteout,
        };
        let node = match kind {
            Kind::Whiteout => Node::new(Kind::Whiteout, 0),
            kind => Node {
                mode: if matches!(kind, Kind::Symlink(_)) {
                    0o777
                } else {
                    entry.mode
                },
                kind,
                uid: entry.uid,
                gid: entry.gid,
                capability: entry.capability.clone(),
            },
        };
        self.remember(path, node);
        Ok(())
    }

    /// Whether nothing was written yet.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Ends the layer and puts it in the store; none if it has no entry.
    ///
    /// # Errors
    /// If the store refuses.
    pub fn finish(mut self) -> Result<Option<Written>, Fault> {
        if self.entries.is_empty() {
            return Ok(None);
        }
        tar::end(&mut self.out).map_err(write_fault)?;
        let Out { gzip, position, .. } = self.out;
        let Finished {
            out: blob,
            digest: diff_id,
            members,
        } = gzip.finish().map_err(write_fault)?;
        let (digest, size) = blob.commit()?;
        let layer = Layer {
            descriptor: Descriptor::new(media::LAYER_GZIP, digest, size),
            diff_id,
            unpacked: position,
        };
        let packed: Vec<Packed> = self.taken.into_iter().chain(members).collect();
        Ok(Some(Written {
            layer,
            index: self.entries.into_iter().collect(),
            members: members_of(self.outline.finish(), &packed),
        }))
    }

    /// The file that was written at `path`.
    fn named(&mut self, path: &[u8]) -> Option<&Node> {
        let entries = &self.entries;
        let names = self.names.get_or_insert_with(|| {
            let files = entries.iter().enumerate();
            let files = files.filter(|(_, (_, node))| matches!(node.kind, Kind::File { .. }));
            files.map(|(at, (path, _))| (path.clone(), at)).collect()
        });
        let at = *names.get(path)?;
        entries.get(at).map(|(_, node)| node)
    }

    fn remember(&mut self, path: &[u8], node: Node) {
        if matches!(node.kind, Kind::File { .. })
            && let Some(names) = &mut self.names
        {
            names.insert(path.to_vec(), self.entries.len());
        }
        self.entries.push((path.to_vec(), node));
    }

    fn head(&mut self, path: &[u8], size: u64, head: &[u8]) -> Result<(), Fault> {
        if ends_before(self.out.gzip.filled(), path, size) {
            self.out.gzip.cut().map_err(write_fault)?;
        }
        self.out.write_all(head).map_err(write_fault)
    }

    fn content(&mut self, path: &[u8], size: u64, content: &mut dyn Read) -> Result<Digest, Fault> {
        let read_fault = |e: io::Error| {
            Fault::from_io(e, |e| {
                Fault::input(format!("/{}: {e}", String::from_utf8_lossy(path)))
            })
        };
        let mut hasher = Sha256::new();
        let mut left = size;
        while left > 0 {
            self.out.watch.check()?;
            let room = self.out.gzip.room();
            let want = usize::try_from(left).map_or(room.len(), |l| l.min(room.len()));
            // What was just read is hashed while it is still near.
            let n = match content.read(&mut room[..want.min(PIECE)]) {
                Ok(0) => return Err(read_fault(io::ErrorKind::UnexpectedEof.into())),
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(read_fault(e)),
            };
            self.out.charge(n as u64).map_err(write_fault)?;
            self.out
                .gzip
                .take(n, |bytes| hasher.update(bytes))
                .map_err(write_fault)?;
            left -= n as u64;
        }
        tar::padding(&mut self.out, size).map_err(write_fault)?;
        Ok(Digest::from_bytes(hasher.finalize().into()))
    }
}

impl std::fmt::Debug for LayerBuilder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LayerBuilder")
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

/// The members by their keys; none if they are not as long as the outline says, which would be our mistake.
fn members_of(planned: Vec<Planned>, packed: &[Packed]) -> Members {
    let same =
        planned.len() == packed.len() && planned.iter().zip(packed).all(|(a, b)| a.length == b.tar);
    let members = planned
        .into_iter()
        .zip(packed)
        .map(|(planned, packed)| Member {
            key: planned.key,
            packed: *packed,
        });
    Members(if same { members.collect() } else { Vec::new() })
}

fn write_fault(error: io::Error) -> Fault {
    Fault::from_io(error, |source| {
        Fault::Store(OciError::Io {
            doing: "write",
            path: "a layer".into(),
            source,
        })
    })
}
