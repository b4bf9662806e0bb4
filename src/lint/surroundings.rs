//! What lies around the file in its context, as rules ask for it: the ignore file that counts, and how much a path holds.

use std::cell::OnceCell;

use super::stage::joined;
use crate::model::context::{ContextSource, EntryKind};

/// The longest ignore file that is read.
const LONGEST: u64 = 1 << 20;

/// The context, and what was read of it so far.
pub(super) struct Surroundings<'a> {
    context: Option<&'a dyn ContextSource>,
    /// The Dockerfile's name.
    name: &'a str,
    ignore: OnceCell<Option<(String, String)>>,
    /// The bytes of all entries before each.
    sums: OnceCell<Vec<u64>>,
}

impl<'a> Surroundings<'a> {
    pub(super) const fn of(context: Option<&'a dyn ContextSource>, name: &'a str) -> Self {
        Self {
            context,
            name,
            ignore: OnceCell::new(),
            sums: OnceCell::new(),
        }
    }

    /// The ignore file's name and text: the one of this Dockerfile, else that of the context.
    pub(super) fn ignore_file(&self) -> Option<&(String, String)> {
        let read = || {
            let context = self.context?;
            let own = format!("{}.dockerignore", self.name);
            [own.as_str(), ".dockerignore"]
                .into_iter()
                .find_map(|name| {
                    let bytes = context.read(name, LONGEST).ok()?;
                    Some((
                        name.to_owned(),
                        String::from_utf8_lossy(&bytes).into_owned(),
                    ))
                })
        };
        self.ignore.get_or_init(read).as_ref()
    }

    /// Whether the ignore file leaves everything out, and lets in by name.
    pub(super) fn is_narrow(&self) -> bool {
        let patterns = self.ignore_file().map(|(_, text)| text.lines());
        let first = patterns.into_iter().flatten().map(str::trim);
        let mut first = first.filter(|line| !line.is_empty() && !line.starts_with('#'));
        matches!(first.next(), Some("*" | "**" | "/*" | "**/*"))
    }

    /// The bytes of the file or folder at `path`, a path without patterns.
    pub(super) fn bytes_at(&self, path: &str) -> u64 {
        let Some(context) = self.context else {
            return 0;
        };
        let path = joined("/", path);
        let path = path.trim_start_matches('/');
        let entries = context.entries();
        let sums = self.sums.get_or_init(|| {
            let sizes = entries.iter().map(|entry| match entry.kind {
                EntryKind::File { size } => size,
                _ => 0,
            });
            let mut sum = 0u64;
            let running = sizes.map(|size| {
                sum = sum.saturating_add(size);
                sum
            });
            std::iter::once(0).chain(running).collect()
        });
        let between = |from: usize, to: usize| {
            let at = |i: usize| sums.get(i).copied().unwrap_or(0);
            at(to).saturating_sub(at(from))
        };
        if path.is_empty() {
            return between(0, entries.len());
        }
        let own = context.find(path).map_or(0, |at| between(at, at + 1));
        // `/` and the byte behind it enclose what lies below.
        let below =
            entries.partition_point(|e| *e.path.as_bytes() < *format!("{path}/").as_bytes());
        let past = entries.partition_point(|e| *e.path.as_bytes() < *format!("{path}0").as_bytes());
        own.saturating_add(between(below, past))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::context::MemoryContext;

    #[test]
    fn a_path_holds_what_lies_below_it() {
        let context = MemoryContext::default()
            .file("a", 0o644, "1")
            .file("a-b", 0o644, "22")
            .file("b/c", 0o644, "333")
            .file("b/d/e", 0o644, "4444")
            .file("b0", 0o644, "55555");
        let around = Surroundings::of(Some(&context), "Dockerfile");
        for (path, bytes) in [
            ("a", 1),
            ("b", 7),
            ("./b/", 7),
            ("b/d", 4),
            (".", 15),
            ("x", 0),
        ] {
            assert_eq!(around.bytes_at(path), bytes, "{path}");
        }
    }

    #[test]
    fn the_own_ignore_file_goes_first() {
        let context = MemoryContext::default()
            .file(".dockerignore", 0o644, "a")
            .file("x.dockerignore", 0o644, "*\n!b");
        let around = Surroundings::of(Some(&context), "x");
        assert_eq!(
            around.ignore_file().map(|(name, _)| &**name),
            Some("x.dockerignore")
        );
        assert!(around.is_narrow());
        assert!(!Surroundings::of(Some(&context), "y").is_narrow());
        assert_eq!(Surroundings::of(None, "y").ignore_file(), None);
    }
}
