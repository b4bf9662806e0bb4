//! The labelled corpus: Dockerfiles of our own writing, each with the findings that it must give and no others.
//!
//! One theme a file in `corpus`. What stands before the first `===` says what the theme is, and which rules it judges:
//! findings of other rules are not looked at there. A case begins with a line `===`, which says what it shows; then come
//! options, one a line, an empty line, and the Dockerfile.
//!
//! | option | means |
//! |---|---|
//! | `finds: NET02 3, PIN01 1` | these rules speak of these lines, once each; nothing if there is no such option |
//! | `file: a.txt = text` | the context has this file; `\\n` in the text is the end of a line, `\\t` a tab |
//! | `grant: example.com` | the network is granted to this host |
//! | `weighs: warn` | this is how much each finding weighs, instead of the rule's own |

use std::collections::BTreeMap;
use std::path::Path;

use flareo::lint::{BaseFacts, Subject, check};
use flareo::model::Reference;
use flareo::model::context::{ContextSource, MemoryContext};
use flareo::model::image::Platform;

/// Bases that may be used. All have a command and run as root.
const APPROVED: [&str; 10] = [
    "alpine:3.19",
    "busybox:latest",
    "debian:12-slim",
    "golang:1.22",
    "node:20-slim",
    "php:8.3-cli",
    "python:3.12-slim",
    "ruby:3.3-slim",
    "rust:1.80-slim",
    "bare:1",
];

/// A finding as a case names it: rule and line.
type Found = (String, u32);

/// A Dockerfile, and what must be found in it.
#[derive(Debug, Default)]
pub struct Case {
    pub title: String,
    pub text: String,
    finds: Vec<Found>,
    files: Vec<(String, String)>,
    grants: Vec<String>,
    weighs: Option<String>,
}

/// Cases of one theme.
pub struct Theme {
    pub name: String,
    judges: Vec<String>,
    pub cases: Vec<Case>,
}

impl Theme {
    /// Every theme there is.
    pub fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint/corpus");
        let entries = std::fs::read_dir(folder).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let (head, cases) = text.split_once("\n===").expect("no case");
        let judges = head.lines().find_map(|line| line.strip_prefix("judges: "));
        let judges = judges.expect("a theme says which rules it judges");
        Self {
            name: path.file_stem().unwrap().to_string_lossy().into(),
            judges: judges.split(' ').map(str::to_owned).collect(),
            cases: cases.split("\n===").map(Case::read).collect(),
        }
    }
}

impl Case {
    fn read(text: &str) -> Self {
        let (head, text) = text
            .split_once("\n\n")
            .expect("no empty line before a Dockerfile");
        let mut head = head.lines();
        let mut case = Self {
            title: head.next().unwrap().trim().into(),
            text: format!("{}\n", text.trim_end_matches('\n')),
            ..Self::default()
        };
        for option in head {
            let (name, value) = option.split_once(": ").expect(option);
            match name {
                "finds" => {
                    let found = value.split(", ").map(|found| {
                        let (rule, line) = found.split_once(' ').expect(option);
                        (rule.to_owned(), line.parse().expect(option))
                    });
                    case.finds.extend(found);
                }
                "file" => {
                    let (path, text) = value.split_once(" = ").expect(option);
                    let text = text.replace("\\n", "\n").replace("\\t", "\t");
                    case.files.push((path.into(), text));
                }
                "grant" => case.grants.push(value.into()),
                "weighs" => case.weighs = Some(value.into()),
                _ => panic!("no option of a case: {option}"),
            }
        }
        case.finds.sort();
        case
    }

    /// What lint finds of the rules in `judges`.
    fn found(&self, judges: &[String]) -> Vec<(Found, String)> {
        let context = self
            .files
            .iter()
            .fold(MemoryContext::default(), |context, (path, text)| {
                context.file(path, 0o644, text.as_str())
            });
        let approved = |reference: &Reference| {
            let plain = reference.without_digest();
            APPROVED
                .iter()
                .any(|name| name.parse() == Ok(plain.clone()))
        };
        let base = |reference: &Reference| {
            let there = approved(reference);
            there.then(|| BaseFacts {
                cmd: !reference.familiar().starts_with("bare:"),
                ..BaseFacts::default()
            })
        };
        let granted = |host: &str| self.grants.iter().any(|grant| grant == host);
        let report = check(&Subject {
            name: "Dockerfile",
            text: self.text.as_bytes(),
            build_args: &BTreeMap::new(),
            platform: &Platform::host(),
            context: (!self.files.is_empty()).then_some(&context as &dyn ContextSource),
            approved: &approved,
            base: &base,
            network: (!self.grants.is_empty()).then_some(&granted),
        });
        let judged = report
            .findings
            .into_iter()
            .filter(|finding| judges.contains(&finding.rule));
        let mut found: Vec<_> = judged
            .map(|f| ((f.rule, f.span.line), f.severity.word().to_owned()))
            .collect();
        found.sort();
        found.dedup();
        found
    }
}

/// How a rule does: what it must find, and what it found.
#[derive(Default)]
struct Score {
    wanted: usize,
    right: usize,
    wrong: usize,
}

#[test]
fn every_case_gives_what_it_must_and_nothing_else() {
    let mut scores: BTreeMap<String, Score> = BTreeMap::new();
    let mut mistakes = Vec::new();
    let mut count = 0;
    for theme in Theme::all() {
        for case in &theme.cases {
            count += 1;
            for (rule, _) in &case.finds {
                assert!(
                    theme.judges.contains(rule),
                    "{}: {}: {rule} is not judged here",
                    theme.name,
                    case.title
                );
                scores.entry(rule.clone()).or_default().wanted += 1;
            }
            let found = case.found(&theme.judges);
            let mut at = |what: String| {
                mistakes.push(format!(
                    "{}: {}: {what}\n{}",
                    theme.name, case.title, case.text
                ));
            };
            for (found, weight) in &found {
                let score = scores.entry(found.0.clone()).or_default();
                if case.finds.contains(found) {
                    score.right += 1;
                } else {
                    score.wrong += 1;
                    at(format!("finds {} in line {}", found.0, found.1));
                }
                if let Some(wanted) = &case.weighs
                    && wanted != weight
                {
                    at(format!("{} weighs {weight}, not {wanted}", found.0));
                }
            }
            for missed in &case.finds {
                if !found.iter().any(|(found, _)| found == missed) {
                    at(format!("misses {} in line {}", missed.0, missed.1));
                }
            }
        }
    }
    println!("{count} Dockerfiles\nrule     wanted  recall  precision");
    for (rule, score) in &scores {
        let share = |part: usize, whole: usize| match whole {
            0 => "-".to_owned(),
            whole => format!("{:.1} %", 100.0 * part as f64 / whole as f64),
        };
        println!(
            "{rule:<8} {:>6} {:>7} {:>10}",
            score.wanted,
            share(score.right, score.wanted),
            share(score.right, score.right + score.wrong)
        );
    }
    assert!(
        mistakes.is_empty(),
        "{} mistakes\n{}",
        mistakes.len(),
        mistakes.join("\n")
    );
}
