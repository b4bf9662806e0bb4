//! Two images side by side: the first layer that differs, the first file in it, and the step that made it so.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::cause::{Clues, of_content, of_names};
use super::content::{Around, part, spooled};
use crate::engine::embedded::Embedded;
use crate::engine::fault::Fault;
use crate::engine::layer::Layer;
use crate::engine::traced::{Traced, TracedStep};
use crate::engine::tree::{Kind, LayerIndex, Node, split_name};
use crate::engine::watch::Watch;
use crate::model::reproduction::{Cause, Difference, StepAtFault};
use crate::model::{Digest, foreign};
use crate::oci::Descriptor;

/// One of two builds.
pub struct Side<'a> {
    /// Who built.
    pub engine: &'a Embedded,
    /// What it came to.
    pub traced: &'a Traced,
}

impl Side<'_> {
    fn layers(&self) -> Result<Vec<Layer>, Fault> {
        let store = self.engine.store();
        let manifest = store.manifest(self.traced.image.digest)?;
        let config = store.config(manifest.config.digest)?;
        let layers = manifest.layers.iter().zip(config.rootfs.diff_ids);
        Ok(layers
            .map(|(descriptor, diff_id)| Layer {
                descriptor: Descriptor::new(
                    descriptor.media_type.clone(),
                    descriptor.digest,
                    descriptor.size,
                ),
                diff_id,
                unpacked: 0,
            })
            .collect())
    }

    fn index(&self, layer: Option<&Layer>, watch: &Watch) -> Result<Arc<LayerIndex>, Fault> {
        match layer {
            Some(layer) => self
                .engine
                .snapshots()
                .index(self.engine.store(), layer, watch),
            None => Ok(Arc::default()),
        }
    }
}

/// What a path of a layer came to in each build.
type Pair<'a> = (&'a [u8], Option<&'a Node>, Option<&'a Node>);

