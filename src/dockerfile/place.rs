//! From a byte in a text to its line and column, quickly and in any order.

use std::ops::Range;

use crate::model::finding::Span;

/// Bytes between two remembered character counts: a look-up reads at most this many.
const STRIDE: usize = 256;

/// Where the lines of one text begin.
#[derive(Debug, Clone)]
pub struct Places {
    line_starts: Vec<usize>,
    /// Characters before byte `i * STRIDE`; empty for ASCII, where a character is a byte.
    characters: Vec<usize>,
    length: usize,
}

impl Places {
    /// Reads the line starts of `text`.
    pub fn new(text: &str) -> Self {
        let mut line_starts = vec![0];
        line_starts.extend(
            text.bytes()
                .enumerate()
                .filter(|(_, b)| *b == b'\n')
                .map(|(i, _)| i + 1),
        );
        let mut characters = Vec::new();
        if !text.is_ascii() {
            let mut count = 0;
            for chunk in text.as_bytes().chunks(STRIDE) {
                characters.push(count);
                count += starts(chunk);
            }
            characters.push(count);
        }
        Self {
            line_starts,
            characters,
            length: text.len(),
        }
    }

    /// The line of a byte, from 1.
    pub fn line(&self, offset: usize) -> u32 {
        let line = self.line_starts.partition_point(|&start| start <= offset);
        u32::try_from(line).unwrap_or(u32::MAX)
    }

    /// The bytes of a line (from 1) in `text`, without its line end.
    pub fn line_text<'t>(&self, text: &'t str, line: u32) -> &'t str {
        let index = (line as usize).saturating_sub(1);
        let Some(&start) = self.line_starts.get(index) else {
            return "";
        };
        let end = self
            .line_starts
            .get(index + 1)
            .copied()
            .unwrap_or(self.length);
        text.get(start..end)
            .unwrap_or("")
            .trim_end_matches(['\n', '\r'])
    }

    /// The span of `range` in `text`, the text that `self` was made of.
    pub fn span(&self, text: &str, range: Range<usize>) -> Span {
        let start = range.start.min(self.length);
        let line = self.line(start);
        let line_start = self.line_starts[(line as usize).saturating_sub(1)];
        let column = self.characters(text, start) - self.characters(text, line_start) + 1;
        Span {
            start,
            end: range.end.clamp(start, self.length),
            line,
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }

    fn characters(&self, text: &str, offset: usize) -> usize {
        if self.characters.is_empty() {
            return offset;
        }
        let block = offset / STRIDE;
        self.characters[block] + starts(&text.as_bytes()[block * STRIDE..offset])
    }
}

/// How many characters begin in `bytes`.
fn starts(bytes: &[u8]) -> usize {
    bytes.iter().filter(|b| (**b & 0xC0) != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_begin_at_one() {
        let text = "äöü x\nzweite\r\n\nende";
        let places = Places::new(text);
        let x = text.find('x').unwrap_or_default();
        let span = places.span(text, x..x + 1);
        assert_eq!((span.line, span.column), (1, 5));
        let end = text.find("ende").unwrap_or_default();
        let span = places.span(text, end..end + 4);
        assert_eq!((span.line, span.column), (4, 1));
        assert_eq!(places.line_text(text, 2), "zweite");
        assert_eq!(places.line_text(text, 9), "");
    }

    #[test]
    fn long_lines_are_counted_right() {
        let text = format!("{}€!", "é".repeat(1000));
        let places = Places::new(&text);
        let at = text.len() - 1;
        assert_eq!(places.span(&text, at..at + 1).column, 1002);
        let past = places.span(&text, text.len() + 5..text.len() + 9);
        assert_eq!((past.start, past.end), (text.len(), text.len()));
    }
}
