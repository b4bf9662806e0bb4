//! What a layer holds, sorted; and how a stranger's tar becomes such a list.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::node::{Kind, Node};
use crate::engine::tar::{Member, MemberKind};
use crate::model::{Digest, foreign};

/// A layer may hold this many entries.
const ENTRIES_LIMIT: usize = 2_000_000;
/// A path may have this many parts.
const DEPTH_LIMIT: usize = 1000;
/// A path may have this many bytes: no program could open a longer one.
const PATH_LIMIT: usize = 4095;
/// All paths and links of a layer together may have this many bytes: they are held in memory.
pub const TEXT_LIMIT: usize = 256 << 20;

/// The entries of one layer by path: relative, `/` between parts, the root as an empty path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LayerIndex {
    pub(super) entries: Vec<(Box<[u8]>, Node)>,
}

impl LayerIndex {
    /// Every entry, sorted by path bytes, so that a folder comes before what it holds.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], &Node)> {
        self.entries.iter().map(|(path, node)| (&**path, node))
    }

    /// How many entries there are.
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the layer changes nothing.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What the layer says of `path`.
    pub fn get(&self, path: &[u8]) -> Option<&Node> {
        let at = self.entries.binary_search_by(|(p, _)| (**p).cmp(path));
        at.ok().map(|i| &self.entries[i].1)
    }

    /// Every entry below the folder `path`, at any depth, in order.
    pub fn below<'a>(&'a self, path: &[u8]) -> impl Iterator<Item = (&'a [u8], &'a Node)> {
        let prefix = if path.is_empty() {
            Vec::new()
        } else {
            [path, b"/"].concat()
        };
        let start = self.entries.partition_point(|(p, _)| **p < *prefix);
        self.entries[start..]
            .iter()
            .take_while(move |(p, _)| p.starts_with(&prefix))
            .filter(|(p, _)| !p.is_empty())
            .map(|(p, node)| (&**p, node))
    }

    /// Whether a folder above `path` hides what lower layers hold in it.
    pub fn hides_above(&self, path: &[u8]) -> bool {
        let mut folder = path;
        while !folder.is_empty() {
            folder = super::parent(folder);
            if let Some(node) = self.get(folder)
                && matches!(node.kind, Kind::Directory { opaque: true, .. })
            {
                return true;
            }
        }
        false
    }

    /// Whether an entry stands on a folder that the layer has no entry for.
    pub fn has_implied(&self) -> bool {
        self.entries.iter().any(|(_, node)| node.is_implied())
    }
}

impl FromIterator<(Vec<u8>, Node)> for LayerIndex {
    fn from_iter<I: IntoIterator<Item = (Vec<u8>, Node)>>(entries: I) -> Self {
        let mut entries: Vec<(Box<[u8]>, Node)> = entries
            .into_iter()
            .map(|(path, node)| (path.into_boxed_slice(), node))
            .collect();
        // Mostly they are in order. Of a path that comes twice the last one counts.
        if !entries.is_sorted_by(|(a, _), (b, _)| a < b) {
            let sorted: BTreeMap<Box<[u8]>, Node> = entries.into_iter().collect();
            entries = sorted.into_iter().collect();
        }
        Self { entries }
    }
}

/// Why a member can't stand in a layer.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MemberError {
    /// Its path climbs.
    #[error("`{}` leaves the layer", shown(.0))]
    Climbs(Vec<u8>),
    /// Its path is no path.
    #[error("`{}` is no path that a layer can have", shown(.0))]
    BadPath(Vec<u8>),
    /// Its owner is none.
    #[error("`{}` has an owner that is no user or group", shown(.0))]
    BadOwner(Vec<u8>),
    /// A hard link to something that is no file of this layer.
    #[error(
        "`{}` is a hard link to `{}`, which is no file of the same layer",
        shown(path),
        shown(target)
    )]
    LinkNowhere {
        /// The link.
        path: Vec<u8>,
        /// Its target.
        target: Vec<u8>,
    },
    /// Too many of them.
    #[error("the layer has more than {ENTRIES_LIMIT} entries")]
    TooMany,
    /// Too much of it has to be held in memory.
    #[error("the layer's paths and links have more than {TEXT_LIMIT} bytes")]
    TooMuchText,
}

fn shown(path: &[u8]) -> String {
    foreign::shown(&String::from_utf8_lossy(path), 200)
}

/// What a member does to the layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// A file whose content comes now: read it, then call [`IndexBuilder::content`].
    File(Vec<u8>),
    /// Another name of a file that came before.
    HardLink {
        /// The new name.
        path: Vec<u8>,
        /// The name that came before.
        target: Vec<u8>,
    },
    /// Any other node.
    Node(Vec<u8>),
    /// What lower layers hold there is gone.
    Whiteout(Vec<u8>),
    /// The folder's lower content is gone.
    Opaque(Vec<u8>),
    /// Nothing that a step could see.
    Skipped,
}

