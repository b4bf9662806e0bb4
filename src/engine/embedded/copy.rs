//! COPY, ADD and WORKDIR: a layer straight from the context or from another stage's layers, without a sandbox.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Read};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest as _, Sha256};

use super::metadata::absolute;
use super::stage::{Build, Made, Stage};
use crate::dockerfile::ast::{Instruction, Kind, Source as Given, Word};
use crate::engine::copy::{
    Attributes, Chmod, Choice, Content, ContextTree, Entry, Inline, Patterns, Placement, Selected,
    SourceKind, SourceNode, Spool, inline, is_archive, select, unpack,
};
use crate::engine::fault::Fault;
use crate::engine::key::Key;
use crate::engine::layer::{Layer, LayerBuilder, NewEntry, What};
use crate::engine::plan::PlannedStep;
use crate::engine::snapshot::Record;
use crate::engine::tree::Kind as NodeKind;
use crate::model::Digest;
use crate::model::context::ContextSource;

/// Contents are hashed by this many threads at most.
const THREADS: usize = 8;
/// For so few files another thread is not worth it.
const FEW: usize = 8;

/// A COPY or ADD, expanded.
struct Order {
    add: bool,
    sources: Vec<String>,
    documents: Vec<Inline>,
    destination: String,
    /// As written, for the history.
    written_destination: String,
    chown: Option<String>,
    chmod_text: Option<String>,
    chmod: Option<Chmod>,
    choice: Choice,
    exclude: Vec<String>,
    parents: bool,
}

