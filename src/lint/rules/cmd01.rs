//! CMD01: the image knows what to run (R11).

use crate::lint::file::File;
use crate::lint::rule::{Rule, Sink};
use crate::lint::stage::{Base, Known, StageFacts};
use crate::model::Severity;

pub(super) static CMD01: Cmd01 = Cmd01;

pub(super) struct Cmd01;

impl Rule for Cmd01 {
    fn id(&self) -> &'static str {
        "CMD01"
    }

    fn severity(&self) -> Severity {
        Severity::Block
    }

    fn doc(&self) -> &'static str {
        "The final image has neither ENTRYPOINT nor CMD, its own or its base's: nobody could run it."
    }

    fn check(&self, file: &File<'_>, sink: &mut Sink<'_>) {
        let Some(last) = file.stages.last() else {
            return;
        };
        let help = "Add ENTRYPOINT or CMD to the final stage, as in ENTRYPOINT [\"/app/server\"].";
        match (last.entrypoint, last.cmd) {
            (Known::Yes, _) | (_, Known::Yes) => {}
            (Known::No, Known::No) => sink.report(
                last.base_span,
                "the final stage has no ENTRYPOINT or CMD, neither its own nor its base's",
                help,
            ),
            _ => sink.report_as(
                Severity::Warn,
                last.base_span,
                format!(
                    "can't tell whether there is an ENTRYPOINT or CMD: the file sets none, and {} is not in the cache",
                    base_name(file, last)
                ),
                help,
                None,
            ),
        }
    }
}

/// The image that a stage stands on in the end.
fn base_name(file: &File<'_>, stage: &StageFacts) -> String {
    let mut stage = stage;
    while let Base::Stage(index) = &stage.base
        && let Some(parent) = file.stages.get(*index)
    {
        stage = parent;
    }
    match &stage.base {
        Base::Image(_, name) | Base::Invalid(name) => name.clone(),
        _ => "its base".into(),
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, of, passes};
    use crate::model::Severity;

    #[test]
    fn nothing_to_run_is_caught() {
        caught(
            "CMD01",
            &[
                "FROM scratch\nCOPY a /",
                "FROM bare:1\nRUN x",
                "FROM node:20-slim AS a\nCMD x\nFROM scratch",
                "FROM bare:1\nCMD []",
                "FROM node:20-slim\nCMD []",
                "FROM node:20-slim\nENTRYPOINT []",
                "FROM bare:1\nCMD x\nENTRYPOINT []\nCMD []",
                "FROM bare:1\nONBUILD CMD x",
            ],
        );
    }

    #[test]
    fn something_to_run_passes() {
        passes(
            "CMD01",
            &[
                "FROM node:20-slim",
                "FROM scratch\nCMD [\"/x\"]",
                "FROM scratch\nENTRYPOINT /x",
                "FROM bare:1 AS a\nCMD x\nFROM a",
                "FROM bare:1\nCMD x\nENTRYPOINT []",
            ],
        );
    }

    #[test]
    fn a_base_that_is_not_in_the_cache_leaves_it_open() {
        let findings = of("CMD01", "FROM golang:1.22 AS a\nFROM a\n");
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].severity, Severity::Warn);
        assert!(
            findings[0]
                .message
                .contains("golang:1.22 is not in the cache")
        );
    }
}
