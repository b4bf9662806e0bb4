//! `RUN --mount`, `--network`, `--security`, `--device`: what a step may be given, and what it may not.
//!
//! A mount is a stack of unpacked layers of its own: those of a stage or an image, or one that is made for it, of a part
//! of the context or of an empty folder. So owners are what they are in an image, and what is written goes aside.

use std::collections::HashMap;

use super::contents::Contents;
use super::copy::add_selected;
use super::image::StageImage;
use super::metadata::absolute;
use super::stage::Stage;
use super::written::Asked;
use crate::dockerfile::ast::{Instruction, Word};
use crate::dockerfile::mount::{self, Kind, Sharing};
use crate::engine::copy::{
    Attributes, ContextTree, Placement, Selected, SourceKind, SourceNode, exact,
};
use crate::engine::fault::Fault;
use crate::engine::key::Key;
use crate::engine::layer::Layer;
use crate::engine::plan::PlannedStep;
use crate::engine::snapshot::{Cache, Upper};
use crate::engine::tree::{Node, Tree, clean, resolve};
use crate::model::Digest;
use crate::sandbox::Sandbox;
use crate::sandbox::spec::Mount;

/// What a layer that is made for a mount holds at its top: the thing itself.
const THING: &str = "/thing";

/// The mounts of a RUN, in order, and a text for the cache's key.
#[derive(Debug, Default)]
pub struct Mounts {
    list: Vec<Wanted>,
    /// As written, with what they come to.
    pub key: Vec<String>,
}

/// A mount that is known but not made.
#[derive(Debug)]
struct Wanted {
    target: String,
    read_only: bool,
    what: What,
    /// For a cache: its name, and how it is shared.
    cache: Option<(String, Sharing)>,
}

#[derive(Debug)]
enum What {
    /// Memory, in bytes.
    Memory(u64),
    /// Something of the context.
    Context {
        key: Digest,
        selected: Box<Selected>,
        digests: HashMap<usize, Digest>,
    },
    /// A path in a stage or an image.
    Image {
        image: Box<StageImage>,
        path: String,
    },
    /// An empty folder.
    Empty { key: Digest, node: SourceNode },
}

/// Mounts for the sandbox, and what they stand on as long as the step runs.
#[derive(Debug, Default)]
pub struct Ready {
    /// For the sandbox.
    pub list: Vec<Mount>,
    uppers: Vec<Upper>,
    caches: Vec<Cache>,
}

impl Ready {
    /// Lets go of what was written. A cache that holds more than `limit` bytes is forgotten.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn finish(self, sandbox: &Sandbox, limit: u64) -> Result<(), Fault> {
        drop(self.uppers);
        for cache in self.caches {
            cache.finish(sandbox, limit)?;
        }
        Ok(())
    }
}