/// The first difference of two images that are not the same.
///
/// # Errors
/// If one can't be read, or the build must end.
pub fn difference(
    sides: &[Side<'_>; 2],
    clues: &Clues,
    room: &Path,
    watch: &Watch,
) -> Result<Difference, Fault> {
    let [first, second] = sides;
    let (a, b) = (first.layers()?, second.layers()?);
    let parts = (0..a.len().max(b.len())).find(|at| {
        let id = |layers: &[Layer]| layers.get(*at).map(|layer| layer.diff_id);
        id(&a) != id(&b)
    });
    let Some(at) = parts else {
        return beside_the_files(sides, clues, room);
    };
    let (layer_a, layer_b) = (a.get(at), b.get(at));
    let (index_a, index_b) = (first.index(layer_a, watch)?, second.index(layer_b, watch)?);
    let mut pairs = differing(&index_a, &index_b);
    let number = u32::try_from(at + 1).ok();
    let step = made(first, layer_a).or_else(|| made(second, layer_b));
    let Some(pair) = pairs.next() else {
        return Ok(Difference {
            file: "(the order of a layer)".into(),
            what: "the same files in another order, or linked in another way".into(),
            layer: number,
            more: 0,
            step: step.map(at_fault),
            bytes: None,
            cause: Cause::Unknown,
            because: "unknown".into(),
        });
    };
    let more = pairs.count() as u64;
    let mut found = Difference {
        file: shown(pair.0),
        what: what(&pair),
        layer: number,
        more,
        step: None,
        bytes: None,
        cause: Cause::Unknown,
        because: "unknown".into(),
    };
    match (pair, layer_a, layer_b) {
        ((path, Some(x), Some(y)), Some(layer_a), Some(layer_b)) => match (&x.kind, &y.kind) {
            (Kind::File { digest: d, .. }, Kind::File { digest: e, .. }) if d != e => {
                let mut files = [
                    spooled(first.engine.store(), layer_a, path, room, watch)?,
                    spooled(second.engine.store(), layer_b, path, room, watch)?,
                ];
                let [file_a, file_b] = &mut files;
                let parted = part([file_a, file_b]);
                let (bytes, around) = parted.map_err(|e| Fault::host("compare in", room, &e))?;
                (found.cause, found.because) = explained(&around, clues);
                found.bytes = Some(bytes);
            }
            (Kind::Symlink(to_a), Kind::Symlink(to_b)) if to_a != to_b => {
                (found.cause, found.because) = of_names(to_a, to_b, clues);
            }
            _ => {}
        },
        ((path, x, y), ..) => {
            if let Some(other) = twin(path, x.or(y), x.is_some(), &index_a, &index_b) {
                let names = (split_name(path).1, split_name(&other).1);
                let (name_a, name_b) = if x.is_some() {
                    names
                } else {
                    (names.1, names.0)
                };
                (found.cause, found.because) = of_names(name_a, name_b, clues);
                found.what = format!("{}, {} in the other", found.what, shown(&other));
            }
        }
    }
    found.step = origin(sides, &pair, watch)?.or(step).map(at_fault);
    Ok(found)
}

/// What differs where all layers are the same: their compressed bytes, or the configuration.
fn beside_the_files(
    sides: &[Side<'_>; 2],
    clues: &Clues,
    room: &Path,
) -> Result<Difference, Fault> {
    let [first, second] = sides;
    let mut found = Difference {
        file: "(the compressed layers)".into(),
        what: "the same files, compressed to other bytes".into(),
        layer: None,
        more: 0,
        step: None,
        bytes: None,
        cause: Cause::Unknown,
        because:
            "unknown: the compressor is flareo's own, so this is its fault and not the build's"
                .into(),
    };
    let (config_a, config_b) = (first.traced.image.config, second.traced.image.config);
    if config_a == config_b {
        return Ok(found);
    }
    let spool = |side: &Side<'_>, digest: Digest| -> Result<std::fs::File, Fault> {
        let bytes = side.engine.store().read(digest, CONFIG_LIMIT)?;
        let write = || -> io::Result<std::fs::File> {
            use std::io::{Seek, Write};
            let mut file = tempfile::tempfile_in(room)?;
            file.write_all(&bytes)?;
            file.rewind()?;
            Ok(file)
        };
        write().map_err(|e| Fault::host("write a file in", room, &e))
    };
    let (mut a, mut b) = (spool(first, config_a)?, spool(second, config_b)?);
    let (bytes, around) =
        part([&mut a, &mut b]).map_err(|e| Fault::host("compare in", room, &e))?;
    found.file = "(the configuration)".into();
    found.what = "content".into();
    found.bytes = Some(bytes);
    (found.cause, found.because) = explained(&around, clues);
    Ok(found)
}

/// The longest configuration that is read, in bytes.
const CONFIG_LIMIT: u64 = 8 << 20;

fn explained([a, b]: &[Around; 2], clues: &Clues) -> (Cause, String) {
    of_content(a.piece(), b.piece(), clues)
}

/// The paths of two layers that did not come to the same, in order.
fn differing<'a>(a: &'a LayerIndex, b: &'a LayerIndex) -> impl Iterator<Item = Pair<'a>> {
    let (mut a, mut b) = (a.entries().peekable(), b.entries().peekable());
    std::iter::from_fn(move || {
        loop {
            let pair = match (a.peek().copied(), b.peek().copied()) {
                (None, None) => return None,
                (Some((path, x)), None) => {
                    a.next();
                    (path, Some(x), None)
                }
                (None, Some((path, y))) => {
                    b.next();
                    (path, None, Some(y))
                }
                (Some((path, x)), Some((other, y))) => match path.cmp(other) {
                    std::cmp::Ordering::Less => {
                        a.next();
                        (path, Some(x), None)
                    }
                    std::cmp::Ordering::Greater => {
                        b.next();
                        (other, None, Some(y))
                    }
                    std::cmp::Ordering::Equal => {
                        a.next();
                        b.next();
                        (path, Some(x), Some(y))
                    }
                },
            };
            match pair {
                (_, Some(x), Some(y)) if same(x, y) => {}
                pair => return Some(pair),
            }
        }
    })
}

/// Whether two nodes are the same, wherever their content lies in the tar.
fn same(x: &Node, y: &Node) -> bool {
    let attributes = |n: &Node| (n.mode, n.uid, n.gid, n.capability.clone());
    let kinds = match (&x.kind, &y.kind) {
        (
            Kind::File { size, digest, .. },
            Kind::File {
                size: other,
                digest: different,
                ..
            },
        ) => size == other && digest == different,
        (x, y) => x == y,
    };
    kinds && attributes(x) == attributes(y)
}

/// What of a path differs, in words.
fn what((_, x, y): &Pair<'_>) -> String {
    let (x, y) = match (x, y) {
        (Some(x), Some(y)) => (x, y),
        (Some(x), None) => return format!("{} that only the first build made", kind(x)),
        (None, Some(y)) => return format!("{} that only the second build made", kind(y)),
        (None, None) => return String::new(),
    };
    if kind(x) != kind(y) {
        return format!("{}, then {}", kind(x), kind(y));
    }
    if x.mode != y.mode {
        return format!("mode: {:04o}, then {:04o}", x.mode, y.mode);
    }
    if (x.uid, x.gid) != (y.uid, y.gid) {
        return format!("owner: {}:{}, then {}:{}", x.uid, x.gid, y.uid, y.gid);
    }
    if x.capability != y.capability {
        return "capabilities".into();
    }
    match (&x.kind, &y.kind) {
        (Kind::Symlink(a), Kind::Symlink(b)) => format!("target: {}, then {}", text(a), text(b)),
        (Kind::Directory { .. }, _) => "what it hides of lower layers".into(),
        _ => "content".into(),
    }
}

const fn kind(node: &Node) -> &'static str {
    match node.kind {
        Kind::File { .. } => "a file",
        Kind::Directory { .. } => "a folder",
        Kind::Symlink(_) => "a link",
        Kind::Fifo => "a pipe",
        Kind::Device => "a device",
        Kind::Whiteout => "a removal",
    }
}

