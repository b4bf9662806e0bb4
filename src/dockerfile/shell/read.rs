//! From text to simple commands: lists, pipes, subshells, loops, `case`, here-documents.
//!
//! Every byte is looked at a bounded number of times, nesting has a limit, and what is past it is reported as not read.

use std::sync::Arc;

use super::super::origin::Origin;
use super::word::{Fields, ends_word};
use super::{Command, Effort, Input, Lookup, Redirect, Variables, Word};

/// How deep substitutions, subshells and scripts in scripts are followed.
pub(super) const DEPTH: usize = 40;
/// What one command costs beside its bytes.
pub(super) const COMMAND_COST: usize = 300;
/// What one word costs beside its bytes.
pub(super) const WORD_COST: usize = 100;

/// What has been found so far.
pub(super) struct Found<'f> {
    pub(super) commands: Vec<Command>,
    /// For each command the one that it reads from through a pipe: `Some(None)` is a whole list of commands.
    pub(super) pipes: Vec<Option<Option<usize>>>,
    pub(super) variables: Arc<Variables>,
    pub(super) lookup: &'f Lookup<'f>,
    pub(super) effort: &'f mut Effort,
    pub(super) complete: bool,
}

impl<'f> Found<'f> {
    pub(super) fn new(lookup: &'f Lookup<'f>, effort: &'f mut Effort) -> Self {
        Self {
            commands: Vec::new(),
            pipes: Vec::new(),
            variables: Arc::default(),
            lookup,
            effort,
            complete: true,
        }
    }

    pub(super) fn spend(&mut self, amount: usize) -> bool {
        let enough = self.effort.spend(amount);
        self.complete &= enough;
        enough
    }

    pub(super) fn push(&mut self, command: Command, pipe: Option<Option<usize>>) {
        let words = command.words.len() + command.redirects.len();
        if self.spend(COMMAND_COST + WORD_COST * words) {
            self.commands.push(command);
            self.pipes.push(pipe);
        }
    }

    /// Sets a variable, to `None` where it can't be known to what.
    pub(super) fn set(&mut self, name: &str, value: Option<String>) {
        if Arc::strong_count(&self.variables) > 1 {
            let size = self.variables.len();
            if !self.spend(size * 16) {
                return;
            }
        }
        let size = value.as_ref().map_or(0, String::len);
        if self.spend(name.len() + size) {
            Arc::make_mut(&mut self.variables).insert(name.to_owned(), value);
        }
    }
}

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

/// A here-document whose body has not come yet.
struct Pending {
    delimiter: String,
    literal: bool,
    chomp: bool,
    /// The command and its redirection; `None` while the command is still being read.
    command: Option<usize>,
    redirect: usize,
}

#[derive(Default)]
struct Current {
    words: Vec<Word>,
    assignments: Vec<(String, Word)>,
    redirects: Vec<Redirect>,
    pipe: Option<Option<usize>>,
}

impl Current {
    const fn untouched(&self) -> bool {
        self.words.is_empty() && self.assignments.is_empty() && self.redirects.is_empty()
    }
}

