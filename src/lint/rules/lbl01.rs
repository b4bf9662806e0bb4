//! LBL01: who finds the image should find its source (R13).

use crate::lint::file::File;
use crate::lint::manifest::{self, Facts};
use crate::lint::rule::{Rule, Sink};
use crate::model::Severity;
use crate::model::finding::Patch;

pub(super) static LBL01: Lbl01 = Lbl01;

pub(super) struct Lbl01;

impl Rule for Lbl01 {
    fn id(&self) -> &'static str {
        "LBL01"
    }

    fn severity(&self) -> Severity {
        Severity::Advice
    }

    fn doc(&self) -> &'static str {
        "The final stage does not set the OCI labels that say where the source is, under which licenses it stands, and what the \
         image is for. A base's labels speak of the base."
    }

    fn check(&self, file: &File<'_>, sink: &mut Sink<'_>) {
        let Some(last) = file.stages.last() else {
            return;
        };
        let missing: Vec<&str> = LABELS
            .into_iter()
            .filter(|name| !last.labels.contains(&format!("{PREFIX}{name}")))
            .collect();
        if missing.is_empty() {
            return;
        }
        let facts = file.subject.context.map(manifest::facts);
        let patch = facts
            .and_then(|facts| labels(&missing, &facts))
            .map(|lines| Patch {
                title: "add the labels".into(),
                edits: vec![sink.at_the_end(&lines)],
            });
        let names = missing.join(", ");
        sink.offer(
            last.base_span,
            format!("the final stage has no label {PREFIX}… for: {names}"),
            format!(
                "Add them, as in LABEL {PREFIX}{}=\"…\".",
                missing.first().unwrap_or(&"source")
            ),
            patch,
        );
    }
}

const PREFIX: &str = "org.opencontainers.image.";

const LABELS: [&str; 3] = ["source", "licenses", "description"];

/// The lines that set what is missing, if the context's own files say all of it.
fn labels(missing: &[&str], facts: &Facts) -> Option<String> {
    missing
        .iter()
        .map(|name| {
            let value = match *name {
                "source" => &facts.source,
                "licenses" => &facts.license,
                _ => &facts.description,
            };
            let value = value.as_deref()?;
            let quotable = !value.contains(['"', '\\', '$', '\n', '`']) && value.len() < 300;
            quotable.then(|| format!("LABEL {PREFIX}{name}=\"{value}\"\n"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, of, of_context, passes};
    use crate::model::context::MemoryContext;

    const ALL: &str = "LABEL org.opencontainers.image.source=a org.opencontainers.image.licenses=b\nLABEL org.opencontainers.image.description=c";

    #[test]
    fn missing_labels_are_named() {
        caught("LBL01", &["FROM node:20-slim"]);
        caught(
            "LBL01",
            &[&format!("FROM node:20-slim AS a\n{ALL}\nFROM scratch")],
        );
        let one = "FROM node:20-slim\nLABEL org.opencontainers.image.source=a\n";
        assert!(
            of("LBL01", one)[0]
                .message
                .ends_with("for: licenses, description")
        );
    }

    #[test]
    fn labels_that_are_there_pass() {
        passes(
            "LBL01",
            &[
                &format!("FROM node:20-slim\n{ALL}"),
                &format!("FROM node:20-slim AS a\n{ALL}\nFROM a"),
                "ARG P=org.opencontainers.image\nFROM scratch\nARG P\nLABEL $P.source=a $P.licenses=b $P.description=c",
            ],
        );
    }

    #[test]
    fn they_are_taken_from_what_the_project_says_of_itself() {
        let package = r#"{"license":"MIT","description":"Says hello","repository":{"url":"git+https://example.com/a.git"}}"#;
        let context = MemoryContext::default().file("package.json", 0o644, package);
        let findings = of_context("LBL01", "FROM node:20-slim\n", &context);
        assert_eq!(
            findings[0].patch.as_ref().unwrap().edits[0].text,
            "LABEL org.opencontainers.image.source=\"https://example.com/a.git\"\n\
             LABEL org.opencontainers.image.licenses=\"MIT\"\n\
             LABEL org.opencontainers.image.description=\"Says hello\"\n"
        );
    }
}
