//! How rules are tried, and what the framework promises.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::fixes::mend_once;
use super::*;
use crate::model::{Finding, Severity};

fn report(text: &[u8], granted: bool) -> Report {
    report_with(text, granted, None)
}

fn report_with(text: &[u8], granted: bool, context: Option<&dyn ContextSource>) -> Report {
    with_subject(text, granted, context, check)
}

/// What all patches of a file come to.
pub(super) fn mended_all(text: &str, context: Option<&dyn ContextSource>) -> Mended {
    with_subject(text.as_bytes(), false, context, |subject| {
        mend(subject, &check(subject))
    })
}

/// The file with the patches of one rule.
pub(super) fn mended(rule: &str, text: &str) -> String {
    let mended = with_subject(text.as_bytes(), false, None, |subject| {
        let mut report = check(subject);
        for finding in &mut report.findings {
            if finding.rule != rule {
                finding.patch = None;
            }
        }
        let mended = mend_once(subject, &report);
        assert!(mended.resolved.iter().all(|f| f.rule == rule));
        mended
    });
    let file = mended
        .files
        .into_iter()
        .find(|file| file.path == "Dockerfile");
    file.map_or_else(|| text.to_owned(), |file| file.after)
}

/// What one rule finds with a context beside the file.
pub(super) fn of_context(rule: &str, text: &str, context: &dyn ContextSource) -> Vec<Finding> {
    let mut findings = with_context(text, context);
    findings.retain(|f| f.rule == rule);
    findings
}