pub(super) struct Reader<'r, 'f, 'e> {
    text: &'r str,
    origin: &'r Origin,
    position: usize,
    pub(super) found: &'e mut Found<'f>,
    depth: usize,
    pending: Vec<Pending>,
    /// The command before a `|` that has just been read.
    piped: Option<Option<usize>>,
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

    fn blanks(&mut self) {
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

    fn blanks_and_lines(&mut self) {
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
    fn list(&mut self, until: Until) -> bool {
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

    fn for_clause(&mut self) {
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
    fn since_word(&mut self) -> &'r str {
        let start = self.position;
        self.word(true);
        self.since(start)
    }

    fn case_clause(&mut self) {
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
            loop {
                self.blanks_and_lines();
                match self.peek() {
                    None => return,
                    Some(')') => {
                        self.bump();
                        break;
                    }
                    Some(c) if ends_word(c) => {
                        self.bump();
                    }
                    Some(_) => {
                        self.word(true);
                    }
                }
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
    fn conditional(&mut self) {
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

    /// `name=value`, `length` bytes up to and with the equals sign.
    fn assign(&mut self, current: &mut Current, length: usize) {
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
            self.array();
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

    /// The inside of an array: words up to `)`.
    fn array(&mut self) {
        loop {
            self.blanks_and_lines();
            match self.peek() {
                None => return,
                Some(')') => {
                    self.bump();
                    return;
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

    /// A redirection, or a process substitution.
    fn redirect(&mut self, current: &mut Current, fd: Option<u32>) {
        if current.untouched() {
            current.pipe = self.piped.take();
        }
        let rest = self.rest();
        if rest.starts_with("<(") || rest.starts_with(">(") {
            let start = self.position;
            let from = self.place();
            self.bump();
            self.bump();
            self.nested(Until::Paren);
            let text = self.since(start);
            let mut word = Word::new(text, Origin::starting_at(from));
            word.known = false;
            word.span = from..self.place_behind();
            current.words.push(word);
            return;
        }
        let operator = [
            "&>>", "&>", "<<<", "<<-", "<<", "<&", "<>", "<", ">>", ">&", ">|", ">",
        ]
        .into_iter()
        .find(|o| rest.starts_with(o))
        .unwrap_or("<");
        for _ in operator.chars() {
            self.bump();
        }
        self.blanks();
        let start = self.place();
        let target = self.word(false).pop().unwrap_or_else(|| Word {
            span: start..start,
            ..Word::new("", Origin::starting_at(start))
        });
        if matches!(operator, "<<" | "<<-") {
            self.pending.push(Pending {
                delimiter: target.text.clone(),
                literal: target.quoted,
                chomp: operator == "<<-",
                command: None,
                redirect: current.redirects.len(),
            });
        }
        current.redirects.push(Redirect {
            fd,
            operator: operator.to_owned(),
            target,
        });
    }

    /// Reads the bodies of the here-documents that the line before has announced.
    fn bodies(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            let mut text = String::new();
            let mut origin = Origin::default();
            let start = self.place();
            while !self.rest().is_empty() {
                let length = self.rest().find('\n').map_or(self.rest().len(), |i| i + 1);
                let line = &self.rest()[..length];
                let from = self.position;
                if !self.found.spend(length) {
                    self.position = self.text.len();
                    break;
                }
                self.position += length;
                let kept = if pending.chomp {
                    line.trim_start_matches('\t')
                } else {
                    line
                };
                if kept.trim_end_matches(['\n', '\r']) == pending.delimiter {
                    break;
                }
                let skipped = line.len() - kept.len();
                for (i, c) in kept.char_indices() {
                    origin.push(text.len(), self.place_of(from + skipped + i));
                    text.push(c);
                }
            }
            let mut body = if pending.literal {
                Word::new(text, origin)
            } else {
                self.expanded(&text, &origin)
            };
            body.quoted = true;
            body.span = start..self.place_behind().max(start);
            let redirect = pending
                .command
                .and_then(|i| self.found.commands.get_mut(i))
                .and_then(|c| c.redirects.get_mut(pending.redirect));
            if let Some(redirect) = redirect {
                redirect.target = body;
            }
        }
    }

    /// A here-document's body with its variables and substitutions.
    fn expanded(&mut self, text: &str, origin: &Origin) -> Word {
        if self.depth >= DEPTH {
            self.found.complete = false;
            return Word::new(text, origin.clone());
        }
        let mut reader = Reader {
            text,
            origin,
            position: 0,
            found: self.found,
            depth: self.depth + 1,
            pending: Vec::new(),
            piped: None,
        };
        let mut fields = Fields::new(origin.byte(0), false);
        while let Some(c) = reader.peek() {
            reader.inside_quotes(c, &mut fields, false);
        }
        fields.single(origin.byte(text.len()))
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
            variables: Arc::clone(&self.found.variables),
        };
        self.found.push(command, current.pipe);
        Some(index)
    }

    /// Notes the variables that a command sets for those behind it.
    fn remember(&mut self, current: &Current) {
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
fn assignment(text: &str) -> Option<usize> {
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
