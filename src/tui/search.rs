//! Searching in what is shown: small letters find both, capitals find themselves.

use super::ink::{Line, span};
use super::theme::Role;

/// Whether `text` holds `needle`; capitals in the needle make it exact.
pub(super) fn contains(text: &str, needle: &str) -> bool {
    !needle.is_empty() && find(text, needle).is_some()
}

fn find(text: &str, needle: &str) -> Option<usize> {
    if needle.chars().any(char::is_uppercase) {
        return text.find(needle);
    }
    // Letter by letter, so that positions in the text stay what they are whatever lower-casing does to lengths.
    text.char_indices().map(|(at, _)| at).find(|&at| {
        let mut wanted = needle.chars();
        let mut given = text[at..].chars();
        wanted.all(|w| {
            given
                .next()
                .is_some_and(|g| g == w || g.to_lowercase().eq(w.to_lowercase()))
        })
    })
}

/// The match after or before `top`, going round at the end; `matches` are in order.
pub(super) fn next_match(matches: &[usize], top: usize, forward: bool) -> Option<usize> {
    let next = if forward {
        matches.iter().find(|&&row| row > top).or(matches.first())
    } else {
        matches.iter().rfind(|&&row| row < top).or(matches.last())
    };
    next.copied()
}

/// `text` with every `needle` in it marked.
pub(super) fn highlighted<'a>(text: &'a str, needle: &str, role: Role) -> Line<'a> {
    let mut spans = Vec::new();
    let mut rest = text;
    while let Some(at) = find(rest, needle).filter(|_| !needle.is_empty()) {
        let length: usize = rest[at..]
            .chars()
            .take(needle.chars().count())
            .map(char::len_utf8)
            .sum();
        spans.push(span(&rest[..at], role));
        spans.push(span(&rest[at..at + length], Role::Match));
        rest = &rest[at + length..];
    }
    spans.push(span(rest, role));
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_without_capitals_takes_both() {
        assert!(contains("RUN Curl", "curl"));
        assert!(!contains("RUN Curl", "CURL"));
        assert!(!contains("x", ""));
        assert_eq!(find("İx", "x"), Some(2));
    }
}
