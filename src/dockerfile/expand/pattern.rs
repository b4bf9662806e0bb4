//! The patterns of `${name#pattern}` and its kin: `*`, `?` and escapes, no brackets.
//!
//! Matching walks every possible state at once, so that no pattern takes more than its length times the value's; and a
//! number of steps is the end of it.

use super::{ExpandError, LIMIT};

/// How many steps one match may take.
const STEPS: usize = 32 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Literal(char),
    /// Any one character but a newline.
    One,
    /// Any number of characters but newlines.
    Many,
}

impl Token {
    fn takes(self, c: char) -> bool {
        match self {
            Self::Literal(l) => l == c,
            Self::One | Self::Many => c != '\n',
        }
    }
}

/// `value` without the shortest or longest beginning that `pattern` matches.
pub(super) fn without_prefix(
    value: &str,
    pattern: &str,
    longest: bool,
) -> Result<String, ExpandError> {
    let characters: Vec<char> = value.chars().collect();
    let tokens = tokens(pattern)?;
    let cut = Matcher::new(&tokens)
        .prefix(&characters, longest)?
        .unwrap_or(0);
    Ok(characters[cut..].iter().collect())
}

/// `value` without the shortest or longest end that `pattern` matches.
pub(super) fn without_suffix(
    value: &str,
    pattern: &str,
    longest: bool,
) -> Result<String, ExpandError> {
    let characters: Vec<char> = value.chars().rev().collect();
    let mut tokens = tokens(pattern)?;
    tokens.reverse();
    let cut = Matcher::new(&tokens)
        .prefix(&characters, longest)?
        .unwrap_or(0);
    Ok(characters[cut..].iter().rev().collect())
}

/// `value` with the first or every longest match of `pattern` replaced.
pub(super) fn replace(
    value: &str,
    pattern: &str,
    replacement: &str,
    all: bool,
    limit: usize,
) -> Result<String, ExpandError> {
    let characters: Vec<char> = value.chars().collect();
    let tokens = tokens(pattern)?;
    let mut matcher = Matcher::new(&tokens);
    let mut result = String::new();
    let mut at = 0;
    let mut after_match = false;
    let mut done = false;
    while at <= characters.len() {
        let found = if done {
            None
        } else {
            matcher.prefix(&characters[at..], true)?
        };
        match found {
            // Nothing right behind a match is not another match.
            Some(0) if after_match => after_match = false,
            Some(length) => {
                result.push_str(replacement);
                done = !all;
                at += length;
                if length > 0 {
                    after_match = true;
                    continue;
                }
            }
            None => after_match = false,
        }
        result.extend(characters.get(at));
        at += 1;
        if result.len() > limit {
            return Err(ExpandError::TooLong);
        }
    }
    Ok(result)
}

fn tokens(pattern: &str) -> Result<Vec<Token>, ExpandError> {
    if pattern.len() > LIMIT {
        return Err(ExpandError::TooLong);
    }
    let mut tokens = Vec::new();
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        tokens.push(match c {
            '*' => Token::Many,
            '?' => Token::One,
            '\\' => match characters.next() {
                Some(c @ ('*' | '?' | '\\' | '}' | '/')) => Token::Literal(c),
                other => {
                    let shown = other.map(String::from).unwrap_or_default();
                    return Err(ExpandError::Pattern(format!("invalid escape '\\{shown}'")));
                }
            },
            c => Token::Literal(c),
        });
    }
    Ok(tokens)
}

struct Matcher<'p> {
    tokens: &'p [Token],
    steps: usize,
}

impl<'p> Matcher<'p> {
    const fn new(tokens: &'p [Token]) -> Self {
        Self { tokens, steps: 0 }
    }

    /// The length of the shortest or longest match at the beginning of `value`.
    fn prefix(&mut self, value: &[char], longest: bool) -> Result<Option<usize>, ExpandError> {
        let end = self.tokens.len();
        // The states that are possible here: `states[i]` says that the first `i` tokens have matched.
        let mut states = vec![self.closure(0)];
        let mut best = None;
        let mut length = 0;
        loop {
            if states.iter().any(|range| range.contains(&end)) {
                best = Some(length);
                if !longest {
                    return Ok(best);
                }
            }
            let Some(&c) = value.get(length) else {
                return Ok(best);
            };
            let mut next: Vec<std::ops::Range<usize>> = Vec::new();
            for state in states.iter().cloned().flatten() {
                self.steps += 1;
                if self.steps > STEPS {
                    return Err(ExpandError::TooLong);
                }
                let Some(token) = self.tokens.get(state) else {
                    continue;
                };
                if !token.takes(c) {
                    continue;
                }
                let after = if *token == Token::Many {
                    state
                } else {
                    state + 1
                };
                let reached = self.closure(after);
                match next.last_mut() {
                    Some(last) if reached.start <= last.end => last.end = last.end.max(reached.end),
                    _ => next.push(reached),
                }
            }
            if next.is_empty() {
                return Ok(best);
            }
            states = next;
            length += 1;
        }
    }

    /// The states that `state` reaches without a character: stars may match nothing.
    fn closure(&mut self, state: usize) -> std::ops::Range<usize> {
        let stars = self.tokens[state.min(self.tokens.len())..]
            .iter()
            .take_while(|t| **t == Token::Many)
            .count();
        self.steps += stars;
        state..state + stars + 1
    }
}
