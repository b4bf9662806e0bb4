//! Docker's word expansion: quotes, escapes, `$name` and `${name…}` with its modifiers.
//!
//! It is like a POSIX shell's but not the same; where they differ, this does what BuildKit does. Which texts are expanded
//! is not known here: `RUN`, `CMD`, `ENTRYPOINT` and `SHELL` never are, a shell does that when they run.
//!
//! Variables can refer to variables that refer to variables: a result longer than [`LIMIT`] is refused, before it is
//! built.

mod pattern;

#[cfg(test)]
mod tests;

/// The longest result of one expansion in bytes, beyond the length of the text itself: what Linux takes as one string of
/// an environment.
pub const LIMIT: usize = 128 << 10;

/// How deep `${a:-${b:-…}}` may nest.
const DEPTH: usize = 32;

/// Why a word can't be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// A quote that nothing closes.
    #[error("a {} quote that nothing closes", if *.0 == '"' { "double" } else { "single" })]
    UnclosedQuote(char),
    /// `${` without `}`.
    #[error("syntax error: missing '}}'")]
    MissingBrace,
    /// `${name/pattern` without the second slash.
    #[error("syntax error: missing '/' in ${{}}")]
    MissingSlash,
    /// `${}`, `${{`, `${:…`.
    #[error("syntax error: bad substitution")]
    BadSubstitution,
    /// A modifier that Docker does not know.
    #[error("unsupported modifier ({0}) in substitution")]
    UnsupportedModifier(String),
    /// `${name?message}` of a variable without a value.
    #[error("{name}: {message}")]
    Required {
        /// The variable.
        name: String,
        /// What its author wants to say.
        message: String,
    },
    /// A pattern with an escape that patterns don't have.
    #[error("invalid pattern in substitution: {0}")]
    Pattern(String),
    /// The result would be longer than [`LIMIT`] allows.
    #[error("the expansion is longer than {LIMIT} bytes")]
    TooLong,
    /// Substitutions nested past any use.
    #[error("substitutions are nested more than {DEPTH} deep")]
    TooDeep,
}

/// A variable's value, if it is set.
pub type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// What `word` comes to: one text, without its quotes and escapes.
///
/// # Errors
/// If the word is malformed, a required variable is missing, or the result is too long.
pub fn word(word: &str, escape: char, lookup: &Lookup<'_>) -> Result<String, ExpandError> {
    Lexer::new(word, escape, Style::WORD, lookup)
        .all(false)
        .map(|r| r.0)
}

/// What `word` comes to as several words: split at white space that no quote or escape protects, also where a variable's
/// value brought it in.
///
/// # Errors
/// As [`word`].
pub fn words(word: &str, escape: char, lookup: &Lookup<'_>) -> Result<Vec<String>, ExpandError> {
    Lexer::new(word, escape, Style::WORD, lookup)
        .all(true)
        .map(|r| r.1)
}

/// What the body of a here-document of `COPY` or `ADD` comes to: quotes are ordinary characters, and `\` escapes
/// whatever the file's escape character is.
///
/// # Errors
/// As [`word`].
pub fn body(text: &str, lookup: &Lookup<'_>) -> Result<String, ExpandError> {
    Lexer::new(text, '\\', Style::BODY, lookup)
        .all(false)
        .map(|r| r.0)
}

/// A line with its variables put in, for people: quotes and escapes stay, and so does a variable without a value.
///
/// # Errors
/// As [`word`].
pub fn shown(line: &str, lookup: &Lookup<'_>) -> Result<String, ExpandError> {
    let style = Style {
        quotes: Quotes::Keep,
        raw_escapes: true,
        keep_unset: true,
        heredocs: false,
    };
    Lexer::new(line, '\\', style, lookup)
        .all(false)
        .map(|r| r.0)
}

