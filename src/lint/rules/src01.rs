//! SRC01: `ADD` of an address.

use crate::dockerfile::ast::{Kind, Source, Word};
use crate::lint::address;
use crate::lint::rule::{Rule, Sink, Step};
use crate::model::Severity;
use crate::model::finding::Patch;

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
            let brought = (adds && sources.len() == 1)
                .then(|| bring_along(step, path, sink))
                .flatten();
            let (help, patch) = match brought {
                Some((help, patch)) => (help, Some(patch)),
                None => (HELP.to_owned(), None),
            };
            if address::has_scheme(&text) {
                sink.network(path.span, message, help, [text.as_str()], patch);
            } else if adds && address::is_bare_git(&text) {
                // Not a URL that a grant could name.
                sink.report(path.span, message, help);
            }
        }
    }
}

const HELP: &str = "Put the file into the submission's context and COPY it.";

/// `COPY` of a file that was fetched at home, where the address is written out and names one.
fn bring_along(step: &Step<'_>, path: &Word, sink: &Sink<'_>) -> Option<(String, Patch)> {
    let url = path.text.as_str();
    let name = url.split(['?', '#']).next()?.rsplit('/').next()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
    let fits = !name.is_empty() && name.chars().all(plain) && name.contains(char::is_alphanumeric);
    let quotes_nothing = url.chars().all(|c| plain(c) || ":/?#=&%~,@".contains(c));
    if !fits || !quotes_nothing || name.ends_with(".git") {
        return None;
    }
    let mut edits = vec![
        sink.edit(step.instruction.keyword.span, "COPY"),
        sink.edit(path.span, name),
    ];
    for flag in &step.instruction.flags {
        match flag.name.text.as_str() {
            "chown" | "chmod" | "link" => {}
            "checksum" => edits.push(sink.without_flag(flag, step.instruction.span)),
            _ => return None,
        }
    }
    edits.sort();
    let help = format!("Run `curl -fLo {name} '{url}'` at home, and COPY {name}.");
    let title = "copy a file that was fetched at home".to_owned();
    Some((help, Patch { title, edits }))
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, mended, of, passes};

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
    fn the_file_is_brought_along() {
        let text = "FROM node:20-slim\nADD --checksum=sha256:00 --chown=1:1 https://example.com/a/x.tgz?y=1 /x/\n";
        assert_eq!(
            mended("SRC01", text),
            "FROM node:20-slim\nCOPY --chown=1:1 x.tgz /x/\n"
        );
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
