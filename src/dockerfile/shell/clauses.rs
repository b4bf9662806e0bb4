//! `for`, `case` and `[[ … ]]`: the parts of a script that are not lists of commands.

use super::read::{Reader, Until};
use super::word::ends_word;

impl<'r> Reader<'r, '_, '_> {
    pub(super) fn for_clause(&mut self) {
        self.blanks();
        if self.rest().starts_with("((") && self.arithmetic() {
            return;
        }
        let name: String = self.word(true).into_iter().map(|w| w.text).collect();
        self.blanks_and_lines();
        let before = self.position;
        if self.since_word() != "in" {
            self.position = before;
            self.found.set(&name, None);
            return;
        }
        let mut values = Vec::new();
        loop {
            self.blanks();
            match self.peek() {
                Some(c) if !ends_word(c) => values.extend(self.word(true)),
                Some('<' | '>' | '(' | ')') => {
                    self.bump();
                }
                _ => break,
            }
        }
        let only = match values.as_slice() {
            [only] if only.known && !only.pattern => Some(only.text.clone()),
            _ => None,
        };
        self.found.set(&name, only);
    }

    /// Reads a word and gives it as it is written.
    pub(super) fn since_word(&mut self) -> &'r str {
        let start = self.position;
        self.word(true);
        self.since(start)
    }

    pub(super) fn case_clause(&mut self) {
        self.blanks();
        self.word(true);
        self.blanks_and_lines();
        if self.since_word() != "in" {
            return;
        }
        loop {
            self.blanks_and_lines();
            let before = self.position;
            match self.peek() {
                None => return,
                Some('(') => {
                    self.bump();
                }
                Some(_) => {
                    if self.since_word() == "esac" {
                        return;
                    }
                    self.position = before;
                }
            }
            // The pattern.
            if !self.words_in_parentheses() {
                return;
            }
            if self.list(Until::CaseItem) {
                return;
            }
            if self.position == before {
                return;
            }
            if self.peek() == Some(')') {
                // The list that the whole `case` stands in ends here.
                return;
            }
        }
    }

    /// `[[ … ]]`: operators mean something else in it.
    pub(super) fn conditional(&mut self) {
        loop {
            self.blanks_and_lines();
            match self.peek() {
                None => return,
                Some(c) if ends_word(c) => {
                    self.bump();
                }
                Some(_) => {
                    if self.since_word() == "]]" {
                        return;
                    }
                }
            }
        }
    }
}
