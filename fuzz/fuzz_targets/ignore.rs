//! Any text as a `.dockerignore`, over a small context that is taken in as an archive: what stays is what a second
//! matcher says, which is written from Docker's description, backtracks, and knows nothing of the first.
//!
//! Classes and escapes are left to the first one's own tests: for texts with them only the rules that hold for every
//! text are checked.
#![no_main]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use flareo::intake::{StoredContext, receive};
use flareo::model::context::ContextSource;
use flareo::model::limits::ContextLimits;
use libfuzzer_sys::fuzz_target;

static PLACE: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());

/// A folder comes before what is in it.
const FILES: [(&str, bool); 16] = [
    ("a", true),
    ("a/a", true),
    ("a/a/b", false),
    ("a/b", false),
    ("a/b.c", false),
    ("a/c", true),
    ("a/c/a", true),
    ("a/c/a/b", false),
    ("ab", false),
    ("b", true),
    ("b/a", false),
    ("b/b", true),
    ("b/b/c", false),
    ("b.c", false),
    ("c", false),
    ("Dockerfile", false),
];
const ALWAYS: [&str; 2] = ["Dockerfile", ".dockerignore"];

fn entry(out: &mut Vec<u8>, path: &str, folder: bool, content: &[u8]) {
    let header = flareo::ustar::Header {
        path: path.as_bytes(),
        kind: if folder { flareo::ustar::Type::Directory } else { flareo::ustar::Type::File },
        mode: 0o755,
        uid: 0,
        gid: 0,
        size: content.len() as u64,
        mtime: 0,
        nanos: 0,
        link: b"",
        capability: None,
    };
    flareo::ustar::header(out, &header).unwrap();
    out.extend_from_slice(content);
    flareo::ustar::padding(out, content.len() as u64).unwrap();
}

/// Go's `filepath.Clean`.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part != ".." {
            parts.push(part);
        } else if parts.last().is_some_and(|last| *last != "..") {
            parts.pop();
        } else if !rooted {
            parts.push("..");
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".into(),
        (false, false) => joined,
    }
}

/// Whether `pattern` matches all of `path`: `**` any text that ends with a slash or at the end, `*` and `?` within a part.
fn glob(pattern: &[char], path: &[char]) -> bool {
    match pattern {
        [] => path.is_empty(),
        ['*', '*', rest @ ..] => {
            let rest = rest.strip_prefix(&['/']).unwrap_or(rest);
            if rest.is_empty() {
                return true;
            }
            glob(rest, path) || (0..path.len()).any(|i| path[i] == '/' && glob(rest, &path[i + 1..]))
        }
        ['*', rest @ ..] => (0..=path.len())
            .take_while(|i| *i == 0 || path[i - 1] != '/')
            .any(|i| glob(rest, &path[i..])),
        ['?', rest @ ..] => path.first().is_some_and(|c| *c != '/') && glob(rest, &path[1..]),
        [c, rest @ ..] => path.first() == Some(c) && glob(rest, &path[1..]),
    }
}

fn matches(pattern: &str, path: &str) -> bool {
    // Docker does not ask a pattern that begins with `**` and has no other wildcard as an expression.
    if let Some(rest) = pattern.strip_prefix("**") {
        let text = rest.strip_prefix('/').unwrap_or(rest);
        if text.is_empty() {
            return true;
        }
        if !text.contains(['*', '?']) {
            return path.ends_with(rest) || path == text;
        }
    }
    let letters = |text: &str| text.chars().collect::<Vec<_>>();
    glob(&letters(pattern), &letters(path))
}

/// The patterns as Docker reads them; none where it refuses them, or where this matcher does not know.
fn patterns(text: &str) -> Option<Vec<(bool, String)>> {
    let mut patterns = Vec::new();
    for line in text.split('\n') {
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        let line = line.trim();
        let (exception, rest) = match line.strip_prefix('!') {
            Some(rest) => (true, rest.trim()),
            None => (false, line),
        };
        if rest.is_empty() {
            return None;
        }
        let cleaned = clean(rest);
        let cleaned = cleaned.strip_prefix('/').filter(|rest| !rest.is_empty()).unwrap_or(&cleaned);
        // What cleaning leaves is read once more with its mark before it: names that begin with one stay unknown here.
        if cleaned.starts_with(['!', ' ', '.', '/']) || cleaned.ends_with(' ') || cleaned.contains("***") {
            return None;
        }
        patterns.push((exception, cleaned.to_owned()));
    }
    Some(patterns)
}

/// What stays, as a walk finds it that passes over nothing.
fn staying(patterns: &[(bool, String)]) -> BTreeSet<String> {
    let mut asked: Vec<(&str, Vec<bool>)> = Vec::new();
    let mut stay = BTreeSet::new();
    for (path, folder) in FILES {
        let above = path.rsplit_once('/').map(|(above, _)| above);
        let above = above.and_then(|above| asked.iter().find(|(path, _)| *path == above));
        let mut out = false;
        let mut hits = Vec::new();
        for (i, (exception, pattern)) in patterns.iter().enumerate() {
            let inherited = above.is_some_and(|(_, hits)| hits[i]);
            // Docker asks only what could change the answer, and keeps that for what is below.
            let hit = inherited || (*exception == out && matches(pattern, path));
            if hit {
                out = !exception;
            }
            hits.push(hit);
        }
        if !out || ALWAYS.contains(&path) {
            stay.insert(path.to_owned());
            // A folder comes along with what is in it.
            for (at, _) in path.match_indices('/') {
                stay.insert(path[..at].to_owned());
            }
        }
        if folder {
            asked.push((path, hits));
        }
    }
    stay.insert(".dockerignore".into());
    stay
}

fuzz_target!(|text: &[u8]| {
    let place = PLACE.path();
    let mut archive = Vec::new();
    entry(&mut archive, ".dockerignore", false, text);
    for (path, folder) in FILES {
        entry(&mut archive, path, folder, b"");
    }
    flareo::ustar::end(&mut archive).unwrap();
    let received = receive(&mut &archive[..], place, &ContextLimits::default());
    let Ok(stored) = received else {
        let said = received.unwrap_err().to_string();
        assert!(said.contains(".dockerignore") && !said.chars().any(char::is_control), "{said:?}");
        return;
    };
    let context = StoredContext::open(place, stored.digest).unwrap();
    let found: BTreeSet<String> = context.entries().iter().map(|entry| entry.path.clone()).collect();
    std::fs::remove_file(place.join("sha256").join(stored.digest.hex())).unwrap();
    assert!(ALWAYS.iter().all(|name| found.contains(*name)));
    let plain = text.iter().all(|b| matches!(b, b'a'..=b'c' | b'/' | b'.' | b'*' | b'?' | b'!' | b'\n' | b' ' | b'#'));
    if let Some(patterns) = std::str::from_utf8(text).ok().filter(|_| plain).and_then(patterns) {
        assert_eq!(found, staying(&patterns), "{patterns:?}");
    }
});
