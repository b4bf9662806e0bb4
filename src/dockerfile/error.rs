//! What is wrong with a Dockerfile that can't be read, and where (R12).

use std::fmt;

use super::excerpt::{Excerpt, harmless};
use super::place::Places;
use crate::model::finding::Span;

/// How much of the line is kept.
const KEPT: usize = 4096;

/// A Dockerfile that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ParseError {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What is meant, in the text without its byte-order mark.
    pub span: Span,
    /// What is wrong.
    pub reason: String,
    /// The line itself, as it stands in the file (its first 4 KiB).
    pub source_line: String,
}

impl ParseError {
    pub(super) fn new(
        places: &Places,
        text: &str,
        range: std::ops::Range<usize>,
        reason: impl Into<String>,
    ) -> Self {
        let span = places.span(text, range);
        let line = places.line_text(text, span.line);
        Self {
            line: span.line,
            column: span.column,
            span,
            reason: reason.into(),
            source_line: start(line).to_owned(),
        }
    }

    pub(super) fn at_line(line: u32, column: u32, source_line: &str, reason: String) -> Self {
        Self {
            line,
            column,
            span: Span {
                line,
                column,
                ..Span::default()
            },
            reason,
            source_line: start(source_line).to_owned(),
        }
    }

    /// The first line of the message: what and where.
    pub fn summary(&self) -> String {
        format!(
            "Dockerfile parse error on line {}: {}",
            self.line,
            harmless(&self.reason)
        )
    }
}

/// The first bytes of a line, cut between characters.
fn start(line: &str) -> &str {
    let mut end = line.len().min(KEPT);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    &line[..end]
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self
            .source_line
            .char_indices()
            .nth((self.column as usize).saturating_sub(1))
            .map_or(self.source_line.len(), |(i, _)| i);
        let to = from + self.span.len().max(1);
        let shown = Excerpt::new(&self.source_line, from..to);
        write!(
            f,
            "{}\n    {}\n    {}",
            self.summary(),
            shown.line,
            shown.carets
        )
    }
}