fn with_subject<T>(
    text: &[u8],
    granted: bool,
    context: Option<&dyn ContextSource>,
    then: impl Fn(&Subject<'_>) -> T,
) -> T {
    let approved = |reference: &Reference| {
        let plain = reference.without_digest();
        [
            "node:20-slim",
            "golang:1.22",
            "bare:1",
            "user:1",
            "trigger:1",
            "quiet:1",
            "broken:1",
            "huge:1",
            "large:1",
        ]
        .iter()
        .any(|a| a.parse() == Ok(plain.clone()))
    };
    let base = |reference: &Reference| {
        let facts = BaseFacts::default();
        match reference.familiar().split('@').next() {
            Some("node:20-slim" | "node:latest") => Some(BaseFacts {
                cmd: true,
                digest: format!("sha256:{}", "1".repeat(64)).parse().ok(),
                ..facts
            }),
            Some("trigger:1") => Some(BaseFacts {
                onbuild: [
                    "ENV TOOL=curl",
                    "USER app",
                    "RUN npm install",
                    "COPY . /app",
                ]
                .map(str::to_owned)
                .to_vec(),
                ..facts
            }),
            Some("quiet:1") => Some(BaseFacts {
                onbuild: vec!["COPY <<EOF /x\ncurl\nEOF".into(), "WORKDIR /x".into()],
                ..facts
            }),
            Some("broken:1") => Some(BaseFacts {
                onbuild: vec!["FROM x".into()],
                ..facts
            }),
            Some("huge:1") => Some(BaseFacts {
                bytes: 2_000_000_000,
                ..facts
            }),
            Some("large:1") => Some(BaseFacts {
                bytes: 999_999_900,
                ..facts
            }),
            Some("bare:1") => Some(facts),
            Some("user:1") => Some(BaseFacts {
                user: "app".into(),
                ..facts
            }),
            _ => None,
        }
    };
    then(&Subject {
        name: "Dockerfile",
        text,
        parsed: None,
        build_args: &BTreeMap::new(),
        platform: &Platform::host(),
        context,
        approved: &approved,
        base: &base,
        network: granted.then_some(&|host| host == "registry.example"),
    })
}

/// The whole report.
pub(super) fn report_of(text: &str) -> Report {
    report(text.as_bytes(), false)
}

/// Everything that is found.
pub(super) fn found(text: &str) -> Vec<Finding> {
    report(text.as_bytes(), false).findings
}

/// What is found with a context beside the file.
pub(super) fn with_context(text: &str, context: &dyn ContextSource) -> Vec<Finding> {
    report_with(text.as_bytes(), false, Some(context)).findings
}

/// The report under a network grant.
pub(super) fn granted(text: &str) -> Report {
    report(text.as_bytes(), true)
}

/// What one rule finds.
pub(super) fn of(rule: &str, text: &str) -> Vec<Finding> {
    let mut findings = found(text);
    findings.retain(|f| f.rule == rule);
    findings
}

/// Each of these is found by the rule.
pub(super) fn caught(rule: &str, texts: &[&str]) {
    let missed: Vec<_> = texts.iter().filter(|t| of(rule, t).is_empty()).collect();
    assert!(missed.is_empty(), "{rule} lets pass: {missed:#?}");
}

/// None of these is found by the rule, and all of them can be read.
pub(super) fn passes(rule: &str, texts: &[&str]) {
    for text in texts {
        let findings = found(text);
        let wrong: Vec<_> = findings
            .iter()
            .filter(|f| f.rule == rule || (f.rule == "PARSE" && rule != "PARSE"))
            .map(|f| &f.message)
            .collect();
        assert!(wrong.is_empty(), "{text}: {wrong:?}");
    }
}

fn in_run(script: &str) -> String {
    // As a here-document, so that scripts of several lines and here-documents in them need no escaping.
    format!("FROM node:20-slim\nRUN <<'END-OF-TEST'\n{script}\nEND-OF-TEST\n")
}

/// Each of these in a `RUN` is found by the rule.
pub(super) fn caught_in_run(rule: &str, scripts: &[&str]) {
    let missed: Vec<_> = scripts
        .iter()
        .filter(|s| of(rule, &in_run(s)).is_empty())
        .collect();
    assert!(missed.is_empty(), "{rule} lets pass: {missed:#?}");
}

/// None of these in a `RUN` is found by the rule.
pub(super) fn passes_in_run(rule: &str, scripts: &[&str]) {
    for script in scripts {
        let messages: Vec<_> = of(rule, &in_run(script))
            .into_iter()
            .map(|f| f.message)
            .collect();
        assert!(messages.is_empty(), "{script}: {messages:?}");
    }
}

#[test]
fn rules_have_a_name_and_a_word_of_help_each() {
    let mut ids: Vec<_> = RULES.iter().map(|r| r.id()).collect();
    assert!(ids.is_sorted());
    ids.dedup();
    assert_eq!(ids.len(), RULES.len());
    assert!(
        RULES
            .iter()
            .all(|r| r.doc().len() > 20 && r.doc().ends_with('.'))
    );
}

#[test]
fn findings_come_in_order_and_once() {
    let text = "FROM ubuntu\nRUN curl x; apt-get update; curl x\nRUN sh -c 'curl y'\n";
    let report = report(text.as_bytes(), false);
    let places: Vec<_> = report
        .findings
        .iter()
        .map(|f| (f.span.start, &f.rule))
        .collect();
    let mut sorted = places.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(places, sorted);
    assert!(report.blocked());
}

#[test]
fn people_see_the_line_the_place_and_what_to_do() {
    let text = "FROM node:20-slim@sha256:0000000000000000000000000000000000000000000000000000000000000000\nRUN set -e; \\\n  curl -f https://example.com/x\nUSER node\nHEALTHCHECK NONE\nLABEL org.opencontainers.image.source=a org.opencontainers.image.licenses=b org.opencontainers.image.description=c\n";
    let report = report(text.as_bytes(), false);
    assert_eq!(
        report.human(false),
        "\
block[NET02]: curl fetches from the network
 --> Dockerfile:3:3
  |
3 |   curl -f https://example.com/x
  |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  = fix: Put what it fetches into the submission's context and COPY it.

Dockerfile: 1 block
"
    );
    assert!(
        report
            .human(true)
            .contains("\u{1b}[1;31mblock[NET02]\u{1b}[0m")
    );
}

#[test]
fn a_good_file_says_so() {
    let report = report(
        b"FROM node:20-slim@sha256:0000000000000000000000000000000000000000000000000000000000000000\nUSER node\nHEALTHCHECK NONE\nLABEL org.opencontainers.image.source=a org.opencontainers.image.licenses=b org.opencontainers.image.description=c\n",
        false,
    );
    assert_eq!(
        report.human(false),
        "Dockerfile: nothing to find fault with\n"
    );
    assert_eq!(
        report.json(),
        serde_json::json!({"blocked": false, "findings": []})
    );
}

#[test]
fn programs_get_the_shape_that_is_promised() {
    let report = report(b"FROM my-registry/my-image\nCMD x\nUSER a\n", false);
    let json = report.json();
    assert_eq!(json["blocked"], true);
    let first = &json["findings"][0];
    assert_eq!(first["rule"], "BASE01");
    assert_eq!(first["severity"], "block");
    assert_eq!(first["file"], "Dockerfile");
    assert_eq!((&first["line"], &first["column"]), (&1.into(), &6.into()));
    assert_eq!(
        first["message"],
        "base image not in approved list: my-registry/my-image"
    );
    assert_eq!(first["fixable"], false);
    assert_eq!(json["findings"][1]["severity"], "advice");
}

#[test]
fn hostile_text_never_reaches_the_terminal() {
    let text = "FROM evil\u{1b}]0;x\u{7}/\u{202e}y\nRUN curl \u{1b}[2J\u{9b}31m\n";
    let report = report(text.as_bytes(), false);
    let shown = report.human(false);
    let hidden = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!shown.chars().any(hidden), "{shown:?}");
    assert!(report.blocked());
}