impl Stage<'_> {
    /// WORKDIR: makes the folder if it is not there.
    ///
    /// # Errors
    /// If something else is in the way, or the user is not known.
    pub fn workdir(&mut self, path: &Word) -> Result<Made, Fault> {
        let path = self.scope.word(path)?;
        let path = absolute(self.image.working_dir(), &path);
        self.image.config.config.working_dir.clone_from(&path);
        let created_by = format!("WORKDIR {path}");
        let user = self.image.config.config.user.clone();
        let mut key = Key::new("workdir");
        key.digest(self.image.chain()).text(&path).text(&user);
        let key = key.finish();
        if let Some(record) = self.build.known(key) {
            return Ok(Made {
                record,
                cached: true,
                created_by,
            });
        }
        let tree = self.tree()?;
        let owner = if user.is_empty() {
            None
        } else {
            Some(self.accounts()?.owner(&user)?)
        };
        let mut placement = Placement::on(&tree);
        placement.make_folder(path.as_bytes(), owner)?;
        let record = self.write(key, placement.finish(), &Contents::default())?;
        Ok(Made {
            record,
            cached: false,
            created_by,
        })
    }

    /// COPY or ADD.
    ///
    /// # Errors
    /// If a source is not there, a rule is broken, or a limit is reached.
    pub fn copy(&mut self, step: &PlannedStep) -> Result<Made, Fault> {
        let order = self.order(&step.instruction)?;
        let from = match step.instruction.flag("from") {
            Some(name) if !order.add => step.sources.get(name),
            _ => None,
        };
        let build = self.build;
        let context = &*build.request.context;
        let (selected, from_layers) = match from {
            None => (select_all(&ContextTree(context), &order)?, Vec::new()),
            Some(base) => {
                let image = build.image(base)?;
                let tree = build.tree_of(&image)?;
                (select_all(&tree, &order)?, image.layers.clone())
            }
        };
        let selected = if order.add {
            build.find_archives(selected)?
        } else {
            selected
        };
        let digests = build.digests(&selected)?;
        let key = self.copy_key(&order, &selected, &digests);
        let created_by = order.created_by();
        if let Some(record) = build.known(key) {
            return Ok(Made {
                record,
                cached: true,
                created_by,
            });
        }
        let tree = self.tree()?;
        let attributes = Attributes {
            owner: match &order.chown {
                Some(owner) => Some(self.accounts()?.owner(owner)?),
                None => None,
            },
            chmod: order.chmod.clone(),
        };
        let scratch = build.engine.snapshots.scratch()?;
        let mut contents = Contents {
            digests,
            ..Contents::default()
        };
        let mut placement = Placement::on(&tree);
        for source in &selected {
            if source.archive
                && let SourceKind::File {
                    content: Content::Context(index),
                    ..
                } = &source.node.kind
            {
                let spool = contents.spool(scratch.path())?;
                let name = &context.entries()[*index].path;
                let file = open(context, *index)?;
                unpack(
                    file,
                    name,
                    &mut placement,
                    &order.destination,
                    &attributes,
                    spool,
                    build.watch,
                )?;
            } else {
                placement.copy(source, &order.destination, &attributes, &mut || {
                    build.watch.check()
                })?;
            }
        }
        let entries = placement.finish();
        contents.fetch(build, &entries, &from_layers, scratch.path())?;
        let record = self.write(key, entries, &contents)?;
        Ok(Made {
            record,
            cached: false,
            created_by,
        })
    }

    fn order(&self, instruction: &Instruction) -> Result<Order, Fault> {
        let (add, sources, destination) = match &instruction.kind {
            Kind::Copy {
                sources,
                destination,
            } => (false, sources, destination),
            Kind::Add {
                sources,
                destination,
            } => (true, sources, destination),
            _ => return Err(Fault::Host("an instruction that copies nothing".into())),
        };
        let mut order = Order {
            add,
            sources: Vec::new(),
            documents: Vec::new(),
            destination: String::new(),
            written_destination: self.scope.word(destination)?,
            chown: None,
            chmod_text: None,
            chmod: None,
            choice: Choice::default(),
            exclude: Vec::new(),
            parents: false,
        };
        for flag in &instruction.flags {
            let value = match &flag.value {
                Some(value) => self.scope.word(value)?,
                None => String::new(),
            };
            let off = value.eq_ignore_ascii_case("false");
            match flag.name.text.as_str() {
                "chown" => order.chown = Some(value).filter(|v| !v.is_empty()),
                "chmod" if !value.is_empty() => {
                    let chmod = Chmod::parse(&value).map_err(|e| Fault::input(e.to_string()))?;
                    order.chmod = Some(chmod);
                    order.chmod_text = Some(value);
                }
                "exclude" => order.exclude.push(value),
                "parents" => order.parents = !off,
                // The same result, however the layer came to be; the source was found when planning.
                "link" | "from" | "chmod" => {}
                "keep-git-dir" | "checksum" => {
                    let text = format!("ADD --{} needs network", flag.name.text);
                    return Err(needs_network(text));
                }
                "unpack" if off => {
                    return Err(Fault::input("ADD --unpack=false is not supported")
                        .help("use COPY: it never unpacks"));
                }
                "unpack" => {}
                other => {
                    let keyword = instruction.kind.keyword();
                    return Err(Fault::input(format!("unknown flag: {keyword} --{other}")));
                }
            }
        }
        let patterns = order.exclude.iter().map(String::as_bytes);
        order.choice = Choice {
            exclude: Patterns::new(patterns).map_err(|e| Fault::input(e.to_string()))?,
            parents: order.parents,
        };
        for source in sources {
            match source {
                Given::Path(word) => {
                    let path = self.scope.word(word)?;
                    if is_remote(&path) {
                        if add {
                            return Err(needs_network(format!(
                                "ADD of a URL needs network: {path}"
                            )));
                        }
                        return Err(Fault::input("source can't be a URL for COPY"));
                    }
                    order.sources.push(path);
                }
                Given::Heredoc(index) => {
                    let heredoc = instruction
                        .heredocs
                        .get(*index)
                        .ok_or_else(|| Fault::Host("a here-document is missing".into()))?;
                    let text = if heredoc.expand {
                        self.scope.body(&heredoc.body)?
                    } else {
                        heredoc.body.text.clone()
                    };
                    order.documents.push(Inline {
                        name: heredoc.name.clone().into_bytes(),
                        content: text.into_bytes().into(),
                    });
                }
            }
        }
        let written = &order.written_destination;
        let folder = written.is_empty()
            || written == "."
            || written.ends_with('/')
            || written.ends_with("/.");
        if order.sources.len() + order.documents.len() > 1 && !folder {
            let keyword = instruction.kind.keyword();
            return Err(Fault::input(format!(
                "When using {keyword} with more than one source file, the destination must be a directory and end with a /"
            )));
        }
        order.destination = absolute(self.image.working_dir(), written);
        if folder && order.destination != "/" {
            order.destination.push('/');
        }
        Ok(order)
    }

    fn copy_key(
        &self,
        order: &Order,
        selected: &[Selected],
        digests: &HashMap<usize, Digest>,
    ) -> Digest {
        let mut key = Key::new(if order.add { "add" } else { "copy" });
        key.digest(self.image.chain())
            .text(&order.destination)
            .texts(order.chown.as_deref())
            .texts(order.chmod_text.as_deref());
        for source in selected {
            key.number(1)
                .bytes(&source.name)
                .number(source.archive.into());
            add_node(&mut key, &source.node, digests);
            for picked in &source.content {
                key.number(2)
                    .bytes(&picked.path)
                    .number(picked.parent_only.into());
                add_node(&mut key, &picked.node, digests);
            }
        }
        key.finish()
    }

    /// Writes a layer of what was worked out, and remembers what the step came to.
    fn write(
        &self,
        key: Digest,
        entries: BTreeMap<Vec<u8>, Entry>,
        contents: &Contents,
    ) -> Result<Record, Fault> {
        let engine = self.build.engine;
        let mut layer = LayerBuilder::new(&engine.store, self.image.epoch(), self.build.watch)?;
        let mut first_names: HashMap<u64, Vec<u8>> = HashMap::new();
        for (path, entry) in entries {
            self.entry(&mut layer, &path, &entry, contents, &mut first_names)?;
        }
        let layer = match layer.finish()? {
            Some((layer, index)) => {
                engine.snapshots.keep_index(layer.diff_id, index)?;
                Some(layer)
            }
            None => None,
        };
        let record = Record { layer };
        engine.snapshots.keep_step(key, &record)?;
        Ok(record)
    }

    fn entry(
        &self,
        layer: &mut LayerBuilder<'_>,
        path: &[u8],
        entry: &Entry,
        contents: &Contents,
        first_names: &mut HashMap<u64, Vec<u8>>,
    ) -> Result<(), Fault> {
        let node = &entry.node;
        let first = entry.group.and_then(|group| first_names.get(&group));
        let what = match &node.kind {
            NodeKind::File { .. } if first.is_some() => {
                What::HardLink(first.cloned().unwrap_or_default())
            }
            NodeKind::File { size, .. } => What::File(*size),
            NodeKind::Directory { opaque, .. } => What::Directory { opaque: *opaque },
            NodeKind::Symlink(target) => What::Symlink(target.clone()),
            NodeKind::Fifo => What::Fifo,
            NodeKind::Device | NodeKind::Whiteout => return Ok(()),
        };
        if let (What::File(_), Some(group)) = (&what, entry.group) {
            first_names.insert(group, path.to_vec());
        }
        let new = NewEntry {
            mode: node.mode,
            uid: node.uid,
            gid: node.gid,
            capability: node.capability.clone(),
            what,
        };
        let What::File(size) = new.what else {
            return layer.entry(path, &new, &mut io::empty()).map(drop);
        };
        let context = &*self.build.request.context;
        let (mut content, expected) = contents.open(context, entry.content.as_ref(), size)?;
        let found = layer.entry(path, &new, &mut content)?;
        if let (Some(expected), Some(found)) = (expected, found)
            && (expected != found || more(&mut content))
        {
            let shown = match &entry.content {
                Some(Content::Context(index)) => context.entries()[*index].path.clone(),
                _ => String::from_utf8_lossy(path).into_owned(),
            };
            return Err(
                Fault::input(format!("/{shown} changed while the build read it"))
                    .help("leave the context alone while it is built"),
            );
        }
        Ok(())
    }
}

