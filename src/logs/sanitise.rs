//! Foreign text made visible and harmless, one line at a time.
//!
//! A terminal obeys what it is shown. So nothing that a terminal, or a reader's eye, could be led astray by leaves
//! this file: control characters, escape sequences, characters that turn the direction of writing, characters that
//! can't be seen, and bytes that are not UTF-8 all come out as something that can be read. It knows no terminal
//! and no widget.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar;

use crate::model::foreign::is_invisible;

/// Columns between tab stops.
const TAB: usize = 8;

/// How many marks may pile up on one character before they are spelled out.
const MARKS: usize = 3;

/// `text` with everything dangerous or invisible made visible; borrowed where there is nothing to do.
///
/// - Control characters become their pictures: `␛` for escape, so `ESC[31m` reads `␛[31m`.
/// - A tab becomes spaces up to the next of the usual stops; one carriage return at the end is dropped.
/// - Bidirectional controls, zero-width and other invisible characters become `<U+202E>`.
/// - Bytes that are not UTF-8 become `<FF>`.
///
/// The result holds no control character at all, not even a line feed: it is one line.
pub fn sanitise<T: AsRef<[u8]> + ?Sized>(text: &T) -> Cow<'_, str> {
    let bytes = text.as_ref();
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => match text.char_indices().find(|&(_, c)| !is_plain(c)) {
            None => Cow::Borrowed(text),
            Some((first, _)) => {
                let mut out = Line::starting_with(&text[..first]);
                out.extend(&text[first..]);
                Cow::Owned(out.text)
            }
        },
        Err(_) => {
            let mut out = Line::default();
            for chunk in bytes.utf8_chunks() {
                out.extend(chunk.valid());
                for byte in chunk.invalid() {
                    out.spell(format_args!("<{byte:02X}>"));
                }
            }
            Cow::Owned(out.text)
        }
    }
}

/// [`sanitise`] for a line of a build's output: colours are left out instead of spelled out.
///
/// Tools colour what they print, and `␛[32m` around every word helps nobody. Only a complete and well-formed
/// "select graphic rendition" sequence is left out, since all that it can do is colour; every other sequence stays
/// visible.
pub fn sanitise_log<T: AsRef<[u8]> + ?Sized>(text: &T) -> Cow<'_, str> {
    let bytes = text.as_ref();
    if !bytes.contains(&0x1b) {
        return sanitise(text);
    }
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(&byte) = rest.first() {
        match colour_length(rest) {
            Some(length) => rest = &rest[length..],
            None => {
                plain.push(byte);
                rest = &rest[1..];
            }
        }
    }
    Cow::Owned(sanitise(&plain).into_owned())
}

/// The length of the colour sequence that `bytes` begin with.
pub(super) fn colour_length(bytes: &[u8]) -> Option<usize> {
    let parameters = bytes.strip_prefix(b"\x1b[")?;
    let length = parameters
        .iter()
        .take(64)
        .position(|b| !matches!(b, b'0'..=b'9' | b';' | b':'))?;
    (parameters[length] == b'm').then_some(length + 3)
}

/// A line as it grows, with the column that it has come to.
#[derive(Default)]
struct Line {
    text: String,
    column: usize,
    marks: usize,
    last: Option<char>,
}

impl Line {
    fn starting_with(plain: &str) -> Self {
        Self {
            text: plain.to_owned(),
            column: plain.chars().filter_map(UnicodeWidthChar::width).sum(),
            marks: 0,
            last: plain.chars().next_back(),
        }
    }

    fn extend(&mut self, text: &str) {
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\t' => {
                    let spaces = TAB - self.column % TAB;
                    self.text.extend(std::iter::repeat_n(' ', spaces));
                    self.column += spaces;
                    self.last = None;
                }
                '\u{0}'..='\u{1f}' => self.picture(0x2400 + u32::from(c)),
                '\u{7f}' => self.picture(0x2421),
                // Whether a pictograph is drawn in colour: says nothing, and terminals disagree about its width.
                '\u{fe0e}' | '\u{fe0f}'
                    if self.last.is_some_and(|l| !l.is_ascii())
                        && !chars.peek().is_some_and(|&n| is_selector(n)) => {}
                c if is_invisible(c) => self.spell(format_args!("<U+{:04X}>", u32::from(c))),
                c => match c.width() {
                    Some(0) if self.last.is_some() && self.marks < MARKS => {
                        self.marks += 1;
                        self.text.push(c);
                    }
                    Some(width) if width > 0 => {
                        self.text.push(c);
                        self.column += width;
                        self.marks = 0;
                        self.last = Some(c);
                    }
                    _ => self.spell(format_args!("<U+{:04X}>", u32::from(c))),
                },
            }
        }
    }

    fn picture(&mut self, code: u32) {
        self.text.extend(char::from_u32(code));
        self.column += 1;
        self.last = None;
        self.marks = 0;
    }

    fn spell(&mut self, what: std::fmt::Arguments<'_>) {
        let before = self.text.len();
        // Writing to a string can't fail.
        let _ = self.text.write_fmt(what);
        self.column += self.text.len() - before;
        self.last = None;
        self.marks = 0;
    }
}

