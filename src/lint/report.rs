//! Findings in order, for people and for programs.
//!
//! Whatever a Dockerfile holds, no control character of it reaches the terminal: every text passes through
//! [`harmless`] on its way out.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use crate::dockerfile::excerpt::{Excerpt, harmless};
use crate::dockerfile::place::Places;
use crate::model::effective::Script;
use crate::model::finding::Patch;
use crate::model::{Finding, Severity};

/// What lint has to say about one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The file's name, as findings show it.
    pub name: String,
    /// The file's text, without a byte-order mark: what the findings' places count in.
    pub text: String,
    /// Sorted by place, none twice.
    pub findings: Vec<Finding>,
    /// The scripts that were read because a RUN calls them.
    pub scripts: Vec<Script>,
}

impl Report {
    pub(super) fn new(
        name: &str,
        text: String,
        mut findings: Vec<Finding>,
        scripts: BTreeSet<Script>,
    ) -> Self {
        findings.sort_by(|a, b| {
            let key = |f: &Finding| (f.span.line, f.span.column, f.span.start, f.span.end);
            (key(a), &a.rule, b.severity, &a.message).cmp(&(
                key(b),
                &b.rule,
                a.severity,
                &b.message,
            ))
        });
        findings.dedup_by(|b, a| {
            (&a.rule, a.span, &a.message, &a.help) == (&b.rule, b.span, &b.message, &b.help)
        });
        Self {
            name: name.to_owned(),
            text,
            findings,
            scripts: scripts.into_iter().collect(),
        }
    }

    /// The same, with names that count from above: `folder` ends with a slash, or is nothing.
    #[must_use]
    pub fn under(mut self, folder: &str) -> Self {
        let name = |name: &str| format!("{folder}{name}");
        self.name = name(&self.name);
        for finding in &mut self.findings {
            finding.file = name(&finding.file);
            for edit in finding.patch.iter_mut().flat_map(|patch| &mut patch.edits) {
                edit.file = name(&edit.file);
            }
        }
        self
    }

    /// Whether something stands in the way of an approval.
    pub fn blocked(&self) -> bool {
        self.findings.iter().any(|f| f.severity == Severity::Block)
    }

    /// Whether the file could not be read at all: then it can't be queued.
    pub fn unreadable(&self) -> bool {
        self.findings.iter().any(|f| f.rule == "PARSE")
    }

    /// How many findings weigh that much.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings
            .iter()
            .filter(|f| f.severity == severity)
            .count()
    }

    /// The findings for people: each with its line, carets under the place, and what to do.
    pub fn human(&self, color: bool) -> String {
        let places = Places::new(&self.text);
        let mut out = String::new();
        for finding in &self.findings {
            self.show(&mut out, finding, &places, color);
        }
        let summary = [Severity::Block, Severity::Warn, Severity::Advice]
            .map(|s| (self.count(s), s))
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, s)| format!("{count} {}", s.word()))
            .collect::<Vec<_>>();
        let name = harmless(&self.name);
        let patches = self.findings.iter().filter(|f| f.patch.is_some()).count();
        // Writing to a String can't fail.
        let _ = if summary.is_empty() {
            writeln!(out, "{name}: nothing to find fault with")
        } else {
            let word = if patches == 1 { "patch" } else { "patches" };
            let offer = match patches {
                0 => String::new(),
                count => format!(" ({count} {word}: `flareo lint --diff` shows, `--fix` writes)"),
            };
            writeln!(out, "{name}: {}{offer}", summary.join(", "))
        };
        out
    }

    fn show(&self, out: &mut String, finding: &Finding, places: &Places, color: bool) {
        let span = finding.span;
        let beside = span.line == 0 || finding.file != self.name;
        // Not even on the submitter's own screen, which others may see.
        let hidden = self.masked(finding);
        let text = hidden.as_deref().unwrap_or(&self.text);
        let line = match hidden {
            Some(_) => text,
            None => places.line_text(text, span.line),
        };
        let column = (span.column as usize).saturating_sub(1);
        let from = line
            .char_indices()
            .nth(column)
            .map_or(line.len(), |(i, _)| i);
        let shown = Excerpt::new(line, from..from.saturating_add(span.len().max(1)));
        let (start, end) = if color {
            (style(finding.severity), "\u{1b}[0m")
        } else {
            ("", "")
        };
        let number = span.line.to_string();
        let margin = " ".repeat(number.len());
        let _ = writeln!(
            out,
            "{start}{}[{}]{end}: {}",
            finding.severity.word(),
            harmless(&finding.rule),
            harmless(&finding.message)
        );
        if beside {
            let _ = writeln!(out, "{margin}--> {}", harmless(&finding.file));
        } else {
            let _ = writeln!(
                out,
                "{margin}--> {}:{}:{}",
                harmless(&finding.file),
                span.line,
                span.column
            );
            let _ = writeln!(out, "{margin} |");
            let _ = writeln!(out, "{number} | {}", shown.line);
            let _ = writeln!(out, "{margin} | {start}{}{end}", shown.carets);
        }
        if !finding.help.is_empty() {
            let _ = writeln!(out, "{margin} = fix: {}", harmless(&finding.help));
        }
        if let Some(patch) = &finding.patch {
            let _ = writeln!(out, "{margin} = patch: {}", harmless(&patch.title));
        }
        out.push('\n');
    }

    /// The line of a finding about a secret, up to the place: what stands behind it is not shown.
    fn masked(&self, finding: &Finding) -> Option<String> {
        if finding.rule != "SEC01" || finding.file != self.name {
            return None;
        }
        let end = finding.span.end.min(self.text.len());
        let start = self.text.get(..end)?.rfind('\n').map_or(0, |at| at + 1);
        Some(format!("{}…", self.text.get(start..end)?))
    }

    /// The findings for programs.
    pub fn json(&self) -> Value {
        // Strings, numbers and lists of them: this can't fail.
        serde_json::to_value(json(std::slice::from_ref(self))).unwrap_or_default()
    }
}

const fn style(severity: Severity) -> &'static str {
    match severity {
        Severity::Block => "\u{1b}[1;31m",
        Severity::Warn => "\u{1b}[1;33m",
        Severity::Advice => "\u{1b}[1;36m",
    }
}

/// One document for several files: `{"blocked":…,"findings":[…]}`. Nothing is copied: a thousand files are many findings.
pub fn json(reports: &[Report]) -> impl Serialize + '_ {
    Document {
        blocked: reports.iter().any(Report::blocked),
        findings: reports
            .iter()
            .flat_map(|report| &report.findings)
            .map(|f| Told {
                rule: &f.rule,
                severity: f.severity.word(),
                file: &f.file,
                line: f.span.line,
                column: f.span.column,
                message: &f.message,
                fixable: f.patch.is_some(),
                patch: f.patch.as_ref(),
                help: &f.help,
                start: f.span.start,
                end: f.span.end,
            })
            .collect(),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    blocked: bool,
    findings: Vec<Told<'a>>,
}

/// A finding as programs read it.
#[derive(Serialize)]
struct Told<'a> {
    rule: &'a str,
    severity: &'static str,
    file: &'a str,
    line: u32,
    column: u32,
    message: &'a str,
    fixable: bool,
    patch: Option<&'a Patch>,
    help: &'a str,
    start: usize,
    end: usize,
}