/// Whether there is more than was said.
fn more(content: &mut dyn Read) -> bool {
    !matches!(content.read(&mut [0]), Ok(0))
}

fn needs_network(message: String) -> Fault {
    Fault::input(message).help("builds have no network: put the file into the context, and COPY it")
}

fn is_remote(source: &str) -> bool {
    let schemes = [
        "http://",
        "https://",
        "git://",
        "ssh://",
        "git@",
        "github.com/",
    ];
    schemes.iter().any(|scheme| {
        let start = source.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })
}

fn add_node(key: &mut Key, node: &SourceNode, digests: &HashMap<usize, Digest>) {
    key.number(node.mode.into())
        .number(node.uid.into())
        .number(node.gid.into())
        .bytes(node.capability.as_deref().unwrap_or_default());
    match &node.kind {
        SourceKind::File { size, content } => {
            key.number(1).number(*size);
            match content {
                Content::Context(index) => match digests.get(index) {
                    Some(digest) => key.digest(*digest),
                    None => key.number(0),
                },
                Content::Layer {
                    layer,
                    offset,
                    digest,
                } => {
                    // Which of them are one file matters too.
                    key.digest(*digest).number(*layer as u64).number(*offset)
                }
                Content::Inline(bytes) => key.digest(Digest::of(bytes)),
                Content::Spool(at) => key.number(*at),
            };
        }
        SourceKind::Directory => drop(key.number(2)),
        SourceKind::Symlink(target) => drop(key.number(3).bytes(target)),
        SourceKind::Fifo => drop(key.number(4)),
    }
}