/// Whether `c` can stay as it is whatever stands around it.
fn is_plain(c: char) -> bool {
    matches!(c, ' '..='~') || (c > '\u{9f}' && !is_invisible(c) && c.width().is_some_and(|w| w > 0))
}

const fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_text_is_borrowed() {
        for text in ["", "RUN make", "naïve — 漢字 ✓ äöü"] {
            assert!(matches!(sanitise(text), Cow::Borrowed(t) if t == text));
        }
    }

    #[test]
    fn escape_sequences_can_be_read_and_do_nothing() {
        assert_eq!(sanitise("\x1b[2J\x1b]0;owned\x07"), "␛[2J␛]0;owned␇");
        assert_eq!(sanitise("\u{9b}31m"), "<U+009B>31m");
        assert_eq!(sanitise(b"\x9b31m".as_slice()), "<9B>31m");
        assert_eq!(sanitise("a\x7fb\0c\nd"), "a␡b␀c␊d");
    }

    #[test]
    fn hidden_and_turned_text_is_spelled_out() {
        assert_eq!(sanitise("a\u{202e}b"), "a<U+202E>b");
        assert_eq!(sanitise("a\u{200b}b"), "a<U+200B>b");
        assert_eq!(sanitise("x\u{e0041}"), "x<U+E0041>");
        assert_eq!(sanitise("\u{301}x"), "<U+0301>x");
        assert_eq!(sanitise("e\u{301}"), "e\u{301}");
        assert_eq!(
            sanitise("e\u{301}\u{301}\u{301}\u{301}"),
            "e\u{301}\u{301}\u{301}<U+0301>"
        );
    }

    #[test]
    fn tabs_keep_their_columns() {
        assert_eq!(sanitise("a\tb"), "a       b");
        assert_eq!(sanitise("12345678\tb"), "12345678        b");
        assert_eq!(sanitise("漢\tb"), "漢      b");
    }

    #[test]
    fn a_carriage_return_is_dropped_at_the_end_only() {
        assert_eq!(sanitise("50%\r100%\r"), "50%␍100%");
    }

    #[test]
    fn colours_are_left_out_of_logs_and_nothing_else_is() {
        assert_eq!(sanitise_log("\x1b[1;32mok\x1b[0m \x1b[2K"), "ok ␛[2K");
        assert_eq!(sanitise_log("\x1b[1"), "␛[1");
        assert_eq!(sanitise_log("\x1b[\x1b[0mm"), "␛[m");
    }

    fn is_harmless(text: &str) -> bool {
        !text.chars().any(|c| {
            c.is_control()
                || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        })
    }

    proptest! {
        #[test]
        fn nothing_that_a_terminal_obeys_comes_out(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(is_harmless(&sanitise(&bytes)));
            prop_assert!(is_harmless(&sanitise_log(&bytes)));
        }

        #[test]
        fn what_is_harmless_stays_as_it_is(text in any::<String>()) {
            let once = sanitise(&text).into_owned();
            prop_assert!(is_harmless(&once));
            prop_assert_eq!(sanitise(&once), once.as_str());
        }

        #[test]
        fn controls_in_any_mix_come_out_harmless(text in "[\\x00-\\x20\\x7f-\\u{a0}\\u{200b}-\\u{206f}\\u{fe00}-\\u{fe0f}☂a\\u{300}]{0,40}") {
            let once = sanitise(&text).into_owned();
            prop_assert!(is_harmless(&once));
            prop_assert_eq!(sanitise(&once), once.as_str());
        }
    }
}