/// Takes a layer's members in the order of its tar and knows at each moment what stands where.
///
/// It follows what unpacking does: a later member replaces an earlier one of the same path, folders merge.
#[derive(Debug, Default)]
pub struct IndexBuilder {
    entries: BTreeMap<Vec<u8>, Node>,
    /// Bytes of paths and links so far.
    text: usize,
}

impl IndexBuilder {
    /// Puts a member in its place.
    ///
    /// # Errors
    /// If no honest layer has such a member.
    pub fn place(&mut self, member: &Member) -> Result<Placed, MemberError> {
        let path = clean_member(&member.path)?;
        let (above, name) = super::split_name(&path);
        // To the kernel the largest number means "leave the owner as it is".
        if member.uid == u32::MAX || member.gid == u32::MAX {
            return Err(MemberError::BadOwner(path));
        }
        if path.is_empty() && member.kind != MemberKind::Directory {
            return Err(MemberError::BadPath(path));
        }
        let own = |part: &[u8]| part.starts_with(b".wh..wh.");
        if (own(name) && name != b".wh..wh..opq") || above.split(|&b| b == b'/').any(own) {
            // What AUFS kept for itself.
            return Ok(Placed::Skipped);
        }
        if above
            .split(|&b| b == b'/')
            .any(|part| part.starts_with(b".wh."))
        {
            // Something in what is gone.
            return Err(MemberError::BadPath(path));
        }
        if name == b".wh..wh..opq" {
            let folder = super::parent(&path).to_vec();
            self.make_room(&folder)?;
            let node = self.entries.entry(folder.clone()).or_insert_with(implied);
            if let Kind::Directory { opaque, .. } = &mut node.kind {
                *opaque = true;
            }
            return Ok(Placed::Opaque(folder));
        }
        if let Some(gone) = name.strip_prefix(b".wh.") {
            if gone.is_empty() || gone == b"." || gone == b".." {
                return Err(MemberError::BadPath(path));
            }
            let folder = super::parent(&path).to_vec();
            let gone = super::join(&folder, gone);
            // A whiteout speaks of lower layers: what this layer has at that path stays.
            return match self.entries.get_mut(&gone).map(|node| &mut node.kind) {
                None => {
                    self.insert(gone.clone(), Node::new(Kind::Whiteout, 0))?;
                    Ok(Placed::Whiteout(gone))
                }
                Some(Kind::Directory { opaque, .. }) => {
                    *opaque = true;
                    Ok(Placed::Opaque(gone))
                }
                Some(_) => Ok(Placed::Skipped),
            };
        }
        let kind = match member.kind {
            MemberKind::HardLink => return self.link(path, member),
            MemberKind::File => Kind::File {
                size: member.size,
                digest: Digest::of(b""),
                offset: member.offset,
            },
            MemberKind::Directory => Kind::Directory {
                opaque: false,
                implied: false,
            },
            MemberKind::Symlink if member.link.is_empty() || member.link.contains(&0) => {
                return Err(MemberError::BadPath(path));
            }
            MemberKind::Symlink => Kind::Symlink(member.link.clone().into()),
            MemberKind::Fifo => Kind::Fifo,
            MemberKind::Device => Kind::Device,
        };
        let file = matches!(kind, Kind::File { .. });
        let symlink = matches!(kind, Kind::Symlink(_));
        let node = Node {
            kind,
            mode: if symlink { 0o777 } else { member.mode },
            uid: member.uid,
            gid: member.gid,
            capability: member.capability.clone().map(Into::into),
        };
        self.insert(path.clone(), node)?;
        Ok(if file {
            Placed::File(path)
        } else {
            Placed::Node(path)
        })
    }

    /// Says what the content of the file at `path` was.
    pub fn content(&mut self, path: &[u8], content: Digest) {
        if let Some(Node {
            kind: Kind::File { digest, .. },
            ..
        }) = self.entries.get_mut(path)
        {
            *digest = content;
        }
    }

    /// What stands at `path` now.
    pub fn get(&self, path: &[u8]) -> Option<&Node> {
        self.entries.get(path)
    }

    /// The finished list.
    pub fn finish(self) -> LayerIndex {
        LayerIndex {
            entries: self
                .entries
                .into_iter()
                .map(|(path, node)| (path.into_boxed_slice(), node))
                .collect(),
        }
    }

