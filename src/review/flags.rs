//! What a reviewer should see among the files of a context, by their names, modes and first bytes.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::model::context::{ContextEntry, ContextSource, EntryKind};
use crate::model::foreign::is_hidden;
use crate::model::secret;

/// Of each file, so much is read.
const HEAD: u64 = 64 << 10;
/// From here on a file is large.
const LARGE: u64 = 100 << 20;

/// What is remarkable about the entry at `index`, in words; nothing for most. Reads the head of a file, and no more.
pub fn flags(context: &dyn ContextSource, index: usize) -> Vec<String> {
    let Some(entry) = context.entries().get(index) else {
        return Vec::new();
    };
    let mut found = by_name(entry);
    if let EntryKind::File { .. } = entry.kind
        && let Ok(head) = context.head(index, HEAD)
    {
        found.extend(by_content(entry, &head));
    }
    found
}

/// What its name, mode and size say.
fn by_name(entry: &ContextEntry) -> Vec<String> {
    let mut found = Vec::new();
    if entry.path.chars().any(is_hidden) {
        found.push("hidden characters in its name".to_owned());
    }
    match &entry.kind {
        EntryKind::Symlink { target } => found.push(format!("link to {target}")),
        EntryKind::File { size } if *size >= LARGE => found.push("large".to_owned()),
        _ => {}
    }
    for (bit, name) in [(0o4000, "setuid"), (0o2000, "setgid")] {
        if entry.mode & bit != 0 && !matches!(entry.kind, EntryKind::Symlink { .. }) {
            found.push(name.to_owned());
        }
    }
    found
}

fn by_content(entry: &ContextEntry, head: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let executable = entry.mode & 0o111 != 0;
    if head.starts_with(b"\x7fELF") {
        found.push("program (ELF)".to_owned());
    } else if head.starts_with(b"MZ") && head.get(0x3c..0x40).is_some() {
        found.push("program (Windows)".to_owned());
    } else if head.starts_with(b"#!") && executable {
        found.push("script".to_owned());
    }
    if let Some(kind) = archive(head) {
        found.push(format!("archive ({kind})"));
        if holds_archives(head) {
            found.push("archive in an archive".to_owned());
        }
    }
    let text = String::from_utf8_lossy(head);
    let kept = secret::by_file(&entry.path).unwrap_or(secret::Kept::IfItLooksSo);
    if let Some(what) = secret::in_file(kept, &text) {
        found.push(format!("secret? {what}"));
    }
    found
}

/// The kind of an archive, or of a compressed file.
fn archive(head: &[u8]) -> Option<&'static str> {
    let magic: [(&[u8], &str); 8] = [
        (b"\x1f\x8b", "gzip"),
        (b"PK\x03\x04", "zip"),
        (b"\xfd7zXZ\0", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"BZh", "bzip2"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"!<arch>\n", "ar"),
        (b"\xed\xab\xee\xdb", "rpm"),
    ];
    let by_magic = magic.iter().find(|(magic, _)| head.starts_with(magic));
    let tar = || (head.get(257..262) == Some(b"ustar")).then_some("tar");
    by_magic.map(|(_, kind)| *kind).or_else(tar)
}

/// Whether a zip or a tar, plain or in gzip, begins with names of archives, as far as its head goes.
fn holds_archives(head: &[u8]) -> bool {
    if head.starts_with(b"\x1f\x8b") {
        let mut inner = Vec::new();
        // What is cut off at the end is an error, and what came before it is read.
        let _ = MultiGzDecoder::new(head).take(HEAD).read_to_end(&mut inner);
        return archive(&inner).is_some_and(|kind| kind != "tar") || tar_holds_archives(&inner);
    }
    if head.starts_with(b"PK\x03\x04") {
        return zip_names(head).iter().any(|name| is_archive_name(name));
    }
    tar_holds_archives(head)
}

