//! Why a context is not taken in, in words for whoever sent it.
//!
//! Must not know which exit code a face makes of it: only whose trouble it is.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::{Digest, foreign};

/// Names are cut to this many characters in an error.
const SHOWN: usize = 200;

/// Why a context is not taken in. Nothing of it is kept then.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The host failed, not the context.
    #[error("can't {what} {path}: {source}; see that the disk has room and the folder can be written", path = path.display())]
    Host {
        /// What was tried.
        what: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The stream that an archive comes from failed.
    #[error("can't read the archive: {0}; send it again")]
    Input(io::Error),
    /// The kernel can't open a file below a folder without following links.
    #[error(
        "can't open files safely on this host: {0}; Linux 5.6 or later, with openat2, is needed"
    )]
    Kernel(io::Error),
    /// A stored context is not what was stored.
    #[error(
        "the stored context {digest} {what}; submit it again, or restore the state folder from a backup"
    )]
    Stored {
        /// Which.
        digest: Digest,
        /// What is wrong with it.
        what: String,
    },
    /// What was named is no folder that can be read.
    #[error("can't read the folder {path}: {source}; name the folder that holds the Dockerfile", path = path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An entry breaks a rule.
    #[error("`{name}` {fault}")]
    Entry {
        /// Which, made harmless for a terminal.
        name: String,
        /// What is wrong with it.
        fault: Fault,
    },
    /// A file of the folder can't be read.
    #[error(
        "`{name}` can't be read: {source}; make it readable, or leave it out with .dockerignore"
    )]
    Unreadable {
        /// Which.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// Too many bytes.
    #[error(
        "the context is too large: with `{name}` ({size} bytes) it has more than {limit} bytes; leave out what the build does not need, with .dockerignore"
    )]
    Bytes {
        /// The entry that is too much.
        name: String,
        /// Its length.
        size: u64,
        /// What is let in.
        limit: u64,
    },
    /// Too many entries.
    #[error(
        "the context has more than {limit} files, folders and links (`{name}` is one too many); leave out what the build does not need, with .dockerignore"
    )]
    Entries {
        /// The entry that is too much.
        name: String,
        /// What is let in.
        limit: u64,
    },
    /// A path, a name or a link's text is too long.
    #[error("`{name}`: {what} of {length} bytes is too long; at most {limit} are let in")]
    Length {
        /// The entry.
        name: String,
        /// What is too long.
        what: &'static str,
        /// Its length.
        length: u64,
        /// What is let in.
        limit: u64,
    },
    /// The archive itself is broken or of no known kind.
    #[error("the archive {0}")]
    Archive(ArchiveFault),
    /// A `.dockerignore` can't be followed.
    #[error("{file} line {line}: `{pattern}` {why}; mend the pattern")]
    Ignore {
        /// Which file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The pattern as written.
        pattern: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A `.dockerignore` asks for more work than is done for one.
    #[error("{file} {why}; write fewer and simpler patterns")]
    IgnoreTooLarge {
        /// Which file.
        file: String,
        /// What is too much.
        why: &'static str,
    },
}

/// What is wrong with an entry, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The path starts at the root of a file system.
    #[error("is an absolute path; paths in a context are relative to its root")]
    Absolute,
    /// The path has a `..`.
    #[error("climbs with `..`; paths in a context stay below its root")]
    Climbs,
    /// The path is the root itself, and that is no folder.
    #[error("names the context's root, which is a folder")]
    Root,
    /// The path or the link's text has a NUL.
    #[error("has a NUL byte in its path or link; rename it")]
    Nul,
    /// The path or the link's text is not UTF-8.
    #[error("has a path or link that is not UTF-8; rename it")]
    NotText,
    /// A symbolic link without a text.
    #[error("is a link to nothing; leave it out")]
    EmptyLink,
    /// A symbolic link out of the context.
    #[error(
        "points to `{target}`: link leaves the context; point it to a file inside, by a relative path"
    )]
    LinkLeaves {
        /// Where it points.
        target: String,
    },
    /// A hard link out of the context.
    #[error("is a hard link to `{target}`: link leaves the context; send the file itself")]
    HardLinkLeaves {
        /// Where it points.
        target: String,
    },
    /// A hard link to what is no earlier file.
    #[error(
        "is a hard link to `{target}`, which is no earlier file of the archive; send the file itself"
    )]
    HardLinkUnknown {
        /// Where it points.
        target: String,
    },
    /// A device.
    #[error("is a device; a context holds files, folders and links only")]
    Device,
    /// A named pipe.
    #[error("is a named pipe; a context holds files, folders and links only")]
    Fifo,
    /// A socket.
    #[error("is a socket; a context holds files, folders and links only")]
    Socket,
    /// A sparse file of a special archive format.
    #[error("is a sparse entry; make the archive without `--sparse`")]
    Sparse,
    /// An entry of no known kind.
    #[error("is of the unknown kind `{0}`; make the archive with a plain `tar -cf`")]
    Unknown(String),
    /// The path is there already.
    #[error("is in the archive twice; make the archive afresh")]
    Twice,
    /// The path goes through what is no folder.
    #[error("lies below `{0}`, which is {1}, not a folder; make the archive afresh")]
    Below(String, &'static str),
    /// A folder, link or device with content.
    #[error("has content but is no file; make the archive with a plain `tar -cf`")]
    Content,
    /// The file is not what it was a moment ago.
    #[error("changed or vanished while it was read; try again when nothing writes to the folder")]
    Changed,
    /// An ignore file that is none.
    #[error("must be a file of its own, not a link or a folder")]
    NotAFile,
}