fn select_all(
    tree: &impl crate::engine::copy::Source,
    order: &Order,
) -> Result<Vec<Selected>, Fault> {
    let mut all = Vec::new();
    for source in &order.sources {
        all.extend(select(tree, source, &order.choice)?);
    }
    all.extend(order.documents.iter().map(inline));
    Ok(all)
}

impl Order {
    fn created_by(&self) -> String {
        let mut line = String::from(if self.add { "ADD" } else { "COPY" });
        if self.parents {
            line.push_str(" --parents");
        }
        for (flag, value) in [("chown", &self.chown), ("chmod", &self.chmod_text)] {
            if let Some(value) = value {
                line.push_str(&format!(" --{flag}={value}"));
            }
        }
        for source in &self.sources {
            line.push(' ');
            line.push_str(source);
        }
        for document in &self.documents {
            line.push_str(" <<");
            line.push_str(&String::from_utf8_lossy(&document.name));
        }
        format!("{line} {} # buildkit", self.written_destination)
    }
}

fn open(context: &dyn ContextSource, index: usize) -> Result<Box<dyn Read + Send + '_>, Fault> {
    context.open(index).map_err(|e| {
        Fault::input(format!("/{}: {e}", context.entries()[index].path))
            .help("the context changed or can't be read")
    })
}

impl Build<'_> {
    /// Marks the archives among what ADD was given.
    fn find_archives(&self, mut selected: Vec<Selected>) -> Result<Vec<Selected>, Fault> {
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

    /// The digests of all files of the context that were selected.
    fn digests(&self, selected: &[Selected]) -> Result<HashMap<usize, Digest>, Fault> {
        let nodes = selected
            .iter()
            .flat_map(|s| s.content.iter().map(|p| &p.node).chain([&s.node]));
        let indexes: BTreeSet<usize> = nodes
            .filter_map(|node| match &node.kind {
                SourceKind::File {
                    content: Content::Context(index),
                    ..
                } => Some(*index),
                _ => None,
            })
            .collect();
        let indexes: Vec<usize> = indexes.into_iter().collect();
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let threads = cores.min(THREADS).min(indexes.len() / FEW + 1);
        let next = AtomicUsize::new(0);
        let found = Mutex::new(HashMap::with_capacity(indexes.len()));
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
                Ok(0) => return Ok(Digest::from_bytes(hasher.finalize().into())),
                Ok(n) => hasher.update(&buffer[..n]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    return Err(Fault::from_io(e, |e| {
                        Fault::input(format!("/{}: {e}", context.entries()[index].path))
                    }));
                }
            }
        }
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
struct Contents {
    /// Of the context's files.
    digests: HashMap<usize, Digest>,
    spool: Option<Spool>,
    /// Where contents of other layers are in the spool, by layer and offset.
    fetched: HashMap<(usize, u64), u64>,
}

impl Contents {
    fn spool(&mut self, folder: &std::path::Path) -> Result<&mut Spool, Fault> {
        let spool = match self.spool.take() {
            Some(spool) => spool,
            None => Spool::new(folder)?,
        };
        Ok(self.spool.insert(spool))
    }

    /// Brings what `entries` need of other layers into the spool, each layer in one go.
    fn fetch(
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

    /// Opens a content; with what its digest must be, where that is not checked elsewhere.
    fn open<'a>(
        &'a self,
        context: &'a dyn ContextSource,
        content: Option<&'a Content>,
        size: u64,
    ) -> Result<(Box<dyn Read + 'a>, Option<Digest>), Fault> {
        let missing = || Fault::Host("a content was lost on the way".into());
        Ok(match content {
            Some(Content::Context(index)) => {
                let expected = self.digests.get(index).copied();
                (open(context, *index)?, Some(expected.ok_or_else(missing)?))
            }
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
