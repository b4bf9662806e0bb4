//! The patches of findings, put together, tried, and written as texts.
//!
//! A patch is offered only after the file was read again with it: its finding is gone, and nothing blocks that did not
//! block before. Where all of them together don't hold, each is tried by itself.

use std::collections::BTreeMap;
use std::io::{self, Read};

use super::report::Report;
use super::{Subject, check};
use crate::model::context::{ContextEntry, ContextSource, EntryKind};
use crate::model::finding::{Edit, Patch};
use crate::model::{Finding, Severity};

/// The most patches that are tried one by one.
const MOST: usize = 200;
/// Patches of a longer Dockerfile are tried all together only.
const LONG: usize = 64 << 10;
/// The longest file that is patched.
const LONGEST: u64 = 16 << 20;

/// A file with its patches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MendedFile {
    /// Its path in the context.
    pub path: String,
    /// Its text before; nothing if it is made.
    pub before: Option<String>,
    /// Its text afterwards.
    pub after: String,
}

/// What comes of the patches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mended {
    /// Every file that changes, by path.
    pub files: Vec<MendedFile>,
    /// The findings whose patches are in it.
    pub resolved: Vec<Finding>,
    /// What is found afterwards.
    pub report: Report,
}

/// Tries the patches of a report. Further rounds take those that stood in each other's way in the first.
pub fn mend(subject: &Subject<'_>, report: &Report) -> Mended {
    rounds(subject, report, 4)
}

/// The same, with the patches of this report and no others.
#[cfg(test)]
pub(super) fn mend_once(subject: &Subject<'_>, report: &Report) -> Mended {
    rounds(subject, report, 1)
}

fn rounds(subject: &Subject<'_>, report: &Report, most: usize) -> Mended {
    let mut base = Texts::default();
    let mut resolved = Vec::new();
    let mut report = report.clone();
    for _ in 0..most {
        let (texts, chosen, after) = round(subject, &base, &report);
        if chosen.is_empty() {
            break;
        }
        base = texts;
        resolved.extend(chosen);
        report = after;
    }
    let files = base.0.into_iter().map(|(path, after)| MendedFile {
        before: original(subject, &path),
        path,
        after,
    });
    Mended {
        files: files.collect(),
        resolved,
        report,
    }
}

/// The files that differ from what is there, by path.
#[derive(Debug, Clone, Default)]
struct Texts(BTreeMap<String, String>);

/// One round: what the texts come to, which findings are resolved, and what is found then.
fn round(subject: &Subject<'_>, base: &Texts, report: &Report) -> (Texts, Vec<Finding>, Report) {
    let offered: Vec<&Finding> = report
        .findings
        .iter()
        .filter(|f| f.patch.is_some())
        .collect();
    let chosen = apart(&offered);
    if let Some((texts, after)) = tried(subject, base, report, &chosen) {
        return (texts, owned(&chosen), after);
    }
    // Reading a long file a hundred times is more than a patch is worth.
    if subject.text.len() > LONG {
        return (base.clone(), Vec::new(), report.clone());
    }
    let mut kept: Vec<&Finding> = Vec::new();
    let mut best = (base.clone(), report.clone());
    for finding in chosen.into_iter().take(MOST) {
        kept.push(finding);
        match tried(subject, base, report, &kept) {
            Some(found) => best = found,
            None => drop(kept.pop()),
        }
    }
    (best.0, owned(&kept), best.1)
}

fn owned(findings: &[&Finding]) -> Vec<Finding> {
    findings.iter().map(|finding| (*finding).clone()).collect()
}

/// The findings whose patches touch no place of an earlier one's.
fn apart<'f>(offered: &[&'f Finding]) -> Vec<&'f Finding> {
    let mut taken: BTreeMap<(&str, usize), usize> = BTreeMap::new();
    let mut chosen: Vec<&Finding> = Vec::new();
    for finding in offered {
        let edits = || finding.patch.iter().flat_map(|patch| &patch.edits);
        let free = edits().all(|edit| {
            let file = edit.file.as_str();
            let before = taken
                .range(..(file, edit.end.max(edit.start + 1)))
                .next_back();
            before.is_none_or(|((taken, _), end)| *taken != file || *end <= edit.start)
        });
        if !free {
            continue;
        }
        for edit in edits().filter(|edit| edit.end > edit.start) {
            taken.insert((edit.file.as_str(), edit.start), edit.end);
        }
        chosen.push(finding);
    }
    chosen
}

