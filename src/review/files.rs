//! Which files of a context are not as they were.
//!
//! Two sorted lists are walked side by side. A file is read only where its length is the same as before, and only as long as
//! not too much was read: a context of a hundred thousand files is compared by what its index says of most of them.

use std::cmp::Ordering;
use std::io::{self, Read};

use crate::model::changes::{FileChange, FileChanges, Listed, PathChange};
use crate::model::context::{ContextEntry, ContextSource, EntryKind};

/// Bytes that are read to compare, of each side.
const READ: u64 = 64 << 20;
/// Paths that are listed.
const LISTED: usize = 2_000;
/// Of a file that is new or other, so much is looked at to tell text from other bytes.
const HEAD: u64 = 8 << 10;

/// Compares two contexts.
pub fn files(old: &dyn ContextSource, new: &dyn ContextSource) -> FileChanges {
    let mut walk = Walk {
        old,
        new,
        changes: FileChanges::default(),
        left: READ,
    };
    let (mut a, mut b) = (0, 0);
    loop {
        let (before, after) = (old.entries().get(a), new.entries().get(b));
        let order = match (before, after) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(before), Some(after)) => before.path.as_bytes().cmp(after.path.as_bytes()),
        };
        match order {
            Ordering::Less => walk.removed(a),
            Ordering::Greater => walk.added(b),
            Ordering::Equal => walk.both(a, b),
        }
        a += usize::from(order != Ordering::Greater);
        b += usize::from(order != Ordering::Less);
    }
    walk.changes
}

struct Walk<'a> {
    old: &'a dyn ContextSource,
    new: &'a dyn ContextSource,
    changes: FileChanges,
    /// Bytes that may still be read.
    left: u64,
}

impl Walk<'_> {
    fn removed(&mut self, at: usize) {
        let Some(entry) = self.old.entries().get(at) else {
            return;
        };
        // A folder goes with what was in it.
        if entry.kind == EntryKind::Directory {
            return;
        }
        self.changes.removed += 1;
        let (path, listed) = (entry.path.clone(), listed(entry));
        self.list(path, PathChange::Removed, Some(listed), None, None);
    }

    fn added(&mut self, at: usize) {
        let Some(entry) = self.new.entries().get(at) else {
            return;
        };
        if entry.kind == EntryKind::Directory {
            return;
        }
        self.changes.added += 1;
        let text = self.is_text(at, entry);
        let (path, listed) = (entry.path.clone(), listed(entry));
        self.list(path, PathChange::Added, None, Some(listed), text);
    }

    fn both(&mut self, a: usize, b: usize) {
        let (Some(before), Some(after)) = (self.old.entries().get(a), self.new.entries().get(b))
        else {
            return;
        };
        let same_entry = before.kind == after.kind && before.mode == after.mode;
        let change = match (&before.kind, &after.kind) {
            (EntryKind::File { size }, EntryKind::File { .. }) if same_entry => {
                if *size > self.left {
                    PathChange::NotCompared
                } else {
                    self.left -= size;
                    match same(self.old.open(a), self.new.open(b)) {
                        Ok(true) => return,
                        Ok(false) => PathChange::Changed,
                        // What can't be read has not been compared.
                        Err(_) => PathChange::NotCompared,
                    }
                }
            }
            _ if same_entry => return,
            _ => PathChange::Changed,
        };
        match change {
            PathChange::NotCompared => self.changes.not_compared += 1,
            _ => self.changes.changed += 1,
        }
        let text = self.is_text(b, after);
        let (old, new) = (Some(listed(before)), Some(listed(after)));
        self.list(after.path.clone(), change, old, new, text);
    }

    /// Whether what is there now is text; only for what is listed.
    fn is_text(&self, at: usize, entry: &ContextEntry) -> Option<bool> {
        if self.changes.list.len() >= LISTED || !matches!(entry.kind, EntryKind::File { .. }) {
            return None;
        }
        self.new.head(at, HEAD).ok().map(|head| is_text(&head))
    }

    fn list(
        &mut self,
        path: String,
        change: PathChange,
        old: Option<Listed>,
        new: Option<Listed>,
        text: Option<bool>,
    ) {
        if self.changes.list.len() < LISTED {
            self.changes.list.push(FileChange {
                path,
                change,
                old,
                new,
                text,
            });
        }
    }
}

