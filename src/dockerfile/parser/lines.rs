//! Physical lines into logical ones: continuations joined, comments and blank lines dropped, and for every byte of the
//! result the byte of the file that it came from.

use std::ops::Range;

use super::super::ast::Word;
use super::super::error::ParseError;
use super::super::origin::Origin;
use super::super::place::Places;
use crate::model::finding::Span;

/// The lines of a file, read from top to bottom.
pub(super) struct Lines<'t> {
    pub(super) text: &'t str,
    pub(super) places: &'t Places,
    pub(super) escape: char,
    position: usize,
}

/// One instruction's text on one line.
#[derive(Debug, Default)]
pub(super) struct Logical {
    pub(super) text: String,
    origin: Origin,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str, places: &'t Places, escape: char) -> Self {
        Self {
            text,
            places,
            escape,
            position: 0,
        }
    }

    /// The next physical line with its line end, and where it stands.
    pub(super) fn physical(&mut self) -> Option<Range<usize>> {
        let rest = self.text.get(self.position..)?;
        if rest.is_empty() {
            return None;
        }
        let length = rest.find('\n').map_or(rest.len(), |i| i + 1);
        let line = self.position..self.position + length;
        self.position = line.end;
        Some(line)
    }

    /// The next logical line that is not empty.
    pub(super) fn next(&mut self) -> Option<Logical> {
        loop {
            let line = self.physical()?;
            let content = self.text[line.clone()].trim_end_matches(['\n', '\r']);
            let trimmed = content.trim_start();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            let mut logical = Logical::default();
            let mut from = line.start + content.len() - trimmed.len();
            let mut content = trimmed;
            loop {
                let continued = without_continuation(content, self.escape);
                logical.push(continued.unwrap_or(content), from);
                if continued.is_none() {
                    return Some(logical);
                }
                let Some((start, next)) = self.continuation() else {
                    return Some(logical);
                };
                (from, content) = (start, next);
            }
        }
    }

    /// The next line that goes on with an instruction: neither comment nor blank.
    fn continuation(&mut self) -> Option<(usize, &'t str)> {
        loop {
            let line = self.physical()?;
            let content = self.text[line.clone()].trim_end_matches(['\n', '\r']);
            let trimmed = content.trim_start();
            if !trimmed.is_empty() && !trimmed.starts_with('#') {
                return Some((line.start, content));
            }
        }
    }

    /// Where the reader stands.
    pub(super) const fn position(&self) -> usize {
        self.position
    }
}

/// The line without its continuation mark, or `None` if it has none: an escape character that does not follow another
/// one, with nothing but blanks behind it.
pub(in super::super) fn without_continuation(line: &str, escape: char) -> Option<&str> {
    let before = line.trim_end_matches([' ', '\t']).strip_suffix(escape)?;
    (!before.ends_with(escape)).then_some(before)
}

impl Logical {
    fn push(&mut self, text: &str, from: usize) {
        self.origin.push(self.text.len(), from);
        self.text.push_str(text);
    }

    /// The bytes of the file that `range` of this line covers.
    pub(super) fn source(&self, range: &Range<usize>) -> Range<usize> {
        self.origin.source(range)
    }

    pub(super) fn span(&self, lines: &Lines<'_>, range: &Range<usize>) -> Span {
        lines.places.span(lines.text, self.source(range))
    }

    pub(super) fn word(&self, lines: &Lines<'_>, range: Range<usize>) -> Word {
        Word {
            span: self.span(lines, &range),
            text: self.text[range].to_owned(),
        }
    }

    pub(super) fn error(
        &self,
        lines: &Lines<'_>,
        range: Range<usize>,
        reason: impl Into<String>,
    ) -> ParseError {
        ParseError::new(lines.places, lines.text, self.source(&range), reason)
    }
}