/// The texts with these patches and what is found in them, if every finding is gone and nothing blocks anew.
fn tried(
    subject: &Subject<'_>,
    base: &Texts,
    report: &Report,
    findings: &[&Finding],
) -> Option<(Texts, Report)> {
    let patches = findings.iter().filter_map(|finding| finding.patch.as_ref());
    let texts = applied(subject, base, patches)?;
    let after = read_again(subject, &texts);
    let count = |report: &Report, fits: &dyn Fn(&Finding) -> bool| {
        report.findings.iter().filter(|f| fits(f)).count()
    };
    for finding in findings {
        let same = |f: &Finding| f.rule == finding.rule;
        let resolved = findings.iter().filter(|f| same(f)).count();
        if count(&after, &same) + resolved > count(report, &same) {
            return None;
        }
    }
    for finding in after
        .findings
        .iter()
        .filter(|f| f.severity == Severity::Block)
    {
        let same = |f: &Finding| f.rule == finding.rule && f.severity == Severity::Block;
        if count(&after, &same) > count(report, &same) {
            return None;
        }
    }
    Some((texts, after))
}

/// The texts after these patches; nothing if one of them does not fit.
fn applied<'p>(
    subject: &Subject<'_>,
    base: &Texts,
    patches: impl Iterator<Item = &'p Patch>,
) -> Option<Texts> {
    let mut by_file: BTreeMap<&str, Vec<&Edit>> = BTreeMap::new();
    for edit in patches.flat_map(|patch| &patch.edits) {
        by_file.entry(edit.file.as_str()).or_default().push(edit);
    }
    let mut texts = base.clone();
    for (path, mut edits) in by_file {
        // Insertions at one place stay in the order of their findings.
        edits.sort_by_key(|edit| (edit.start, edit.end));
        let before = match texts.0.get(path) {
            Some(text) => text.clone(),
            None => original(subject, path).unwrap_or_default(),
        };
        texts.0.insert(path.to_owned(), written(&before, &edits)?);
    }
    Some(texts)
}

/// `before` with the edits, which are sorted and apart from each other.
fn written(before: &str, edits: &[&Edit]) -> Option<String> {
    // Places count from behind a byte-order mark.
    let mark = if before.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    };
    let body = before.get(mark..)?;
    let mut after = before.get(..mark)?.to_owned();
    let mut at = 0;
    let mut inserted: Vec<&str> = Vec::new();
    for (n, edit) in edits.iter().enumerate() {
        let previous = n.checked_sub(1).and_then(|n| edits.get(n));
        if previous.is_some_and(|p| (p.start, p.end) != (edit.start, edit.end)) {
            inserted.clear();
        }
        after.push_str(body.get(at..edit.start)?);
        at = edit.end;
        if edit.start < edit.end {
            after.push_str(&edit.text);
            continue;
        }
        // Two that add the same line at one place mean it once.
        for line in edit.text.split_inclusive('\n') {
            if line == "\n" && !after.is_empty() && after.ends_with('\n') {
                continue;
            }
            if !inserted.contains(&line) {
                inserted.push(line);
                after.push_str(line);
            }
        }
    }
    after.push_str(body.get(at..)?);
    Some(after)
}

/// The text that is there, of the Dockerfile or of another file of the context.
fn original(subject: &Subject<'_>, path: &str) -> Option<String> {
    if path == subject.name {
        return String::from_utf8(subject.text.to_vec()).ok();
    }
    let bytes = subject.context?.read(path, LONGEST).ok()?;
    String::from_utf8(bytes).ok()
}

/// What is found with the texts in the place of what is there.
fn read_again(subject: &Subject<'_>, texts: &Texts) -> Report {
    let context = subject.context.map(|inner| Overlay::new(inner, texts));
    let text = texts
        .0
        .get(subject.name)
        .map_or(subject.text, |text| text.as_bytes());
    check(&Subject {
        text,
        parsed: None,
        context: context.as_ref().map(|context| context as _),
        name: subject.name,
        build_args: subject.build_args,
        platform: subject.platform,
        approved: subject.approved,
        base: subject.base,
        network: subject.network,
    })
}

/// A context with some of its texts in another form.
struct Overlay<'a> {
    inner: &'a dyn ContextSource,
    texts: &'a Texts,
    entries: Vec<ContextEntry>,
    /// What the lines say that were added to an ignore file.
    left_out: Vec<&'a str>,
}

