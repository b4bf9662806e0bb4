//! SEC01: what must never be in an image that others can pull.

use crate::dockerfile::ast::{Kind, Pair, Word};
use crate::lint::file::File;
use crate::lint::rule::{Rule, Sink, Step};
use crate::model::context::{ContextSource, EntryKind};
use crate::model::finding::{Edit, Patch};
use crate::model::{Severity, secret};

pub(super) static SEC01: Sec01 = Sec01;

pub(super) struct Sec01;

impl Rule for Sec01 {
    fn id(&self) -> &'static str {
        "SEC01"
    }

    fn severity(&self) -> Severity {
        Severity::Block
    }

    fn doc(&self) -> &'static str {
        "A secret, by its name or by its shape, stands in ARG, ENV or LABEL, or lies in the context: whoever pulls the image can \
         read it. In folders of tests and of vendored code it is a warning."
    }

    fn step(&self, step: &Step<'_>, sink: &mut Sink<'_>) {
        match &step.instruction.kind {
            Kind::Arg(declarations) => {
                for declaration in declarations {
                    let name = step.scope.word(&declaration.name).unwrap_or_default();
                    let default = declaration.default.as_ref();
                    look(step, "ARG", &name, &declaration.name, default, sink);
                }
            }
            Kind::Env { pairs, .. } => each(step, "ENV", pairs, sink),
            Kind::Label { pairs, .. } => each(step, "LABEL", pairs, sink),
            _ => {}
        }
    }

    fn check(&self, file: &File<'_>, sink: &mut Sink<'_>) {
        for instruction in file.dockerfile.preamble() {
            let Kind::Arg(declarations) = &instruction.kind else {
                continue;
            };
            for declaration in declarations {
                let value = declaration.default.as_ref().map(|d| d.text.as_str());
                let place = &declaration.name;
                judge("ARG", &place.text, place, value, sink);
            }
        }
        if let Some(context) = file.subject.context {
            search(file, context, sink);
        }
    }
}

fn each(step: &Step<'_>, keyword: &str, pairs: &[Pair], sink: &mut Sink<'_>) {
    for pair in pairs {
        let name = step.scope.word(&pair.key).unwrap_or_default();
        look(step, keyword, &name, &pair.key, Some(&pair.value), sink);
    }
}

/// Looks at a name and what it is set to.
fn look(
    step: &Step<'_>,
    keyword: &str,
    name: &str,
    place: &Word,
    value: Option<&Word>,
    sink: &mut Sink<'_>,
) {
    let value = value.map(|value| step.scope.word(value).unwrap_or_default());
    judge(keyword, name, place, value.as_deref(), sink);
}

fn judge(keyword: &str, name: &str, place: &Word, value: Option<&str>, sink: &mut Sink<'_>) {
    let help = "Take it out, and give it to the container when it runs (a file below /run/secrets, a variable). If it was ever \
                sent, replace it.";
    if let Some(what) = value.and_then(secret::by_shape) {
        let message = format!("{keyword} {name} holds {what}");
        return sink.report(place.span, message, help);
    }
    let given = match (keyword, value) {
        // Declared for a value that the builder is to give.
        ("ARG", None) => true,
        (_, value) => value.is_some_and(secret::is_value),
    };
    if given && secret::by_name(name) {
        let message = match keyword {
            "ARG" => format!(
                "ARG {name} is a secret by its name: an argument stays in the image's history"
            ),
            _ => format!(
                "{keyword} {name} is a secret by its name: it stays in the image's configuration"
            ),
        };
        sink.report(place.span, message, help);
    }
}

/// How many files are read, how much of each, and how much in all.
const FILES: usize = 2_000;
const EACH: u64 = 64 << 10;
const ALL: u64 = 8 << 20;
/// How many files are told about.
const TOLD: usize = 50;

/// Looks for files that hold secrets, by their names and, within bounds, by what they hold.
fn search(file: &File<'_>, context: &dyn ContextSource, sink: &mut Sink<'_>) {
    let (mut files, mut bytes, mut told) = (FILES, ALL, 0);
    for (at, entry) in context.entries().iter().enumerate() {
        let EntryKind::File { size } = entry.kind else {
            continue;
        };
        let Some(kept) = secret::by_file(&entry.path) else {
            continue;
        };
        if context.is_hidden(at) || told == TOLD {
            continue;
        }
        let text = match kept {
            secret::Kept::Surely(_) => String::new(),
            _ if files == 0 || bytes == 0 => continue,
            _ => {
                files -= 1;
                bytes = bytes.saturating_sub(size.min(EACH));
                head(context, at)
            }
        };
        let Some(what) = secret::in_file(kept, &text) else {
            continue;
        };
        told += 1;
        let severity = match is_a_fixture(&entry.path) {
            true => Severity::Warn,
            false => Severity::Block,
        };
        let ignore = file.ignore_file();
        let name = ignore.map_or(".dockerignore", |(name, _)| name.as_str());
        sink.beside(
            severity,
            &entry.path,
            format!("{} holds {what}", entry.path),
            format!("Leave it out by {name}; if it was ever sent, replace the secret."),
            leave_out(&entry.path, name, ignore.map_or("", |(_, text)| text)),
        );
    }
}

