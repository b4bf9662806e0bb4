//! SRC01: `ADD` of an address.

use crate::dockerfile::ast::{Kind, Source};
use crate::lint::address;
use crate::lint::rule::{Rule, Sink, Step};
use crate::model::Severity;

pub(super) static SRC01: Src01 = Src01;

pub(super) struct Src01;

impl Rule for Src01 {
    fn id(&self) -> &'static str {
        "SRC01"
    }

    fn severity(&self) -> Severity {
        Severity::Block
    }

    fn doc(&self) -> &'static str {
        "An ADD fetches from an address or a git repository, with or without --checksum. A build has no network."
    }

    fn step(&self, step: &Step<'_>, sink: &mut Sink<'_>) {
        let (Kind::Add { sources, .. } | Kind::Copy { sources, .. }) = &step.instruction.kind
        else {
            return;
        };
        let adds = matches!(step.instruction.kind, Kind::Add { .. });
        for source in sources {
            let Source::Path(path) = source else { continue };
            // A word that can't be expanded is reported by PARSE.
            let Ok(text) = step.scope.word(path) else {
                continue;
            };
            let message = format!(
                "{} fetches {text} from the network",
                step.instruction.kind.keyword()
            );
            let help = "Put the file into the submission's context and COPY it.";
            if address::has_scheme(&text) {
                sink.network(path.span, message, help, [text.as_str()]);
            } else if adds && address::is_bare_git(&text) {
                // Not a URL that a grant could name.
                sink.report(path.span, message, help);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, of, passes};

    #[test]
    fn addresses_are_caught() {
        let add = |rest: &str| format!("FROM node:20-slim\n{rest}");
        let texts = [
            "ADD https://example.com/x.tar.gz /x",
            "ADD --checksum=sha256:00 http://example.com/x /x",
            "ADD HTTPS://example.com/x /x",
            "ADD [\"https://example.com/x\", \"/x\"]",
            "ADD a ftp://example.com/b /x/",
            "ADD git@example.com:a/b.git /x",
            "ADD https://example.com/a/b.git#main /x",
            "ADD git://example.com/a /x",
            "ADD github.com/a/b /x",
            "ARG U=https://example.com\nADD $U/x /x",
            "ENV U=https://example.com\nADD ${U}/x /x",
            "ONBUILD ADD https://example.com/x /x",
        ]
        .map(add);
        caught("SRC01", &texts.each_ref().map(String::as_str));
        let findings = of("SRC01", &add("ADD a \\\n  https://example.com/x /y/"));
        assert_eq!((findings[0].span.line, findings[0].span.column), (3, 3));
    }

    #[test]
    fn files_pass() {
        passes(
            "SRC01",
            &[
                "FROM node:20-slim\nADD a.tar.gz /x",
                "FROM node:20-slim\nADD https /x",
                "FROM node:20-slim\nCOPY curl.conf /etc/",
                "FROM node:20-slim\nADD <<https://x /x\nhttps://example.com\nhttps://x",
                "FROM node:20-slim\nRUN echo ADD https://example.com/x /x",
            ],
        );
    }
}
