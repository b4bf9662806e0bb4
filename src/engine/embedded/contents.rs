//! The bytes behind the files of a new layer: hashed for the cache's key, brought out of other layers, opened in turn.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Read};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest as _, Sha256};

use super::stage::Build;
use crate::engine::copy::{Content, Entry, Selected, SourceKind, SourceNode, Spool, is_archive};
use crate::engine::fault::Fault;
use crate::engine::layer::Layer;
use crate::engine::tree::Kind as NodeKind;
use crate::model::Digest;
use crate::model::context::ContextSource;

/// Contents are hashed by this many threads at most.
const THREADS: usize = 8;
/// For so few files another thread is not worth it.
const FEW: usize = 8;

/// Opens a file of the context.
///
/// # Errors
/// If it is not there any more.
pub fn open(context: &dyn ContextSource, index: usize) -> Result<Box<dyn Read + Send + '_>, Fault> {
    context
        .open(index)
        .map_err(|e| unreadable(context, index, &e))
}

/// What it means that a file of the context can't be opened or read.
pub fn unreadable(context: &dyn ContextSource, index: usize, error: &io::Error) -> Fault {
    Fault::input(format!("/{}: {error}", context.entries()[index].path))
        .help("the context changed or can't be read")
}

impl Build<'_> {
    /// Marks the archives among what ADD was given.
    ///
    /// # Errors
    /// If one can't be read.
    pub fn find_archives(&self, mut selected: Vec<Selected>) -> Result<Vec<Selected>, Fault> {
        let context = &*self.request.context;
        for source in &mut selected {
            if let SourceKind::File {
                content: Content::Context(index),
                ..
            } = &source.node.kind
            {
                let file = self.watch.reader(open(context, *index)?);
                source.archive = is_archive(file, &context.entries()[*index].path)?;
            }
        }
        Ok(selected)
    }

    /// Whether of the files of the context that were selected so much is known that the others are worth reading twice: once
    /// to know what is new, and once to write that.
    pub fn knows_most(&self, selected: &[Selected]) -> bool {
        let (mut known, mut unknown) = (0_u64, 0_u64);
        for node in nodes(selected) {
            if let SourceKind::File {
                size,
                content: Content::Context(index),
            } = &node.kind
            {
                let of = match self.request.context.known_digest(*index) {
                    Some(_) => &mut known,
                    None => &mut unknown,
                };
                *of = of.saturating_add(*size);
            }
        }
        known >= unknown
    }

    /// The digests of all files of the context that were selected; those that are not `known` are read.
    ///
    /// # Errors
    /// If one can't be read.
    pub fn digests(
        &self,
        selected: &[Selected],
        mut known: HashMap<usize, Digest>,
    ) -> Result<HashMap<usize, Digest>, Fault> {
        let mut indexes = BTreeSet::new();
        for node in nodes(selected) {
            if let SourceKind::File {
                content: Content::Context(index),
                ..
            } = &node.kind
                && !known.contains_key(index)
            {
                match self.request.context.known_digest(*index) {
                    Some(digest) => drop(known.insert(*index, digest)),
                    None => drop(indexes.insert(*index)),
                }
            }
        }
        let indexes: Vec<usize> = indexes.into_iter().collect();
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = cores.min(THREADS).min(indexes.len() / FEW + 1);
        let next = AtomicUsize::new(0);
        let found = Mutex::new(known);
        let work = || -> Result<(), Fault> {
            let mut own = Vec::new();
            let mut buffer = vec![0; 128 << 10];
            while let Some(&index) = indexes.get(next.fetch_add(1, Ordering::Relaxed)) {
                own.push((index, self.digest(index, &mut buffer)?));
            }
            let mut found = found
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            found.extend(own);
            Ok(())
        };
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut result = work();
            for other in others {
                let other = other
                    .join()
                    .unwrap_or_else(|_| Err(Fault::Host("a hashing thread panicked".into())));
                result = result.and(other);
            }
            result
        })?;
        Ok(found
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn digest(&self, index: usize, buffer: &mut [u8]) -> Result<Digest, Fault> {
        self.watch.check()?;
        let context = &*self.request.context;
        let mut file = self.watch.reader(open(context, index)?);
        let mut hasher = Sha256::new();
        loop {
            match file.read(buffer) {
                Ok(0) => break,
                Ok(n) => hasher.update(&buffer[..n]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Fault::from_io(e, |e| unreadable(context, index, &e))),
            }
        }
        let digest = Digest::from_bytes(hasher.finalize().into());
        context.learn(index, digest);
        Ok(digest)
    }

    /// Reads contents out of a layer, one after the other as they stand in it: offset, size and digest of each.
    ///
    /// # Errors
    /// If the layer is not what its list says, or the build must end.
    pub fn extract(
        &self,
        layer: &Layer,
        wanted: impl IntoIterator<Item = (u64, u64, Digest)>,
        take: &mut dyn FnMut(u64, &mut dyn Read) -> io::Result<()>,
    ) -> Result<(), Fault> {
        let what = format!("layer {}", layer.descriptor.digest);
        let damaged = |e: io::Error| Fault::from_io(e, |e| Fault::Host(format!("{what}: {e}")));
        let limit = self.watch.limits().layer_bytes;
        let reader = self.engine.store.open_layer(&layer.descriptor, limit)?;
        let mut reader = io::BufReader::with_capacity(128 << 10, self.watch.reader(reader));
        let mut at = 0;
        for (offset, size, digest) in wanted {
            let skip = offset.saturating_sub(at);
            let skipped = io::copy(&mut reader.by_ref().take(skip), &mut io::sink());
            if skipped.map_err(damaged)? != skip {
                return Err(Fault::Host(format!("{what} is shorter than its list says")));
            }
            let mut content = Checked {
                inner: reader.by_ref().take(size),
                hasher: Sha256::new(),
            };
            take(offset, &mut content).map_err(damaged)?;
            io::copy(&mut content, &mut io::sink()).map_err(damaged)?;
            // Only now, and not by the digest of the whole blob: the rest of it is not read.
            if Digest::from_bytes(content.hasher.finalize().into()) != digest {
                return Err(Fault::Host(format!(
                    "{what} does not hold what its list says; remove the snapshots folder"
                )));
            }
            at = offset + size;
        }
        Ok(())
    }
}

