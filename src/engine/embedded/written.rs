//! What a COPY, ADD or WORKDIR worked out, as a layer: with everything taken over that an earlier layer of the same
//! instruction already has.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read, Write};

use super::Embedded;
use super::changes::{Changes, Item};
use super::contents::{Contents, unreadable};
use super::stage::Stage;
use crate::engine::copy::{Content, Entry};
use crate::engine::fault::Fault;
use crate::engine::layer::{Form, Layer, LayerBuilder, NewEntry, Outline, What, Written};
use crate::engine::snapshot::{DEEPEST, Record, Unpacking};
use crate::engine::tar;
use crate::engine::tree::{Kind as NodeKind, Tree};
use crate::model::Digest;

/// Layers of more members than this are worth a list of them.
const FEW: usize = 2;
/// So many folders an overlay may have to look through for the layers below one that lies in several.
const FOLDERS: usize = 32;

/// How a layer is to be written.
pub struct Asked<'a> {
    /// Whether a RUN will stand on it.
    pub unpack: bool,
    /// Whether a later layer may take over what this one has.
    pub keep: bool,
    /// The layer that the same instruction came to the last time.
    pub earlier: Option<&'a Layer>,
    /// What it stands on.
    pub below: &'a Tree,
}

impl<'a> Asked<'a> {
    /// Written and nothing else.
    pub const fn only(below: &'a Tree) -> Self {
        Self {
            unpack: false,
            keep: false,
            earlier: None,
            below,
        }
    }
}

impl Stage<'_> {
    /// Writes a layer of what was worked out.
    ///
    /// # Errors
    /// If a content is not what it was, or a limit is reached.
    pub fn write(
        &self,
        entries: BTreeMap<Vec<u8>, Entry>,
        contents: &mut Contents,
        asked: &Asked<'_>,
    ) -> Result<Record, Fault> {
        let items = items(entries);
        if items.is_empty() {
            return Ok(Record { layer: None });
        }
        let Embedded {
            store, snapshots, ..
        } = self.build.engine;
        let epoch = self.image.epoch();
        // Without the digest of every file nothing is known of what a layer will be.
        let digests = asked.earlier.and_then(|_| digests(&items, contents));
        let earlier = asked.earlier.filter(|_| digests.is_some());
        // Before the layer, so that it is dropped after it.
        let mut unpacking = None;
        let mut watchers: Vec<Box<dyn Write + Send>> = Vec::new();
        if asked.unpack {
            let changes = earlier
                .zip(digests.as_deref())
                .and_then(|(layer, digests)| self.changes(layer, &items, digests, asked.below));
            unpacking = self.unpack(&items, changes, contents, &mut watchers)?;
        }
        let earlier = earlier.and_then(|layer| snapshots.earlier(store, layer));
        let planned = earlier.as_ref().zip(digests.as_ref()).map(|(_, digests)| {
            let mut outline = Outline::new();
            for (item, digest) in items.iter().zip(digests) {
                outline.entry(&Form::of(&item.path, &item.new, epoch), *digest);
            }
            outline.finish()
        });
        let upon = earlier.as_ref().zip(planned.as_deref());
        let watch = self.build.watch;
        let mut layer = LayerBuilder::upon(store, epoch, watch, watchers, upon)?;
        for (number, item) in items.iter().enumerate() {
            if layer.holds_next() {
                let digest = digests.as_ref().and_then(|digests| digests[number]);
                layer.told(&item.path, &item.new, digest)?;
            } else {
                self.item(&mut layer, item, contents)?;
            }
        }
        let Some(Written {
            layer,
            index,
            members,
        }) = layer.finish()?
        else {
            return Ok(Record { layer: None });
        };
        let index = snapshots.keep_index(layer.diff_id, index)?;
        if asked.keep && members.0.len() > FEW {
            snapshots.keep_members(&layer, &members)?;
        }
        if let Some(unpacking) = unpacking {
            snapshots.keep_unpacked(unpacking, layer.diff_id, &index)?;
        }
        Ok(Record { layer: Some(layer) })
    }

    /// What has changed since `earlier` was made, if it lies unpacked and that is little.
    fn changes(
        &self,
        earlier: &Layer,
        items: &[Item],
        digests: &[Option<Digest>],
        below: &Tree,
    ) -> Option<Changes> {
        let Embedded {
            store, snapshots, ..
        } = self.build.engine;
        let depth = snapshots.depth(earlier.diff_id)?;
        if depth >= DEEPEST || depth + self.image.layers.len() > FOLDERS {
            return None;
        }
        let index = snapshots.index(store, earlier, self.build.watch).ok()?;
        Changes::between(&index, items, digests, below, earlier.diff_id)
    }

    /// Starts to unpack the layer: what has changed of an earlier one, or all of it, on the way of its tar.
    fn unpack(
        &self,
        items: &[Item],
        changes: Option<Changes>,
        contents: &Contents,
        watchers: &mut Vec<Box<dyn Write + Send>>,
    ) -> Result<Option<Unpacking>, Fault> {
        let Embedded {
            snapshots, sandbox, ..
        } = self.build.engine;
        // A host that can't sandbox is told to the step that needs it.
        let Ok(sandbox) = sandbox.get() else {
            return Ok(None);
        };
        let watch = self.build.watch;
        let upon = changes.as_ref().map(|changes| changes.since);
        let (unpacking, tar) = snapshots.begin_unpacking(&sandbox, watch, upon)?;
        match changes {
            None => watchers.push(Box::new(tar)),
            Some(changes) => {
                let mut out = io::BufWriter::with_capacity(256 << 10, tar);
                let written = self.changed(&mut out, items, &changes, contents);
                // A job that failed has closed its end, and is found out later; what the context has done is told.
                let mut flushed = || out.flush().map_err(|e| Fault::Host(e.to_string()));
                match written.and_then(|()| flushed()) {
                    Ok(()) | Err(Fault::Host(_)) => {}
                    Err(fault) => return Err(fault),
                }
            }
        }
        Ok(Some(unpacking))
    }

    /// Writes what has changed as a tar.
    fn changed(
        &self,
        out: &mut impl Write,
        items: &[Item],
        changes: &Changes,
        contents: &Contents,
    ) -> Result<(), Fault> {
        let host = |e: io::Error| Fault::from_io(e, |e| Fault::Host(e.to_string()));
        let epoch = self.image.epoch();
        let context = &*self.build.request.context;
        for gone in &changes.gone {
            let form = Form::of(gone, &NewEntry::whiteout(), epoch);
            out.write_all(&form.head).map_err(host)?;
        }
        for item in changes.items.iter().filter_map(|at| items.get(*at)) {
            self.build.watch.check()?;
            let form = Form::of(&item.path, &item.new, epoch);
            out.write_all(&form.head).map_err(host)?;
            if let What::File(size) = item.new.what {
                let (content, _) = contents.open(context, item.content.as_ref(), size)?;
                let copied = io::copy(&mut content.take(size), out).map_err(host)?;
                if copied != size {
                    return Err(changed(&String::from_utf8_lossy(&item.path)));
                }
                tar::padding(out, size).map_err(host)?;
            }
        }
        tar::end(out).map_err(host)
    }

    fn item(
        &self,
        layer: &mut LayerBuilder<'_>,
        item: &Item,
        contents: &mut Contents,
    ) -> Result<(), Fault> {
        let Item { path, new, content } = item;
        let What::File(size) = new.what else {
            return layer.entry(path, new, &mut io::empty()).map(drop);
        };
        let context = &*self.build.request.context;
        if let Some(Content::Context(index)) = content
            && contents.digest(*index).is_none()
        {
            let index = *index;
            let found = context.file_digest(index, &mut |file| {
                let found = layer.entry(path, new, file).map_err(Fault::into_io)?;
                match found {
                    Some(found) if !more(file) => Ok(found),
                    _ => Err(changed(&context.entries()[index].path).into_io()),
                }
            });
            let unreadable = |e| unreadable(context, index, &e);
            contents.learn(index, found.map_err(|e| Fault::from_io(e, unreadable))?);
            return Ok(());
        }
        let (mut file, expected) = contents.open(context, content.as_ref(), size)?;
        let found = layer.entry(path, new, &mut file)?;
        if let Some(expected) = expected
            && (Some(expected) != found || more(&mut file))
        {
            return Err(match content {
                Some(Content::Context(index)) => {
                    context.doubt(*index);
                    changed(&context.entries()[*index].path)
                }
                _ => changed(&String::from_utf8_lossy(path)),
            });
        }
        Ok(())
    }
}

