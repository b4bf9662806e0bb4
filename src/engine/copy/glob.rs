//! Patterns of `COPY` sources as Go's `filepath.Match` has them, and those of `--exclude` and `--parents`, where `**`
//! stands for any number of folders.

use crate::model::foreign;

/// A pattern that can't be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("syntax error in pattern `{}`", foreign::shown(&String::from_utf8_lossy(.0), 200))]
pub struct BadPattern(pub Vec<u8>);

/// A pattern may have this many bytes: matching takes time in proportion to it.
const LENGTH_LIMIT: usize = 4096;

/// Whether `path` has a character that makes it a pattern.
pub fn is_pattern(path: &[u8]) -> bool {
    let mut bytes = path.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'*' | b'?' | b'[' => return true,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
    false
}

/// Splits a clean path before its first part that is a pattern.
pub fn split(path: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let parts: Vec<&[u8]> = path.split(|&b| b == b'/').collect();
    let at = parts
        .iter()
        .position(|part| is_pattern(part))
        .unwrap_or(parts.len());
    (parts[..at].join(&b'/'), parts[at..].join(&b'/'))
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Literal(char),
    /// Any character but `/`.
    One,
    /// Any characters but `/`.
    Some,
    /// Any characters.
    All,
    /// Nothing, or any characters up to and with a `/`.
    Folders,
    Class {
        not: bool,
        ranges: Vec<(char, char)>,
    },
}

/// A pattern, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    tokens: Vec<Token>,
}

impl Glob {
    /// Reads a pattern of `filepath.Match`.
    ///
    /// # Errors
    /// If a class does not end, or the pattern ends with `\`.
    pub fn plain(pattern: &[u8]) -> Result<Self, BadPattern> {
        Self::read(pattern, false)
    }

    /// Reads a pattern in which `**` stands for any number of folders.
    ///
    /// # Errors
    /// As [`plain`](Self::plain).
    pub fn deep(pattern: &[u8]) -> Result<Self, BadPattern> {
        Self::read(pattern, true)
    }

    fn read(pattern: &[u8], deep: bool) -> Result<Self, BadPattern> {
        let bad = || BadPattern(pattern.iter().copied().take(200).collect());
        if pattern.len() > LENGTH_LIMIT {
            return Err(bad());
        }
        let text = decode(pattern);
        let mut chars = text.into_iter().peekable();
        let mut tokens = Vec::new();
        while let Some(c) = chars.next() {
            tokens.push(match c {
                '*' if deep && chars.peek() == Some(&'*') => {
                    chars.next();
                    chars.next_if_eq(&'/');
                    if chars.peek().is_none() {
                        Token::All
                    } else {
                        Token::Folders
                    }
                }
                '*' => Token::Some,
                '?' => Token::One,
                '[' => {
                    let not = chars.next_if_eq(&'^').is_some();
                    let mut ranges = Vec::new();
                    loop {
                        // A character of the class, and whether it stands for itself whatever it is.
                        let mut one = || match chars.next()? {
                            '\\' => Some((chars.next()?, true)),
                            c => Some((c, false)),
                        };
                        let (low, escaped) = one().ok_or_else(bad)?;
                        if low == ']' && !escaped && !ranges.is_empty() {
                            break;
                        }
                        if matches!(low, '-' | ']') && !escaped {
                            return Err(bad());
                        }
                        let mut high = low;
                        if chars.next_if_eq(&'-').is_some() {
                            let mut one = || match chars.next()? {
                                '\\' => chars.next(),
                                '-' | ']' => None,
                                c => Some(c),
                            };
                            high = one().ok_or_else(bad)?;
                        }
                        ranges.push((low, high));
                    }
                    Token::Class { not, ranges }
                }
                '\\' => Token::Literal(chars.next().ok_or_else(bad)?),
                c => Token::Literal(c),
            });
        }
        Ok(Self { tokens })
    }

    /// Whether all of `path` fits the pattern.
    pub fn matches(&self, path: &[u8]) -> bool {
        let path = decode(path);
        // One row of the table "pattern up to i fits path up to j" at a time: no pattern takes more than its length
        // times the path's.
        let mut row = vec![false; path.len() + 1];
        row[0] = true;
        for token in &self.tokens {
            let mut next = vec![false; path.len() + 1];
            let mut reached = false;
            for j in 0..=path.len() {
                reached |= j > 0 && row[j - 1];
                let before = j.checked_sub(1).map(|k| path[k]);
                next[j] = match token {
                    Token::Some => row[j] || (before.is_some_and(|c| c != '/') && next[j - 1]),
                    Token::All => row[j] || (before.is_some() && next[j - 1]),
                    Token::Folders => row[j] || (before == Some('/') && reached),
                    Token::One => before.is_some_and(|c| c != '/') && row[j - 1],
                    Token::Literal(l) => before == Some(*l) && row[j - 1],
                    Token::Class { not, ranges } => {
                        before.is_some_and(|c| {
                            // Go's class also takes a slash when it is negated; a pattern is matched part by part,
                            // so it never sees one.
                            c != '/' && ranges.iter().any(|(a, b)| (*a..=*b).contains(&c)) != *not
                        }) && row[j - 1]
                    }
                };
            }
            row = next;
        }
        row[path.len()]
    }
}

