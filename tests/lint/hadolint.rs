//! Hadolint beside ours, on every Dockerfile of the corpus: where it finds a problem of correctness, so do we, or the table
//! in `data/help/linters.md` says why not.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use super::corpus::Theme;
use crate::support::part;

const TABLE: &str = include_str!("../../data/help/linters.md");

/// What the table says of a code of Hadolint's: our rule, and whether there are cases in which it is silent for a reason.
struct Row {
    rule: Option<String>,
    differs: bool,
}

fn rows() -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::new();
    for line in TABLE.lines().filter(|line| line.starts_with("| DL")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let rule = Some(cells[3].to_owned()).filter(|rule| !rule.is_empty());
        let differs = !cells[4].is_empty();
        assert!(rule.is_some() || differs, "no rule and no reason: {line}");
        rows.insert(cells[1].to_owned(), Row { rule, differs });
    }
    rows
}

/// The codes that the text calls matters of style.
fn style() -> BTreeSet<String> {
    let (_, text) = TABLE.split_once("Of style, and silent here:").unwrap();
    let (text, _) = text.split_once("\n\n").unwrap();
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.starts_with("DL"))
        .map(str::to_owned)
        .collect()
}

/// Cases in which we are silent, by code and title: each is meant by the reason that the table gives.
const SILENT: [(&str, &str); 16] = [
    ("DL1000", "a heredoc with tabs taken away"),
    (
        "DL1000",
        "a mount of another image with its keys in capitals",
    ),
    ("DL1000", "a script written by COPY and run"),
    ("DL1000", "a secret, its type in capitals"),
    ("DL1000", "a type in a variable"),
    ("DL1000", "the agent, the type said twice"),
    ("DL1000", "the network of the host out of a variable"),
    ("DL3025", "HEALTHCHECK uses it"),
    ("DL3025", "a health check may have a shell"),
    ("DL3025", "exec"),
    ("DL3025", "two health checks"),
    ("DL3064", "a file that holds one"),
    ("DL3064", "a path to one"),
    ("DL3064", "a switch"),
    ("DL3064", "lengths and counts"),
    ("DL3064", "none yet"),
];
#[test]
fn what_hadolint_finds_of_correctness_we_find_or_say_why_not() {
    let Some(hadolint) = part("FLAREO_TEST_HADOLINT") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut cases = Vec::new();
    for theme in Theme::all() {
        for case in theme.cases {
            let path = folder.path().join(format!("{}.Dockerfile", cases.len()));
            std::fs::write(&path, &case.text).unwrap();
            cases.push((path, case));
        }
    }
    let output = Command::new(hadolint)
        .args(["--no-fail", "--format", "json"])
        .args(cases.iter().map(|(path, _)| path))
        .output()
        .unwrap();
    let findings: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = findings.as_array().unwrap();
    assert!(findings.len() > 100, "{}", findings.len());
    let (rows, style) = (rows(), style());
    let mut silent: BTreeSet<(&str, &str)> = SILENT.into_iter().collect();
    let mut mistakes = Vec::new();
    let (mut same, mut differ) = (0, 0);
    for finding in findings {
        let code = finding["code"].as_str().unwrap();
        if code.starts_with("SC") || style.contains(code) {
            continue;
        }
        let Some(row) = rows.get(code) else {
            mistakes.push(format!(
                "the table has no row for {code}: {}",
                finding["message"]
            ));
            continue;
        };
        let Some(rule) = &row.rule else {
            differ += 1;
            continue;
        };
        let file = finding["file"].as_str().unwrap();
        let (_, case) = cases.iter().find(|(path, _)| path.ends_with(file)).unwrap();
        if case.rules().contains(rule) {
            same += 1;
        } else if row.differs
            && let Some(known) = silent
                .iter()
                .find(|(c, title)| *c == code && *title == case.title)
        {
            differ += 1;
            let known = *known;
            silent.remove(&known);
        } else {
            mistakes.push(format!(
                "{code} in line {} of {}, and no {rule}:\n{}",
                finding["line"], case.title, case.text
            ));
        }
    }
    println!(
        "{same} findings of correctness by both, {differ} by Hadolint alone, for reasons in the table"
    );
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
    assert!(silent.is_empty(), "we are not silent any more: {silent:?}");
}