/// The variables that `word` names plainly, as `$name` or `${name}`, and that have no value: they come to nothing, which is
/// rarely meant. One with a modifier says itself what is to happen then.
pub fn unset(word: &str, escape: char, lookup: &Lookup<'_>) -> Vec<String> {
    let missing = std::cell::RefCell::new(Vec::new());
    let mut lexer = Lexer::new(word, escape, Style::WORD, lookup);
    lexer.missing = Some(&missing);
    // What can't be expanded is told by `word`.
    let _ = lexer.all(false);
    missing.into_inner()
}

/// The words of a line with nothing taken away: how Docker looks for here-documents.
pub(super) fn raw_words(line: &str) -> Result<Vec<String>, ExpandError> {
    let style = Style {
        quotes: Quotes::Keep,
        raw_escapes: true,
        keep_unset: true,
        heredocs: true,
    };
    Lexer::new(line, '\\', style, &|_| None)
        .all(true)
        .map(|r| r.1)
}

/// The words of a here-document's delimiter, with and without their quotes.
pub(super) fn delimiter(text: &str) -> Result<(Vec<String>, Vec<String>), ExpandError> {
    let style = |quotes| Style {
        quotes,
        raw_escapes: false,
        keep_unset: true,
        heredocs: false,
    };
    let read = |quotes| Lexer::new(text, '\\', style(quotes), &|_| None).all(true);
    Ok((read(Quotes::Remove)?.1, read(Quotes::Keep)?.1))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quotes {
    Remove,
    Keep,
    Ignore,
}

#[derive(Debug, Clone, Copy)]
struct Style {
    quotes: Quotes,
    /// Escape characters stay in the result.
    raw_escapes: bool,
    /// A variable without a value stays as it is written.
    keep_unset: bool,
    /// `<<` holds the word behind it.
    heredocs: bool,
}

impl Style {
    const WORD: Self = Self {
        quotes: Quotes::Remove,
        raw_escapes: false,
        keep_unset: false,
        heredocs: false,
    };
    const BODY: Self = Self {
        quotes: Quotes::Ignore,
        ..Self::WORD
    };
}

/// Collects words as characters come in.
struct Words {
    wanted: bool,
    done: Vec<String>,
    current: String,
}

impl Words {
    const fn new(wanted: bool) -> Self {
        Self {
            wanted,
            done: Vec::new(),
            current: String::new(),
        }
    }

    /// Text that is not split.
    fn whole(&mut self, text: &str) {
        if self.wanted {
            self.current.push_str(text);
        }
    }

    /// Text that is split at its white space.
    fn split(&mut self, text: &str) {
        if self.wanted {
            text.chars().for_each(|c| self.character(c));
        }
    }

    /// A character that no quote protects.
    fn character(&mut self, c: char) {
        if !self.wanted {
            return;
        }
        if !c.is_whitespace() {
            self.current.push(c);
        } else if !self.current.is_empty() {
            self.done.push(std::mem::take(&mut self.current));
        }
    }

    fn finish(mut self) -> Vec<String> {
        if !self.current.is_empty() {
            self.done.push(self.current);
        }
        self.done
    }
}

struct Lexer<'a> {
    rest: std::str::Chars<'a>,
    escape: char,
    style: Style,
    lookup: &'a Lookup<'a>,
    /// Takes the names of variables without a value.
    missing: Option<&'a std::cell::RefCell<Vec<String>>>,
    limit: usize,
    depth: usize,
}

impl<'a> Lexer<'a> {
    fn new(text: &'a str, escape: char, style: Style, lookup: &'a Lookup<'a>) -> Self {
        Self {
            rest: text.chars(),
            escape,
            style,
            lookup,
            missing: None,
            limit: text.len() + LIMIT,
            depth: 0,
        }
    }

