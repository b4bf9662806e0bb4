//! The comments that speak to the parser: `# escape=`, `# syntax=`, `# check=`.
//!
//! They count only at the very top; the first line that is none of them ends them. A `#!` line may stand before.

use super::super::ast::{Directives, Word};
use super::super::error::ParseError;
use super::super::place::Places;

pub(super) fn read(text: &str, places: &Places) -> Result<Directives, ParseError> {
    let mut directives = Directives {
        syntax: None,
        escape: '\\',
        check: None,
    };
    let mut escape_seen = false;
    let mut after_shebang = false;
    let mut at = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let start = at;
        at += line.len();
        if index == 0 && line.starts_with("#!") {
            after_shebang = true;
            continue;
        }
        let Some((name, value)) = directive(line) else {
            break;
        };
        let value_at = start + value.as_ptr() as usize - line.as_ptr() as usize;
        let range = value_at..value_at + value.len();
        let word = Word {
            text: value.to_owned(),
            span: places.span(text, range.clone()),
        };
        let repeated = match name.as_str() {
            "syntax" => directives.syntax.replace(word).is_some(),
            "check" => directives.check.replace(word).is_some(),
            // Docker looks for these two behind a `#!` line, but not for this one.
            _ if after_shebang => false,
            _ => {
                directives.escape = match value {
                    "\\" => '\\',
                    "`" => '`',
                    _ => {
                        let reason =
                            format!("invalid escape token `{value}`: it is \\ or a backtick");
                        return Err(ParseError::new(places, text, range, reason));
                    }
                };
                std::mem::replace(&mut escape_seen, true)
            }
        };
        if repeated {
            let reason = format!("only one {name} parser directive can be used");
            return Err(ParseError::new(places, text, range, reason));
        }
    }
    Ok(directives)
}

/// The name in lower case and the value, if the line is one of the three.
fn directive(line: &str) -> Option<(String, &str)> {
    let rest = line.trim_start().strip_prefix('#')?.trim_start();
    let (name, value) = rest.split_once('=')?;
    let name = name.trim_end();
    let value = value.trim();
    let known = ["escape", "syntax", "check"]
        .iter()
        .any(|k| name.eq_ignore_ascii_case(k));
    (known && !value.is_empty()).then(|| (name.to_ascii_lowercase(), value))
}
