//! Which findings a submission has resolved since an earlier one, and which are new.

use std::collections::HashMap;

use crate::model::Finding;

/// The findings that are gone and those that were not there. A finding is the same where rule, message and the text of its line are:
/// lines move.
pub fn settled(
    (old, old_text): (&[Finding], &str),
    (new, new_text): (&[Finding], &str),
) -> (Vec<Finding>, Vec<Finding>) {
    let (old_lines, new_lines) = (lines(old_text), lines(new_text));
    (
        beyond((old, &old_lines), (new, &new_lines)),
        beyond((new, &new_lines), (old, &old_lines)),
    )
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).collect()
}

type Key<'a> = (&'a str, &'a str, &'a str);

fn key<'a>(finding: &'a Finding, lines: &[&'a str]) -> Key<'a> {
    let line = (finding.span.line as usize)
        .checked_sub(1)
        .and_then(|at| lines.get(at))
        .copied();
    (&finding.rule, &finding.message, line.unwrap_or_default())
}

/// The findings of the first side that the second has not as often.
fn beyond(
    (here, here_lines): (&[Finding], &[&str]),
    (there, there_lines): (&[Finding], &[&str]),
) -> Vec<Finding> {
    let mut known: HashMap<Key<'_>, usize> = HashMap::new();
    for finding in there {
        *known.entry(key(finding, there_lines)).or_default() += 1;
    }
    let mut found = Vec::new();
    for finding in here {
        match known.get_mut(&key(finding, here_lines)) {
            Some(count) if *count > 0 => *count -= 1,
            _ => found.push(finding.clone()),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Severity;
    use crate::model::finding::Span;

    fn finding(rule: &str, line: u32) -> Finding {
        Finding {
            rule: rule.into(),
            severity: Severity::Block,
            file: "Dockerfile".into(),
            span: Span {
                line,
                ..Span::default()
            },
            message: "m".into(),
            help: String::new(),
            patch: None,
        }
    }

    #[test]
    fn findings_are_followed_where_their_lines_go() {
        let old = [finding("NET01", 2), finding("NET02", 3)];
        let new = [finding("NET02", 2), finding("NET02", 4)];
        let (resolved, added) = settled(
            (&old, "FROM a\nRUN apt-get update\nRUN curl x\n"),
            (&new, "FROM a\nRUN curl x\n\nRUN curl x\n"),
        );
        assert_eq!(resolved, [finding("NET01", 2)]);
        assert_eq!(added, [finding("NET02", 4)]);
    }
}
