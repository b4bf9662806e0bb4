//! Where the bytes of a read text came from: the way back from a word, as the parser or a shell would see it, to the
//! file.

use std::ops::Range;

use super::ast::{Dockerfile, Word};
use super::parser::{chomp_lines, json_origin, without_continuation};
use super::place::Places;
use crate::model::finding::Span;

/// A map from a text to the file: runs of bytes that stand in both in the same order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// Byte of the text, byte of the file; ascending in the text.
    runs: Vec<(usize, usize)>,
}

impl Origin {
    /// The text is the file from `start` on.
    pub fn starting_at(start: usize) -> Self {
        Self {
            runs: vec![(0, start)],
        }
    }

    /// Finds how `word` was read: as it stands, over continued lines, as a here-document without its tabs, or out of a
    /// JSON string. For a text that was made in another way the places are those of the word's beginning and on.
    pub fn of(file: &Dockerfile, word: &Word) -> Self {
        let start = word.span.start;
        let source = file.text.get(start..word.span.end).unwrap_or("");
        if source == word.text {
            return Self::starting_at(start);
        }
        [
            Some(joined(source, start, file.directives.escape)),
            Some(chomp_lines(source, start)),
            json_origin(source, start),
        ]
        .into_iter()
        .flatten()
        .find(|(text, _)| *text == word.text)
        .map_or_else(|| Self::starting_at(start), |(_, origin)| origin)
    }

    /// From byte `at` of the text on, bytes come from `from` of the file.
    pub fn push(&mut self, at: usize, from: usize) {
        if let Some((last_at, last_from)) = self.runs.last().copied() {
            if last_at == at {
                self.runs.pop();
            } else if at - last_at == from.wrapping_sub(last_from) {
                return;
            }
        }
        self.runs.push((at, from));
    }

    /// From byte `at` of the text on stands another text, with its own way back.
    pub fn append(&mut self, at: usize, other: &Self) {
        for (text, file) in &other.runs {
            self.push(at + text, *file);
        }
    }

    /// The same with every byte of the file `by` further on.
    #[must_use]
    pub fn moved(mut self, by: isize) -> Self {
        for run in &mut self.runs {
            run.1 = run.1.saturating_add_signed(by);
        }
        self
    }

    /// The byte of the file for byte `at` of the text.
    pub fn byte(&self, at: usize) -> usize {
        let index = self.runs.partition_point(|run| run.0 <= at);
        match index.checked_sub(1).and_then(|i| self.runs.get(i)) {
            Some((text, file)) => file + (at - text),
            None => 0,
        }
    }

    /// The place in the file for a range of the text.
    pub fn span(&self, file: &Dockerfile, places: &Places, range: &Range<usize>) -> Span {
        places.span(&file.text, self.source(range))
    }

    /// The bytes of the file for a range of the text.
    pub fn source(&self, range: &Range<usize>) -> Range<usize> {
        let start = self.byte(range.start);
        match range.end.checked_sub(1) {
            Some(last) if last >= range.start => start..self.byte(last) + 1,
            _ => start..start,
        }
    }
}

/// Joins continued lines as the parser does.
fn joined(source: &str, start: usize, escape: char) -> (String, Origin) {
    let mut text = String::with_capacity(source.len());
    let mut origin = Origin::default();
    let mut at = start;
    for (index, line) in source.split_inclusive('\n').enumerate() {
        let content = line.trim_end_matches(['\n', '\r']);
        let trimmed = content.trim_start();
        if index == 0 || !(trimmed.is_empty() || trimmed.starts_with('#')) {
            let last = at + line.len() == start + source.len();
            let kept = if last {
                content
            } else {
                without_continuation(content, escape).unwrap_or(content)
            };
            origin.push(text.len(), at);
            text.push_str(kept);
        }
        at += line.len();
    }
    (text, origin)
}
