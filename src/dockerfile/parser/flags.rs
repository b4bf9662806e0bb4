//! `--name=value` in front of an instruction's arguments.

use std::ops::Range;

use super::super::ast::{Flag, Word};
use super::super::error::ParseError;
use super::lines::{Lines, Logical};

/// How a flag takes its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// Nothing, `=true` or `=false`.
    Switch,
    /// A value, once.
    One,
    /// A value, as often as one likes.
    Many,
}

/// The flags of an instruction, given in upper case.
const fn known(keyword: &str) -> &'static [(&'static str, Takes)] {
    match keyword.as_bytes() {
        b"FROM" => &[("platform", Takes::One)],
        b"RUN" => &[
            ("mount", Takes::Many),
            ("network", Takes::One),
            ("security", Takes::One),
            ("device", Takes::Many),
        ],
        b"COPY" => &[
            ("from", Takes::One),
            ("chown", Takes::One),
            ("chmod", Takes::One),
            ("link", Takes::Switch),
            ("parents", Takes::Switch),
            ("exclude", Takes::Many),
        ],
        b"ADD" => &[
            ("chown", Takes::One),
            ("chmod", Takes::One),
            ("link", Takes::Switch),
            ("keep-git-dir", Takes::Switch),
            ("checksum", Takes::One),
            ("unpack", Takes::Switch),
            ("exclude", Takes::Many),
        ],
        b"HEALTHCHECK" => &[
            ("interval", Takes::One),
            ("timeout", Takes::One),
            ("start-period", Takes::One),
            ("start-interval", Takes::One),
            ("retries", Takes::One),
        ],
        _ => &[],
    }
}

/// Takes the flags off `range`; returns them and what is left.
pub(super) fn take(
    lines: &Lines<'_>,
    line: &Logical,
    range: Range<usize>,
) -> (Vec<Flag>, Range<usize>) {
    let mut flags = Vec::new();
    let mut rest = range;
    loop {
        let part = &line.text[rest.clone()];
        rest.start += part.len() - part.trim_start().len();
        if !line.text[rest.clone()].starts_with("--") {
            return (flags, rest);
        }
        let (raw, value) = word(&line.text[rest.clone()]);
        let found = rest.start..rest.start + raw;
        rest.start = found.end;
        if value == "--" {
            return (flags, rest);
        }
        flags.push(flag(lines, line, found, &value));
    }
}

/// One word without its quotes and escapes (always by `\` here), and its length with them.
fn word(text: &str) -> (usize, String) {
    let mut value = String::new();
    let mut quote = None;
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match quote {
            None if c.is_whitespace() => return (at, value),
            None if matches!(c, '\'' | '"') => quote = Some(c),
            Some(q) if c == q => quote = None,
            _ if c == '\\' => value.extend(characters.next().map(|(_, next)| next)),
            _ => value.push(c),
        }
    }
    (text.len(), value)
}

fn flag(lines: &Lines<'_>, line: &Logical, range: Range<usize>, text: &str) -> Flag {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    let equals = line.text[range.clone()]
        .find('=')
        .map_or(range.end, |i| range.start + i);
    let name_range = range.start + 2..equals.max(range.start + 2);
    Flag {
        name: Word {
            text: name.strip_prefix("--").unwrap_or(name).to_owned(),
            span: line.span(lines, &name_range),
        },
        value: value.map(|value| Word {
            text: value.to_owned(),
            span: line.span(lines, &((equals + 1).min(range.end)..range.end)),
        }),
    }
}

/// Refuses flags that the instruction does not have, and values that they can't take.
pub(super) fn check(lines: &Lines<'_>, keyword: &str, flags: &[Flag]) -> Result<(), ParseError> {
    let known = known(keyword);
    for (index, flag) in flags.iter().enumerate() {
        let name = flag.name.text.as_str();
        let refuse = |reason: String| {
            let span = flag.name.span;
            Err(ParseError::new(
                lines.places,
                lines.text,
                span.start.saturating_sub(2)..span.end,
                reason,
            ))
        };
        let Some((_, takes)) = known.iter().find(|(k, _)| *k == name) else {
            let has = if known.is_empty() {
                format!("{keyword} has no flags")
            } else {
                let names: Vec<_> = known.iter().map(|(k, _)| format!("--{k}")).collect();
                format!("{keyword} has {}", names.join(", "))
            };
            return refuse(format!("unknown flag: --{name} ({has})"));
        };
        let value = flag.value.as_ref().map(|v| v.text.as_str());
        let repeated = flags[..index].iter().any(|f| f.name.text == name);
        if repeated && *takes != Takes::Many {
            return refuse(format!("duplicate flag specified: --{name}"));
        }
        match (takes, value) {
            (Takes::Switch, None) | (Takes::One | Takes::Many, Some(_)) => {}
            (Takes::Switch, Some(v)) if is_switch(v) => {}
            (Takes::Switch, Some(v)) if !v.is_empty() => {
                return refuse(format!(
                    "expecting boolean value for flag --{name}, not: {v}"
                ));
            }
            _ => return refuse(format!("missing a value on flag: --{name}")),
        }
    }
    Ok(())
}

fn is_switch(value: &str) -> bool {
    value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false")
}
