//! What a layer has changed of an earlier one of the same instruction, so that a step can stand on that one's folder with the
//! changes over it.

use std::collections::{BTreeMap, HashSet};

use crate::engine::copy::Content;
use crate::engine::layer::{NewEntry, What};
use crate::engine::tree::{Kind, LayerIndex, Node, Tree, parent};
use crate::model::Digest;

/// Something that will stand in a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Where: relative, without `/` at its ends.
    pub path: Vec<u8>,
    /// What.
    pub new: NewEntry,
    /// Where a file's bytes are.
    pub content: Option<Content>,
}

/// What is other than it was, and little of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The layer that it was.
    pub since: Digest,
    /// What is not there any more.
    pub gone: Vec<Vec<u8>>,
    /// Which items are new or other, with the folders that they are in.
    pub items: Vec<usize>,
}

impl Changes {
    /// The changes from a layer that holds `earlier` to one of `items`, whose files have `digests`; both stand on `below`.
    ///
    /// None if a folder over the other could not show them as they are, or if they are not worth it.
    pub fn between(
        earlier: &LayerIndex,
        items: &[Item],
        digests: &[Option<Digest>],
        below: &Tree,
        since: Digest,
    ) -> Option<Self> {
        if !is_plain(earlier) {
            return None;
        }
        let numbers: BTreeMap<&[u8], usize> = items
            .iter()
            .enumerate()
            .map(|(number, item)| (&*item.path, number))
            .collect();
        let mut wanted = vec![false; items.len()];
        let (mut all, mut changed) = (0_u64, 0_u64);
        for (number, (item, digest)) in items.iter().zip(digests).enumerate() {
            let size = match item.new.what {
                What::File(size) => size,
                // The kernel would count another name where there is none.
                What::HardLink(_) | What::Whiteout | What::Directory { opaque: true } => {
                    return None;
                }
                _ => 0,
            };
            all += size;
            let old = earlier.get(&item.path);
            if old.is_some_and(|old| is_same(old, &item.new, *digest)) {
                continue;
            }
            // A file over a folder, or a folder over a file, would hide or show too much.
            if old.is_some_and(|old| !is_like(old, &item.new.what)) {
                return None;
            }
            changed += size;
            wanted[number] = true;
            let mut folder = parent(&item.path);
            while !folder.is_empty() {
                let above = *numbers.get(folder)?;
                if std::mem::replace(&mut wanted[above], true) {
                    break;
                }
                folder = parent(folder);
            }
        }
        let mut gone = Vec::new();
        let mut all_gone: HashSet<&[u8]> = HashSet::new();
        for (path, _) in earlier.entries() {
            if path.is_empty() || numbers.contains_key(path) {
                continue;
            }
            // What hides it would hide what lies below both, too.
            if below.find(path).is_some() {
                return None;
            }
            all_gone.insert(path);
            let mut folder = parent(path);
            if all_gone.contains(folder) {
                continue;
            }
            gone.push(path.to_vec());
            // The folder that it was in must be there for what hides it.
            while !folder.is_empty() {
                wanted[*numbers.get(folder)?] = true;
                folder = parent(folder);
            }
        }
        if changed > all / 2 || gone.len() > items.len() / 2 {
            return None;
        }
        let wanted = wanted.into_iter().enumerate();
        Some(Self {
            since,
            gone,
            items: wanted
                .filter_map(|(at, wanted)| wanted.then_some(at))
                .collect(),
        })
    }
}

/// Whether a layer has only what a folder over it can change: nothing that hides, and no file of two names.
fn is_plain(index: &LayerIndex) -> bool {
    let mut offsets = HashSet::new();
    index.entries().all(|(_, node)| match node.kind {
        Kind::File { offset, .. } => offsets.insert(offset),
        Kind::Directory { opaque, implied } => !opaque && !implied,
        Kind::Symlink(_) | Kind::Fifo => true,
        Kind::Device | Kind::Whiteout => false,
    })
}

fn is_like(old: &Node, new: &What) -> bool {
    old.is_directory() == matches!(new, What::Directory { .. })
}

fn is_same(old: &Node, new: &NewEntry, digest: Option<Digest>) -> bool {
    let what = match (&old.kind, &new.what) {
        (
            Kind::File {
                size, digest: was, ..
            },
            What::File(now),
        ) => size == now && Some(*was) == digest,
        (Kind::Directory { .. }, What::Directory { .. }) | (Kind::Fifo, What::Fifo) => true,
        (Kind::Symlink(was), What::Symlink(now)) => was == now,
        _ => false,
    };
    let mode = matches!(new.what, What::Symlink(_)) || old.mode == new.mode;
    what && mode && (old.uid, old.gid) == (new.uid, new.gid) && old.capability == new.capability
}
