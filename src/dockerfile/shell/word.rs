//! Words of a shell script: quotes taken away, known variables put in, substitutions read on the way.

use super::super::expand;
use super::super::origin::Origin;
use super::Word;
use super::found::WORD_COST;
use super::printed::printed;
use super::read::{Reader, Until};

/// Collects what one written word comes to: usually one word, several where an unquoted variable has blanks in it.
#[derive(Debug)]
pub(super) struct Fields {
    done: Vec<Word>,
    current: Option<Word>,
    split: bool,
    start: usize,
}

impl Fields {
    pub(super) const fn new(start: usize, split: bool) -> Self {
        Self {
            done: Vec::new(),
            current: None,
            split,
            start,
        }
    }

    fn current(&mut self) -> &mut Word {
        let start = self.start;
        self.current.get_or_insert_with(|| Word {
            text: String::new(),
            origin: Origin::default(),
            span: start..start,
            known: true,
            quoted: false,
            pattern: false,
        })
    }

    /// A character that stands at byte `from` of the file.
    fn push(&mut self, c: char, from: usize) {
        let word = self.current();
        word.origin.push(word.text.len(), from);
        word.text.push(c);
    }

    fn quoted(&mut self) {
        self.current().quoted = true;
    }

    /// What a variable comes to.
    fn value(&mut self, value: &str, from: usize, quoted: bool) {
        for c in value.chars() {
            if self.split && !quoted && c.is_ascii_whitespace() {
                self.done.extend(self.current.take());
            } else {
                self.push(c, from);
                if !quoted && matches!(c, '*' | '?' | '[') {
                    self.current().pattern = true;
                }
            }
        }
    }

    /// Something that reading can't know; it is shown as it is written.
    fn unknown(&mut self, written: &str, from: usize) {
        for (i, c) in written.char_indices() {
            self.push(c, from + i);
        }
        self.current().known = false;
    }

    pub(super) fn finish(mut self, end: usize) -> Vec<Word> {
        self.done.extend(self.current);
        for word in &mut self.done {
            word.span.end = end.max(word.span.start);
        }
        self.done
    }

    /// All of it as one word.
    pub(super) fn single(mut self, end: usize) -> Word {
        self.current();
        self.finish(end)
            .pop()
            .unwrap_or_else(|| Word::new("", Origin::default()))
    }
}

/// What a variable is.
enum Value {
    Known(String),
    Unknown,
    Unset,
}

/// The characters that end a word outside quotes.
pub(super) const fn ends_word(c: char) -> bool {
    matches!(
        c,
        ' ' | '\t' | '\n' | '\r' | ';' | '&' | '|' | '(' | ')' | '<' | '>'
    )
}

