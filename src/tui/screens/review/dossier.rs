//! A submission made ready to be read: its text cut into harmless lines, its changes found.
//!
//! Made where the desk is asked, not where keys are read: a Dockerfile of a megabyte may take its time.

use std::fmt;
use std::time::Duration;

use similar::{Algorithm, ChangeTag, DiffTag, TextDiff};

use crate::logs::sanitise;
use crate::model::view::ReviewPage;
use crate::tui::ink::columns;

/// How long the search for the smallest difference may take; after that, any difference will do.
const PATIENCE: Duration = Duration::from_millis(300);

/// Longer lines are shown as a whole.
const FINE: usize = 1000;

/// With more lines that changed, it is no more said what changed within them.
const FEW: usize = 1000;

/// A page with all that it takes to draw it.
#[derive(Clone)]
pub struct Dossier {
    /// What the desk said.
    pub page: ReviewPage,
    /// The Dockerfile, line by line.
    pub lines: Lines,
    /// What changed since the previous submission, if there was one.
    pub changes: Option<Vec<Change>>,
    /// Where each finding points to, as columns of its line.
    pub places: Vec<(usize, usize)>,
}

impl fmt::Debug for Dossier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dossier of #{}", self.page.submission.id)
    }
}

impl Dossier {
    /// Makes `page` ready.
    pub fn of(mut page: ReviewPage) -> Self {
        // What decides comes first; within that, the order of the file.
        page.findings
            .sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let lines = Lines::of(&page.dockerfile);
        let source: Vec<&str> = page.dockerfile.lines().collect();
        let places = page
            .findings
            .iter()
            .map(|finding| {
                let line = (finding.span.line as usize)
                    .checked_sub(1)
                    .and_then(|n| source.get(n))
                    .unwrap_or(&"");
                place(line, finding.span.column as usize, finding.span.len())
            })
            .collect();
        let changes = page
            .previous
            .as_ref()
            .map(|previous| compare(&previous.dockerfile, &page.dockerfile));
        Self {
            page,
            lines,
            changes,
            places,
        }
    }
}

/// The columns of the `length` bytes from the `column`th character of `line` on, once it is made harmless.
fn place(line: &str, column: usize, length: usize) -> (usize, usize) {
    let start = line
        .char_indices()
        .nth(column.saturating_sub(1))
        .map_or(line.len(), |(at, _)| at);
    let mut end = (start + length).min(line.len());
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    let width = |text: &str| columns(&sanitise(text));
    (width(&line[..start]), width(&line[..end]))
}

/// A text as harmless lines, without a string for each.
#[derive(Clone, Default)]
pub struct Lines {
    text: String,
    starts: Vec<u32>,
}

impl Lines {
    /// The lines of `text`.
    pub fn of(text: &str) -> Self {
        let mut lines = Self::default();
        for line in text.lines() {
            lines.push(line);
        }
        lines
    }

    fn push(&mut self, line: &str) {
        self.starts
            .push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
        self.text.push_str(&sanitise(line));
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.starts.len()
    }

    /// Line `n`, from 0.
    pub fn get(&self, n: usize) -> &str {
        let Some(&start) = self.starts.get(n) else {
            return "";
        };
        let end = self
            .starts
            .get(n + 1)
            .map_or(self.text.len(), |&next| next as usize);
        self.text.get(start as usize..end).unwrap_or("")
    }
}

/// One line of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `-`, `+` or a blank.
    pub sign: char,
    /// The line's number in the new text, or in the old one if it went.
    pub number: usize,
    /// The line in parts; the marked ones are what changed within it.
    pub parts: Vec<(bool, String)>,
}

/// What became of `old`.
fn compare(old: &str, new: &str) -> Vec<Change> {
    let diff = TextDiff::configure()
        .algorithm(Algorithm::Patience)
        .timeout(PATIENCE)
        .diff_lines(old, new);
    let mut changes = Vec::new();
    // Within lines is looked only where that is read by people, and done in no time.
    let changed: usize = diff
        .ops()
        .iter()
        .filter(|op| op.tag() != DiffTag::Equal)
        .map(|op| op.old_range().len() + op.new_range().len())
        .sum();
    for op in diff.ops() {
        let fine = changed < FEW && op.tag() != DiffTag::Equal;
        if fine {
            for change in diff.iter_inline_changes(op) {
                let (sign, number) = signed(change.tag(), change.old_index(), change.new_index());
                let mut parts: Vec<(bool, String)> = change
                    .iter_strings_lossy()
                    .map(|(marked, text)| (marked, clean(&text)))
                    .collect();
                if parts.iter().map(|(_, t)| t.len()).sum::<usize>() > FINE {
                    parts = vec![(false, parts.into_iter().map(|(_, t)| t).collect())];
                }
                changes.push(Change {
                    sign,
                    number,
                    parts,
                });
            }
        } else {
            for change in diff.iter_changes(op) {
                let (sign, number) = signed(change.tag(), change.old_index(), change.new_index());
                changes.push(Change {
                    sign,
                    number,
                    parts: vec![(false, clean(change.value()))],
                });
            }
        }
    }
    changes
}

fn clean(text: &str) -> String {
    sanitise(text.trim_end_matches(['\n', '\r'])).into_owned()
}

fn signed(tag: ChangeTag, old: Option<usize>, new: Option<usize>) -> (char, usize) {
    let (sign, index) = match tag {
        ChangeTag::Delete => ('-', old),
        ChangeTag::Insert => ('+', new),
        ChangeTag::Equal => (' ', new),
    };
    (sign, index.map_or(0, |at| at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_harmless_and_keep_their_numbers() {
        let lines = Lines::of("FROM a\n\tRUN \x1b[31m\n\nlast");
        assert_eq!(lines.len(), 4);
        assert_eq!(lines.get(1), "        RUN ␛[31m");
        assert_eq!(lines.get(2), "");
        assert_eq!(lines.get(9), "");
    }

    #[test]
    fn a_place_is_found_behind_tabs_and_wide_characters() {
        assert_eq!(place("RUN curl x", 5, 4), (4, 8));
        assert_eq!(place("\tRUN", 2, 3), (8, 11));
        assert_eq!(place("漢 RUN", 3, 3), (3, 6));
        assert_eq!(place("short", 90, 4), (5, 5));
    }

    #[test]
    fn changes_mark_what_changed_within_a_line() {
        let changes = compare("FROM a\nRUN one two\n", "FROM a\nRUN one three\nCMD x\n");
        let signs: String = changes.iter().map(|c| c.sign).collect();
        assert_eq!(signs, " -++");
        assert!(
            changes[2]
                .parts
                .iter()
                .any(|(marked, text)| *marked && text.contains("three"))
        );
        assert_eq!(changes[3].number, 3);
    }
}
