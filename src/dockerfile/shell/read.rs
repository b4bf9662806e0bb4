//! From text to simple commands: lists, pipes, subshells, loops, `case`, here-documents.
//!
//! Every byte is looked at a bounded number of times, nesting has a limit, and what is past it is reported as not read.

use std::sync::Arc;

use super::super::origin::Origin;
use super::assign::assignment;
use super::found::{DEPTH, Found};
use super::redirect::Pending;
use super::word::Fields;
use super::{Command, Input, Redirect, Word};

/// Reads a script.
pub(super) fn script(text: &str, origin: &Origin, found: &mut Found<'_>, depth: usize) {
    let mut reader = Reader {
        text,
        origin,
        position: 0,
        found,
        depth,
        pending: Vec::new(),
        piped: None,
    };
    reader.list(Until::End);
}

/// What ends a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// The end of the text.
    End,
    /// `)`.
    Paren,
    /// `;;` or `esac`.
    CaseItem,
}

#[derive(Default)]
pub(super) struct Current {
    pub(super) words: Vec<Word>,
    pub(super) assignments: Vec<(String, Word)>,
    pub(super) redirects: Vec<Redirect>,
    pub(super) pipe: Option<Option<usize>>,
}

impl Current {
    pub(super) const fn untouched(&self) -> bool {
        self.words.is_empty() && self.assignments.is_empty() && self.redirects.is_empty()
    }
}

pub(super) struct Reader<'r, 'f, 'e> {
    pub(super) text: &'r str,
    pub(super) origin: &'r Origin,
    pub(super) position: usize,
    pub(super) found: &'e mut Found<'f>,
    pub(super) depth: usize,
    pub(super) pending: Vec<Pending>,
    /// The command before a `|` that has just been read.
    pub(super) piped: Option<Option<usize>>,
}

