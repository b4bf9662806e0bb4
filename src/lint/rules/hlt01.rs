//! HLT01: no health check.

use crate::lint::file::File;
use crate::lint::rule::{Rule, Sink};
use crate::lint::stage::Known;
use crate::model::Severity;

pub(super) static HLT01: Hlt01 = Hlt01;

pub(super) struct Hlt01;

impl Rule for Hlt01 {
    fn id(&self) -> &'static str {
        "HLT01"
    }

    fn severity(&self) -> Severity {
        Severity::Advice
    }

    fn doc(&self) -> &'static str {
        "The final stage has no HEALTHCHECK, neither its own nor its base's: who runs it can't see whether it works. HEALTHCHECK \
         NONE says that there is nothing to check."
    }

    fn check(&self, file: &File<'_>, sink: &mut Sink<'_>) {
        let Some(last) = file.stages.last() else {
            return;
        };
        if last.healthcheck == Known::No {
            sink.report(
                last.base_span,
                "the final stage has no HEALTHCHECK",
                "Add one, as in HEALTHCHECK CMD wget -q --spider http://localhost:8080/health || exit 1.",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, passes};

    #[test]
    fn none_is_told() {
        caught(
            "HLT01",
            &[
                "FROM node:20-slim\nCMD x",
                "FROM node:20-slim AS a\nHEALTHCHECK CMD x\nFROM scratch",
                "FROM node:20-slim\nONBUILD HEALTHCHECK CMD x",
            ],
        );
    }

    #[test]
    fn one_passes() {
        passes(
            "HLT01",
            &[
                "FROM node:20-slim\nHEALTHCHECK CMD x",
                "FROM node:20-slim\nHEALTHCHECK NONE",
                "FROM node:20-slim AS a\nHEALTHCHECK CMD x\nFROM a",
                "FROM golang:1.22",
            ],
        );
    }
}
