//! Words that a reviewer can take for a decision: what the page itself says, what the policy has ready, and what was said before
//! about the same rules.

use crate::model::decision::Verdict;
use crate::model::view::ReviewPage;
use crate::model::{Finding, Severity};

/// Findings that are written out.
const WRITTEN: usize = 20;

/// A text, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// Where it comes from, in a few words.
    pub from: String,
    /// The text.
    pub text: String,
}

/// What fits `verdict`, the best first.
pub fn suggestions(page: &ReviewPage, verdict: Verdict) -> Vec<Suggestion> {
    let mut all = vec![Suggestion {
        from: "what the page says".into(),
        text: match verdict {
            Verdict::Approve => approval(page),
            Verdict::Reject => rejection(page),
        },
    }];
    all.extend(page.templates.iter().map(|text| Suggestion {
        from: "the policy's words".into(),
        text: text.clone(),
    }));
    if verdict == Verdict::Reject {
        all.extend(page.precedents.iter().map(|precedent| Suggestion {
            from: format!(
                "#{} {}, rejected by {} with {}",
                precedent.id,
                precedent.slug,
                precedent.by,
                precedent.rules.join(", ")
            ),
            text: precedent.reason.clone(),
        }));
    }
    all.retain(|suggestion| !suggestion.text.is_empty());
    all
}

fn approval(page: &ReviewPage) -> String {
    let resolved = page
        .previous
        .as_ref()
        .and_then(|previous| Some((previous.id, previous.changes.as_ref()?)));
    match resolved {
        Some((id, changes)) if changes.new.is_empty() && !changes.resolved.is_empty() => {
            format!(
                "What stood against #{id} is mended ({}).",
                rules(&changes.resolved)
            )
        }
        Some((id, changes)) if changes.new.is_empty() => {
            format!("Read beside #{id}: nothing new stands against it.")
        }
        _ => "Read: nothing stands against it.".to_owned(),
    }
}

/// One paragraph a finding that blocks: rule, line, what is wrong, what to do.
fn rejection(page: &ReviewPage) -> String {
    let blocks = || {
        page.findings
            .iter()
            .filter(|f| f.severity == Severity::Block)
    };
    let mut lines: Vec<String> = blocks()
        .take(WRITTEN)
        .map(|f| {
            let place = match f.span.line {
                0 => f.file.clone(),
                line => format!("line {line}"),
            };
            format!("{} at {place}: {}. {}", f.rule, f.message, f.help)
        })
        .collect();
    let more = blocks().count().saturating_sub(WRITTEN);
    if more > 0 {
        lines.push(format!("And {more} more: `flareo lint` lists them."));
    }
    lines.join("\n")
}

/// The rules of findings, each once.
fn rules(findings: &[Finding]) -> String {
    let mut rules: Vec<&str> = findings.iter().map(|f| f.rule.as_str()).collect();
    rules.sort_unstable();
    rules.dedup();
    rules.join(", ")
}