#[test]
fn the_three_services_of_the_rules_page_pass() {
    let node = "FROM node:20-slim AS builder\nWORKDIR /app\nCOPY package.json package-lock.json ./\n# no npm install\nCOPY node_modules ./node_modules\nCOPY src ./src\nFROM node:20-slim\nWORKDIR /app\nCOPY --from=builder /app/node_modules ./node_modules\nUSER node\nENTRYPOINT [\"node\", \"src/index.js\"]\n";
    let go = "FROM golang:1.22 AS builder\nWORKDIR /src\nCOPY . .\nRUN go build -mod=vendor -o /out/server ./cmd/server\nFROM bare:1\nCOPY --from=builder /out/server /usr/local/bin/server\nENTRYPOINT [\"/usr/local/bin/server\"]\n";
    for text in [node, go] {
        let report = report(text.as_bytes(), false);
        assert!(!report.blocked(), "{}", report.human(false));
    }
}

#[test]
fn large_files_are_read_to_their_end() {
    let many = format!(
        "FROM node:20-slim\n{}CMD x\n",
        "RUN curl example.com\n".repeat(20_000)
    );
    let report = report(many.as_bytes(), false);
    assert!(report.findings.len() <= 10_001);
    let late = format!(
        "FROM node:20-slim\n{}RUN curl example.com\n",
        "RUN true\n".repeat(20_000)
    );
    assert_eq!(of("NET02", &late).len(), 1);
    let stages = "FROM node:20-slim\nRUN true\n".repeat(10_000);
    assert!(!self::report(stages.as_bytes(), false).blocked());
}

proptest! {
    #[test]
    fn any_bytes_give_a_report(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let report = report(&bytes, false);
        let _ = (report.human(false), report.json());
    }

    #[test]
    fn any_run_gives_places_in_the_file(pieces in proptest::collection::vec(proptest::sample::select(vec![
        "curl x", " ", "; ", "'", "\"", "$(", ")", "\\\n", "<<EOF", "\nEOF\n", "sh -c ", "`", "pip install x", "\nRUN ", "é",
        "{", "}", "| sh", "[\"", "\", \"", "\"]", "$X", "eval ", "\nENV X=curl\n", "\nSHELL [\"bash\", \"-c\"]\n",
    ]), 0..25)) {
        let text = format!("FROM node:20-slim\nRUN {}\n", pieces.concat());
        let report = report(text.as_bytes(), false);
        for finding in &report.findings {
            prop_assert!(finding.span.end <= text.len());
            prop_assert!(finding.span.start <= finding.span.end);
            prop_assert!(finding.span.line >= 1);
        }
        let _ = report.human(true);
    }

    #[test]
    fn a_severity_never_rises_by_a_grant(pieces in proptest::collection::vec(proptest::sample::select(vec![
        "RUN npm ci\n", "RUN curl x\n", "ADD http://x /y\n", "FROM ubuntu\n", "RUN true\n",
    ]), 0..6)) {
        let text = format!("FROM node:20-slim\n{}", pieces.concat());
        let strict = report(text.as_bytes(), false);
        let granted = granted(&text);
        prop_assert!(granted.count(Severity::Block) <= strict.count(Severity::Block));
        prop_assert_eq!(granted.findings.len(), strict.findings.len());
    }
}

#[test]
fn the_help_has_every_rule_with_its_weight_and_words() {
    let help = include_str!("../../data/help/linting.md");
    for rule in RULES {
        let line = format!(
            "| {} | {} | {} |\n",
            rule.id(),
            rule.severity().word(),
            rule.doc()
        );
        assert!(
            help.contains(&line),
            "data/help/linting.md should hold: {line}"
        );
    }
    assert_eq!(
        help.lines().filter(|line| line.starts_with("| ")).count(),
        RULES.len() + 1
    );
}

#[test]
fn patches_of_hostile_files_end() {
    let stages = "FROM node:20-slim AS a\nWORKDIR x\nENV A b\nCMD a\nCMD b\n".repeat(10_000);
    let line = format!(
        "FROM node:20-slim\nENV A {}\nCMD {}\n",
        "x".repeat(1 << 20),
        "y ".repeat(1 << 19)
    );
    let pragmas = format!(
        "FROM node:20-slim\n{}",
        "# hadolint ignore=x\u{1b}\u{202e}\n".repeat(20_000)
    );
    let nul = "FROM node:20-slim\0\nENV A b\0c\nWORKDIR \u{202e}x\n";
    for text in [stages.as_str(), &line, &pragmas, nul] {
        let mended = mended_all(text, None);
        assert!(
            !mended
                .report
                .human(false)
                .contains(['\u{1b}', '\u{202e}', '\0'])
        );
        let after = mended.files.iter().find(|file| file.path == "Dockerfile");
        assert!(after.is_none_or(|file| file.after != text));
    }
}

#[test]
fn lines_that_are_added_end_as_the_others_do() {
    let text = "FROM bare:1\r\nRUN x\r\nCMD [\"x\"]\r\n";
    assert_eq!(
        mended("USR01", text),
        "FROM bare:1\r\nRUN x\r\nUSER 65532:65532\r\nCMD [\"x\"]\r\n"
    );
}