impl<'r> Reader<'r, '_, '_> {
    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn rest(&self) -> &'r str {
        &self.text[self.position..]
    }

    pub(super) const fn position(&self) -> usize {
        self.position
    }

    /// The next character; the end of the text once the effort is spent.
    pub(super) fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        if !self.found.spend(1) {
            self.position = self.text.len();
            return None;
        }
        self.position += c.len_utf8();
        Some(c)
    }

    /// The byte of the file that the reader stands at.
    pub(super) fn place(&self) -> usize {
        self.place_of(self.position)
    }

    pub(super) fn place_of(&self, position: usize) -> usize {
        self.origin.byte(position)
    }

    /// One past the byte of the file that was read last.
    pub(super) fn place_behind(&self) -> usize {
        match self.position.checked_sub(1) {
            Some(last) => self.origin.byte(last) + 1,
            None => self.place(),
        }
    }

    pub(super) fn since(&self, start: usize) -> &'r str {
        self.text.get(start..self.position).unwrap_or("")
    }

    fn give_up(&mut self) {
        self.found.complete = false;
        self.position = self.text.len();
    }

    /// A list inside another command.
    pub(super) fn nested(&mut self, until: Until) {
        let piped = self.piped.take();
        self.list(until);
        self.piped = piped;
    }

    /// A script inside this one.
    pub(super) fn inner(&mut self, text: &str, origin: &Origin) {
        if self.depth >= DEPTH {
            self.found.complete = false;
            return;
        }
        script(text, origin, self.found, self.depth + 1);
    }

    pub(super) fn blanks(&mut self) {
        loop {
            match self.peek() {
                Some(' ' | '\t' | '\r') => self.bump(),
                Some('\\') if self.rest().starts_with("\\\n") => {
                    self.bump();
                    self.bump()
                }
                _ => return,
            };
        }
    }

    pub(super) fn blanks_and_lines(&mut self) {
        loop {
            self.blanks();
            match self.peek() {
                Some('\n') => self.newline(),
                Some('#') => self.comment(),
                _ => return,
            }
        }
    }

    fn comment(&mut self) {
        while self.peek().is_some_and(|c| c != '\n') {
            self.bump();
        }
    }

    fn newline(&mut self) {
        self.bump();
        self.bodies();
    }

    /// Reads commands up to the end of the list. True if `esac` ended it.
    pub(super) fn list(&mut self, until: Until) -> bool {
        self.deeper();
        let mut current = Current::default();
        let ended_by_esac = loop {
            self.blanks();
            let Some(c) = self.peek() else {
                self.flush(&mut current);
                break false;
            };
            match c {
                '#' => self.comment(),
                '\n' => {
                    self.flush(&mut current);
                    self.newline();
                }
                ';' => {
                    self.bump();
                    self.flush(&mut current);
                    let mut ends_item = false;
                    while self.peek().is_some_and(|c| matches!(c, ';' | '&')) {
                        self.bump();
                        ends_item = true;
                    }
                    if ends_item && until == Until::CaseItem {
                        break false;
                    }
                }
                '&' if self.rest().starts_with("&>") => self.redirect(&mut current, None),
                '&' => {
                    self.bump();
                    self.flush(&mut current);
                    if self.peek() == Some('&') {
                        self.bump();
                    }
                }
                '|' => {
                    self.bump();
                    let from = self.flush(&mut current);
                    match self.peek() {
                        Some('|') => {
                            self.bump();
                        }
                        next => {
                            if next == Some('&') {
                                self.bump();
                            }
                            self.piped = Some(from);
                        }
                    }
                }
                ')' => {
                    self.flush(&mut current);
                    if until == Until::CaseItem {
                        break false;
                    }
                    self.bump();
                    if until == Until::Paren {
                        break false;
                    }
                }
                '(' => self.parenthesis(&mut current),
                '<' | '>' => self.redirect(&mut current, None),
                _ => {
                    if self.command_word(&mut current) && until == Until::CaseItem {
                        break true;
                    }
                }
            }
        };
        self.back();
        ended_by_esac
    }

    /// Goes one level down; past the last one the rest of the text counts as not read.
    pub(super) fn deeper(&mut self) {
        self.depth += 1;
        if self.depth > DEPTH {
            self.give_up();
        }
    }

    pub(super) const fn back(&mut self) {
        self.depth -= 1;
    }

    /// `(` outside a word: a subshell, an arithmetic command, or `name()`.
    fn parenthesis(&mut self, current: &mut Current) {
        if current.words.len() == 1
            && self.rest()[1..]
                .trim_start_matches([' ', '\t'])
                .starts_with(')')
        {
            while self.bump().is_some_and(|c| c != ')') {}
            current.words.clear();
            return;
        }
        if self.rest().starts_with("((") && self.arithmetic() {
            return;
        }
        self.bump();
        if !current.untouched() {
            self.flush(current);
        }
        self.list(Until::Paren);
    }

    /// `((…))`, if that is what stands here: reads over it. Substitutions in it are read.
    pub(super) fn arithmetic(&mut self) -> bool {
        let mut open = 0usize;
        let mut end = None;
        for (i, c) in self.rest().char_indices() {
            if !self.found.spend(1) {
                return false;
            }
            match c {
                '(' => open += 1,
                ')' if open == 2 => {
                    end = self.rest()[i + 1..].starts_with(')').then_some(i + 2);
                    break;
                }
                ')' => open -= 1,
                _ => {}
            }
        }
        let Some(end) = end.map(|e| self.position + e) else {
            return false;
        };
        let mut inside = Fields::new(self.place(), false);
        while self.position < end
            && let Some(c) = self.peek()
        {
            self.inside_quotes(c, &mut inside, false);
        }
        true
    }

    /// A word of the current command. True if it is an `esac` that ends a list.
    fn command_word(&mut self, current: &mut Current) -> bool {
        if current.untouched() {
            current.pipe = self.piped.take();
        }
        if current.words.is_empty()
            && let Some(length) = assignment(self.rest())
        {
            self.assign(current, length);
            return false;
        }
        let start = self.position;
        let words = self.word(true);
        let written = self.since(start);
        if self.peek().is_some_and(|c| matches!(c, '<' | '>'))
            && !written.is_empty()
            && written.bytes().all(|b| b.is_ascii_digit())
        {
            self.redirect(current, written.parse().ok());
            return false;
        }
        if self.position == start {
            // Nothing that a word can be made of: never stay in place.
            self.bump();
            return false;
        }
        if current.untouched() && self.reserved(written, current) {
            return written == "esac";
        }
        current.words.extend(words);
        false
    }

    /// Deals with the words that make a script's structure. True if `written` is one.
    fn reserved(&mut self, written: &str, current: &mut Current) -> bool {
        match written {
            "if" | "then" | "elif" | "else" | "fi" | "do" | "done" | "while" | "until" | "{"
            | "}" | "!" | "coproc" | "esac" => {
                // What is piped into a compound command is piped into its first command.
                self.piped = current.pipe.take();
            }
            "for" | "select" => self.for_clause(),
            "case" => self.case_clause(),
            "function" => {
                self.blanks();
                self.word(true);
            }
            "[[" => self.conditional(),
            _ => return false,
        }
        true
    }

    /// Ends the current command. Gives its number, if there was one.
    fn flush(&mut self, current: &mut Current) -> Option<usize> {
        if current.untouched() {
            return None;
        }
        let current = std::mem::take(current);
        self.remember(&current);
        let index = self.found.commands.len();
        for pending in self.pending.iter_mut().filter(|p| p.command.is_none()) {
            pending.command = Some(index);
        }
        let command = Command {
            words: current.words,
            assignments: current.assignments,
            redirects: current.redirects,
            input: Input::Inherited,
            through: Vec::new(),
            file: None,
            variables: Arc::clone(&self.found.variables),
        };
        self.found.push(command, current.pipe);
        Some(index)
    }
}
