//! The few regular expressions that Docker makes of patterns, matched in time that grows with pattern × path only.
//!
//! Go's grammar for classes and escapes; groups only as `(.*/)?`. Escapes of letters and digits that mean no class
//! and no control character are refused.

/// An expression that matches a whole text.
#[derive(Debug)]
pub(super) struct Regex {
    nodes: Vec<Node>,
}

#[derive(Debug)]
enum Node {
    One {
        what: Atom,
        many: bool,
    },
    /// `(.*/)?`, with [`Node::Within`] after it.
    Folders,
    /// In the middle of that.
    Within,
}

#[derive(Debug)]
enum Atom {
    Char(char),
    /// Anything but a line's end.
    Dot,
    /// `^`: true at the start only.
    Start,
    Class {
        negated: bool,
        members: Vec<Member>,
    },
}

#[derive(Debug)]
enum Member {
    Range(char, char),
    Named {
        test: fn(char) -> bool,
        negated: bool,
    },
}

const ESCAPE: &str = "escapes a letter or digit, which means nothing here";
const CLASS: &str = "has a class `[…]` that can't be read";

impl Regex {
    /// Reads an expression.
    ///
    /// # Errors
    /// If Go would refuse it, or it has an escape that is not read.
    pub(super) fn new(text: &str) -> Result<Self, &'static str> {
        let mut nodes = Vec::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("(.*/)?") {
                nodes.extend([Node::Folders, Node::Within]);
                rest = after;
                continue;
            }
            rest = &rest[c.len_utf8()..];
            let what = match c {
                '.' => Atom::Dot,
                '^' => Atom::Start,
                '[' => class(&mut rest)?,
                '\\' => match escape(&mut rest)? {
                    Member::Range(c, _) => Atom::Char(c),
                    named @ Member::Named { .. } => Atom::Class {
                        negated: false,
                        members: vec![named],
                    },
                },
                '*' => {
                    match nodes.last_mut() {
                        Some(Node::One { many, .. }) if !*many => *many = true,
                        _ => return Err("repeats what can't be repeated"),
                    }
                    continue;
                }
                c => Atom::Char(c),
            };
            nodes.push(Node::One { what, many: false });
        }
        Ok(Self { nodes })
    }

    /// Whether it matches all of `text`. Every step is taken from `budget`.
    pub(super) fn matches(&self, text: &str, budget: &mut u64) -> bool {
        let end = self.nodes.len();
        let mut now = vec![false; end + 1];
        let mut next = vec![false; end + 1];
        now[0] = true;
        self.rest_empty(&mut now, true);
        for c in text.chars() {
            *budget = budget.saturating_sub(end as u64);
            next.fill(false);
            let mut alive = false;
            for (i, node) in self.nodes.iter().enumerate().filter(|(i, _)| now[*i]) {
                match node {
                    Node::One { what, many } if what.is(c) => {
                        next[if *many { i } else { i + 1 }] = true;
                    }
                    Node::One { .. } => continue,
                    Node::Folders => continue,
                    Node::Within => {
                        next[i] |= c != '\n';
                        next[i + 1] |= c == '/';
                    }
                }
                alive = true;
            }
            if !alive {
                return false;
            }
            self.rest_empty(&mut next, false);
            std::mem::swap(&mut now, &mut next);
        }
        now[end]
    }

    /// Adds what is reached without reading a character.
    fn rest_empty(&self, states: &mut [bool], start: bool) {
        for (i, node) in self.nodes.iter().enumerate() {
            if !states[i] {
                continue;
            }
            match node {
                Node::One { many: true, .. } => states[i + 1] = true,
                Node::One {
                    what: Atom::Start, ..
                } if start => states[i + 1] = true,
                Node::One { .. } | Node::Within => {}
                Node::Folders => {
                    states[i + 1] = true;
                    states[i + 2] = true;
                }
            }
        }
    }
}

