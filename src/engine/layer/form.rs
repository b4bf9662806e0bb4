//! What an entry of a new layer looks like in its tar.

use super::write::{NewEntry, What};
use crate::engine::tar::{self, Header, Type};
use crate::engine::tree::{join, split_name};

/// An entry as the bytes around its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// Under which name it stands in the tar.
    pub path: Vec<u8>,
    /// Its header.
    pub head: Vec<u8>,
    /// How many bytes of content follow, and are padded.
    pub size: u64,
    /// The mark of a folder that hides what lower layers hold in it: its path and header.
    pub mark: Option<(Vec<u8>, Vec<u8>)>,
}

impl Form {
    /// The form of `entry` at `path`, with the time `mtime` in seconds since 1970.
    pub fn of(path: &[u8], entry: &NewEntry, mtime: i64) -> Self {
        let (kind, size, link): (Type, u64, &[u8]) = match &entry.what {
            What::File(size) => (Type::File, *size, b""),
            What::HardLink(target) => (Type::HardLink, 0, target),
            What::Directory { .. } => (Type::Directory, 0, b""),
            What::Symlink(target) => (Type::Symlink, 0, target),
            What::Fifo => (Type::Fifo, 0, b""),
            What::Whiteout => (Type::File, 0, b""),
        };
        let mode = if kind == Type::Symlink {
            0o777
        } else {
            entry.mode
        };
        let path = if entry.what == What::Whiteout {
            let (folder, name) = split_name(path);
            join(folder, &[b".wh.", name].concat())
        } else {
            path.to_vec()
        };
        let header = Header {
            path: &path,
            kind,
            mode,
            uid: entry.uid,
            gid: entry.gid,
            size,
            mtime,
            nanos: 0,
            link,
            capability: entry.capability.as_deref(),
        };
        let head = bytes(&header);
        let mark = matches!(entry.what, What::Directory { opaque: true }).then(|| {
            let path = join(&path, b".wh..wh..opq");
            let header = Header {
                path: &path,
                kind: Type::File,
                mode: 0,
                uid: 0,
                gid: 0,
                size: 0,
                mtime,
                nanos: 0,
                link: b"",
                capability: None,
            };
            let head = bytes(&header);
            (path, head)
        });
        Self {
            path,
            head,
            size,
            mark,
        }
    }
}

fn bytes(header: &Header<'_>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512);
    // Memory takes everything.
    let _ = tar::header(&mut bytes, header);
    bytes
}
