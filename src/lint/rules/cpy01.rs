//! CPY01: everything is copied.

use crate::dockerfile::ast::{Kind, Source};
use crate::lint::rule::{Rule, Sink, Step};
use crate::model::Severity;

pub(super) static CPY01: Cpy01 = Cpy01;

pub(super) struct Cpy01;

impl Rule for Cpy01 {
    fn id(&self) -> &'static str {
        "CPY01"
    }

    fn severity(&self) -> Severity {
        Severity::Advice
    }

    fn doc(&self) -> &'static str {
        "`COPY .` takes the whole context into the image, also what nobody meant to send: name what is needed, or let a \
         `.dockerignore` leave everything out but that."
    }

    fn step(&self, step: &Step<'_>, sink: &mut Sink<'_>) {
        let (Kind::Copy { sources, .. } | Kind::Add { sources, .. }) = &step.instruction.kind
        else {
            return;
        };
        let elsewhere = step
            .instruction
            .flag("from")
            .is_some_and(|from| !from.is_empty());
        if elsewhere || step.file.is_narrow() {
            return;
        }
        for source in sources {
            let Source::Path(path) = source else { continue };
            let Ok(text) = step.scope.word(path) else {
                continue;
            };
            let whole = text
                .split('/')
                .all(|part| matches!(part, "" | "." | "*" | "**"));
            if whole {
                sink.report(
                    path.span,
                    format!("{} {text} takes the whole context", step.instruction.kind.keyword()),
                    "Name the files that the image needs, or leave all others out by a `.dockerignore` that begins with *.",
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, of_context, passes};
    use crate::model::context::MemoryContext;

    #[test]
    fn everything_is_told() {
        caught(
            "CPY01",
            &[
                "FROM node:20-slim\nCOPY . /app",
                "FROM node:20-slim\nCOPY ./ .",
                "FROM node:20-slim\nADD / /app",
                "FROM node:20-slim\nCOPY * /app/",
                "FROM node:20-slim\nCOPY --chown=1:1 [\".\", \"/app\"]",
                "FROM node:20-slim\nARG S=.\nCOPY $S /app",
            ],
        );
    }

    #[test]
    fn what_is_named_passes() {
        passes(
            "CPY01",
            &[
                "FROM node:20-slim\nCOPY src /app",
                "FROM node:20-slim\nCOPY .env.example /app",
                "FROM node:20-slim AS a\nFROM scratch\nCOPY --from=a . /app",
                "FROM node:20-slim\nCOPY *.js /app/",
            ],
        );
    }

    #[test]
    fn an_ignore_file_that_lets_in_by_name_is_narrow() {
        let text = "FROM node:20-slim\nCOPY . /app\n";
        let with = |ignore: &str| MemoryContext::default().file(".dockerignore", 0o644, ignore);
        assert!(of_context("CPY01", text, &with("# all\n*\n!src\n")).is_empty());
        assert_eq!(of_context("CPY01", text, &with("node_modules\n")).len(), 1);
    }
}
