//! Where the entries of a layer lie in its members, and what tells a member from another, without reading a file: by the
//! headers and by the digests of what is between them.

use super::block::{BLOCK, ends_before};
use super::form::Form;
use crate::engine::key::Key;
use crate::engine::tar;
use crate::model::Digest;
use crate::ustar::padding_after;

/// A member as it will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Two members of the same key hold the same bytes.
    pub key: Digest,
    /// How many bytes of the tar it holds.
    pub length: u64,
    /// How many entries came before it, where it begins with a new one and not within one.
    pub entries: Option<usize>,
}

/// An outline being drawn: entries in, in their order.
#[derive(Debug, Clone)]
pub struct Outline {
    key: Key,
    filled: usize,
    begins: Option<usize>,
    entries: usize,
    members: Vec<Planned>,
}

impl Default for Outline {
    fn default() -> Self {
        Self::new()
    }
}

impl Outline {
    /// Of a layer without entries.
    pub fn new() -> Self {
        Self {
            key: Key::new("member"),
            filled: 0,
            begins: Some(0),
            entries: 0,
            members: Vec::new(),
        }
    }

    /// The next entry, whose content has `digest`.
    pub fn entry(&mut self, form: &Form, digest: Option<Digest>) {
        self.before(&form.path, form.size);
        self.bytes(&form.head);
        if let Some(digest) = digest {
            self.content(digest, form.size);
        }
        let padding = padding_after(form.size);
        self.bytes(&[0; 512][..usize::try_from(padding).unwrap_or(0)]);
        if let Some((path, head)) = &form.mark {
            self.before(path, 0);
            // A mark belongs to the entry before it.
            self.begins = self.begins.filter(|_| self.filled > 0);
            self.bytes(head);
        }
        self.entries += 1;
    }

    /// All members, once every entry is there.
    pub fn finish(mut self) -> Vec<Planned> {
        let mut end = Vec::new();
        // Memory takes everything.
        let _ = tar::end(&mut end);
        self.bytes(&end);
        self.cut();
        self.members
    }

    fn before(&mut self, path: &[u8], size: u64) {
        if ends_before(self.filled, path, size) {
            self.cut();
        }
        if self.filled == 0 {
            self.begins = Some(self.entries);
        }
    }

    fn bytes(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, rest) = bytes.split_at(bytes.len().min(BLOCK - self.filled));
            self.key.number(1).bytes(now);
            self.fill(now.len());
            bytes = rest;
        }
    }

    fn content(&mut self, digest: Digest, size: u64) {
        let mut at = 0;
        while at < size {
            let room = (BLOCK - self.filled) as u64;
            let now = room.min(size - at);
            self.key.number(2).digest(digest).number(at).number(now);
            self.fill(usize::try_from(now).unwrap_or(BLOCK));
            at += now;
        }
    }

    fn fill(&mut self, length: usize) {
        self.filled += length;
        if self.filled == BLOCK {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.filled == 0 {
            return;
        }
        let key = std::mem::replace(&mut self.key, Key::new("member"));
        self.members.push(Planned {
            key: key.finish(),
            length: self.filled as u64,
            entries: self.begins.take(),
        });
        self.filled = 0;
    }
}
