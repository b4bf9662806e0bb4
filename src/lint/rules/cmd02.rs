//! CMD02: of several CMDs only the last one counts.

use crate::dockerfile::ast::{Instruction, Kind};
use crate::lint::file::File;
use crate::lint::rule::{Rule, Sink};
use crate::model::Severity;
use crate::model::finding::Patch;

pub(super) static CMD02: Cmd02 = Cmd02;

pub(super) struct Cmd02;

impl Rule for Cmd02 {
    fn id(&self) -> &'static str {
        "CMD02"
    }

    fn severity(&self) -> Severity {
        Severity::Warn
    }

    fn doc(&self) -> &'static str {
        "A stage has several CMDs, ENTRYPOINTs or HEALTHCHECKs: only the last one counts, and who wrote the first meant \
         something by it."
    }

    fn check(&self, file: &File<'_>, sink: &mut Sink<'_>) {
        for stage in &file.dockerfile.stages {
            for keyword in ["CMD", "ENTRYPOINT", "HEALTHCHECK"] {
                let mut last: Option<&Instruction> = None;
                for instruction in file.dockerfile.of(stage).iter().rev() {
                    if !is(instruction, keyword) {
                        continue;
                    }
                    let Some(counts) = last else {
                        last = Some(instruction);
                        continue;
                    };
                    let patch = Patch {
                        title: format!("take out the {keyword} that counts for nothing"),
                        edits: vec![sink.without_lines(instruction.span)],
                    };
                    sink.offer(
                        instruction.span,
                        format!(
                            "this {keyword} counts for nothing: line {} sets another one",
                            counts.span.line
                        ),
                        "Keep the one that is meant.",
                        Some(patch),
                    );
                }
            }
        }
    }
}

fn is(instruction: &Instruction, keyword: &str) -> bool {
    match &instruction.kind {
        Kind::Cmd(_) => keyword == "CMD",
        Kind::Entrypoint(_) => keyword == "ENTRYPOINT",
        Kind::Healthcheck(_) => keyword == "HEALTHCHECK",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, mended, of, passes};

    #[test]
    fn all_but_the_last_are_told() {
        caught(
            "CMD02",
            &[
                "FROM node:20-slim\nCMD [\"a\"]\nCMD [\"b\"]",
                "FROM node:20-slim\nENTRYPOINT a\nENTRYPOINT b",
                "FROM node:20-slim\nHEALTHCHECK NONE\nHEALTHCHECK CMD x",
                "FROM node:20-slim AS a\nCMD x\nCMD y\nFROM scratch\nCMD z",
            ],
        );
        let findings = of("CMD02", "FROM node:20-slim\nCMD a\nRUN x\nCMD b\nCMD c\n");
        let lines: Vec<_> = findings.iter().map(|f| f.span.line).collect();
        assert_eq!(lines, [2, 4]);
    }

    #[test]
    fn one_a_stage_passes() {
        passes(
            "CMD02",
            &[
                "FROM node:20-slim AS a\nCMD x\nFROM a\nCMD y",
                "FROM node:20-slim\nENTRYPOINT [\"a\"]\nCMD [\"b\"]",
                "FROM node:20-slim\nCMD a\nONBUILD CMD b",
            ],
        );
    }

    #[test]
    fn the_others_go() {
        assert_eq!(
            mended("CMD02", "FROM node:20-slim\nCMD [\"a\"]\nCMD [\"b\"]\n"),
            "FROM node:20-slim\nCMD [\"b\"]\n"
        );
    }
}