/// Entries as they will be written, with their hard links.
fn items(entries: BTreeMap<Vec<u8>, Entry>) -> Vec<Item> {
    let mut first_names: HashMap<u64, Vec<u8>> = HashMap::new();
    let mut items = Vec::with_capacity(entries.len());
    for (
        path,
        Entry {
            node,
            content,
            group,
        },
    ) in entries
    {
        let first = group.and_then(|group| first_names.get(&group));
        let what = match node.kind {
            NodeKind::File { .. } if first.is_some() => {
                What::HardLink(first.cloned().unwrap_or_default())
            }
            NodeKind::File { size, .. } => What::File(size),
            NodeKind::Directory { opaque, .. } => What::Directory { opaque },
            NodeKind::Symlink(target) => What::Symlink(target),
            NodeKind::Fifo => What::Fifo,
            NodeKind::Device | NodeKind::Whiteout => continue,
        };
        if let (What::File(_), Some(group)) = (&what, group) {
            first_names.insert(group, path.clone());
        }
        let new = NewEntry {
            mode: node.mode,
            uid: node.uid,
            gid: node.gid,
            capability: node.capability,
            what,
        };
        items.push(Item { path, new, content });
    }
    items
}

/// The digest of each item that is a file; none if one is not known.
fn digests(items: &[Item], contents: &Contents) -> Option<Vec<Option<Digest>>> {
    let digest = |item: &Item| match item.new.what {
        What::File(_) => contents.known(item.content.as_ref()).map(Some),
        _ => Some(None),
    };
    items.iter().map(digest).collect()
}

fn changed(name: &str) -> Fault {
    Fault::input(format!("/{name} changed while the build read it"))
        .help("leave the context alone while it is built")
}

/// Whether there is more than was said.
fn more(content: &mut dyn Read) -> bool {
    !matches!(content.read(&mut [0]), Ok(0))
}
