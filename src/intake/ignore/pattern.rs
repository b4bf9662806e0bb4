//! One pattern of a `.dockerignore`, as Docker's own matcher reads it.
//!
//! Docker turns a pattern into a regular expression of Go, some text of the pattern unchanged, and lets that match
//! the whole path. Its oddities are kept: so the same expression is made here and matched by [`super::regex`].

use super::regex::Regex;

/// A pattern that can be held against paths.
#[derive(Debug)]
pub(super) struct Pattern {
    cleaned: String,
    /// It began with `!`: what it matches comes in again.
    pub exception: bool,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Exact,
    /// Ends with `**`: the length of what stands before.
    Prefix(usize),
    /// Begins with `**`.
    Suffix,
    Regex(Regex),
}

impl Pattern {
    /// Reads a pattern that has been trimmed and cleaned.
    ///
    /// # Errors
    /// If Docker would refuse it too, with the reason.
    pub(super) fn new(pattern: &str) -> Result<Self, &'static str> {
        let (exception, cleaned) = match pattern.strip_prefix('!') {
            Some("") => return Err("excepts nothing"),
            Some(rest) => (true, rest),
            None => (false, pattern),
        };
        well_formed(cleaned)?;
        Ok(Self {
            cleaned: cleaned.to_owned(),
            exception,
            form: form(cleaned)?,
        })
    }

    /// Whether the pattern matches exactly `path`. What that cost is taken from `budget`.
    pub(super) fn matches(&self, path: &str, budget: &mut u64) -> bool {
        *budget = budget.saturating_sub(1);
        match &self.form {
            Form::Exact => path == self.cleaned,
            Form::Prefix(length) => path
                .as_bytes()
                .starts_with(&self.cleaned.as_bytes()[..*length]),
            Form::Suffix => {
                let suffix = self.cleaned.strip_prefix("**").unwrap_or(&self.cleaned);
                path.ends_with(suffix) || suffix.strip_prefix('/') == Some(path)
            }
            Form::Regex(regex) => regex.matches(path, budget),
        }
    }

    /// The text without a last `/*` or `/**`, and whether that is free of wildcards.
    pub(super) fn stem(&self) -> Option<&str> {
        let stem = self.cleaned.strip_suffix("/**").unwrap_or(&self.cleaned);
        let stem = stem.strip_suffix("/*").unwrap_or(stem);
        (!stem.contains(['*', '[', ']', '?', '^', '\\'])).then_some(stem)
    }
}

fn form(pattern: &str) -> Result<Form, &'static str> {
    #[derive(PartialEq)]
    enum Kind {
        Exact,
        Prefix,
        Suffix,
        Regex,
    }
    let mut expression = String::new();
    let mut kind = Kind::Exact;
    let mut chars = pattern.chars().peekable();
    let mut first = true;
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.next_if_eq(&'*').is_some() => {
                chars.next_if_eq(&'/');
                if chars.peek().is_some() {
                    expression.push_str("(.*/)?");
                    kind = Kind::Regex;
                } else if kind == Kind::Exact {
                    kind = Kind::Prefix;
                } else {
                    expression.push_str(".*");
                    kind = Kind::Regex;
                }
                if first {
                    kind = Kind::Suffix;
                }
            }
            '*' => {
                expression.push_str("[^/]*");
                kind = Kind::Regex;
            }
            '?' => {
                expression.push_str("[^/]");
                kind = Kind::Regex;
            }
            '.' | '+' | '(' | ')' | '|' | '{' | '}' | '$' => {
                expression.push('\\');
                expression.push(c);
            }
            '\\' => {
                expression.push('\\');
                if let Some(next) = chars.next() {
                    expression.push(next);
                    kind = Kind::Regex;
                }
            }
            '[' | ']' => {
                expression.push(c);
                kind = Kind::Regex;
            }
            _ => expression.push(c),
        }
        first = false;
    }
    Ok(match kind {
        Kind::Exact => Form::Exact,
        Kind::Prefix => Form::Prefix(pattern.len() - 2),
        Kind::Suffix => Form::Suffix,
        Kind::Regex => Form::Regex(Regex::new(&expression)?),
    })
}

/// The grammar of Go's `filepath.Match`, which Docker asks first.
fn well_formed(pattern: &str) -> Result<(), &'static str> {
    const OPEN: &str = "has a `[` that is not closed or is empty";
    let mut chars = pattern.chars().peekable();
    // One character of a class.
    fn member(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<(), &'static str> {
        match chars.next() {
            None | Some('-' | ']') => return Err(OPEN),
            Some('\\') => drop(chars.next().ok_or(OPEN)?),
            Some(_) => {}
        }
        chars.peek().map(|_| ()).ok_or(OPEN)
    }
    while let Some(c) = chars.next() {
        match c {
            '\\' => drop(chars.next().ok_or("ends with a `\\`")?),
            '[' => {
                chars.next_if_eq(&'^');
                let mut members = 0;
                while members == 0 || chars.next_if_eq(&']').is_none() {
                    member(&mut chars)?;
                    if chars.next_if_eq(&'-').is_some() {
                        member(&mut chars)?;
                    }
                    members += 1;
                }
            }
            _ => {}
        }
    }
    Ok(())
}