impl<'a> Overlay<'a> {
    fn new(inner: &'a dyn ContextSource, texts: &'a Texts) -> Self {
        let mut entries = inner.entries().to_vec();
        for (path, text) in &texts.0 {
            let kind = EntryKind::File {
                size: text.len() as u64,
            };
            match entries.binary_search_by(|e| e.path.as_bytes().cmp(path.as_bytes())) {
                Ok(at) => {
                    if let Some(entry) = entries.get_mut(at) {
                        entry.kind = kind;
                    }
                }
                Err(at) => entries.insert(
                    at,
                    ContextEntry {
                        path: path.clone(),
                        kind,
                        mode: 0o644,
                    },
                ),
            }
        }
        let ignore = |path: &str| path.ends_with(".dockerignore");
        let left_out = texts
            .0
            .iter()
            .filter(|(path, _)| ignore(path))
            .flat_map(|(_, text)| text.lines())
            .filter(|line| !line.is_empty() && !line.contains(['*', '?', '[', '!', '#', '\\']))
            .collect();
        Self {
            inner,
            texts,
            entries,
            left_out,
        }
    }

    fn inside(&self, index: usize) -> Option<usize> {
        self.inner.find(&self.entries.get(index)?.path)
    }
}

impl ContextSource for Overlay<'_> {
    fn entries(&self) -> &[ContextEntry] {
        &self.entries
    }

    fn open(&self, index: usize) -> io::Result<Box<dyn Read + Send + '_>> {
        let path = self.entries.get(index).map(|entry| entry.path.as_str());
        if let Some(text) = path.and_then(|path| self.texts.0.get(path)) {
            return Ok(Box::new(text.as_bytes()));
        }
        match self.inside(index) {
            Some(index) => self.inner.open(index),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn is_hidden(&self, index: usize) -> bool {
        let Some(path) = self.entries.get(index).map(|entry| entry.path.as_str()) else {
            return false;
        };
        let left_out = self.left_out.iter().any(|line| {
            let rest = path.strip_prefix(line.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        left_out
            || self
                .inside(index)
                .is_some_and(|index| self.inner.is_hidden(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::tests::mended_all;
    use crate::model::context::MemoryContext;

    fn edit(start: usize, end: usize, text: &str) -> Edit {
        Edit {
            file: "x".into(),
            start,
            end,
            text: text.into(),
        }
    }

    #[test]
    fn edits_are_written_behind_a_byte_order_mark() {
        let edits = [edit(0, 1, "A"), edit(2, 2, "!")];
        let edits: Vec<&Edit> = edits.iter().collect();
        assert_eq!(written("\u{feff}abc", &edits).unwrap(), "\u{feff}Ab!c");
        assert_eq!(written("a", &edits), None);
    }

    #[test]
    fn one_line_is_added_once() {
        let edits = [edit(1, 1, "\n.git\n.env\n"), edit(1, 1, "\n.env\n")];
        let edits: Vec<&Edit> = edits.iter().collect();
        assert_eq!(written("x", &edits).unwrap(), "x\n.git\n.env\n");
    }

    #[test]
    fn everything_that_can_be_mended_is_and_what_is_left_is_told() {
        let text = "# syntax=docker/dockerfile:1\nFROM node:20-slim\nWORKDIR app\nENV A b\nCOPY . .\nCMD a\nCMD node x.js\n";
        let context = MemoryContext::default()
            .file(".env", 0o644, "x")
            .folder(".git", 0o755)
            .file("Dockerfile", 0o644, text);
        let mended = mended_all(text, Some(&context));
        let of = |path: &str| {
            mended
                .files
                .iter()
                .find(|f| f.path == path)
                .map(|f| f.after.as_str())
        };
        assert_eq!(
            of("Dockerfile").unwrap(),
            "FROM node:20-slim@sha256:1111111111111111111111111111111111111111111111111111111111111111\n\
             WORKDIR /app\nENV A=b\nCOPY . .\nUSER node\nCMD [\"node\", \"x.js\"]\n"
        );
        assert_eq!(of(".dockerignore").unwrap(), ".git\n**/.DS_Store\n.env\n");
        let left: Vec<_> = mended
            .report
            .findings
            .iter()
            .map(|f| f.rule.as_str())
            .collect();
        assert_eq!(left, ["HLT01", "LBL01", "CPY01"]);
        assert!(!mended.report.blocked());
    }
}
