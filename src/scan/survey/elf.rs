//! Programs that say what they were made of: Go's build information, and Rust's where it is there.
//!
//! Programs are read as a stream, never whole: Go's mark is looked for at every 16th byte, where the linker puts it.

use std::io::{self, Read};

use super::Fact;
use crate::model::scan::Package;

const ELF: &[u8] = b"\x7fELF";
const GO_MARK: &[u8] = b"\xff Go buildinf:";
/// The section in which `cargo auditable` keeps its list.
const RUST_SECTION: &[u8] = b".dep-v0\0";
const CHUNK: usize = 64 << 10;
/// Behind a mark so much is kept: a program of thousands of modules has less.
const INFORMATION_LIMIT: usize = 1 << 20;
/// So many marks are followed: a program that reads others' has one more, by chance.
const CANDIDATES: usize = 8;
/// The end of the file where the names of its sections stand, at most.
const TAIL_LIMIT: usize = 64 << 10;

/// What the program at `path` says, if it says anything.
pub(super) fn read(path: &str, content: &mut impl Read) -> io::Result<Option<Fact>> {
    let mut chunk = vec![0; CHUNK];
    let mut filled = fill(content, &mut chunk)?;
    if !chunk[..filled].starts_with(ELF) {
        return Ok(None);
    }
    let mut candidates: Vec<Vec<u8>> = Vec::new();
    let mut tail: Vec<u8> = Vec::new();
    while filled > 0 {
        let bytes = &chunk[..filled];
        for candidate in &mut candidates {
            let room = INFORMATION_LIMIT - candidate.len();
            candidate.extend_from_slice(&bytes[..room.min(filled)]);
        }
        for at in (0..filled).step_by(16) {
            if bytes[at] == GO_MARK[0]
                && bytes[at..].starts_with(GO_MARK)
                && candidates.len() < CANDIDATES
            {
                candidates.push(bytes[at..].to_vec());
            }
        }
        tail.extend_from_slice(bytes);
        if tail.len() > 2 * TAIL_LIMIT {
            tail.drain(..tail.len() - TAIL_LIMIT);
        }
        filled = fill(content, &mut chunk)?;
    }
    if let Some(packages) = candidates.iter().find_map(|bytes| modules(path, bytes)) {
        return Ok(Some(Fact::Packages(packages)));
    }
    if candidates.iter().any(|bytes| is_old(bytes)) {
        let what = "a Go program (built before Go 1.18, in a form that is not read)";
        return Ok(Some(Fact::NotCovered(what.into())));
    }
    if tail
        .windows(RUST_SECTION.len())
        .any(|window| window == RUST_SECTION)
    {
        return Ok(Some(Fact::NotCovered(
            "a Rust program (cargo auditable)".into(),
        )));
    }
    Ok(None)
}

/// Fills `buffer` as far as there is something: only the last chunk is short, so marks keep their alignment.
fn fill(content: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match content.read(&mut buffer[filled..])? {
            0 => break,
            n => filled += n,
        }
    }
    Ok(filled)
}

/// The form with pointers, of before Go 1.18.
fn is_old(bytes: &[u8]) -> bool {
    matches!(bytes.get(14..16), Some([4 | 8, 0 | 1]))
}

/// The modules in a build information that begins with the mark.
fn modules(path: &str, bytes: &[u8]) -> Option<Vec<Package>> {
    if bytes.get(15)? & 2 == 0 {
        return None;
    }
    let (version, rest) = string(bytes.get(32..)?)?;
    let (information, _) = string(rest)?;
    // `go1.22.3`, perhaps with a remark behind it.
    let version = std::str::from_utf8(version).ok()?;
    let go = version.split([' ', '-']).next()?.strip_prefix("go")?;
    let mut packages = vec![module(path, "stdlib", &format!("v{go}"))];
    // The text stands between two marks of 16 bytes.
    let text = information
        .get(16..information.len().saturating_sub(16))
        .map(String::from_utf8_lossy)
        .unwrap_or_default();
    let mut last_is_dependency = false;
    for line in text.lines() {
        let mut fields = line.split('\t');
        let kind = fields.next().unwrap_or_default();
        let name = fields.next().unwrap_or_default();
        let version = fields.next().unwrap_or_default();
        match kind {
            "mod" | "dep" => {
                packages.push(module(path, name, version));
                last_is_dependency = true;
            }
            // What stands in for the module before it.
            "=>" if last_is_dependency => {
                packages.pop();
                packages.push(module(path, name, version));
                last_is_dependency = false;
            }
            _ => last_is_dependency = false,
        }
    }
    packages.retain(|package| {
        !package.name.is_empty() && !package.version.is_empty() && package.version != "(devel)"
    });
    Some(packages)
}

