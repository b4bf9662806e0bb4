//! BASE01: base images come from the approved list (R8).

use crate::lint::file::File;
use crate::lint::rule::{Rule, Sink};
use crate::lint::stage::Base;
use crate::model::Severity;

pub(super) static BASE01: Base01 = Base01;

pub(super) struct Base01;

impl Rule for Base01 {
    fn id(&self) -> &'static str {
        "BASE01"
    }

    fn severity(&self) -> Severity {
        Severity::Block
    }

    fn doc(&self) -> &'static str {
        "A FROM names an image that is not on the approved list. `scratch` and earlier stages always pass; every \
         spelling of an approved image counts as the same."
    }

    fn check(&self, file: &File<'_>, sink: &mut Sink<'_>) {
        for stage in &file.stages {
            let name = match &stage.base {
                Base::Image(reference, _) if (file.subject.approved)(reference) => continue,
                Base::Image(_, name) | Base::Invalid(name) => name,
                Base::Scratch | Base::Stage(_) | Base::Unknown(_) => continue,
            };
            sink.report(
                stage.base_span,
                format!("base image not in approved list: {name}"),
                "Use a base image from the approved list, or ask for this one in the submission's notes.",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, of, passes};

    #[test]
    fn says_exactly_what_the_submitter_reads() {
        let findings = of("BASE01", "FROM my-registry/my-image\nCMD x\n");
        assert_eq!(
            findings[0].message,
            "base image not in approved list: my-registry/my-image"
        );
        assert_eq!((findings[0].span.line, findings[0].span.column), (1, 6));
    }

    #[test]
    fn others_are_caught() {
        caught(
            "BASE01",
            &[
                "FROM ubuntu",
                "FROM node:19-slim",
                "FROM node",
                "FROM registry.example/node:20-slim",
                "FROM docker.io/someone/node:20-slim",
                "ARG B=ubuntu\nFROM $B",
                "FROM node:20-slim AS a\nFROM ubuntu",
                "FROM --platform=linux/amd64 ubuntu",
                "FROM NODE:20-slim",
                "FROM node:20-slim@sha256:12",
                "FROM later\nFROM scratch AS later",
                "FROM node:20-slim AS a\nFROM 0",
                "FROM SCRATCH",
            ],
        );
    }

    #[test]
    fn approved_ones_pass_in_any_spelling() {
        passes(
            "BASE01",
            &[
                "FROM node:20-slim",
                "FROM docker.io/library/node:20-slim",
                "FROM index.docker.io/library/node:20-slim",
                "FROM node:20-slim@sha256:0000000000000000000000000000000000000000000000000000000000000000",
                "ARG T=20\nFROM node:${T}-slim",
                "ARG T\nFROM node:${T:-20}-slim",
                "FROM scratch",
                "FROM node:20-slim AS build\nFROM BUILD",
            ],
        );
    }
}
