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

use flareo::lint::{BaseFacts, Report, Subject, check};
use flareo::model::Reference;
use flareo::model::context::{ContextSource, MemoryContext};
use flareo::model::image::Platform;

/// Bases that may be used. All but `bare` have a command, and all run as root; what else is known of some says
/// [`facts_of`].
const APPROVED: [&str; 16] = [
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
    "checked:1",
    "large:1",
    "nobody:1",
    "quiet-triggers:1",
    "triggers:1",
    "uncached:1",
];

/// What the cache knows of a base that may be used; nothing of `uncached`.
fn facts_of(name: &str) -> Option<BaseFacts> {
    let triggers = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
    let facts = BaseFacts {
        cmd: true,
        environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        digest: Some(format!("sha256:{}", "5".repeat(64)).parse().unwrap()),
        bytes: 30_000_000,
        ..BaseFacts::default()
    };
    Some(match name {
        "bare:1" => BaseFacts {
            cmd: false,
            ..facts
        },
        "checked:1" => BaseFacts {
            healthcheck: true,
            working_dir: "/srv".into(),
            ..facts
        },
        "large:1" => BaseFacts {
            bytes: 1_200_000_000,
            ..facts
        },
        "nobody:1" => BaseFacts {
            user: "65532".into(),
            ..facts
        },
        "quiet-triggers:1" => BaseFacts {
            onbuild: triggers(&["WORKDIR /app", "COPY app /app", "RUN npm ci --offline"]),
            ..facts
        },
        "triggers:1" => BaseFacts {
            onbuild: triggers(&[
                "ENV FETCH=wget",
                "COPY package.json /app/",
                "RUN npm ci",
                "ADD https://example.com/x /x",
                "RUN $UNKNOWN",
            ]),
            ..facts
        },
        "uncached:1" => return None,
        _ => facts,
    })
}

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

    /// Every rule that finds something.
    pub fn rules(&self) -> Vec<String> {
        self.report().findings.into_iter().map(|f| f.rule).collect()
    }

    /// What lint finds of the rules in `judges`.
    fn found(&self, judges: &[String]) -> Vec<(Found, String)> {
        let judged = self
            .report()
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

    /// The case in its context, with the bases that it has.
    fn report(&self) -> Report {
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
            let familiar = reference.without_digest().familiar();
            approved(reference).then(|| facts_of(&familiar)).flatten()
        };
        let granted = |host: &str| self.grants.iter().any(|grant| grant == host);
        check(&Subject {
            name: "Dockerfile",
            text: self.text.as_bytes(),
            parsed: None,
            build_args: &BTreeMap::new(),
            platform: &Platform::host(),
            context: (!self.files.is_empty()).then_some(&context as &dyn ContextSource),
            approved: &approved,
            base: &base,
            network: (!self.grants.is_empty()).then_some(&granted),
        })
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
                if !case.finds.contains(found) {
                    score.wrong += 1;
                    at(format!("finds {} in line {}", found.0, found.1));
                }
                if let Some(wanted) = &case.weighs
                    && wanted != weight
                {
                    at(format!("{} weighs {weight}, not {wanted}", found.0));
                }
            }
            for wanted in &case.finds {
                if found.iter().any(|(found, _)| found == wanted) {
                    scores.entry(wanted.0.clone()).or_default().right += 1;
                } else {
                    at(format!("misses {} in line {}", wanted.0, wanted.1));
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