impl Atom {
    fn is(&self, c: char) -> bool {
        match self {
            Self::Char(own) => *own == c,
            Self::Dot => c != '\n',
            Self::Start => false,
            Self::Class { negated, members } => members.iter().any(|m| m.has(c)) != *negated,
        }
    }
}

impl Member {
    fn has(&self, c: char) -> bool {
        match self {
            Self::Range(low, high) => (*low..=*high).contains(&c),
            Self::Named { test, negated } => test(c) != *negated,
        }
    }
}

/// What follows a `[`.
fn class(rest: &mut &str) -> Result<Atom, &'static str> {
    let negated = rest.starts_with('^');
    *rest = &rest[usize::from(negated)..];
    let mut members = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix(']').filter(|_| !members.is_empty()) {
            *rest = after;
            return Ok(Atom::Class { negated, members });
        }
        if rest.starts_with("[:")
            && let Some((name, after)) = rest[2..].split_once(":]")
        {
            members.push(named(name)?);
            *rest = after;
            continue;
        }
        let low = match single(rest)? {
            Member::Range(low, _) => low,
            named @ Member::Named { .. } => {
                members.push(named);
                continue;
            }
        };
        let high = match rest
            .strip_prefix('-')
            .filter(|after| !after.starts_with(']'))
        {
            None => low,
            Some(after) => {
                *rest = after;
                match single(rest)? {
                    Member::Range(high, _) if high >= low => high,
                    _ => return Err(CLASS),
                }
            }
        };
        members.push(Member::Range(low, high));
    }
}

/// One character of a class, or a class within it.
fn single(rest: &mut &str) -> Result<Member, &'static str> {
    let c = rest.chars().next().ok_or(CLASS)?;
    *rest = &rest[c.len_utf8()..];
    match c {
        '\\' => escape(rest),
        c => Ok(Member::Range(c, c)),
    }
}

/// What follows a backslash.
fn escape(rest: &mut &str) -> Result<Member, &'static str> {
    let c = rest.chars().next().ok_or(ESCAPE)?;
    *rest = &rest[c.len_utf8()..];
    let test: fn(char) -> bool = match c.to_ascii_lowercase() {
        'd' => |c| c.is_ascii_digit(),
        's' => |c| matches!(c, '\t' | '\n' | '\x0c' | '\r' | ' '),
        'w' => |c| c.is_ascii_alphanumeric() || c == '_',
        _ => {
            let plain = match c {
                'a' => '\x07',
                'f' => '\x0c',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'v' => '\x0b',
                c if c.is_ascii() && !c.is_ascii_alphanumeric() => c,
                _ => return Err(ESCAPE),
            };
            return Ok(Member::Range(plain, plain));
        }
    };
    Ok(Member::Named {
        test,
        negated: c.is_ascii_uppercase(),
    })
}

fn named(name: &str) -> Result<Member, &'static str> {
    let (negated, name) = name
        .strip_prefix('^')
        .map_or((false, name), |name| (true, name));
    let test: fn(char) -> bool = match name {
        "alnum" => |c| c.is_ascii_alphanumeric(),
        "alpha" => |c| c.is_ascii_alphabetic(),
        "ascii" => |c| c.is_ascii(),
        "blank" => |c| matches!(c, ' ' | '\t'),
        "cntrl" => |c| c.is_ascii_control(),
        "digit" => |c| c.is_ascii_digit(),
        "graph" => |c| c.is_ascii_graphic(),
        "lower" => |c| c.is_ascii_lowercase(),
        "print" => |c| c.is_ascii_graphic() || c == ' ',
        "punct" => |c| c.is_ascii_punctuation(),
        "space" => |c| matches!(c, '\t'..='\r' | ' '),
        "upper" => |c| c.is_ascii_uppercase(),
        "word" => |c| c.is_ascii_alphanumeric() || c == '_',
        "xdigit" => |c| c.is_ascii_hexdigit(),
        _ => return Err(CLASS),
    };
    Ok(Member::Named { test, negated })
}