/// Whether bytes are text as people read it: UTF-8, perhaps cut, without a NUL.
pub fn is_text(bytes: &[u8]) -> bool {
    if bytes.contains(&0) {
        return false;
    }
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        // Cut in the middle of a character.
        Err(error) => error.error_len().is_none(),
    }
}

/// An entry in the words of a listing.
pub fn listed(entry: &ContextEntry) -> Listed {
    let (what, size, target) = match &entry.kind {
        EntryKind::File { size } => ("file", *size, ""),
        EntryKind::Directory => ("folder", 0, ""),
        EntryKind::Symlink { target } => ("link", 0, target.as_str()),
    };
    Listed {
        what: what.to_owned(),
        size,
        mode: entry.mode,
        target: target.to_owned(),
    }
}

type Opened<'a> = io::Result<Box<dyn Read + Send + 'a>>;

/// Whether two files of one length hold the same.
fn same(old: Opened<'_>, new: Opened<'_>) -> io::Result<bool> {
    let (mut old, mut new) = (old?, new?);
    let (mut a, mut b) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    loop {
        let read = fill(&mut *old, &mut a)?;
        if fill(&mut *new, &mut b)? != read || a.get(..read) != b.get(..read) {
            return Ok(false);
        }
        if read == 0 {
            return Ok(true);
        }
    }
}

fn fill(from: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering as Order};

    use super::*;
    use crate::model::context::MemoryContext;

    fn signs(changes: &FileChanges) -> String {
        let each = changes.list.iter();
        each.map(|c| format!("{}{} ", c.change.sign(), c.path))
            .collect()
    }

    #[test]
    fn what_came_went_and_changed_is_listed_by_path() {
        let old = MemoryContext::default()
            .file("a", 0o644, "1")
            .file("b/c", 0o644, "old")
            .file("b/d", 0o644, "same")
            .file("e", 0o644, "x")
            .file("gone", 0o644, [0, 1])
            .link("l", "a");
        let new = MemoryContext::default()
            .file("a", 0o755, "1")
            .file("b/c", 0o644, "new")
            .file("b/d", 0o644, "same")
            .file("e", 0o644, "longer")
            .file("f/new", 0o644, [0, 1])
            .link("l", "b");
        let changes = files(&old, &new);
        assert_eq!(signs(&changes), "~a ~b/c ~e +f/new -gone ~l ");
        assert_eq!((changes.added, changes.removed, changes.changed), (1, 1, 4));
        assert_eq!(changes.list[1].text, Some(true));
        assert_eq!(changes.list[3].text, Some(false));
        assert_eq!(files(&new, &new), FileChanges::default());
    }

    /// Counts how often it is opened.
    struct Counted(MemoryContext, AtomicUsize);

    impl ContextSource for Counted {
        fn entries(&self) -> &[ContextEntry] {
            self.0.entries()
        }

        fn open(&self, index: usize) -> io::Result<Box<dyn Read + Send + '_>> {
            self.1.fetch_add(1, Order::Relaxed);
            self.0.open(index)
        }
    }

    #[test]
    fn files_of_another_length_are_not_read_to_the_end_and_the_list_is_bounded() {
        let many = |text: &str| {
            let each = (0..5_000).fold(MemoryContext::default(), |context, n| {
                context.file(&format!("{n:05}"), 0o644, text)
            });
            Counted(each, AtomicUsize::new(0))
        };
        let (old, new) = (many("a"), many("bb"));
        let changes = files(&old, &new);
        assert_eq!(changes.changed, 5_000);
        assert_eq!(changes.list.len(), LISTED);
        assert_eq!(old.1.load(Order::Relaxed), 0);
        // The heads of those that are listed.
        assert_eq!(new.1.load(Order::Relaxed), LISTED);
    }

    #[test]
    fn a_cut_character_is_text() {
        assert!(is_text(&"é".as_bytes()[..1]));
        assert!(!is_text(&[0xff, b'a']));
        assert!(!is_text(b"a\0"));
    }
}
