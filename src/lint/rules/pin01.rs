//! PIN01: bases pinned by digest are reviewed faster (R13).

use crate::lint::file::{Base, File};
use crate::lint::rule::{Rule, Sink};
use crate::model::Severity;

pub(super) static PIN01: Pin01 = Pin01;

pub(super) struct Pin01;

impl Rule for Pin01 {
    fn id(&self) -> &'static str {
        "PIN01"
    }

    fn severity(&self) -> Severity {
        Severity::Advice
    }

    fn doc(&self) -> &'static str {
        "A base is named by its tag alone. We pin it to what is in the cache; with a digest in the file what is built is \
         plain to every reader."
    }

    fn check(&self, file: &File<'_>, sink: &mut Sink<'_>) {
        for stage in &file.stages {
            if let Base::Image(reference, name) = &stage.base
                && reference.digest().is_none()
            {
                sink.report(
                    stage.base_span,
                    format!("{name} is named by its tag alone"),
                    format!("Pin it, as in FROM {}@sha256:…", reference.familiar()),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, passes};

    #[test]
    fn tags_alone_get_advice() {
        caught(
            "PIN01",
            &["FROM node:20-slim", "FROM node", "ARG A=b\nFROM $A"],
        );
    }

    #[test]
    fn digests_stages_and_scratch_pass() {
        passes(
            "PIN01",
            &[
                "FROM node@sha256:0000000000000000000000000000000000000000000000000000000000000000",
                "FROM scratch AS a\nFROM a",
            ],
        );
    }
}