fn tar_holds_archives(bytes: &[u8]) -> bool {
    let mut at = 0usize;
    while let Some(header) = bytes.get(at..at + 512) {
        if header.get(257..262) != Some(b"ustar") {
            return false;
        }
        let name = header.get(..100).unwrap_or_default();
        let name = name.split(|b| *b == 0).next().unwrap_or_default();
        if is_archive_name(&String::from_utf8_lossy(name)) {
            return true;
        }
        let size = header.get(124..135).unwrap_or_default();
        let size = String::from_utf8_lossy(size);
        let size = usize::from_str_radix(size.trim_matches(['\0', ' ']), 8).unwrap_or(0);
        let Some(next) = at
            .checked_add(512)
            .and_then(|at| at.checked_add(size.div_ceil(512) * 512))
        else {
            return false;
        };
        at = next;
    }
    false
}

/// The names in the local headers of a zip.
fn zip_names(bytes: &[u8]) -> Vec<String> {
    let number = |at: usize, length: usize| -> Option<usize> {
        let bytes = bytes.get(at..at.checked_add(length)?)?;
        Some(
            bytes
                .iter()
                .rev()
                .fold(0, |sum, b| sum << 8 | usize::from(*b)),
        )
    };
    let mut names = Vec::new();
    let mut at = 0;
    while bytes.get(at..at + 4) == Some(b"PK\x03\x04") {
        let (Some(size), Some(name), Some(extra)) =
            (number(at + 18, 4), number(at + 26, 2), number(at + 28, 2))
        else {
            break;
        };
        let text = bytes.get(at + 30..at + 30 + name).unwrap_or_default();
        names.push(String::from_utf8_lossy(text).into_owned());
        at += 30 + name + extra + size;
    }
    names
}

fn is_archive_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let ends = [
        ".tar", ".gz", ".tgz", ".zip", ".jar", ".war", ".xz", ".zst", ".bz2", ".7z", ".deb",
        ".rpm", ".apk", ".whl", ".rar",
    ];
    ends.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::model::context::MemoryContext;

    fn of(context: &MemoryContext, path: &str) -> Vec<String> {
        flags(context, context.find(path).unwrap())
    }

    fn tar(name: &str) -> Vec<u8> {
        let mut header = vec![0u8; 1536];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(b"00000000005");
        header[257..262].copy_from_slice(b"ustar");
        header
    }

    #[test]
    fn what_is_remarkable_is_said() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&tar("inner.zip")).unwrap();
        let context = MemoryContext::default()
            .file("program", 0o755, b"\x7fELF...".to_vec())
            .file("run.sh", 0o755, "#!/bin/sh\n")
            .file("notes.sh", 0o644, "#!/bin/sh\n")
            .file("suid", 0o4755, "x")
            .link("link", "../elsewhere")
            .file("a.tar", 0o644, tar("file"))
            .file("b.tgz", 0o644, gzip.finish().unwrap())
            .file(
                "z.zip",
                0o644,
                b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\x05\0\0\0a.jarx"
                    .to_vec(),
            )
            .file(".env", 0o644, "A=b")
            .file("odd\u{202e}name", 0o644, "x")
            .file("plain", 0o644, "x");
        assert_eq!(of(&context, "program"), ["program (ELF)"]);
        assert_eq!(of(&context, "run.sh"), ["script"]);
        assert!(of(&context, "notes.sh").is_empty());
        assert_eq!(of(&context, "suid"), ["setuid"]);
        assert_eq!(of(&context, "link"), ["link to ../elsewhere"]);
        assert_eq!(of(&context, "a.tar"), ["archive (tar)"]);
        assert_eq!(
            of(&context, "b.tgz"),
            ["archive (gzip)", "archive in an archive"]
        );
        assert_eq!(
            of(&context, "z.zip"),
            ["archive (zip)", "archive in an archive"]
        );
        assert_eq!(of(&context, ".env"), ["secret? a `.env`"]);
        assert_eq!(
            of(&context, "odd\u{202e}name"),
            ["hidden characters in its name"]
        );
        assert!(of(&context, "plain").is_empty());
    }

    #[test]
    fn no_head_makes_it_panic() {
        for head in [&b"PK\x03\x04"[..], b"PK\x03\x04\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"\x1f\x8b", b""] {
            let _ = holds_archives(head);
        }
        let mut huge = tar("x");
        huge[124..135].copy_from_slice(b"77777777777");
        assert!(!tar_holds_archives(&huge));
    }
}