fn head(context: &dyn ContextSource, at: usize) -> String {
    // What can't be read fails where it is copied.
    let bytes = context.head(at, EACH).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Keys that test code ships are known to everybody.
fn is_a_fixture(path: &str) -> bool {
    let folders = [
        "test",
        "tests",
        "testdata",
        "fixtures",
        "__tests__",
        "spec",
        "vendor",
        "node_modules",
        "examples",
        "third_party",
    ];
    path.split('/').any(|part| folders.contains(&part))
}

/// A line of the ignore file, where the path can be one.
fn leave_out(path: &str, name: &str, text: &str) -> Option<Patch> {
    let plain = path
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "._-/@+ ".contains(c));
    if !plain || path.trim() != path || path == name {
        return None;
    }
    let open = !text.is_empty() && !text.ends_with('\n');
    Some(Patch {
        title: "leave it out of the context".into(),
        edits: vec![Edit {
            file: name.to_owned(),
            start: text.len(),
            end: text.len(),
            text: format!("{}{path}\n", if open { "\n" } else { "" }),
        }],
    })
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, of, of_context, passes};
    use crate::model::Severity;
    use crate::model::context::MemoryContext;

    #[test]
    fn secrets_by_name_and_shape_are_caught() {
        let token = format!("ghp_{}", "aB3dE5gH7jK9".repeat(3));
        let by_shape = [
            format!("FROM node:20-slim\nENV X={token}"),
            format!("FROM node:20-slim\nARG X={token}"),
            format!("FROM node:20-slim\nLABEL x=a{{{token}}}"),
            format!("ARG X={token}\nFROM node:20-slim"),
            format!("FROM node:20-slim\nARG A={token}\nENV B=$A"),
            "FROM node:20-slim\nENV U=https://me:hunter2@example.com/x".to_owned(),
        ];
        caught("SEC01", &by_shape.each_ref().map(String::as_str));
        caught(
            "SEC01",
            &[
                "FROM node:20-slim\nENV DB_PASSWORD=hunter2",
                "FROM node:20-slim\nENV db_password hunter2",
                "FROM node:20-slim\nARG NPM_TOKEN",
                "FROM node:20-slim\nARG NPM_TOKEN=abc",
                "ARG NPM_TOKEN\nFROM node:20-slim",
                "FROM node:20-slim\nARG N=API_KEY\nENV $N=x",
                "FROM node:20-slim\nLABEL api-key=abc",
                "FROM node:20-slim\nENV AWS_SECRET_ACCESS_KEY=x",
                "FROM node:20-slim\nONBUILD ENV TOKEN=x",
            ],
        );
    }

    #[test]
    fn the_secret_itself_is_not_told() {
        for text in [
            "FROM node:20-slim\nENV DB_PASSWORD=hunter2\n",
            "FROM node:20-slim\nENV U=https://me:hunter2@example.com/x\n",
        ] {
            let findings = of("SEC01", text);
            assert!(!format!("{findings:?}").contains("hunter2"));
        }
    }

    #[test]
    fn other_names_and_values_pass() {
        passes(
            "SEC01",
            &[
                "FROM node:20-slim\nENV PASSWORD_FILE=/run/secrets/x",
                "FROM node:20-slim\nENV DB_PASSWORD=",
                "FROM node:20-slim\nENV DB_PASSWORD=/run/secrets/db",
                "FROM node:20-slim\nENV GPG_KEY=7169605F62C751356D054A26A821E680E5FA6305",
                "FROM node:20-slim\nENV TOKENIZERS_PARALLELISM=false",
                "FROM node:20-slim\nARG KEYCLOAK_VERSION=1",
                "FROM node:20-slim\nENV USE_TOKEN=true",
                "FROM node:20-slim\nLABEL org.opencontainers.image.source=https://example.com/@x/y",
            ],
        );
    }

    #[test]
    fn files_of_the_context_are_looked_at() {
        let context = MemoryContext::default()
            .file(".env", 0o644, "A=b")
            .file(".env.example", 0o644, "A=")
            .file("keys/id_rsa", 0o600, "x")
            .file("vendor/x/id_rsa", 0o600, "x")
            .file(".npmrc", 0o644, "//r.example/:_authToken=abcdef\n")
            .file("sub/.npmrc", 0o644, "registry=https://r.example\n")
            .file("main.rs", 0o644, "fn main() {}");
        let findings = of_context("SEC01", "FROM node:20-slim\n", &context);
        let told: Vec<_> = findings
            .iter()
            .map(|f| (f.file.as_str(), f.severity))
            .collect();
        assert_eq!(
            told,
            [
                (".env", Severity::Block),
                (".npmrc", Severity::Block),
                ("keys/id_rsa", Severity::Block),
                ("vendor/x/id_rsa", Severity::Warn),
            ]
        );
        assert!(
            findings
                .iter()
                .all(|f| f.span.line == 0 && f.patch.is_some())
        );
    }
}
