//! A root file system in a tar.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use super::super::archive::Section;
use super::super::error::BaseError;
use super::super::import::ImportLimits;
use super::{CAPABILITY, Node, NodeKind, Tree, bad_path, clean};
use crate::oci::{TarKind, TarReader};

pub fn walk(file: &File, name: &Path, limits: &ImportLimits) -> Result<Tree, BaseError> {
    let damaged = |e| BaseError::invalid(name.display().to_string(), e);
    let mut tar = TarReader::new(BufReader::with_capacity(1 << 16, file));
    let mut tree = Tree::default();
    let mut links: Vec<Vec<u8>> = Vec::new();
    while let Some(entry) = tar.next().map_err(damaged)? {
        let kind = match entry.kind {
            TarKind::Special => {
                tree.leave_out(&entry.path);
                continue;
            }
            TarKind::Directory => NodeKind::Directory,
            TarKind::Symlink(target) => NodeKind::Symlink(target),
            TarKind::File => NodeKind::File {
                size: entry.size,
                offset: entry.offset,
            },
            TarKind::Link(target) => {
                links.extend(clean(&entry.path)?);
                NodeKind::Link(clean(&target)?.unwrap_or_default())
            }
        };
        let capability = entry
            .xattrs
            .into_iter()
            .find(|(name, _)| name == CAPABILITY);
        let node = Node {
            kind,
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            mtime: entry.mtime,
            capability: capability.map(|(_, value)| value),
        };
        tree.add(&entry.path, node, limits.entries)?;
    }
    if tree.nodes.is_empty() {
        return Err(BaseError::invalid(
            name.display().to_string(),
            "it is empty",
        ));
    }
    settle(&mut tree, &links)?;
    Ok(tree)
}

/// Sorted, a link may stand before its file: then it becomes the file, and the file's other names links to it.
fn settle(tree: &mut Tree, links: &[Vec<u8>]) -> Result<(), BaseError> {
    let mut groups = std::collections::BTreeMap::<Vec<u8>, Vec<Vec<u8>>>::new();
    for path in links {
        let mut at = path.clone();
        // A link to a link is a link to its file.
        for _ in 0..=links.len() {
            match tree.nodes.get(&at).map(|node| &node.kind) {
                Some(NodeKind::Link(target)) => at.clone_from(target),
                _ => break,
            }
        }
        match tree.nodes.get(&at).map(|node| &node.kind) {
            // Replaced by something else later in the archive.
            _ if at == *path => {}
            Some(NodeKind::File { .. } | NodeKind::Symlink(_)) => {
                groups.entry(at).or_default().push(path.clone());
            }
            _ => return Err(bad_path(path, "it is a link to a file that isn't there")),
        }
    }
    for (file, mut names) in groups {
        let Some(node) = tree.nodes.get(&file).cloned() else {
            continue;
        };
        names.push(file);
        names.sort_unstable();
        names.dedup();
        let first = names[0].clone();
        for name in names {
            let mut link = node.clone();
            if name != first {
                link.kind = NodeKind::Link(first.clone());
            }
            tree.nodes.insert(name, link);
        }
    }
    Ok(())
}

pub fn open<'a>(file: &'a File, tree: &Tree, path: &[u8]) -> std::io::Result<Box<dyn Read + 'a>> {
    let (offset, left) = match tree.nodes.get(path).map(|node| &node.kind) {
        Some(NodeKind::File { size, offset }) => (*offset, *size),
        _ => (0, 0),
    };
    Ok(Box::new(Section { file, offset, left }))
}
