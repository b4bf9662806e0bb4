//! PIN01: bases pinned by digest are reviewed faster (R13).

use crate::lint::file::File;
use crate::lint::rule::{Rule, Sink};
use crate::lint::stage::Base;
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
                let held = (file.subject.base)(reference).and_then(|facts| facts.digest);
                let written = sink.text().get(stage.base_span.start..stage.base_span.end);
                // What a variable makes is not written anew: other builds may set it.
                let literal = written == Some(name.as_str());
                let pinned = held.map(|digest| format!("{}@{digest}", reference.familiar()));
                let patch = pinned
                    .as_ref()
                    .filter(|_| literal)
                    .map(|pinned| sink.replace("pin the base", stage.base_span, pinned.as_str()));
                // The patch shows the digest; where there is none, the words have to.
                let example = pinned
                    .filter(|_| patch.is_none())
                    .unwrap_or_else(|| format!("{}@sha256:…", reference.familiar()));
                sink.offer(
                    stage.base_span,
                    format!("{name} is named by its tag alone"),
                    format!("Pin it, as in FROM {example}"),
                    patch,
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, mended, passes};

    #[test]
    fn tags_alone_get_advice() {
        caught(
            "PIN01",
            &["FROM node:20-slim", "FROM node", "ARG A=b\nFROM $A"],
        );
    }

    #[test]
    fn what_is_in_the_cache_is_pinned_to_it() {
        let digest = "1".repeat(64);
        assert_eq!(
            mended("PIN01", "FROM node:20-slim AS a\nFROM golang:1.22\n"),
            format!("FROM node:20-slim@sha256:{digest} AS a\nFROM golang:1.22\n")
        );
        let text = "ARG V=20\nFROM node:$V-slim\n";
        assert_eq!(mended("PIN01", text), text);
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
