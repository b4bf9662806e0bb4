//! What COPY and ADD copy from: the context, another stage's tree, or a here-document.

use std::sync::Arc;

use crate::engine::tree::{Kind, Lookup, Tree};
use crate::model::Digest;
use crate::model::context::{ContextEntry, ContextSource, EntryKind};

/// Something that can be copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceNode {
    /// What it is.
    pub kind: SourceKind,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// File capabilities.
    pub capability: Option<Box<[u8]>>,
}

/// What can be copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceKind {
    /// A regular file.
    File {
        /// Length in bytes.
        size: u64,
        /// Where its bytes are.
        content: Content,
    },
    /// A folder.
    Directory,
    /// A symbolic link and its text.
    Symlink(Box<[u8]>),
    /// A named pipe.
    Fifo,
}

/// Where the bytes of a file are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// In the context, at this entry.
    Context(usize),
    /// In a layer of the source's tree.
    Layer {
        /// The layer's number.
        layer: usize,
        /// Where in its tar.
        offset: u64,
        /// What it must be.
        digest: Digest,
    },
    /// Here.
    Inline(Arc<[u8]>),
    /// In the spool of the instruction that is at work.
    Spool(u64),
}

/// Something to copy from.
pub trait Source: Lookup {
    /// What stands at a clean path, links not followed. The root is always a folder.
    fn get(&self, path: &[u8]) -> Option<SourceNode>;

    /// Everything below the folder at a clean path, at any depth; paths from that folder, sorted by their bytes.
    fn below(&self, folder: &[u8]) -> Vec<(Vec<u8>, SourceNode)>;
}

impl Source for Tree {
    fn get(&self, path: &[u8]) -> Option<SourceNode> {
        let found = self.find(path)?;
        of_tree(found.layer, found.node)
    }

    fn below(&self, folder: &[u8]) -> Vec<(Vec<u8>, SourceNode)> {
        self.below(folder)
            .into_iter()
            .filter_map(|(path, found)| Some((path, of_tree(found.layer, found.node)?)))
            .collect()
    }
}

/// Devices are not copied: no step can make or see one.
fn of_tree(layer: usize, node: &crate::engine::tree::Node) -> Option<SourceNode> {
    let kind = match &node.kind {
        Kind::File {
            size,
            digest,
            offset,
        } => SourceKind::File {
            size: *size,
            content: Content::Layer {
                layer,
                offset: *offset,
                digest: *digest,
            },
        },
        Kind::Directory { .. } => SourceKind::Directory,
        Kind::Symlink(target) => SourceKind::Symlink(target.clone()),
        Kind::Fifo => SourceKind::Fifo,
        Kind::Device | Kind::Whiteout => return None,
    };
    Some(SourceNode {
        kind,
        mode: node.mode,
        uid: node.uid,
        gid: node.gid,
        capability: node.capability.clone(),
    })
}

/// A context as a source. Everything in it is root's.
#[derive(Clone, Copy)]
pub struct ContextTree<'a>(pub &'a dyn ContextSource);

impl std::fmt::Debug for ContextTree<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ContextTree")
            .field(&self.0.entries().len())
            .finish()
    }
}

impl ContextTree<'_> {
    fn entry(&self, path: &[u8]) -> Option<(usize, &ContextEntry)> {
        let entries = self.0.entries();
        let at = entries.binary_search_by(|e| e.path.as_bytes().cmp(path));
        at.ok().map(|i| (i, &entries[i]))
    }
}

fn of_context(index: usize, entry: &ContextEntry) -> SourceNode {
    let kind = match &entry.kind {
        EntryKind::File { size } => SourceKind::File {
            size: *size,
            content: Content::Context(index),
        },
        EntryKind::Directory => SourceKind::Directory,
        EntryKind::Symlink { target } => SourceKind::Symlink(target.as_bytes().into()),
    };
    root_s(kind, entry.mode & 0o7777)
}

const fn root_s(kind: SourceKind, mode: u32) -> SourceNode {
    SourceNode {
        kind,
        mode,
        uid: 0,
        gid: 0,
        capability: None,
    }
}

impl Lookup for ContextTree<'_> {
    fn link(&self, path: &[u8]) -> Option<Box<[u8]>> {
        match &self.entry(path)?.1.kind {
            EntryKind::Symlink { target } => Some(target.as_bytes().into()),
            _ => None,
        }
    }
}

impl Source for ContextTree<'_> {
    fn get(&self, path: &[u8]) -> Option<SourceNode> {
        if path.is_empty() {
            return Some(root_s(SourceKind::Directory, 0o755));
        }
        let (index, entry) = self.entry(path)?;
        Some(of_context(index, entry))
    }

    fn below(&self, folder: &[u8]) -> Vec<(Vec<u8>, SourceNode)> {
        let entries = self.0.entries();
        let prefix = if folder.is_empty() {
            Vec::new()
        } else {
            [folder, b"/"].concat()
        };
        let start = entries.partition_point(|e| e.path.as_bytes() < &*prefix);
        entries[start..]
            .iter()
            .enumerate()
            .take_while(|(_, e)| e.path.as_bytes().starts_with(&prefix))
            .map(|(i, e)| {
                let path = e.path.as_bytes()[prefix.len()..].to_vec();
                (path, of_context(start + i, e))
            })
            .collect()
    }
}

/// A here-document: one file of root's.
#[derive(Debug, Clone)]
pub struct Inline {
    /// The file's name.
    pub name: Vec<u8>,
    /// Its content.
    pub content: Arc<[u8]>,
}

impl Inline {
    /// The file.
    pub fn node(&self) -> SourceNode {
        let kind = SourceKind::File {
            size: self.content.len() as u64,
            content: Content::Inline(Arc::clone(&self.content)),
        };
        root_s(kind, 0o644)
    }
}