    fn link(&mut self, path: Vec<u8>, member: &Member) -> Result<Placed, MemberError> {
        let target = clean_member(&member.link)?;
        let node = self.entries.get(&target);
        let Some(node) = node.filter(|n| !n.is_directory() && n.kind != Kind::Whiteout) else {
            return Err(MemberError::LinkNowhere { path, target });
        };
        if path == target {
            return Ok(Placed::Skipped);
        }
        let is_below = |path: &[u8], folder: &[u8]| {
            path.strip_prefix(folder)
                .is_some_and(|rest| rest.starts_with(b"/"))
        };
        // Making room for the link would take away what it links to.
        if is_below(&target, &path) || is_below(&path, &target) {
            return Err(MemberError::LinkNowhere { path, target });
        }
        let node = node.clone();
        let device = node.kind == Kind::Device;
        self.insert(path.clone(), node)?;
        Ok(if device {
            Placed::Node(path)
        } else {
            Placed::HardLink { path, target }
        })
    }

    fn insert(&mut self, path: Vec<u8>, mut node: Node) -> Result<(), MemberError> {
        self.make_room(super::parent(&path))?;
        let link = match &node.kind {
            Kind::Symlink(text) => text.len(),
            _ => 0,
        };
        self.count(path.len() + link)?;
        match (&mut node.kind, self.entries.get(&path).map(|n| &n.kind)) {
            (Kind::Directory { opaque, .. }, Some(Kind::Directory { opaque: was, .. })) => {
                *opaque |= *was;
            }
            (_, Some(Kind::Directory { .. })) => remove_below(&mut self.entries, &path),
            // What stood there in this layer is gone, and with it what lower layers had.
            (Kind::Directory { opaque, .. }, Some(_)) => *opaque = true,
            _ => {}
        }
        self.entries.insert(path, node);
        Ok(())
    }

    /// Counts an entry that comes in.
    fn count(&mut self, text: usize) -> Result<(), MemberError> {
        if self.entries.len() >= ENTRIES_LIMIT {
            return Err(MemberError::TooMany);
        }
        self.text += text;
        if self.text > TEXT_LIMIT {
            return Err(MemberError::TooMuchText);
        }
        Ok(())
    }

    /// Makes every parent of a member a folder.
    fn make_room(&mut self, folder: &[u8]) -> Result<(), MemberError> {
        if folder.is_empty() || self.entries.get(folder).is_some_and(Node::is_directory) {
            return Ok(());
        }
        let ends = (1..=folder.len()).filter(|&i| i == folder.len() || folder[i] == b'/');
        for end in ends {
            let path = &folder[..end];
            let present = self.entries.get(path);
            if present.is_some_and(Node::is_directory) {
                continue;
            }
            let mut node = implied();
            if let (Kind::Directory { opaque, .. }, Some(_)) = (&mut node.kind, present) {
                *opaque = true;
            }
            self.count(path.len())?;
            self.entries.insert(path.to_vec(), node);
        }
        Ok(())
    }
}

/// Removes what stands below `path`, but not what stands at it.
pub fn remove_below<V>(entries: &mut BTreeMap<Vec<u8>, V>, path: &[u8]) {
    let prefix = [path, b"/"].concat();
    let doomed: Vec<Vec<u8>> = entries
        .range::<[u8], _>((Bound::Included(&*prefix), Bound::Unbounded))
        .take_while(|(p, _)| p.starts_with(&prefix))
        .map(|(p, _)| p.clone())
        .collect();
    for path in doomed {
        entries.remove(&path);
    }
}

fn implied() -> Node {
    Node::new(
        Kind::Directory {
            opaque: false,
            implied: true,
        },
        0o755,
    )
}

/// Whether a clean path is one that programs can open and that a layer may have.
pub fn fits(path: &[u8]) -> bool {
    let mut depth = 0;
    let short = path.split(|&b| b == b'/').all(|part| {
        depth += 1;
        part.len() <= 255
    });
    short && path.len() <= PATH_LIMIT && depth <= DEPTH_LIMIT
}

/// A member's path without `./`, `/` and doubled slashes; one that climbs is refused, not mended.
///
/// # Errors
/// If it climbs, or no program could open it.
pub fn clean_member(path: &[u8]) -> Result<Vec<u8>, MemberError> {
    if path.contains(&0) {
        return Err(MemberError::BadPath(path.to_vec()));
    }
    let parts: Vec<&[u8]> = path
        .split(|&b| b == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
        .collect();
    if parts.contains(&&b".."[..]) {
        return Err(MemberError::Climbs(path.to_vec()));
    }
    let clean = parts.join(&b'/');
    if !fits(&clean) {
        return Err(MemberError::BadPath(path.to_vec()));
    }
    Ok(clean)
}