/// Characters; bytes that are no UTF-8 stand for themselves, above all of Unicode's planes that are in use.
fn decode(bytes: &[u8]) -> Vec<char> {
    let mut chars = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        chars.extend(chunk.valid().chars());
        chars.extend(
            chunk
                .invalid()
                .iter()
                .filter_map(|&b| char::from_u32(0x10_FF00 + u32::from(b))),
        );
    }
    chars
}

/// A list of patterns as `.dockerignore` has them: the last that fits a path, or a folder above it, decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patterns {
    list: Vec<(Glob, bool)>,
}

impl Patterns {
    /// Reads a list; `!` before a pattern takes back what those before it said.
    ///
    /// # Errors
    /// If a pattern can't be read.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, BadPattern> {
        let mut list = Vec::new();
        for pattern in patterns {
            let pattern = pattern.trim_ascii();
            let (pattern, positive) = match pattern.strip_prefix(b"!") {
                Some(rest) => (rest, false),
                None => (pattern, true),
            };
            let cleaned = crate::engine::tree::clean(pattern);
            if !cleaned.is_empty() {
                list.push((Glob::deep(&cleaned)?, positive));
            }
        }
        Ok(Self { list })
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether they pick `path`.
    pub fn pick(&self, path: &[u8]) -> bool {
        let mut picked = false;
        for (glob, positive) in &self.list {
            if picked == *positive {
                continue;
            }
            let mut ends = (1..=path.len()).filter(|&i| i == path.len() || path[i] == b'/');
            if ends.any(|end| glob.matches(&path[..end])) {
                picked = *positive;
            }
        }
        picked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_s_own_table_of_matches() {
        for (pattern, path, fits) in [
            ("abc", "abc", true),
            ("*", "abc", true),
            ("*c", "abc", true),
            ("a*", "a", true),
            ("a*", "ab/c", false),
            ("a*/b", "abc/b", true),
            ("a*/b", "a/c/b", false),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", true),
            ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("a*b?c*x", "abxbbxdbxebxczzy", false),
            ("ab[c]", "abc", true),
            ("ab[b-d]", "abc", true),
            ("ab[e-g]", "abc", false),
            ("ab[^c]", "abc", false),
            ("ab[^e-g]", "abc", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "ab", false),
            ("a?b", "a☺b", true),
            ("a[^a]b", "a☺b", true),
            ("a???b", "a☺b", false),
            ("[a-ζ]*", "α", true),
            ("*[a-ζ]", "A", false),
            ("a?b", "a/b", false),
            ("a*b", "a/b", false),
            ("[\\]a]", "]", true),
            ("[\\-]", "-", true),
            ("[x\\-]", "x", true),
            ("[\\-x]", "a", false),
            ("*x", "xxx", true),
        ] {
            let glob = Glob::plain(pattern.as_bytes()).unwrap();
            assert_eq!(glob.matches(path.as_bytes()), fits, "{pattern} {path}");
        }
        for bad in [
            "[]a]", "[-]", "[x-]", "[-x]", "[", "[^", "[^bc", "a[", "a\\",
        ] {
            assert!(Glob::plain(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn two_stars_cross_folders() {
        for (pattern, path, fits) in [
            ("**", "a/b/c", true),
            ("**/c", "a/b/c", true),
            ("**/c", "c", true),
            ("a/**/c", "a/c", true),
            ("a/**/c", "a/x/y/c", true),
            ("a/**", "a/x/y", true),
            ("a/**", "b/x", false),
            ("**/*.txt", "a/b.txt", true),
        ] {
            let glob = Glob::deep(pattern.as_bytes()).unwrap();
            assert_eq!(glob.matches(path.as_bytes()), fits, "{pattern} {path}");
        }
    }

    #[test]
    fn the_last_pattern_decides_and_a_folder_takes_what_is_in_it() {
        let patterns = Patterns::new([&b"docs"[..], b"!docs/keep", b"*.md"]).unwrap();
        for (path, picked) in [
            ("docs", true),
            ("docs/a/b", true),
            ("docs/keep", false),
            ("docs/keep/x", false),
            ("a.md", true),
            ("d/a.md", false),
        ] {
            assert_eq!(patterns.pick(path.as_bytes()), picked, "{path}");
        }
    }

    #[test]
    fn a_pattern_of_stars_takes_no_time() {
        let glob = Glob::deep("*a".repeat(200).as_bytes()).unwrap();
        assert!(glob.matches("a".repeat(3000).as_bytes()));
        assert!(!glob.matches("ab".repeat(1500).as_bytes()));
    }

    #[test]
    fn a_source_is_split_before_its_first_pattern() {
        assert_eq!(split(b"a/b/c"), (b"a/b/c".to_vec(), vec![]));
        assert_eq!(split(b"a/b*/c"), (b"a".to_vec(), b"b*/c".to_vec()));
        assert_eq!(split(b"*"), (vec![], b"*".to_vec()));
    }
}
