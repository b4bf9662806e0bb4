//! Findings as SARIF 2.1.0 (OASIS), as code hosts and editors read them: one run, every rule with its words, every finding
//! with its place and, where there is one, the change that would resolve it.

use serde_json::{Value, json};

use super::report::Report;
use super::rules::RULES;
use crate::model::finding::{Patch, Span};
use crate::model::{Finding, Severity};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// One document for several files.
pub fn sarif(reports: &[Report]) -> Value {
    let rules: Vec<Value> = RULES
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id(),
                "shortDescription": {"text": rule.doc()},
                "defaultConfiguration": {"level": level(rule.severity())},
            })
        })
        .collect();
    let results: Vec<Value> = reports
        .iter()
        .flat_map(|report| {
            report
                .findings
                .iter()
                .map(|finding| result(report, finding))
        })
        .collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "flareo",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Block => "error",
        Severity::Warn => "warning",
        Severity::Advice => "note",
    }
}

fn result(report: &Report, finding: &Finding) -> Value {
    let mut text = finding.message.clone();
    if !finding.help.is_empty() {
        text = format!("{text}. {}", finding.help);
    }
    let mut physical = json!({"artifactLocation": {"uri": uri(&finding.file)}});
    // What concerns a file as a whole stands at no line.
    if finding.span.line > 0 && finding.file == report.name {
        physical["region"] = region(&report.text, finding.span);
    }
    let mut result = json!({
        "ruleId": finding.rule,
        "level": level(finding.severity),
        "message": {"text": text},
        "locations": [{"physicalLocation": physical}],
    });
    if let Some(index) = RULES.iter().position(|rule| rule.id() == finding.rule) {
        result["ruleIndex"] = index.into();
    }
    if let Some(patch) = &finding.patch {
        result["fixes"] = json!([fix(report, patch)]);
    }
    result
}

/// From line and column to line and column, both from 1; the end is the place behind the last character.
fn region(text: &str, span: Span) -> Value {
    let meant = text.get(span.start..span.end).unwrap_or_default();
    let lines = meant.matches('\n').count();
    let last = meant.rsplit('\n').next().unwrap_or_default();
    let before = if lines == 0 { span.column as usize } else { 1 };
    json!({
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.line as usize + lines,
        "endColumn": before + last.chars().count(),
    })
}

fn fix(report: &Report, patch: &Patch) -> Value {
    let mut changes: Vec<Value> = Vec::new();
    for edit in &patch.edits {
        let text = match edit.file == report.name {
            true => report.text.as_str(),
            false => "",
        };
        let characters = |at: usize| text.get(..at).map_or(at, |before| before.chars().count());
        let (start, end) = (characters(edit.start), characters(edit.end));
        changes.push(json!({
            "artifactLocation": {"uri": uri(&edit.file)},
            "replacements": [{
                "deletedRegion": {"charOffset": start, "charLength": end.saturating_sub(start)},
                "insertedContent": {"text": edit.text},
            }],
        }));
    }
    json!({"description": {"text": patch.title}, "artifactChanges": changes})
}

/// A path as a relative URI (RFC 3986).
fn uri(path: &str) -> String {
    use std::fmt::Write as _;
    let mut uri = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            // Writing to a String can't fail.
            _ => drop(write!(uri, "%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::tests::report_of;

    #[test]
    fn places_are_lines_and_columns_of_characters() {
        let report = report_of(
            "FROM node:20-slim\nRUN echo 'é' && \\\n  curl \\\n   https://example.com/x\n",
        );
        let document = sarif(std::slice::from_ref(&report));
        let results = document["runs"][0]["results"].as_array().unwrap();
        let curl = results.iter().find(|r| r["ruleId"] == "NET02").unwrap();
        assert_eq!(
            curl["locations"][0]["physicalLocation"]["region"],
            json!({"startLine": 3, "startColumn": 3, "endLine": 4, "endColumn": 25})
        );
        assert_eq!(curl["level"], "error");
        let index = usize::try_from(curl["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(
            document["runs"][0]["tool"]["driver"]["rules"][index]["id"],
            "NET02"
        );
    }

    #[test]
    fn patches_are_fixes() {
        let report = report_of("FROM node:20-slim\nLABEL a=é\nENV B c\n");
        let document = sarif(std::slice::from_ref(&report));
        let results = document["runs"][0]["results"].as_array().unwrap();
        let old = results.iter().find(|r| r["ruleId"] == "ENV01").unwrap();
        assert_eq!(
            old["fixes"][0]["artifactChanges"][0]["replacements"][0],
            json!({"deletedRegion": {"charOffset": 32, "charLength": 3}, "insertedContent": {"text": "B=c"}})
        );
    }

    #[test]
    fn paths_are_addresses() {
        assert_eq!(uri("a b/é%.x"), "a%20b/%C3%A9%25.x");
    }
}
