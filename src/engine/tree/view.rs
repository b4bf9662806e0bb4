//! A stack of layers as one tree, as an overlay would show it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::index::{LayerIndex, remove_below};
use super::node::{Kind, Node, ROOT};
use super::resolve::{Lookup, parent};

/// Layers, lowest first, seen as one tree. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    layers: Vec<Arc<LayerIndex>>,
}

/// Something in a tree, and the layer whose tar holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found<'a> {
    /// The layer's number, from 0, lowest first.
    pub layer: usize,
    /// What it is.
    pub node: &'a Node,
}

/// What one layer says of a path.
enum Word<'a> {
    Here(&'a Node),
    Gone,
    Silent,
}

impl Tree {
    /// A tree of `layers`, lowest first.
    pub const fn new(layers: Vec<Arc<LayerIndex>>) -> Self {
        Self { layers }
    }

    /// The layers, lowest first.
    pub fn layers(&self) -> &[Arc<LayerIndex>] {
        &self.layers
    }

    /// What stands at a clean path, links not followed.
    pub fn find(&self, path: &[u8]) -> Option<Found<'_>> {
        let mut implied = None;
        for (layer, index) in self.layers.iter().enumerate().rev() {
            match word(index, path) {
                Word::Here(node) if node.is_implied() => {
                    implied = implied.or(Some(Found { layer, node }));
                    if matches!(node.kind, Kind::Directory { opaque: true, .. }) {
                        return implied;
                    }
                }
                Word::Here(node) if node.is_directory() => return Some(Found { layer, node }),
                // A folder that an upper layer implies hides whatever else stands here.
                Word::Here(node) => return implied.or(Some(Found { layer, node })),
                Word::Gone => return implied,
                Word::Silent => {}
            }
        }
        let root = path.is_empty().then_some(Found {
            layer: 0,
            node: &ROOT,
        });
        implied.or(root)
    }

    /// Everything below the folder at a clean path, at any depth, sorted, links not followed; paths from that
    /// folder.
    pub fn below(&self, folder: &[u8]) -> BTreeMap<Vec<u8>, Found<'_>> {
        let mut all = BTreeMap::new();
        for (layer, index) in self.layers.iter().enumerate() {
            if hides(index, folder) {
                all.clear();
            }
            for (path, node) in index.below(folder) {
                let skip = if folder.is_empty() {
                    0
                } else {
                    folder.len() + 1
                };
                let path = path[skip..].to_vec();
                match &node.kind {
                    Kind::Directory { opaque, implied } => {
                        let was = all.get(&path).map(|f: &Found<'_>| f.node.is_directory());
                        if *opaque {
                            remove_below(&mut all, &path);
                        }
                        if !(*implied && was == Some(true)) {
                            all.insert(path, Found { layer, node });
                        }
                    }
                    kind => {
                        remove_below(&mut all, &path);
                        if *kind == Kind::Whiteout {
                            all.remove(&path);
                        } else {
                            all.insert(path, Found { layer, node });
                        }
                    }
                }
            }
        }
        all
    }
}

impl Lookup for Tree {
    fn link(&self, path: &[u8]) -> Option<Box<[u8]>> {
        match &self.find(path)?.node.kind {
            Kind::Symlink(target) => Some(target.clone()),
            _ => None,
        }
    }
}

fn word<'a>(index: &'a LayerIndex, path: &[u8]) -> Word<'a> {
    if let Some(node) = index.get(path) {
        return match node.kind {
            Kind::Whiteout => Word::Gone,
            _ => Word::Here(node),
        };
    }
    let mut folder = path;
    while !folder.is_empty() {
        folder = parent(folder);
        match index.get(folder).map(|node| &node.kind) {
            Some(Kind::Directory { opaque: false, .. }) | None => {}
            Some(_) => return Word::Gone,
        }
    }
    Word::Silent
}

/// Whether `index` hides what lower layers hold in `folder`.
fn hides(index: &LayerIndex, folder: &[u8]) -> bool {
    let mut path = folder;
    loop {
        match index.get(path).map(|node| &node.kind) {
            Some(Kind::Directory { opaque: false, .. }) | None => {}
            Some(_) => return true,
        }
        if path.is_empty() {
            return false;
        }
        path = parent(path);
    }
}
