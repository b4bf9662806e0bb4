//! One entry of a layer.

use crate::model::Digest;

/// What stands at a path of a layer. Times are missing on purpose: in our layers they are all one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// File capabilities.
    pub capability: Option<Box<[u8]>>,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File {
        /// Length in bytes.
        size: u64,
        /// The digest of its content.
        digest: Digest,
        /// Where its content begins in the layer's tar: names of one file have one offset, others never.
        offset: u64,
    },
    /// A folder.
    Directory {
        /// Whether what lower layers hold in it is gone.
        opaque: bool,
        /// Whether the layer has no entry of its own for it: what a lower layer says of it holds.
        implied: bool,
    },
    /// A symbolic link and its text.
    Symlink(Box<[u8]>),
    /// A named pipe.
    Fifo,
    /// A device, which no step sees: the sandbox brings its own.
    Device,
    /// What a lower layer holds here is gone.
    Whiteout,
}

/// The root of an image that says nothing about it.
pub static ROOT: Node = Node::directory(0o755);

impl Node {
    /// A folder of root's.
    pub const fn directory(mode: u32) -> Self {
        Self {
            kind: Kind::Directory {
                opaque: false,
                implied: false,
            },
            mode,
            uid: 0,
            gid: 0,
            capability: None,
        }
    }

    /// A node of root's without capabilities.
    pub const fn new(kind: Kind, mode: u32) -> Self {
        Self {
            kind,
            mode,
            uid: 0,
            gid: 0,
            capability: None,
        }
    }

    /// With another owner.
    #[must_use]
    pub const fn owned(mut self, uid: u32, gid: u32) -> Self {
        self.uid = uid;
        self.gid = gid;
        self
    }

    /// Whether it is a folder.
    pub const fn is_directory(&self) -> bool {
        matches!(self.kind, Kind::Directory { .. })
    }

    /// Whether it is there only because something below it is.
    pub const fn is_implied(&self) -> bool {
        matches!(self.kind, Kind::Directory { implied: true, .. })
    }
}
