//! `name=value` in front of a command, and what a command sets for those behind it.

use super::super::origin::Origin;
use super::Word;
use super::read::{Current, Reader};
use super::word::{Fields, ends_word};

impl Reader<'_, '_, '_> {
    /// `name=value`, `length` bytes up to and with the equals sign.
    pub(super) fn assign(&mut self, current: &mut Current, length: usize) {
        let written = &self.rest()[..length];
        let adds = written.ends_with("+=");
        let name = written.trim_end_matches(['=', '+']).to_owned();
        let value_at = self.position + length;
        while self.position < value_at {
            self.bump();
        }
        let start = self.place();
        if self.peek() == Some('(') {
            self.bump();
            self.words_in_parentheses();
            let mut word = Fields::new(start, false).single(self.place_behind());
            word.known = false;
            current.assignments.push((name, word));
            return;
        }
        let mut words = self.word(false);
        let mut value = words.pop().unwrap_or_else(|| Word {
            span: start..start,
            ..Word::new("", Origin::starting_at(start))
        });
        if adds {
            match self.found.variables.get(&name) {
                Some(Some(before)) => value.text.insert_str(0, before),
                _ => value.known = false,
            }
        }
        current.assignments.push((name, value));
    }

    /// Words up to `)`: an array, or the patterns of a case. False if the text ends before.
    pub(super) fn words_in_parentheses(&mut self) -> bool {
        loop {
            self.blanks_and_lines();
            match self.peek() {
                None => return false,
                Some(')') => {
                    self.bump();
                    return true;
                }
                Some(c) if ends_word(c) => {
                    self.bump();
                }
                Some(_) => {
                    self.word(true);
                }
            }
        }
    }

    /// Notes the variables that a command sets for those behind it.
    pub(super) fn remember(&mut self, current: &Current) {
        let Some(first) = current.words.first() else {
            for (name, value) in &current.assignments {
                self.found
                    .set(name, value.known.then(|| value.text.clone()));
            }
            return;
        };
        match first.text.as_str() {
            "export" | "readonly" | "local" | "declare" | "typeset" => {
                for word in &current.words[1..] {
                    if let Some((name, value)) = word.text.split_once('=') {
                        self.found.set(name, word.known.then(|| value.to_owned()));
                    }
                }
            }
            "read" | "getopts" | "mapfile" | "readarray" | "unset" => {
                for word in &current.words[1..] {
                    self.found.set(&word.text, None);
                }
            }
            _ => {}
        }
    }
}

/// The length of `name=` or `name+=`, if the text begins with it.
pub(super) fn assignment(text: &str) -> Option<usize> {
    let name = text
        .bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || *b == b'_')
        .count();
    if name == 0 || text.as_bytes()[0].is_ascii_digit() {
        return None;
    }
    let rest = &text[name..];
    if rest.starts_with("+=") {
        Some(name + 2)
    } else if rest.starts_with('=') {
        Some(name + 1)
    } else {
        None
    }
}
