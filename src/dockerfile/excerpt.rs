//! One line of a hostile text, made fit for a terminal, with carets under the part that is meant.
//!
//! Control characters (also the invisible ones that turn text around) are shown as escapes, so that nothing in the text
//! reaches a terminal as a command; long lines are cut around the part that is meant.

use std::fmt::Write as _;
use std::ops::Range;

use crate::model::foreign::is_hidden;

/// How many characters of a line are shown.
const WIDTH: usize = 160;
/// How many of them stand before the part that is meant, when the line is cut.
const BEFORE: usize = 60;

/// A line ready to be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The line, harmless.
    pub line: String,
    /// Spaces and carets.
    pub carets: String,
}

impl Excerpt {
    /// Shows `line` (without its line end) with carets under `meant`, a range of its bytes.
    pub fn new(line: &str, meant: Range<usize>) -> Self {
        let mut shown = String::new();
        let mut carets = String::new();
        let before = line
            .char_indices()
            .filter(|(i, _)| *i < meant.start)
            .count();
        let skip = if line.chars().count() > WIDTH {
            before.saturating_sub(BEFORE)
        } else {
            0
        };
        if skip > 0 {
            shown.push('…');
            carets.push(' ');
        }
        let mut cut = false;
        for (count, (at, c)) in line.char_indices().skip(skip).enumerate() {
            if count == WIDTH {
                cut = true;
                break;
            }
            let start = width(&shown);
            push(&mut shown, c);
            let columns = width(&shown) - start;
            let mark = if meant.contains(&at) { '^' } else { ' ' };
            carets.extend(std::iter::repeat_n(mark, columns));
        }
        if cut {
            shown.push('…');
        }
        if !carets.contains('^') {
            if cut {
                carets.push(' ');
            }
            carets.push('^');
        }
        carets.truncate(carets.trim_end().len());
        Self {
            line: shown,
            carets,
        }
    }
}

/// A text with its control characters shown as escapes; tabs become one space.
pub fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        push(&mut shown, c);
    }
    shown
}

fn push(shown: &mut String, c: char) {
    if c == '\t' {
        shown.push(' ');
    } else if is_hidden(c) {
        // Writing to a String can't fail.
        let _ = write!(shown, "{}", c.escape_unicode());
    } else {
        shown.push(c);
    }
}

fn width(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carets_stand_under_what_is_meant() {
        let shown = Excerpt::new("RUN curl x", 4..8);
        assert_eq!(shown.line, "RUN curl x");
        assert_eq!(shown.carets, "    ^^^^");
    }

    #[test]
    fn wide_characters_and_tabs_keep_the_carets_in_place() {
        let shown = Excerpt::new("日\tx", 4..5);
        assert_eq!(shown.line, "日 x");
        assert_eq!(shown.carets, "   ^");
    }

    #[test]
    fn nothing_of_a_hostile_line_reaches_the_terminal() {
        let shown = Excerpt::new("RUN \u{1b}[31m\u{202e}evil\u{7}", 0..3);
        assert!(!shown.line.chars().any(is_hidden), "{}", shown.line);
        assert_eq!(shown.line, "RUN \\u{1b}[31m\\u{202e}evil\\u{7}");
        assert_eq!(harmless("a\r\nb"), "a\\u{d}\\u{a}b");
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let line = format!("{}HERE{}", "a".repeat(500), "b".repeat(500));
        let shown = Excerpt::new(&line, 500..504);
        assert!(shown.line.starts_with('…') && shown.line.ends_with('…'));
        let at = shown.carets.find('^').unwrap_or_default();
        let seen: String = shown.line.chars().skip(at).take(4).collect();
        assert_eq!(seen, "HERE");
    }

    #[test]
    fn a_place_past_the_end_still_has_a_caret() {
        assert_eq!(Excerpt::new("FROM", 4..4).carets, "    ^");
        assert_eq!(Excerpt::new("", 0..0).carets, "^");
    }
}