impl Stage<'_> {
    /// Reads the flags of a RUN.
    ///
    /// # Errors
    /// If one asks for what a build is not given.
    pub fn mounts(&mut self, step: &PlannedStep) -> Result<Mounts, Fault> {
        let instruction: &Instruction = &step.instruction;
        let mut mounts = Mounts::default();
        for flag in &instruction.flags {
            let word = flag.value.as_ref();
            match flag.name.text.as_str() {
                "mount" => {
                    let Some(word) = word else { continue };
                    let wanted = self.mount(step, word)?;
                    mounts.key.push(format!(
                        "{} {} {}",
                        word.text,
                        wanted.target,
                        wanted.what.key()
                    ));
                    mounts.list.push(wanted);
                }
                "network" => match word.map(|w| self.scope.word(w)).transpose()?.as_deref() {
                    // Both are the same here: there is no network.
                    None | Some("none" | "default") => {}
                    Some(value) => {
                        return Err(
                            Fault::input(format!("RUN --network={value} is not allowed"))
                                .help("builds have no network; leave the flag out"),
                        );
                    }
                },
                "security" if word.is_some_and(|w| w.text == "sandbox") => {}
                "security" | "device" => {
                    let name = &flag.name.text;
                    return Err(Fault::input(format!("RUN --{name} is not allowed"))
                        .help("a build is never privileged; leave the flag out"));
                }
                other => return Err(Fault::input(format!("unknown flag: RUN --{other}"))),
            }
        }
        Ok(mounts)
    }

    fn mount(&mut self, step: &PlannedStep, word: &Word) -> Result<Wanted, Fault> {
        let expand = |value: &str| {
            self.scope.word(&Word {
                text: value.to_owned(),
                span: word.span,
            })
        };
        let mount = mount::parse(&word.text, expand)
            .map_err(|e| Fault::input(format!("RUN --mount: {e}")))?;
        let target = absolute(self.image.working_dir(), &mount.target);
        // Secrets may leave it out, and are refused for what they are.
        if target == "/" && !matches!(mount.kind, Kind::Secret | Kind::Ssh) {
            return Err(Fault::input("invalid mount target \"/\""));
        }
        let mut cache = None;
        let from = match &mount.from {
            Some(from) => Some(step.sources.get(from).ok_or_else(|| {
                Fault::input(format!(
                    "RUN --mount: `{from}` is neither a stage nor an image"
                ))
            })?),
            None => None,
        };
        let what = match mount.kind {
            Kind::Tmpfs if mount.read_only => self.empty(0o1777, 0, 0),
            Kind::Tmpfs => {
                let most = self.build.watch.limits().memory_bytes;
                // Nothing and none are no limit of the mount's own.
                let size = mount.size.filter(|size| *size > 0);
                What::Memory(size.map_or(most, |size| size.min(most)))
            }
            Kind::Secret | Kind::Ssh => {
                let kind = mount.kind.name();
                return Err(
                    Fault::input(format!("RUN --mount=type={kind} is not allowed"))
                        .help("a build has no secrets: nothing of the host reaches a step"),
                );
            }
            Kind::Bind => match from {
                None => self.context(&mount.source)?,
                Some(base) => {
                    let image = self.build.image(base)?;
                    self.image_path(image, &mount.source)?
                }
            },
            Kind::Cache(sharing) => {
                let id = mount.id.clone().unwrap_or_else(|| target.clone());
                cache = Some((id, sharing));
                let whole = clean(mount.source.as_bytes()).is_empty();
                let dressed = mount.mode.is_some() || mount.uid.is_some() || mount.gid.is_some();
                match from {
                    Some(base) if !(whole && dressed) => {
                        let image = self.build.image(base)?;
                        self.image_path(image, &mount.source)?
                    }
                    _ if whole => {
                        let mode = mount.mode.unwrap_or(0o755) & 0o7777;
                        self.empty(mode, mount.uid.unwrap_or(0), mount.gid.unwrap_or(0))
                    }
                    _ => {
                        let path = &mount.source;
                        return Err(Fault::input(format!("\"{path}\": not found"))
                            .help("a cache without from= is empty at first"));
                    }
                }
            }
        };
        Ok(Wanted {
            target,
            read_only: mount.read_only,
            what,
            cache,
        })
    }

    fn mount_key(&self, kind: &str) -> Key {
        let mut key = Key::new("mount");
        key.text(kind).number(self.image.epoch().unsigned_abs());
        key
    }

    fn empty(&self, mode: u32, uid: u32, gid: u32) -> What {
        let node = SourceNode {
            kind: SourceKind::Directory,
            mode,
            uid,
            gid,
            capability: None,
        };
        let mut key = self.mount_key("empty");
        for number in [mode, uid, gid] {
            key.number(number.into());
        }
        let key = key.finish();
        What::Empty { key, node }
    }

    fn context(&self, path: &str) -> Result<What, Fault> {
        let context = &*self.build.request.context;
        let selected = exact(&ContextTree(context), path)?;
        let all = [selected];
        let digests = self.build.digests(&all, HashMap::new())?;
        let [selected] = all;
        let mut key = self.mount_key("context");
        add_selected(&mut key, &selected, &digests);
        Ok(What::Context {
            key: key.finish(),
            selected: Box::new(selected),
            digests,
        })
    }

    fn image_path(&self, image: StageImage, path: &str) -> Result<What, Fault> {
        let tree = self.build.tree_of(&image)?;
        let found = resolve(&tree, &clean(path.as_bytes()))?;
        if !found.is_empty() && tree.find(&found).is_none() {
            return Err(Fault::input(format!("\"{path}\": not found"))
                .help("it is not in the stage or image that from= names"));
        }
        Ok(What::Image {
            image: Box::new(image),
            path: format!("/{}", String::from_utf8_lossy(&found)),
        })
    }

    /// Makes the mounts that a step is about to see.
    ///
    /// # Errors
    /// If a content is not what it was, the host refuses, or a limit is reached.
    pub fn prepare(&self, mounts: Mounts, sandbox: &Sandbox) -> Result<Ready, Fault> {
        let mut ready = Ready::default();
        for wanted in mounts.list {
            let Wanted {
                target,
                read_only,
                what,
                cache,
            } = wanted;
            let (layers, source) = match what {
                What::Memory(bytes) => {
                    ready.list.push(Mount::Tmpfs { target, bytes });
                    continue;
                }
                What::Context {
                    key,
                    selected,
                    digests,
                } => (self.layer_of(key, &selected, digests)?, THING.to_owned()),
                What::Empty { key, node } => {
                    let selected = Selected {
                        name: Vec::new(),
                        node,
                        content: Vec::new(),
                        archive: false,
                    };
                    let layers = self.layer_of(key, &selected, HashMap::new())?;
                    (layers, THING.to_owned())
                }
                What::Image { image, path } => (image.layers.clone(), path),
            };
            let build = self.build;
            let engine = build.engine;
            let lower = engine
                .snapshots
                .unpacked(&engine.store, sandbox, &layers, build.watch)?;
            let write = match (&cache, &build.request.cache_scope) {
                (Some((id, sharing)), Some(scope)) => {
                    let key = cache_key(scope, id, &layers, &source);
                    let private = *sharing == Sharing::Private;
                    let kept = engine.snapshots.cache(sandbox, key, private, build.watch)?;
                    kept.map(|kept| {
                        let folders = (kept.upper(), kept.work());
                        ready.caches.push(kept);
                        folders
                    })
                }
                _ => None,
            };
            let write = match write {
                Some(write) => Some(write),
                None if read_only => None,
                None => {
                    let root = Node::directory(0o755);
                    let upper = engine.snapshots.upper(sandbox, &root, self.image.epoch())?;
                    let folders = (upper.upper(), upper.work());
                    ready.uppers.push(upper);
                    Some(folders)
                }
            };
            ready.list.push(Mount::Layers {
                lower,
                write,
                source,
                target,
                read_only,
            });
        }
        Ok(ready)
    }

    /// A layer with one thing in it, kept for the next step that wants the same.
    fn layer_of(
        &self,
        key: Digest,
        selected: &Selected,
        digests: HashMap<usize, Digest>,
    ) -> Result<Vec<Layer>, Fault> {
        let engine = self.build.engine;
        let known = engine.snapshots.step(&engine.store, key);
        let record = match known {
            Some(record) => record,
            None => {
                let tree = Tree::default();
                let mut placement = Placement::on(&tree);
                placement.copy(selected, THING, &Attributes::default(), &mut || {
                    self.build.watch.check()
                })?;
                let name = THING.trim_start_matches('/').as_bytes();
                if let Some(entry) = placement.entry_mut(name) {
                    let SourceNode { mode, uid, gid, .. } = selected.node;
                    entry.node.mode = mode;
                    entry.node = entry.node.clone().owned(uid, gid);
                }
                let mut contents = Contents::of(digests);
                let asked = Asked {
                    unpack: true,
                    ..Asked::only(&tree)
                };
                let record = self.write(placement.finish(), &mut contents, &asked)?;
                engine.snapshots.keep_step(key, &record)?;
                record
            }
        };
        Ok(record.layer.into_iter().collect())
    }
}

impl What {
    /// What it comes to, for the cache of steps.
    fn key(&self) -> String {
        match self {
            Self::Memory(_) => String::new(),
            Self::Context { key, .. } | Self::Empty { key, .. } => key.to_string(),
            Self::Image { image, path } => format!("{} {path}", image.chain()),
        }
    }
}

/// What a cache is filed under: whose it is, its name, and what it began with.
fn cache_key(scope: &str, id: &str, layers: &[Layer], source: &str) -> Digest {
    let mut key = Key::new("cache");
    key.text(scope).text(id).text(source);
    for layer in layers {
        key.digest(layer.diff_id);
    }
    key.finish()
}