/// What the other build has in the same folder, under a name that this one does not have.
fn twin(
    path: &[u8],
    node: Option<&Node>,
    of_first: bool,
    a: &LayerIndex,
    b: &LayerIndex,
) -> Option<Vec<u8>> {
    let node = node?;
    let folder = split_name(path).0;
    let alike = |other: &Node| match (&node.kind, &other.kind) {
        (Kind::File { digest: d, .. }, Kind::File { digest: e, .. }) => d == e,
        (Kind::Directory { .. }, Kind::Directory { .. }) => true,
        (x, y) => x == y,
    };
    let others = || {
        differing(a, b).filter(move |(other, x, y)| {
            split_name(other).0 == folder && if of_first { x.is_none() } else { y.is_none() }
        })
    };
    let node_of = |(_, x, y): &Pair<'_>| x.or(*y).is_some_and(alike);
    let found = others().find(node_of).or_else(|| {
        // Of another content, but the only one: what has a random name has random content too.
        let mut rest = others();
        let only = rest.next();
        only.filter(|(_, x, y)| {
            rest.next().is_none() && x.or(*y).is_some_and(|other| kind(other) == kind(node))
        })
    });
    found.map(|(path, ..)| path.to_vec())
}

/// The step that made a layer.
fn made<'a>(side: &Side<'a>, layer: Option<&Layer>) -> Option<&'a TracedStep> {
    let layer = layer?;
    let of = |step: &&TracedStep| {
        step.layer
            .as_ref()
            .is_some_and(|l| l.diff_id == layer.diff_id)
    };
    side.traced.steps.iter().rev().find(of)
}

/// The first step in whose layer the same difference stands: a COPY from another stage only passes it on.
fn origin<'a>(
    [first, second]: &[Side<'a>; 2],
    pair: &Pair<'_>,
    watch: &Watch,
) -> Result<Option<&'a TracedStep>, Fault> {
    let name = split_name(pair.0).1;
    let digest = |node: Option<&Node>| match node.map(|n| &n.kind) {
        Some(Kind::File { digest, .. }) => Some(*digest),
        _ => None,
    };
    let wanted = (digest(pair.1), digest(pair.2));
    for (step, other) in first.traced.steps.iter().zip(&second.traced.steps) {
        let (a, b) = (step.layer.as_ref(), other.layer.as_ref());
        if a.map(|l| l.diff_id) == b.map(|l| l.diff_id) {
            continue;
        }
        let (a, b) = (first.index(a, watch)?, second.index(b, watch)?);
        let found = differing(&a, &b).any(|(path, x, y)| {
            (digest(x), digest(y)) == wanted
                && (x.is_some(), y.is_some()) == (pair.1.is_some(), pair.2.is_some())
                && (wanted != (None, None) || split_name(path).1 == name)
        });
        if found {
            return Ok(Some(step));
        }
    }
    Ok(None)
}

fn at_fault(step: &TracedStep) -> StepAtFault {
    StepAtFault {
        step: step.number,
        line: step.line,
        text: foreign::shown(&step.text, 500),
    }
}

fn text(bytes: &[u8]) -> String {
    foreign::shown(&String::from_utf8_lossy(bytes), 200)
}

fn shown(path: &[u8]) -> String {
    format!("/{}", text(path))
}
