//! SRC02: `COPY --from=` and `RUN --mount=…,from=` of an image that is not approved.

use crate::dockerfile::ast::{Kind, Word};
use crate::dockerfile::mount;
use crate::lint::rule::{Rule, Sink, Step};
use crate::model::{Reference, Severity};

pub(super) static SRC02: Src02 = Src02;

pub(super) struct Src02;

impl Rule for Src02 {
    fn id(&self) -> &'static str {
        "SRC02"
    }

    fn severity(&self) -> Severity {
        Severity::Block
    }

    fn doc(&self) -> &'static str {
        "COPY --from= or RUN --mount=…,from= names something that is neither an earlier stage nor an approved image."
    }

    fn step(&self, step: &Step<'_>, sink: &mut Sink<'_>) {
        for flag in &step.instruction.flags {
            let Some(value) = &flag.value else { continue };
            match (&step.instruction.kind, flag.name.text.as_str()) {
                (Kind::Copy { .. }, "from") => look(step, value, &value.text, sink),
                (Kind::Run(_), "mount") => {
                    // Not expanded: neither Docker nor the engine takes a variable there.
                    for from in mount::sources(&value.text) {
                        look(step, value, &from, sink);
                    }
                }
                _ => {}
            }
        }
    }
}

fn look(step: &Step<'_>, place: &Word, from: &str, sink: &mut Sink<'_>) {
    let inside = from.is_empty() || from == "scratch";
    if inside || step.file.names.source(from, step.stage).is_some() {
        return;
    }
    let approved = from
        .parse::<Reference>()
        .is_ok_and(|r| (step.file.subject.approved)(&r));
    if !approved {
        sink.report(
            place.span,
            format!("neither an earlier stage nor an image in the approved list: {from}"),
            "Name an earlier stage, or an image from the approved list.",
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, passes};

    #[test]
    fn other_images_are_caught() {
        caught(
            "SRC02",
            &[
                "FROM node:20-slim\nCOPY --from=busybox /a /b",
                "FROM node:20-slim\nCOPY --from=0 /a /b",
                "FROM node:20-slim AS a\nCOPY --from=a /a /b",
                "FROM node:20-slim\nCOPY --from=later /a /b\nFROM scratch AS later",
                "FROM node:20-slim\nCOPY --from=BAD/name /a /b",
                "FROM node:20-slim\nRUN --mount=type=bind,from=busybox,target=/x true",
                "FROM node:20-slim\nRUN --mount=from=busybox,target=/x true",
                "FROM node:20-slim\nRUN --mount=target=/x,From=busybox true",
                "FROM node:20-slim\nRUN --mount='\"from=busybox\",target=/x' true",
                "FROM node:20-slim\nONBUILD COPY --from=busybox /a /b",
            ],
        );
    }

    #[test]
    fn stages_and_approved_images_pass() {
        passes(
            "SRC02",
            &[
                "FROM node:20-slim AS a\nFROM scratch\nCOPY --from=a /a /b\nCOPY --from=A /a /b\nCOPY --from=0 /a /b",
                "FROM scratch\nCOPY --from=node:20-slim /a /b",
                "FROM node:20-slim AS a\nFROM node:20-slim\nRUN --mount=type=bind,from=a,target=/x true",
                "FROM node:20-slim\nRUN --mount=type=cache,target=/x true",
            ],
        );
    }
}