fn nodes(selected: &[Selected]) -> impl Iterator<Item = &SourceNode> {
    selected
        .iter()
        .flat_map(|s| s.content.iter().map(|p| &p.node).chain([&s.node]))
}

struct Checked<R> {
    inner: R,
    hasher: Sha256,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..n]);
        Ok(n)
    }
}

/// Where the bytes of a new layer come from.
#[derive(Debug, Default)]
pub struct Contents {
    /// Of the context's files.
    digests: HashMap<usize, Digest>,
    spool: Option<Spool>,
    /// Where contents of other layers are in the spool, by layer and offset.
    fetched: HashMap<(usize, u64), u64>,
}

impl Contents {
    /// Contents whose files of the context must have these digests, as far as they are told.
    pub fn of(digests: HashMap<usize, Digest>) -> Self {
        Self {
            digests,
            ..Self::default()
        }
    }

    /// The digest of a file of the context, if it is known.
    pub fn digest(&self, index: usize) -> Option<Digest> {
        self.digests.get(&index).copied()
    }

    /// The digest of a content, if it is known without reading it.
    pub fn known(&self, content: Option<&Content>) -> Option<Digest> {
        match content? {
            Content::Context(index) => self.digest(*index),
            Content::Inline(bytes) => Some(Digest::of(bytes)),
            Content::Layer { digest, .. } => Some(*digest),
            Content::Spool(_) => None,
        }
    }

    /// Notes the digest that a file of the context turned out to have.
    pub fn learn(&mut self, index: usize, digest: Digest) {
        self.digests.insert(index, digest);
    }

    /// The digests of the context's files, as far as they are known.
    pub fn into_digests(self) -> HashMap<usize, Digest> {
        self.digests
    }

    /// The spool, made where it is not there yet.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn spool(&mut self, folder: &std::path::Path) -> Result<&mut Spool, Fault> {
        let spool = match self.spool.take() {
            Some(spool) => spool,
            None => Spool::new(folder)?,
        };
        Ok(self.spool.insert(spool))
    }

    /// Brings what `entries` need of other layers into the spool, each layer in one go.
    ///
    /// # Errors
    /// If a layer is damaged, or the build must end.
    pub fn fetch(
        &mut self,
        build: &Build<'_>,
        entries: &BTreeMap<Vec<u8>, Entry>,
        layers: &[Layer],
        folder: &std::path::Path,
    ) -> Result<(), Fault> {
        let mut wanted: BTreeMap<usize, BTreeMap<u64, (u64, Digest)>> = BTreeMap::new();
        for entry in entries.values() {
            if let (
                NodeKind::File { size, .. },
                Some(Content::Layer {
                    layer,
                    offset,
                    digest,
                }),
            ) = (&entry.node.kind, &entry.content)
            {
                let files = wanted.entry(*layer).or_default();
                files.insert(*offset, (*size, *digest));
            }
        }
        for (number, files) in wanted {
            let layer = layers
                .get(number)
                .ok_or_else(|| Fault::Host("a layer of the source is missing".into()))?;
            self.spool(folder)?;
            let Self { spool, fetched, .. } = self;
            let Some(spool) = spool else { continue };
            let list = files
                .iter()
                .map(|(at, (size, digest))| (*at, *size, *digest));
            build.extract(layer, list, &mut |offset, content| {
                let size = files.get(&offset).map_or(0, |(size, _)| *size);
                let (kept, _) = spool.keep(content, size, build.watch)?;
                fetched.insert((number, offset), kept);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Opens a content; with what its digest must be, where that is known and not checked elsewhere.
    ///
    /// # Errors
    /// If it can't be had.
    pub fn open<'a>(
        &'a self,
        context: &'a dyn ContextSource,
        content: Option<&'a Content>,
        size: u64,
    ) -> Result<(Box<dyn Read + 'a>, Option<Digest>), Fault> {
        let missing = || Fault::Host("a content was lost on the way".into());
        Ok(match content {
            Some(Content::Context(index)) => (open(context, *index)?, self.digest(*index)),
            Some(Content::Inline(bytes)) => (Box::new(&bytes[..]), None),
            Some(Content::Spool(at)) => {
                let spool = self.spool.as_ref().ok_or_else(missing)?;
                (Box::new(spool.reader(*at).take(size)), None)
            }
            Some(Content::Layer { layer, offset, .. }) => {
                let spool = self.spool.as_ref().ok_or_else(missing)?;
                let at = self.fetched.get(&(*layer, *offset)).ok_or_else(missing)?;
                (Box::new(spool.reader(*at).take(size)), None)
            }
            None => (Box::new(io::empty()), None),
        })
    }
}