    /// All of it as one text, and, if they are wanted, as words.
    fn all(mut self, words: bool) -> Result<(String, Vec<String>), ExpandError> {
        let raw = self.style.raw_escapes;
        self.until(None, raw, words)
    }

    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    /// Reads up to `stop`, or to the end.
    fn until(
        &mut self,
        stop: Option<char>,
        raw_escapes: bool,
        words: bool,
    ) -> Result<(String, Vec<String>), ExpandError> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(ExpandError::TooDeep);
        }
        let before = std::mem::replace(&mut self.style.raw_escapes, raw_escapes);
        let mut result = String::new();
        let mut words = Words::new(words);
        loop {
            let Some(c) = self.peek() else {
                match stop {
                    Some('/') => return Err(ExpandError::MissingSlash),
                    Some(_) => return Err(ExpandError::MissingBrace),
                    None => break,
                }
            };
            if stop == Some(c) {
                self.rest.next();
                break;
            }
            match c {
                '$' => {
                    let value = self.dollar()?;
                    self.fits(result.len() + value.len())?;
                    words.split(&value);
                    result.push_str(&value);
                }
                '\'' | '"' if self.style.quotes != Quotes::Ignore => {
                    let value = self.quote(c)?;
                    self.fits(result.len() + value.len())?;
                    words.whole(&value);
                    result.push_str(&value);
                }
                '<' if self.style.heredocs => {
                    let value = self.heredoc_mark();
                    words.whole(&value);
                    result.push_str(&value);
                }
                _ => {
                    self.rest.next();
                    if c != self.escape {
                        words.character(c);
                        result.push(c);
                        continue;
                    }
                    if self.style.raw_escapes {
                        words.whole(c.encode_utf8(&mut [0; 4]));
                        result.push(c);
                    }
                    if let Some(escaped) = self.rest.next() {
                        words.whole(escaped.encode_utf8(&mut [0; 4]));
                        result.push(escaped);
                    }
                }
            }
        }
        self.style.raw_escapes = before;
        self.depth -= 1;
        Ok((result, words.finish()))
    }

    const fn fits(&self, length: usize) -> Result<(), ExpandError> {
        if length > self.limit {
            return Err(ExpandError::TooLong);
        }
        Ok(())
    }

    /// A quoted part, `quote` included.
    fn quote(&mut self, quote: char) -> Result<String, ExpandError> {
        let keep = self.style.quotes == Quotes::Keep;
        let mut result = String::new();
        self.rest.next();
        if keep {
            result.push(quote);
        }
        loop {
            let c = self.peek().ok_or(ExpandError::UnclosedQuote(quote))?;
            if c == '$' && quote == '"' {
                let value = self.dollar()?;
                self.fits(result.len() + value.len())?;
                result.push_str(&value);
                continue;
            }
            self.rest.next();
            if c == quote {
                if keep {
                    result.push(quote);
                }
                return Ok(result);
            }
            if c == self.escape && quote == '"' {
                if self.style.raw_escapes {
                    result.push(c);
                }
                match self.peek() {
                    None => {}
                    Some(escaped) if matches!(escaped, '"' | '$') || escaped == self.escape => {
                        self.rest.next();
                        result.push(escaped);
                    }
                    // In double quotes other characters can't be escaped.
                    Some(_) => result.push(c),
                }
                continue;
            }
            result.push(c);
        }
    }

    /// `<`, or `<<` with the blanks behind it.
    fn heredoc_mark(&mut self) -> String {
        let mut mark = String::from("<");
        self.rest.next();
        if self.peek() == Some('<') {
            self.rest.next();
            mark.push('<');
            while let Some(c) = self.peek().filter(|c| matches!(c, ' ' | '\t')) {
                self.rest.next();
                mark.push(c);
            }
        }
        mark
    }

    /// The value of a variable that is named without a modifier.
    fn plain(&self, name: &str) -> Option<String> {
        let value = (self.lookup)(name);
        if let (None, Some(missing)) = (&value, self.missing) {
            missing.borrow_mut().push(name.to_owned());
        }
        value
    }

    /// `$name` or `${name…}`.
    fn dollar(&mut self) -> Result<String, ExpandError> {
        self.rest.next();
        if self.peek() != Some('{') {
            let name = self.name();
            if name.is_empty() {
                return Ok("$".into());
            }
            return Ok(match self.plain(&name) {
                None if self.style.keep_unset => format!("${name}"),
                value => value.unwrap_or_default(),
            });
        }
        self.rest.next();
        match self.peek() {
            None => return Err(ExpandError::MissingBrace),
            Some('{' | '}' | ':') => return Err(ExpandError::BadSubstitution),
            Some(_) => {}
        }
        let name = self.name();
        let modifier = self.rest.next().ok_or(ExpandError::MissingBrace)?;
        match modifier {
            '}' => Ok(match self.plain(&name) {
                None if self.style.keep_unset => format!("${{{name}}}"),
                value => value.unwrap_or_default(),
            }),
            ':' => {
                let modifier = self.rest.next().ok_or(ExpandError::MissingBrace)?;
                self.modified(&name, modifier, true)
            }
            '+' | '-' | '?' | '#' | '%' => self.modified(&name, modifier, false),
            '/' => self.replaced(&name),
            other => Err(ExpandError::UnsupportedModifier(other.into())),
        }
    }

    /// `-`, `+`, `?`, `#`, `%`, with a colon in front where `empty_is_unset`.
    fn modified(
        &mut self,
        name: &str,
        modifier: char,
        empty_is_unset: bool,
    ) -> Result<String, ExpandError> {
        let shown = if empty_is_unset {
            format!(":{modifier}")
        } else {
            modifier.to_string()
        };
        let cuts = matches!(modifier, '#' | '%');
        if !cuts && !matches!(modifier, '-' | '+' | '?') {
            return Err(ExpandError::UnsupportedModifier(shown));
        }
        let (word, _) = self.until(Some('}'), cuts, false)?;
        let value = (self.lookup)(name);
        if self.style.keep_unset && value.is_none() {
            return Ok(format!("${{{name}{shown}{word}}}"));
        }
        let present = value
            .as_deref()
            .is_some_and(|v| !(empty_is_unset && v.is_empty()));
        match modifier {
            '-' if present => Ok(value.unwrap_or_default()),
            '-' => Ok(word),
            '+' if present => Ok(word),
            '+' => Ok(String::new()),
            '?' if present => Ok(value.unwrap_or_default()),
            '?' => Err(ExpandError::Required {
                name: name.to_owned(),
                message: match (word.is_empty(), value.is_none()) {
                    (false, _) => word,
                    (true, true) => "is not allowed to be unset".into(),
                    (true, false) => "is not allowed to be empty".into(),
                },
            }),
            end => {
                let value = value.unwrap_or_default();
                let (longest, word) = match word.strip_prefix(end) {
                    Some(rest) => (true, rest),
                    None => (false, word.as_str()),
                };
                if end == '#' {
                    pattern::without_prefix(&value, word, longest)
                } else {
                    pattern::without_suffix(&value, word, longest)
                }
            }
        }
    }

    /// `${name/pattern/replacement}` and `${name//pattern/replacement}`.
    fn replaced(&mut self, name: &str) -> Result<String, ExpandError> {
        let all = self.peek() == Some('/');
        if all {
            self.rest.next();
        }
        let (pattern, _) = self.until(Some('/'), true, false)?;
        let (replacement, _) = self.until(Some('}'), true, false)?;
        let Some(value) = (self.lookup)(name) else {
            return Ok(if self.style.keep_unset {
                format!("${{{name}/{pattern}/{replacement}}}")
            } else {
                String::new()
            });
        };
        pattern::replace(&value, &pattern, &replacement, all, self.limit)
    }

    /// A variable's name: letters, digits and `_`, or digits alone, or one of the shell's special characters.
    fn name(&mut self) -> String {
        let mut name = String::new();
        let digits = self.peek().is_some_and(|c| c.is_ascii_digit());
        while let Some(c) = self.peek() {
            if name.is_empty() && matches!(c, '@' | '*' | '#' | '?' | '-' | '$' | '!') {
                self.rest.next();
                return c.into();
            }
            let fits = if digits {
                c.is_ascii_digit()
            } else {
                c.is_alphanumeric() || c == '_'
            };
            if !fits {
                break;
            }
            name.push(c);
            self.rest.next();
        }
        name
    }
}
