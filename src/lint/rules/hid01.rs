//! HID01: what a reader does not see, or takes for something else.

use crate::lint::address;
use crate::lint::file::File;
use crate::lint::rule::{Rule, Sink};
use crate::model::Severity;
use crate::model::foreign::is_hidden;

pub(super) static HID01: Hid01 = Hid01;

pub(super) struct Hid01;

/// Places that are told; one is enough to look closely.
const TOLD: usize = 100;

impl Rule for Hid01 {
    fn id(&self) -> &'static str {
        "HID01"
    }

    fn severity(&self) -> Severity {
        Severity::Warn
    }

    fn doc(&self) -> &'static str {
        "The file has characters that show nothing, turn the direction of writing or act on a terminal, or an address whose host \
         has letters that only look like those of another one."
    }

    fn check(&self, file: &File<'_>, sink: &mut Sink<'_>) {
        let text = &file.dockerfile.text;
        let mut told = 0;
        let mut last = None;
        for (at, c) in text.char_indices() {
            if !is_hidden(c) || matches!(c, '\n' | '\t' | '\r') {
                continue;
            }
            // A run of them is one place.
            let follows = last.replace(at + c.len_utf8()) == Some(at);
            if follows || told == TOLD {
                continue;
            }
            told += 1;
            let span = sink.span(at..at + c.len_utf8());
            let message = format!("a character that hides: {}", c.escape_unicode());
            sink.report(span, message, "Take it out, or write it as an escape.");
        }
        for word in hosts(text) {
            let span = sink.span(word.start..word.end);
            let host = escaped(text.get(word).unwrap_or_default());
            sink.report(
                span,
                format!("the host {host} has letters beyond ASCII: it may not be the one that it looks like"),
                "Write the host as it is looked up (xn--…), or another one.",
            );
        }
    }
}

/// The hosts of addresses that have letters beyond ASCII.
fn hosts(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("://") {
        let start = at + 3;
        let rest = text.get(start..).unwrap_or_default();
        let end = rest
            .find(|c: char| c.is_whitespace() || "/\"'?#)\\;|&<>".contains(c))
            .unwrap_or(rest.len());
        let host = rest.get(..end).unwrap_or_default();
        if !host.is_ascii() && found.len() < TOLD {
            found.push(start..start + end);
        }
    }
    // `git@host:path` is an address without a scheme.
    for word in text.split_whitespace().filter(|word| !word.is_ascii()) {
        if address::is_bare_git(word) && !word.contains("://") && found.len() < TOLD {
            let start = word.as_ptr() as usize - text.as_ptr() as usize;
            found.push(start..start + word.len());
        }
    }
    found
}

/// Letters beyond ASCII as escapes.
fn escaped(text: &str) -> String {
    let shown = |c: char| match c.is_ascii() {
        true => c.to_string(),
        false => c.escape_unicode().to_string(),
    };
    text.chars().take(100).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, of, passes};

    #[test]
    fn what_hides_is_told_once_a_place() {
        caught(
            "HID01",
            &[
                "FROM node:20-slim\nRUN echo \u{202e}txt",
                "FROM node:20-slim\n# \u{200b}\nCMD x",
                "FROM node:20-slim\nRUN echo \u{1b}[31m",
                "FROM node:20-slim\nRUN echo \u{0}",
                "FROM node:20-slim\nLABEL a=https://g\u{456}thub.com/x",
                "FROM node:20-slim\nADD git@g\u{456}thub.com:a/b.git /x",
            ],
        );
        let findings = of(
            "HID01",
            "FROM node:20-slim\nLABEL a=https://g\u{456}t.example/x\n",
        );
        assert!(
            findings[0]
                .message
                .starts_with("the host g\\u{456}t.example has letters")
        );
        let run = format!("FROM node:20-slim\n# {}\n", "\u{200b}".repeat(5000));
        assert_eq!(of("HID01", &run).len(), 1);
    }

    #[test]
    fn other_letters_pass() {
        passes(
            "HID01",
            &[
                "FROM node:20-slim\nLABEL a=\"für alle, 漢字\"",
                "FROM node:20-slim\r\nLABEL\ta=b\r\n",
                "FROM node:20-slim\nLABEL a=https://example.com/ü",
            ],
        );
    }
}