/// What is wrong with an archive as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveFault {
    /// It ends too early.
    #[error("ends in the middle, at byte {0}; send it again, whole")]
    Truncated(u64),
    /// A header is no header.
    #[error("is damaged or no tar at byte {0}; send a tar, plain or packed with gzip or zstd")]
    Damaged(u64),
    /// Something follows the end.
    #[error("goes on after its end, at byte {0}; send one archive only")]
    Trailing(u64),
    /// More headers than so many entries need.
    #[error(
        "has more header bytes than its entries can need ({0}); make it afresh with a plain `tar -cf`"
    )]
    Headers(u64),
    /// Packed by something that we don't unpack.
    #[error("is packed with {0}; send it plain, or packed with gzip or zstd")]
    Packed(&'static str),
    /// The unpacker says no.
    #[error("can't be unpacked: {0}; send it again, whole")]
    Unpack(String),
}

impl IntakeError {
    /// Whether the host is in trouble, not the context: a full disk, a damaged store.
    pub const fn is_host(&self) -> bool {
        matches!(
            self,
            Self::Host { .. } | Self::Input(_) | Self::Kernel(_) | Self::Stored { .. }
        )
    }

    pub(super) fn entry(name: impl AsRef<[u8]>, fault: Fault) -> Self {
        Self::Entry {
            name: shown(name.as_ref()),
            fault,
        }
    }

    pub(super) fn host(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Host {
            what,
            path: path.to_owned(),
            source,
        }
    }

    /// What came out of reading the entry `name`.
    pub(super) fn reading(name: &str, error: io::Error) -> Self {
        error
            .downcast::<Self>()
            .unwrap_or_else(|source| Self::Unreadable {
                name: shown(name.as_bytes()),
                source,
            })
    }
}

impl From<ArchiveFault> for IntakeError {
    fn from(fault: ArchiveFault) -> Self {
        Self::Archive(fault)
    }
}

impl From<IntakeError> for io::Error {
    fn from(error: IntakeError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

/// Text of a stranger for people: nothing in it moves a cursor or turns the writing direction.
pub(super) fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(&text[..text.len().min(8 * SHOWN)]);
    foreign::shown(&text, SHOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_strangers_do_not_reach_the_terminal_raw() {
        let error = IntakeError::entry(b"a\x1b[2Jb\xe2\x80\xaec", Fault::Device);
        assert_eq!(
            error.to_string(),
            "`a\\u{1b}[2Jb\\u{202e}c` is a device; a context holds files, folders and links only"
        );
        assert!(shown(&vec![b'x'; 5000]).chars().count() <= SHOWN + 1);
    }

    #[test]
    fn an_error_survives_the_way_through_a_reader() {
        let error = io::Error::from(IntakeError::entry("a", Fault::Changed));
        assert!(matches!(
            IntakeError::reading("b", error),
            IntakeError::Entry { fault: Fault::Changed, name } if name == "a"
        ));
        let error = io::Error::from(io::ErrorKind::PermissionDenied);
        assert!(
            matches!(IntakeError::reading("b", error), IntakeError::Unreadable { name, .. } if name == "b")
        );
    }
}
