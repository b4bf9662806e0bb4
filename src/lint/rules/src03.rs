//! SRC03: a frontend image that would read the file in our place.

use crate::dockerfile::ast::{Kind, Word};
use crate::lint::file::File;
use crate::lint::rule::{Rule, Sink, Step};
use crate::model::finding::Patch;
use crate::model::{Severity, finding::Span};

pub(super) static SRC03: Src03 = Src03;

pub(super) struct Src03;

impl Rule for Src03 {
    fn id(&self) -> &'static str {
        "SRC03"
    }

    fn severity(&self) -> Severity {
        Severity::Block
    }

    fn doc(&self) -> &'static str {
        "A `# syntax=` line or BUILDKIT_SYNTAX names a frontend: an image that Docker fetches and runs to read the file. We read \
         Dockerfiles ourselves, as docker/dockerfile:1 does, and run no frontend."
    }

    fn check(&self, file: &File<'_>, sink: &mut Sink<'_>) {
        if let Some(syntax) = &file.dockerfile.directives.syntax {
            let patch = Patch {
                title: "take out the frontend".into(),
                edits: vec![sink.without_lines(syntax.span)],
            };
            let message = format!("# syntax= names a frontend image: {}", syntax.text);
            sink.offer(syntax.span, message, HELP, Some(patch));
        }
        for instruction in file.dockerfile.preamble() {
            if let Kind::Arg(declarations) = &instruction.kind {
                for declaration in declarations {
                    look(&declaration.name, instruction.span, sink);
                }
            }
        }
        if let Some(image) = file.subject.build_args.get(NAME) {
            let message = format!("the build argument {NAME} names a frontend image: {image}");
            sink.report(Span::default(), message, HELP);
        }
    }

    fn step(&self, step: &Step<'_>, sink: &mut Sink<'_>) {
        let span = step.instruction.span;
        match &step.instruction.kind {
            Kind::Arg(declarations) => {
                for declaration in declarations {
                    look(&declaration.name, span, sink);
                }
            }
            Kind::Env { pairs, .. } => pairs.iter().for_each(|pair| look(&pair.key, span, sink)),
            _ => {}
        }
    }
}

const NAME: &str = "BUILDKIT_SYNTAX";

const HELP: &str = "Take it out: everything that docker/dockerfile:1 can do is done without it.";

fn look(name: &Word, instruction: Span, sink: &mut Sink<'_>) {
    if name.text.trim_matches(['"', '\'']) != NAME {
        return;
    }
    let patch = Patch {
        title: "take out the frontend".into(),
        edits: vec![sink.without_lines(instruction)],
    };
    sink.offer(
        name.span,
        format!("{NAME} names a frontend image"),
        HELP,
        Some(patch),
    );
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, passes};

    #[test]
    fn frontends_are_caught() {
        caught(
            "SRC03",
            &[
                "# syntax=docker/dockerfile:1\nFROM node:20-slim",
                "#syntax = evil.example/frontend\nFROM node:20-slim",
                "# escape=`\n# Syntax=docker/dockerfile:1-labs\nFROM node:20-slim",
                "#!/usr/bin/env x\n# syntax=docker/dockerfile:1\nFROM node:20-slim",
                "ARG BUILDKIT_SYNTAX=evil.example/frontend\nFROM node:20-slim",
                "FROM node:20-slim\nARG BUILDKIT_SYNTAX",
                "FROM node:20-slim\nENV BUILDKIT_SYNTAX=x",
                "FROM node:20-slim\nONBUILD ARG BUILDKIT_SYNTAX=x",
            ],
        );
    }

    #[test]
    fn comments_pass() {
        passes(
            "SRC03",
            &[
                "# a comment\n# syntax=docker/dockerfile:1\nFROM node:20-slim",
                "FROM node:20-slim\n# syntax=docker/dockerfile:1",
                "FROM node:20-slim\nRUN echo '# syntax=x'",
                "FROM node:20-slim\nARG SYNTAX=x",
            ],
        );
    }
}
