//! What a path, a link and a whole context may be; the same for folders and archives.

use super::error::{Fault, IntakeError, shown};
use crate::model::limits::ContextLimits;

/// A name between two slashes can't be longer on any file system that a build unpacks it to.
const NAME_LIMIT: usize = 255;
/// Linux reads no longer link.
const LINK_LIMIT: usize = 4095;

/// The path of an entry as a context writes it: no `.`, no empty parts. Empty for the root itself.
///
/// # Errors
/// If it is absolute, climbs, is no text, or is too long.
pub(super) fn path(raw: &[u8], limits: &ContextLimits) -> Result<String, IntakeError> {
    let entry = |fault| IntakeError::entry(raw, fault);
    if raw.contains(&0) {
        return Err(entry(Fault::Nul));
    }
    let text = std::str::from_utf8(raw).map_err(|_| entry(Fault::NotText))?;
    let clean = inside(text).map_err(entry)?;
    let long = |what, length: usize, limit| IntakeError::Length {
        name: shown(raw),
        what,
        length: length as u64,
        limit,
    };
    if clean.len() as u64 > limits.path_bytes {
        return Err(long("a path", clean.len(), limits.path_bytes));
    }
    if let Some(name) = clean.split('/').find(|name| name.len() > NAME_LIMIT) {
        return Err(long("a name", name.len(), NAME_LIMIT as u64));
    }
    Ok(clean)
}

/// The path of what is called `name` in `folder`, which has been looked at before; a name that a file system gave has
/// no slash in it.
///
/// # Errors
/// If it is no text, or the path is too long.
pub(super) fn below(
    folder: &str,
    name: &[u8],
    limits: &ContextLimits,
) -> Result<String, IntakeError> {
    let length = folder.len() + 1 + name.len();
    let plain = std::str::from_utf8(name).is_ok_and(|n| !n.is_empty() && !n.contains(['/', '\0']));
    if folder.is_empty() || !plain || name.len() > NAME_LIMIT || length as u64 > limits.path_bytes {
        let raw = match folder {
            "" => name.to_vec(),
            folder => [folder.as_bytes(), b"/", name].concat(),
        };
        return path(&raw, limits);
    }
    let mut path = String::with_capacity(length);
    path.push_str(folder);
    path.push('/');
    path.push_str(&String::from_utf8_lossy(name));
    Ok(path)
}

/// `text` without `.` and empty parts.
fn inside(text: &str) -> Result<String, Fault> {
    if text.starts_with('/') {
        return Err(Fault::Absolute);
    }
    let mut clean = String::with_capacity(text.len());
    for part in text.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part == ".." {
            return Err(Fault::Climbs);
        }
        if !clean.is_empty() {
            clean.push('/');
        }
        clean.push_str(part);
    }
    Ok(clean)
}

/// What a hard link names, as a context writes paths.
///
/// # Errors
/// If that is outside.
pub(super) fn hard_link(path: &str, raw: &[u8]) -> Result<String, IntakeError> {
    let leaves = || IntakeError::entry(path, Fault::HardLinkLeaves { target: shown(raw) });
    let text = std::str::from_utf8(raw).map_err(|_| leaves())?;
    inside(text).map_err(|_| leaves())
}

/// The text of a symbolic link, which is still to be held against [`link_stays`].
///
/// # Errors
/// If it is no text, empty, or too long.
pub(super) fn link(path: &str, raw: &[u8]) -> Result<String, IntakeError> {
    let entry = |fault| IntakeError::entry(path, fault);
    if raw.is_empty() {
        return Err(entry(Fault::EmptyLink));
    }
    if raw.contains(&0) {
        return Err(entry(Fault::Nul));
    }
    if raw.len() > LINK_LIMIT {
        return Err(IntakeError::Length {
            name: shown(path.as_bytes()),
            what: "a link",
            length: raw.len() as u64,
            limit: LINK_LIMIT as u64,
        });
    }
    let text = std::str::from_utf8(raw).map_err(|_| entry(Fault::NotText))?;
    Ok(text.to_owned())
}

/// Whether the link at `path` stays in the context, by its letters.
///
/// # Errors
/// If its target is absolute or climbs above the root.
pub(super) fn link_stays(path: &str, target: &str) -> Result<(), IntakeError> {
    let leaves = || {
        IntakeError::entry(
            path,
            Fault::LinkLeaves {
                target: shown(target.as_bytes()),
            },
        )
    };
    if target.starts_with('/') {
        return Err(leaves());
    }
    let mut depth = path.matches('/').count();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => depth = depth.checked_sub(1).ok_or_else(leaves)?,
            _ => depth += 1,
        }
    }
    Ok(())
}

/// Counts what comes in, and says no before it is read.
#[derive(Debug)]
pub(super) struct Ledger<'a> {
    limits: &'a ContextLimits,
    bytes: u64,
    entries: u64,
}

impl<'a> Ledger<'a> {
    pub(super) const fn new(limits: &'a ContextLimits) -> Self {
        Self {
            limits,
            bytes: 0,
            entries: 0,
        }
    }

    /// Counts an entry of `size` bytes.
    ///
    /// # Errors
    /// If that is one entry or one byte too many.
    pub(super) fn count(&mut self, path: &str, size: u64) -> Result<(), IntakeError> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(IntakeError::Entries {
                name: shown(path.as_bytes()),
                limit: self.limits.entries,
            });
        }
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > self.limits.bytes {
            return Err(IntakeError::Bytes {
                name: shown(path.as_bytes()),
                size,
                limit: self.limits.bytes,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lose_what_means_nothing_and_keep_their_letters() {
        let limits = ContextLimits::default();
        for (raw, clean) in [
            ("a", "a"),
            ("./a//b/./c/", "a/b/c"),
            ("./", ""),
            ("a\\..\\b", "a\\..\\b"),
            ("..a/b..", "..a/b.."),
        ] {
            assert_eq!(path(raw.as_bytes(), &limits).unwrap(), clean, "{raw}");
        }
    }

    #[test]
    fn paths_that_leave_or_are_no_text_are_refused_by_name() {
        let limits = ContextLimits {
            path_bytes: 20,
            ..ContextLimits::default()
        };
        for raw in [
            &b"/a"[..],
            b"..",
            b"a/../b",
            b"a/..",
            b"a\0b",
            b"\xff",
            b"a/aaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            assert!(path(raw, &limits).is_err(), "{raw:?}");
        }
        assert!(path(&[b'x'; 256], &ContextLimits::default()).is_err());
    }

    #[test]
    fn links_are_held_to_the_root_by_their_letters() {
        for (at, target, stays) in [
            ("l", "a", true),
            ("l", "..", false),
            ("l", "a/..", true),
            ("l", "a/../..", false),
            ("a/l", "..", true),
            ("a/l", "../b", true),
            ("a/l", "../../b", false),
            ("a/b/l", "../../c/./d", true),
            ("l", "/etc", false),
        ] {
            assert_eq!(link_stays(at, target).is_ok(), stays, "{at} -> {target}");
        }
        assert!(
            link_stays("l", "/etc")
                .unwrap_err()
                .to_string()
                .contains("link leaves the context")
        );
    }
}
