//! Writes a layer: entries in, tar hashed and compressed on the way, a blob and a list of what is in it out.

use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};

use super::block::ends_before;
use super::gzip::BlockGzip;
use crate::engine::fault::Fault;
use crate::engine::tar::{self, Header, Type};
use crate::engine::tree::{Kind, LayerIndex, Node, fits, join, parent, split_name};
use crate::engine::watch::Watch;
use crate::model::{Digest, foreign};
use crate::oci::{BlobWriter, Descriptor, OciError, Store, media};

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
    names: std::collections::HashMap<Vec<u8>, usize>,
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
        let gzip = BlockGzip::new(store.writer()?, watchers);
        Ok(Self {
            out: Out {
                gzip,
                position: 0,
                watch,
            },
            mtime,
            entries: Vec::new(),
            names: std::collections::HashMap::new(),
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
        if entry.what == What::Whiteout {
            let marker = join(parent(path), &[b".wh.", name].concat());
            self.header(&marker, Type::File, entry, 0, b"")?;
            self.remember(path, Node::new(Kind::Whiteout, 0));
            return Ok(None);
        }
        let (kind, size, link): (Type, u64, &[u8]) = match &entry.what {
            What::File(size) => (Type::File, *size, b""),
            What::HardLink(target) => (Type::HardLink, 0, target),
            What::Directory { .. } => (Type::Directory, 0, b""),
            What::Symlink(target) => (Type::Symlink, 0, target),
            What::Fifo | What::Whiteout => (Type::Fifo, 0, b""),
        };
        self.header(path, kind, entry, size, link)?;
        let mut found = None;
        let kind = match &entry.what {
            What::File(size) => {
                let offset = self.out.position;
                let digest = self.content(path, *size, content)?;
                found = Some(digest);
                Kind::File {
                    size: *size,
                    digest,
                    offset,
                }
            }
            What::HardLink(target) => {
                let first = self.names.get(target).and_then(|i| self.entries.get(*i));
                match first {
                    Some((_, node)) => node.kind.clone(),
                    None => {
                        return Err(Fault::Host(
                            "a hard link came before the file that it names".into(),
                        ));
                    }
                }
            }
            What::Directory { opaque } => {
                if *opaque {
                    let marker = join(path, b".wh..wh..opq");
                    let plain = NewEntry {
                        what: What::File(0),
                        mode: 0,
                        uid: 0,
                        gid: 0,
                        capability: None,
                    };
                    self.header(&marker, Type::File, &plain, 0, b"")?;
                }
                Kind::Directory {
                    opaque: *opaque,
                    implied: false,
                }
            }
            What::Symlink(target) => Kind::Symlink(target.clone()),
            What::Fifo | What::Whiteout => Kind::Fifo,
        };
        let node = Node {
            mode: if matches!(kind, Kind::Symlink(_)) {
                0o777
            } else {
                entry.mode
            },
            kind,
            uid: entry.uid,
            gid: entry.gid,
            capability: entry.capability.clone(),
        };
        self.remember(path, node);
        Ok(found)
    }

    /// Whether nothing was written yet.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Ends the layer and puts it in the store; none if it has no entry.
    ///
    /// # Errors
    /// If the store refuses.
    pub fn finish(mut self) -> Result<Option<(Layer, LayerIndex)>, Fault> {
        if self.entries.is_empty() {
            return Ok(None);
        }
        tar::end(&mut self.out).map_err(write_fault)?;
        let Out { gzip, position, .. } = self.out;
        let (blob, diff_id) = gzip.finish().map_err(write_fault)?;
        let (digest, size) = blob.commit()?;
        let layer = Layer {
            descriptor: Descriptor::new(media::LAYER_GZIP, digest, size),
            diff_id,
            unpacked: position,
        };
        Ok(Some((layer, self.entries.into_iter().collect())))
    }

    fn remember(&mut self, path: &[u8], node: Node) {
        if matches!(node.kind, Kind::File { .. }) {
            self.names.insert(path.to_vec(), self.entries.len());
        }
        self.entries.push((path.to_vec(), node));
    }

    fn header(
        &mut self,
        path: &[u8],
        kind: Type,
        entry: &NewEntry,
        size: u64,
        link: &[u8],
    ) -> Result<(), Fault> {
        let mode = if kind == Type::Symlink {
            0o777
        } else {
            entry.mode
        };
        let header = Header {
            path,
            kind,
            mode,
            uid: entry.uid,
            gid: entry.gid,
            size,
            mtime: self.mtime,
            nanos: 0,
            link,
            capability: entry.capability.as_deref(),
        };
        if ends_before(self.out.gzip.filled(), path, size) {
            self.out.gzip.cut().map_err(write_fault)?;
        }
        tar::header(&mut self.out, &header).map_err(write_fault)
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

fn write_fault(error: io::Error) -> Fault {
    Fault::from_io(error, |source| {
        Fault::Store(OciError::Io {
            doing: "write",
            path: "a layer".into(),
            source,
        })
    })
}