fn module(path: &str, name: &str, version: &str) -> Package {
    Package {
        ecosystem: "golang".into(),
        name: name.into(),
        version: version.into(),
        source: None,
        source_version: None,
        path: path.into(),
        licenses: Vec::new(),
    }
}

/// A string with its length before it (LEB128), and what follows.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length = 0_usize;
    for (index, byte) in bytes.iter().enumerate().take(5) {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let rest = &bytes[index + 1..];
            return (length <= rest.len()).then(|| rest.split_at(length));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(version: &str, information: &str, at: usize) -> Vec<u8> {
        let mut bytes = ELF.to_vec();
        bytes.resize(at, 0);
        bytes.extend_from_slice(GO_MARK);
        bytes.extend([8, 2]);
        bytes.resize(at + 32, 0);
        let marked = format!("{0}{information}{0}", "#".repeat(16));
        for text in [version, marked.as_str()] {
            let mut length = text.len();
            while length > 0x7f {
                bytes.push(length as u8 | 0x80);
                length >>= 7;
            }
            bytes.push(length as u8);
            bytes.extend(text.as_bytes());
        }
        bytes.resize(bytes.len() + 100_000, 0);
        bytes
    }

    fn found(bytes: &[u8]) -> Vec<(String, String)> {
        match read("app", &mut &bytes[..]).unwrap() {
            Some(Fact::Packages(packages)) => {
                packages.into_iter().map(|p| (p.name, p.version)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn go_modules_are_found_wherever_the_mark_stands() {
        let text = "path\tx.example/app\nmod\tx.example/app\t(devel)\t\ndep\ta.example/a\tv1.0.0\th1:x=\ndep\ta.example/b\tv2.0.0\n=>\tb.example/c\tv3.0.0\th1:y=\nbuild\t-o\tx\n";
        for at in [16, 4096, CHUNK - 16, 3 * CHUNK] {
            let pairs = found(&program("go1.22.3 X:boring", text, at));
            assert_eq!(
                pairs,
                [
                    ("stdlib", "v1.22.3"),
                    ("a.example/a", "v1.0.0"),
                    ("b.example/c", "v3.0.0")
                ]
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
            );
        }
    }

    #[test]
    fn an_old_go_program_and_an_auditable_rust_one_are_seen() {
        let mut old = ELF.to_vec();
        old.resize(64, 0);
        old.extend_from_slice(GO_MARK);
        old.extend([8, 0]);
        old.resize(300, 0);
        assert!(matches!(
            read("a", &mut &old[..]).unwrap(),
            Some(Fact::NotCovered(_))
        ));
        let mut rust = ELF.to_vec();
        rust.resize(3 << 20, 0);
        rust.extend(b"\0.text\0.dep-v0\0.data\0");
        assert!(matches!(
            read("a", &mut &rust[..]).unwrap(),
            Some(Fact::NotCovered(_))
        ));
    }

    #[test]
    fn other_files_say_nothing() {
        for bytes in [&b"#!/bin/sh\n"[..], b"", b"\x7fELF", &[0x7f; 200_000]] {
            assert_eq!(read("a", &mut &bytes[..]).unwrap(), None);
        }
    }

    proptest::proptest! {
        #[test]
        fn damaged_information_never_does_more_than_fail(places in proptest::collection::vec((0..400_usize, proptest::prelude::any::<u8>()), 0..30)) {
            let mut bytes = program("go1.22", "mod\ta\tv1\ndep\tb\tv2\n", 64);
            bytes.truncate(400);
            for (at, byte) in places {
                if at > 4 && at < bytes.len() { bytes[at] = byte; }
            }
            let _ = read("a", &mut &bytes[..]);
        }
    }
}
