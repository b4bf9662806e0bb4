//! Where copied files come to stand, by BuildKit's rules, on top of a tree that is not touched.

use std::collections::{BTreeMap, HashMap};

use super::mode::Chmod;
use super::select::{Picked, Selected};
use super::source::{Content, SourceKind, SourceNode};
use crate::engine::fault::Fault;
use crate::engine::tree::{
    Kind, Lookup, Node, Tree, clean, join, parent, remove_below, resolve, split_name,
};
use crate::model::Digest;

/// What a new layer will hold, worked out on top of `tree`.
#[derive(Debug)]
pub struct Placement<'t> {
    tree: &'t Tree,
    entries: BTreeMap<Vec<u8>, Entry>,
    groups: u64,
}

/// Something that will stand in the new layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What, with its mode and owner. A file's offset and digest are not known yet.
    pub node: Node,
    /// Where a file's bytes are.
    pub content: Option<Content>,
    /// Files of one group are names of one file.
    pub group: Option<u64>,
}

/// What holds for all files of an instruction.
#[derive(Debug, Clone, Default)]
pub struct Attributes {
    /// `--chown`, resolved.
    pub owner: Option<(u32, u32)>,
    /// `--chmod`.
    pub chmod: Option<Chmod>,
}

/// The mode of a folder that is made on the way, where nothing else is said.
pub const FOLDER_MODE: u32 = 0o755;

impl Attributes {
    /// The mode of folders that are made on the way: an octal `--chmod` is theirs too.
    const fn folder_mode(&self) -> u32 {
        match &self.chmod {
            Some(Chmod::Octal(bits)) => *bits & 0o777,
            _ => FOLDER_MODE,
        }
    }
}

impl Lookup for Placement<'_> {
    fn link(&self, path: &[u8]) -> Option<Box<[u8]>> {
        match self.stat(path)?.kind {
            Kind::Symlink(target) => Some(target),
            _ => None,
        }
    }
}

impl<'t> Placement<'t> {
    /// Nothing yet, on top of `tree`.
    pub const fn on(tree: &'t Tree) -> Self {
        Self {
            tree,
            entries: BTreeMap::new(),
            groups: 0,
        }
    }

    /// What stands at a clean path, links not followed.
    pub fn stat(&self, path: &[u8]) -> Option<Node> {
        if let Some(entry) = self.entries.get(path) {
            return Some(entry.node.clone());
        }
        let mut folder = path;
        while !folder.is_empty() {
            folder = parent(folder);
            match self.entries.get(folder).map(|entry| &entry.node.kind) {
                Some(Kind::Directory { opaque: false, .. }) | None => {}
                Some(_) => return None,
            }
        }
        self.tree.find(path).map(|found| found.node.clone())
    }

    /// Makes a folder and what is missing above it, as `WORKDIR` and every destination do. The path is followed
    /// through links first; the folder itself is the answer.
    ///
    /// # Errors
    /// If something that is no folder is in the way.
    pub fn make_folder(
        &mut self,
        path: &[u8],
        owner: Option<(u32, u32)>,
        mode: u32,
    ) -> Result<Vec<u8>, Fault> {
        let path = resolve(self, path)?;
        self.make_clean_folder(&path, owner, mode)?;
        Ok(path)
    }

    fn make_clean_folder(
        &mut self,
        path: &[u8],
        owner: Option<(u32, u32)>,
        mode: u32,
    ) -> Result<(), Fault> {
        let ends = (1..=path.len()).filter(|&i| i == path.len() || path[i] == b'/');
        for end in ends {
            let folder = &path[..end];
            match self.stat(folder) {
                Some(node) if node.is_directory() => {}
                Some(_) => return Err(no_folder(folder)),
                None => {
                    let (uid, gid) = owner.unwrap_or((0, 0));
                    let node = Node::directory(mode).owned(uid, gid);
                    self.put(folder.to_vec(), node, None, None);
                }
            }
        }
        Ok(())
    }

    /// Copies one source to `destination`, an absolute path that may end with `/`.
    ///
    /// # Errors
    /// If a file would replace a folder, or a folder something else.
    pub fn copy(
        &mut self,
        source: &Selected,
        destination: &str,
        attributes: &Attributes,
        check: &mut dyn FnMut() -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let destination = destination.as_bytes();
        let (folder, last) = split_name(destination);
        let ensured = if last.is_empty() || last == b"." {
            destination
        } else {
            folder
        };
        let mode = attributes.folder_mode();
        self.make_folder(ensured, attributes.owner, mode)?;
        let mut target = resolve(self, &clean(destination))?;
        let is_folder = matches!(source.node.kind, SourceKind::Directory);
        let there = self.stat(&target);
        if !is_folder && there.as_ref().is_some_and(Node::is_directory) {
            target = join(&target, &source.name);
        }
        let made = if is_folder && there.is_none() {
            &target[..]
        } else {
            parent(&target)
        };
        let made = made.to_vec();
        self.make_clean_folder(&made, attributes.owner, mode)?;

        let mut links = HashMap::new();
        if !is_folder {
            return self.put_file(target, &source.node, attributes, &mut links);
        }
        if !self.stat(&target).is_some_and(|node| node.is_directory()) {
            return Err(not_to_folder(&target));
        }
        for picked in &source.content {
            check()?;
            let path = join(&target, &picked.path);
            if matches!(picked.node.kind, SourceKind::Directory) {
                self.put_folder(path, picked, attributes)?;
            } else {
                self.put_file(path, &picked.node, attributes, &mut links)?;
            }
        }
        Ok(())
    }

