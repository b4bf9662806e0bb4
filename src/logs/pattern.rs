//! What is searched for in a log: a regular expression where it is one, in small letters for both cases.

use regex::{Regex, RegexBuilder, bytes};

/// Larger than any that somebody types: what it would compile to, in bytes.
const LARGEST: usize = 1 << 20;

/// A text to search for.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    regex: Regex,
    /// Finds whatever a line may match by, in the bytes of a spool; none where only the lines themselves can tell.
    raw: Option<bytes::Regex>,
    is_literal: bool,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Pattern {
    /// The pattern of `text`, which must not be empty. What is no regular expression is taken as it stands.
    pub fn new(text: &str) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        let small = !text.chars().any(char::is_uppercase);
        let build = |pattern: &str| {
            RegexBuilder::new(pattern)
                .case_insensitive(small)
                .size_limit(LARGEST)
                .build()
        };
        let escaped = regex::escape(text);
        let plain = escaped == text;
        let (regex, is_literal) = match build(text) {
            Ok(regex) => (regex, plain),
            Err(_) => (build(&escaped).ok()?, true),
        };
        // In a spool a text stands as JSON has it. What these letters spell stands there as it is shown.
        let untouched = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | '<');
        let raw = (is_literal && text.chars().all(untouched))
            .then(|| {
                bytes::RegexBuilder::new(&escaped)
                    .case_insensitive(small)
                    .size_limit(LARGEST)
                    .build()
                    .ok()
            })
            .flatten();
        Some(Self {
            text: text.to_owned(),
            regex,
            raw,
            is_literal,
        })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is no regular expression, though it may look like one.
    pub const fn is_literal(&self) -> bool {
        self.is_literal
    }

    /// Whether `line` has it.
    pub fn matches(&self, line: &str) -> bool {
        self.regex.is_match(line)
    }

    /// Where `line` has it; what matches nothing is no place.
    pub fn places<'a>(
        &'a self,
        line: &'a str,
    ) -> impl Iterator<Item = std::ops::Range<usize>> + 'a {
        let found = self.regex.find_iter(line).map(|found| found.range());
        found.filter(|range| !range.is_empty())
    }

    /// Finds in the bytes of a spool whatever its lines may match by.
    pub(super) const fn raw(&self) -> Option<&bytes::Regex> {
        self.raw.as_ref()
    }

    /// Whether a tab, which is shown as blanks, may be part of a match.
    pub(super) fn has_blank(&self) -> bool {
        self.text.contains(' ')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_letters_find_both_and_capitals_themselves() {
        assert!(Pattern::new("curl").unwrap().matches("RUN Curl"));
        assert!(!Pattern::new("CURL").unwrap().matches("RUN Curl"));
        assert!(Pattern::new("").is_none());
    }

    #[test]
    fn what_is_no_expression_is_taken_as_it_stands() {
        let pattern = Pattern::new("a[").unwrap();
        assert!(pattern.is_literal() && pattern.matches("xa[y"));
        let pattern = Pattern::new("err(or)?:").unwrap();
        assert!(!pattern.is_literal() && pattern.matches("ERR: no"));
        let places: Vec<_> = pattern.places("err: error:").collect();
        assert_eq!(places, [0..4, 5..11]);
        assert_eq!(Pattern::new("x*").unwrap().places("ab").count(), 0);
    }

    #[test]
    fn one_that_would_fill_memory_is_taken_as_it_stands() {
        assert!(Pattern::new("(a{1000}){1000}").unwrap().is_literal());
    }
}
