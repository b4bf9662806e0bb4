//! COPY, ADD and WORKDIR: a layer straight from the context or from another stage's layers, without a sandbox.

use std::collections::HashMap;

use super::contents::{Contents, open};
use super::metadata::absolute;
use super::order::Order;
use super::stage::{Made, Stage};
use super::written::Asked;
use crate::dockerfile::ast::Word;
use crate::engine::accounts::Accounts;
use crate::engine::copy::{
    Attributes, Content, ContextTree, FOLDER_MODE, Placement, Selected, SourceKind, SourceNode,
    unpack,
};
use crate::engine::fault::Fault;
use crate::engine::key::Key;
use crate::engine::plan::PlannedStep;
use crate::engine::snapshot::Record;
use crate::engine::tree::Tree;
use crate::model::Digest;

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
        placement.make_folder(path.as_bytes(), owner, FOLDER_MODE)?;
        let entries = placement.finish();
        let record = self.write(entries, &mut Contents::default(), &Asked::only(&tree))?;
        self.build.engine.snapshots.keep_step(key, &record)?;
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
            None => (order.select(&ContextTree(context))?, Vec::new()),
            Some(base) => {
                let image = build.image(base)?;
                let tree = build.tree_of(&image)?;
                (order.select(&tree)?, image.layers.clone())
            }
        };
        let selected = if order.unpack {
            build.find_archives(selected)?
        } else {
            selected
        };
        let created_by = order.created_by();
        // What the step does with these names and sizes, whatever the files hold. If that was never done, no record can
        // be there, and the files need not be read before they are written.
        let shape = self.copy_key("shape", &order, &selected, &HashMap::new());
        let place = self.copy_key("place", &order, &[], &HashMap::new());
        let store = &build.engine.store;
        let snapshots = &build.engine.snapshots;
        let last = snapshots.step(store, shape);
        let mut earlier = None;
        let mut digests = HashMap::new();
        if !build.request.no_cache {
            // What the instruction came to the last time, whatever the files were.
            earlier = snapshots.step(store, place).and_then(|record| record.layer);
        }
        if !build.request.no_cache
            && (last.is_some() || earlier.is_some() && build.knows_most(&selected))
        {
            digests = build.digests(&selected, digests)?;
            let key = self.copy_key("content", &order, &selected, &digests);
            if let Some(record) = build.known(key) {
                return Ok(Made {
                    record,
                    cached: true,
                    created_by,
                });
            }
        }
        let tree = if order.link {
            Tree::default()
        } else {
            self.tree()?
        };
        let attributes = Attributes {
            owner: match &order.chown {
                Some(owner) if order.link => {
                    Some(Accounts::default().owner(owner).map_err(|_| {
                        Fault::input(format!(
                            "--link --chown={owner}: there are no accounts to find it in"
                        ))
                        .help("give numbers, or leave --link out")
                    })?)
                }
                Some(owner) => Some(self.accounts()?.owner(owner)?),
                None => None,
            },
            chmod: order.chmod.clone(),
        };
        let scratch = build.engine.snapshots.scratch()?;
        let mut contents = Contents::of(digests);
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
        let unpack = build.plan.is_run_on(step.number)
            && !(build.request.no_cache && self.is_unpacked(last.as_ref()));
        let asked = &Asked {
            unpack,
            keep: true,
            earlier: earlier.as_ref(),
            below: &tree,
        };
        let record = self.write(entries, &mut contents, asked)?;
        let digests = build.digests(&selected, contents.into_digests())?;
        let key = self.copy_key("content", &order, &selected, &digests);
        for key in [place, shape, key] {
            snapshots.keep_step(key, &record)?;
        }
        Ok(Made {
            record,
            cached: false,
            created_by,
        })
    }

    /// Whether what the step came to lies unpacked.
    fn is_unpacked(&self, record: Option<&Record>) -> bool {
        let layer = record.and_then(|record| record.layer.as_ref());
        layer.is_some_and(|layer| self.build.engine.snapshots.depth(layer.diff_id).is_some())
    }

    /// The key of a step by what `digests` say that its files hold; what they do not speak of does not count.
    fn copy_key(
        &self,
        of: &str,
        order: &Order,
        selected: &[Selected],
        digests: &HashMap<usize, Digest>,
    ) -> Digest {
        let mut key = Key::new(if order.add { "add" } else { "copy" });
        key.text(of)
            .digest(self.image.chain())
            .number(order.link.into())
            .text(&order.destination)
            .texts(order.chown.as_deref())
            .texts(order.chmod_text.as_deref());
        for source in selected {
            add_selected(&mut key, source, digests);
        }
        key.finish()
    }
}

/// Adds all that a source comes to.
pub fn add_selected(key: &mut Key, source: &Selected, digests: &HashMap<usize, Digest>) {
    key.number(1)
        .bytes(&source.name)
        .number(source.archive.into());
    add_node(key, &source.node, digests);
    for picked in &source.content {
        key.number(2)
            .bytes(&picked.path)
            .number(picked.parent_only.into());
        add_node(key, &picked.node, digests);
    }
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