    fn put_folder(
        &mut self,
        path: Vec<u8>,
        picked: &Picked,
        attributes: &Attributes,
    ) -> Result<(), Fault> {
        let mut node = node_of(&picked.node, attributes);
        if let Some(there) = self.stat(&path) {
            if !there.is_directory() {
                return Err(not_to_folder(&path));
            }
            if picked.parent_only {
                // It was there, and only what is in it was asked for: it takes over the mode, nothing else.
                node = Node {
                    mode: picked.node.mode,
                    ..there
                };
            } else if let Some(Entry {
                node: Node { kind, .. },
                ..
            }) = self.entries.get(&path)
            {
                node.kind = kind.clone();
            }
        }
        if let Kind::Directory { implied, .. } = &mut node.kind {
            *implied = false;
        }
        if !self.entries.contains_key(&path)
            && let Kind::Directory { opaque, .. } = &mut node.kind
        {
            *opaque = false;
        }
        self.put(path, node, None, None);
        Ok(())
    }

    fn put_file(
        &mut self,
        path: Vec<u8>,
        source: &SourceNode,
        attributes: &Attributes,
        links: &mut HashMap<(usize, u64), u64>,
    ) -> Result<(), Fault> {
        if self.stat(&path).is_some_and(|node| node.is_directory()) {
            let shown = String::from_utf8_lossy(&path).into_owned();
            return Err(Fault::input(format!(
                "cannot replace to directory /{shown} with file"
            )));
        }
        let node = node_of(source, attributes);
        let mut group = None;
        let mut content = None;
        if let SourceKind::File {
            content: where_, ..
        } = &source.kind
        {
            content = Some(where_.clone());
            if let Content::Layer { layer, offset, .. } = where_ {
                let next = self.groups;
                let id = *links.entry((*layer, *offset)).or_insert(next);
                self.groups = self.groups.max(id + 1);
                group = Some(id);
            }
        }
        self.put(path, node, content, group);
        Ok(())
    }

    /// Puts something at a clean path whose parents are folders, in place of whatever stood there.
    pub fn put(
        &mut self,
        path: Vec<u8>,
        mut node: Node,
        content: Option<Content>,
        group: Option<u64>,
    ) {
        if node.is_directory() {
            let hides = match self.entries.get(&path).map(|entry| &entry.node.kind) {
                // It hid what lower layers have; what replaces it must go on hiding it.
                Some(Kind::Directory { opaque, .. }) => *opaque,
                Some(_) => self.tree.find(&path).is_some(),
                None => false,
            };
            if let Kind::Directory { opaque, .. } = &mut node.kind {
                *opaque |= hides;
            }
        } else {
            remove_below(&mut self.entries, &path);
        }
        let entry = Entry {
            node,
            content,
            group,
        };
        self.entries.insert(path, entry);
    }

    /// A number for a new group of names of one file.
    pub const fn new_group(&mut self) -> u64 {
        self.groups += 1;
        self.groups - 1
    }

    /// How many entries were put.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entry that was put at a clean path.
    pub fn entry_mut(&mut self, path: &[u8]) -> Option<&mut Entry> {
        self.entries.get_mut(path)
    }

    /// Everything that was put, with the folders above it as they are, sorted by path.
    pub fn finish(mut self) -> BTreeMap<Vec<u8>, Entry> {
        let mut folders = BTreeMap::new();
        for path in self.entries.keys() {
            let mut folder = parent(path);
            while !folder.is_empty()
                && !self.entries.contains_key(folder)
                && !folders.contains_key(folder)
            {
                if let Some(found) = self.tree.find(folder) {
                    let node = Node {
                        kind: Kind::Directory {
                            opaque: false,
                            implied: false,
                        },
                        ..found.node.clone()
                    };
                    let entry = Entry {
                        node,
                        content: None,
                        group: None,
                    };
                    folders.insert(folder.to_vec(), entry);
                }
                folder = parent(folder);
            }
        }
        self.entries.append(&mut folders);
        self.entries
    }
}

fn node_of(source: &SourceNode, attributes: &Attributes) -> Node {
    let directory = matches!(source.kind, SourceKind::Directory);
    let (uid, gid) = attributes.owner.unwrap_or((source.uid, source.gid));
    let kind = match &source.kind {
        SourceKind::File { size, .. } => Kind::File {
            size: *size,
            digest: Digest::of(b""),
            offset: 0,
        },
        SourceKind::Directory => Kind::Directory {
            opaque: false,
            implied: false,
        },
        SourceKind::Symlink(target) => Kind::Symlink(target.clone()),
        SourceKind::Fifo => Kind::Fifo,
    };
    let mode = match (&attributes.chmod, &source.kind) {
        (_, SourceKind::Symlink(_)) => 0o777,
        (Some(chmod), _) => chmod.apply(source.mode, directory),
        (None, _) => source.mode,
    };
    Node {
        kind,
        mode,
        uid,
        gid,
        capability: source.capability.clone(),
    }
}

fn no_folder(path: &[u8]) -> Fault {
    let shown = String::from_utf8_lossy(path).into_owned();
    Fault::input(format!("mkdir /{shown}: not a directory"))
}

fn not_to_folder(path: &[u8]) -> Fault {
    let shown = String::from_utf8_lossy(path).into_owned();
    Fault::input(format!("cannot copy to non-directory: /{shown}"))
}