impl Reader<'_, '_, '_> {
    /// The word that begins here.
    pub(super) fn word(&mut self, split: bool) -> Vec<Word> {
        let mut fields = Fields::new(self.place(), split);
        while let Some(c) = self.peek() {
            if ends_word(c) {
                break;
            }
            self.unquoted(c, &mut fields);
        }
        let end = self.place_behind();
        fields.finish(end)
    }

    /// One unquoted character, or the quote or substitution that begins with it.
    fn unquoted(&mut self, c: char, fields: &mut Fields) {
        let from = self.place();
        self.bump();
        match c {
            '\\' => match self.bump() {
                Some('\n') | None => {}
                Some(escaped) => {
                    fields.quoted();
                    fields.push(escaped, from);
                }
            },
            '\'' => {
                fields.quoted();
                while let Some(inside) = self.peek() {
                    let from = self.place();
                    self.bump();
                    if inside == '\'' {
                        break;
                    }
                    fields.push(inside, from);
                }
            }
            '"' => self.double_quoted(fields),
            '$' => self.dollar(fields, false),
            '`' => self.backtick(fields, false),
            '*' | '?' | '[' => {
                fields.push(c, from);
                fields.current().pattern = true;
            }
            c => fields.push(c, from),
        }
    }

    /// The inside of double quotes; the first is read already.
    fn double_quoted(&mut self, fields: &mut Fields) {
        fields.quoted();
        while let Some(c) = self.peek() {
            if c == '"' {
                self.bump();
                return;
            }
            self.inside_quotes(c, fields, true);
        }
    }

    /// One character of a here-document's body or inside double quotes.
    pub(super) fn inside_quotes(&mut self, c: char, fields: &mut Fields, quotes: bool) {
        let from = self.place();
        self.bump();
        match c {
            '\\' => match self.peek() {
                Some('\n') => {
                    self.bump();
                }
                Some(escaped @ ('$' | '`' | '\\')) => {
                    self.bump();
                    fields.push(escaped, from);
                }
                Some('"') if quotes => {
                    self.bump();
                    fields.push('"', from);
                }
                _ => fields.push('\\', from),
            },
            '$' => self.dollar(fields, true),
            '`' => self.backtick(fields, true),
            c => fields.push(c, from),
        }
    }

    /// Behind a `$`.
    fn dollar(&mut self, fields: &mut Fields, quoted: bool) {
        let start = self.position() - 1;
        let from = self.place_of(start);
        match self.peek() {
            Some('(') => {
                if self.rest().starts_with("((") && self.arithmetic() {
                    fields.unknown(self.since(start), from);
                    return;
                }
                self.bump();
                let before = self.found.commands.len();
                self.nested(Until::Paren);
                self.substituted(fields, before, start, quoted);
            }
            Some('{') => {
                self.deeper();
                self.braces(fields, quoted);
                self.back();
            }
            Some('\'') if !quoted => {
                self.bump();
                fields.quoted();
                self.ansi_quoted(fields);
            }
            Some('"') if !quoted => {}
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                let name = self.name();
                match self.variable(&name) {
                    Value::Known(value) => self.put(fields, &value, from, quoted),
                    Value::Unknown | Value::Unset => fields.unknown(self.since(start), from),
                }
            }
            Some(c) if c.is_ascii_digit() || "@*#?-$!".contains(c) => {
                self.bump();
                fields.unknown(self.since(start), from);
            }
            _ => fields.push('$', from),
        }
    }

    fn put(&mut self, fields: &mut Fields, value: &str, from: usize, quoted: bool) {
        // Each blank may begin another word.
        let words = value.bytes().filter(u8::is_ascii_whitespace).count();
        if !self.found.spend(value.len() * 4 + words * WORD_COST) {
            return;
        }
        // Where the script has said what else parts words, it can't be told by blanks.
        let parted = self.found.variables.get("IFS").is_some_and(|parts| {
            let parts = parts.as_deref();
            parts.is_none_or(|parts| {
                value.contains(|c: char| !c.is_whitespace() && parts.contains(c))
            })
        });
        if parted && !quoted {
            fields.unknown(value, from);
        } else {
            fields.value(value, from, quoted);
        }
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(c) = self
            .peek()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
        {
            name.push(c);
            self.bump();
        }
        name
    }

    fn variable(&self, name: &str) -> Value {
        match self.found.variables.get(name) {
            Some(Some(value)) => Value::Known(value.clone()),
            Some(None) => Value::Unknown,
            None => (self.found.lookup)(name).map_or(Value::Unset, Value::Known),
        }
    }

    /// `${…}`; the `$` is read already.
    fn braces(&mut self, fields: &mut Fields, quoted: bool) {
        let start = self.position() - 1;
        let from = self.place_of(start);
        self.bump();
        let name = self.name();
        let operator = self.position();
        let mut inside = Fields::new(self.place(), false);
        let mut modifier = String::new();
        while let Some(c) = self.peek().filter(|c| ":-+=?".contains(*c)) {
            if modifier.len() == 2 || (modifier.len() == 1 && modifier != ":") {
                break;
            }
            modifier.push(c);
            self.bump();
        }
        loop {
            match self.peek() {
                None => break,
                Some('}') => {
                    self.bump();
                    break;
                }
                Some('"') => {
                    self.bump();
                    self.double_quoted(&mut inside);
                }
                Some(c) if quoted => self.inside_quotes(c, &mut inside, true),
                Some(c) => self.unquoted(c, &mut inside),
            }
        }
        let written = self.since(start).to_owned();
        let plain = self.position() == operator + 1;
        let inside = inside.single(self.place());
        let value = self.variable(&name);
        let chosen = match (modifier.as_str(), value) {
            _ if name.is_empty() => None,
            ("", Value::Known(value)) if plain => Some(value),
            ("", Value::Known(_)) if !written.contains('`') && !written.contains("$(") => {
                let found = &self.found;
                expand::word(&written, '\\', &|name| match found.variables.get(name) {
                    Some(value) => value.clone(),
                    None => (found.lookup)(name),
                })
                .ok()
            }
            (":-" | ":=", Value::Known(value)) if value.is_empty() => {
                inside.known.then_some(inside.text)
            }
            ("-" | "=" | ":-" | ":=" | "?" | ":?", Value::Known(value)) => Some(value),
            ("-" | "=" | ":-" | ":=", Value::Unset) => inside.known.then_some(inside.text),
            (":+", Value::Known(value)) if value.is_empty() => Some(value),
            ("+" | ":+", Value::Known(_)) => inside.known.then_some(inside.text),
            _ => None,
        };
        match chosen {
            Some(value) => self.put(fields, &value, from, quoted),
            None => fields.unknown(&written, from),
        }
    }

    /// The inside of `$'…'`.
    fn ansi_quoted(&mut self, fields: &mut Fields) {
        while let Some(c) = self.peek() {
            let from = self.place();
            self.bump();
            match c {
                '\'' => return,
                '\\' => {
                    let escaped = self.ansi_escape();
                    fields.push(escaped, from);
                }
                c => fields.push(c, from),
            }
        }
    }

    fn ansi_escape(&mut self) -> char {
        let digits = |reader: &mut Self, radix: u32, most: usize, first: u32| {
            let mut value = first;
            for _ in 0..most {
                let Some(digit) = reader.peek().and_then(|c| c.to_digit(radix)) else {
                    break;
                };
                value = value * radix + digit;
                reader.bump();
            }
            char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER)
        };
        match self.bump() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('a') => '\u{7}',
            Some('b') => '\u{8}',
            Some('e' | 'E') => '\u{1b}',
            Some('f') => '\u{C}',
            Some('v') => '\u{B}',
            Some('x') => digits(self, 16, 2, 0),
            Some('u') => digits(self, 16, 4, 0),
            Some('U') => digits(self, 16, 6, 0),
            Some(c) if c.is_digit(8) => digits(self, 8, 2, c.to_digit(8).unwrap_or(0)),
            Some(c) => c,
            None => '\\',
        }
    }

    /// Behind a backtick: reads to the next one that is not escaped, then what stands between as a script.
    fn backtick(&mut self, fields: &mut Fields, quoted: bool) {
        let start = self.position() - 1;
        let mut text = String::new();
        let mut origin = Origin::default();
        while let Some(c) = self.peek() {
            let from = self.place();
            self.bump();
            let c = match c {
                '`' => break,
                '\\' => match self.peek() {
                    Some(escaped @ ('`' | '\\' | '$')) => {
                        self.bump();
                        escaped
                    }
                    Some('"') if quoted => {
                        self.bump();
                        '"'
                    }
                    _ => '\\',
                },
                c => c,
            };
            origin.push(text.len(), from);
            text.push(c);
        }
        let before = self.found.commands.len();
        self.inner(&text, &origin);
        self.substituted(fields, before, start, quoted);
    }

    /// A command substitution has been read: puts in what it prints, where that is plain to see.
    fn substituted(&mut self, fields: &mut Fields, before: usize, start: usize, quoted: bool) {
        let from = self.place_of(start);
        let printed = match &self.found.commands[before.min(self.found.commands.len())..] {
            [only] if only.redirects.is_empty() => printed(only),
            _ => None,
        };
        match printed {
            Some(text) => self.put(fields, &text, from, quoted),
            None => fields.unknown(self.since(start), from),
        }
    }
}
