//! `.dockerignore` as Docker's walk over a context applies it: the last pattern that matches a path or a folder
//! above it decides.
//!
//! Must not know where paths come from. A pattern that was not asked at a folder, because at that moment it could
//! change nothing, is not asked again for that folder below it: Docker's walk has that oddity, and so has this one.

mod pattern;
mod regex;

#[cfg(test)]
mod tests;

use pattern::Pattern;

use super::error::{IntakeError, shown};

/// Where the patterns of a build with `Dockerfile` stand: the first that is there is the only one read.
pub(super) const FILES: [&str; 2] = ["Dockerfile.dockerignore", OWN];
/// The context's own, whatever the Dockerfile is called.
pub(super) const OWN: &str = ".dockerignore";
/// What is sent whatever the patterns say: without it nobody could read what was submitted.
pub(super) const ALWAYS: [&str; 3] = ["Dockerfile", "Dockerfile.dockerignore", ".dockerignore"];
/// An ignore file may have this many bytes.
pub(super) const FILE_LIMIT: u64 = 1 << 20;
/// And this many patterns.
const PATTERN_LIMIT: usize = 2000;
/// Docker reads no longer line.
const LINE_LIMIT: usize = 64 << 10;
/// Steps of matching for a whole context: seconds of work.
const BUDGET: u64 = 4_000_000_000;

/// The patterns of one context.
#[derive(Debug)]
pub(super) struct Ignore {
    file: String,
    patterns: Vec<Pattern>,
    /// An exception with a wildcard in its middle: it may match below any folder.
    wild: bool,
    budget: u64,
}

impl Default for Ignore {
    fn default() -> Self {
        Self {
            file: OWN.into(),
            patterns: Vec::new(),
            wild: false,
            budget: BUDGET,
        }
    }
}

impl Ignore {
    /// Reads the bytes of an ignore file.
    ///
    /// # Errors
    /// If a pattern is one that Docker refuses, or there are too many.
    pub(super) fn parse(file: &str, bytes: &[u8]) -> Result<Self, IntakeError> {
        let too_large = |why| IntakeError::IgnoreTooLarge {
            file: file.into(),
            why,
        };
        if bytes.len() as u64 > FILE_LIMIT {
            return Err(too_large("has more than a mebibyte"));
        }
        let text = String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
        let mut ignore = Self {
            file: file.into(),
            ..Self::default()
        };
        for (number, line) in text.split('\n').enumerate() {
            if line.len() >= LINE_LIMIT {
                return Err(too_large("has a line of more than 65535 bytes"));
            }
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            if ignore.patterns.len() == PATTERN_LIMIT {
                return Err(too_large("has more than 2000 patterns"));
            }
            let pattern =
                Pattern::new(&relative(line.trim())).map_err(|why| IntakeError::Ignore {
                    file: file.into(),
                    line: number + 1,
                    pattern: shown(line.as_bytes()),
                    why,
                })?;
            ignore.wild |= pattern.exception && pattern.stem().is_none();
            ignore.patterns.push(pattern);
        }
        Ok(ignore)
    }

    /// Whether something below an excluded folder may come in again.
    fn may_return_below(&self, folder: &str) -> bool {
        self.wild
            || self.patterns.iter().filter(|p| p.exception).any(|pattern| {
                let stem = pattern.stem().unwrap_or_default();
                let below = stem.strip_prefix(folder);
                below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
    }

    /// Whether `path` is excluded, and which patterns match it, given those that match the folder that it is in.
    fn ask(
        &mut self,
        path: &str,
        above: Option<&[bool]>,
    ) -> Result<(bool, Vec<bool>), IntakeError> {
        let mut excluded = false;
        let mut matched = vec![false; self.patterns.len()];
        for (i, pattern) in self.patterns.iter().enumerate() {
            let inherited = above.is_some_and(|above| above[i]);
            if !inherited && pattern.exception != excluded {
                continue;
            }
            matched[i] = inherited || pattern.matches(path, &mut self.budget);
            if matched[i] {
                excluded = !pattern.exception;
            }
        }
        if self.budget == 0 {
            return Err(IntakeError::IgnoreTooLarge {
                file: self.file.clone(),
                why: "takes too long to match against this context",
            });
        }
        Ok((excluded, matched))
    }
}

/// Asks along a walk: a folder before what it holds, and all that it holds before anything else.
#[derive(Debug, Default)]
pub(super) struct Trail {
    ignore: Ignore,
    above: Vec<(String, Vec<bool>)>,
}

/// What the patterns say of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It comes in.
    In,
    /// It stays out; something below it may come in.
    Out,
    /// It stays out with all that is below it.
    OutWhole,
}

impl Trail {
    pub(super) const fn new(ignore: Ignore) -> Self {
        Self {
            ignore,
            above: Vec::new(),
        }
    }

    /// Steps on `path`.
    ///
    /// # Errors
    /// If the patterns have taken too long.
    pub(super) fn step(&mut self, path: &str, folder: bool) -> Result<Verdict, IntakeError> {
        if self.ignore.patterns.is_empty() {
            return Ok(Verdict::In);
        }
        while let Some((above, _)) = self.above.last()
            && !path
                .strip_prefix(above.as_str())
                .is_some_and(|rest| rest.starts_with('/'))
        {
            self.above.pop();
        }
        let above = self.above.last().map(|(_, matched)| matched.as_slice());
        let (excluded, matched) = self.ignore.ask(path, above)?;
        if folder {
            self.above.push((path.to_owned(), matched));
        }
        Ok(match excluded && !ALWAYS.contains(&path) {
            false => Verdict::In,
            true if folder && self.ignore.may_return_below(path) => Verdict::Out,
            true => Verdict::OutWhole,
        })
    }

    /// Whether the patterns alone would leave out a file at the root: one that is sent only to be read.
    ///
    /// # Errors
    /// If the patterns have taken too long.
    pub(super) fn hides(&mut self, name: &str) -> Result<bool, IntakeError> {
        Ok(self.ignore.ask(name, None)?.0)
    }
}

/// Orders paths as a walk meets them: all below a folder directly after it.
pub(super) fn walk_order(a: &str, b: &str) -> std::cmp::Ordering {
    let key = |b: u8| if b == b'/' { 0 } else { b };
    a.bytes().map(key).cmp(b.bytes().map(key))
}

/// A pattern's text as Docker keeps it: cleaned, relative.
fn relative(line: &str) -> String {
    let (mark, text) = line
        .strip_prefix('!')
        .map_or(("", line), |rest| ("!", rest.trim()));
    if text.is_empty() {
        return mark.to_owned();
    }
    let clean = clean(text);
    let text = clean
        .strip_prefix('/')
        .filter(|rest| !rest.is_empty())
        .unwrap_or(&clean);
    // Once more with the mark, as its matcher does.
    self::clean(format!("{mark}{text}").trim())
}

/// The shortest text for the same path, by letters alone.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.join("/")) {
        (true, rest) => format!("/{rest}"),
        (false, rest) if rest.is_empty() => ".".to_owned(),
        (false, rest) => rest,
    }
}
