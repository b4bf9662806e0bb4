//! One line into words, in the two ways that Docker has: at blanks, and at blanks outside quotes.

use std::ops::Range;

/// The characters that Docker splits arguments at.
pub(super) const fn blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{0B}' | '\u{0C}' | '\r')
}

/// `range` of `text` without white space at its ends.
pub(super) fn trim(text: &str, range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let start = range.start + part.len() - part.trim_start().len();
    start..start + part.trim().len()
}

/// The first word of `range` and what stands behind the blanks that follow it.
pub(super) fn first(text: &str, range: Range<usize>) -> (Range<usize>, Range<usize>) {
    let part = &text[range.clone()];
    let end = part.find(blank).unwrap_or(part.len());
    let rest = part[end..].trim_start_matches(blank);
    let rest_start = range.end - rest.len();
    (range.start..range.start + end, rest_start..range.end)
}

/// Splits at blanks; quotes mean nothing.
pub(super) fn split(text: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut rest = range;
    while !rest.is_empty() {
        let (word, behind) = first(text, rest);
        if !word.is_empty() {
            words.push(word);
        }
        rest = behind;
    }
    words
}

/// Splits at white space outside quotes and escapes; quotes and escapes stay in the words.
pub(super) fn quoted(text: &str, range: Range<usize>, escape: char) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut start = None;
    let mut quote = None;
    let mut end = range.start;
    let mut characters = text[range.clone()].char_indices().peekable();
    while let Some((i, c)) = characters.next() {
        let at = range.start + i;
        if start.is_none() {
            if c.is_whitespace() {
                continue;
            }
            start = Some(at);
        } else if quote.is_none() && c.is_whitespace() {
            words.extend(start.take().map(|s| s..at));
            continue;
        }
        end = at + c.len_utf8();
        if c == escape && quote != Some('\'') {
            match characters.next() {
                Some((_, next)) => end += next.len_utf8(),
                // Docker drops an escape character at the very end.
                None => end = at,
            }
        } else if quote == Some(c) {
            quote = None;
        } else if quote.is_none() && matches!(c, '\'' | '"') {
            quote = Some(c);
        }
    }
    words.extend(start.map(|s| s..end).filter(|w| !w.is_empty()));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str, ranges: Vec<Range<usize>>) -> Vec<&str> {
        ranges.into_iter().map(|r| &text[r]).collect()
    }

    #[test]
    fn quotes_and_escapes_hold_words_together() {
        let text = r#"a="b c" d=e\ f  'g h'=i j\"#;
        let words = quoted(text, 0..text.len(), '\\');
        assert_eq!(
            texts(text, words),
            [r#"a="b c""#, r"d=e\ f", "'g h'=i", "j"]
        );
    }

    #[test]
    fn the_escape_character_is_the_given_one() {
        let text = r"a=b` c d=\ e";
        let words = quoted(text, 0..text.len(), '`');
        assert_eq!(texts(text, words), [r"a=b` c", r"d=\", "e"]);
    }

    #[test]
    fn blanks_split_whatever_the_quotes_say() {
        let text = " \"a b\"\tc ";
        assert_eq!(texts(text, split(text, 0..text.len())), ["\"a", "b\"", "c"]);
    }
}
