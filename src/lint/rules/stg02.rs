//! STG02: two stages of one name.

use std::collections::HashMap;

use crate::dockerfile::ast::Kind;
use crate::lint::file::File;
use crate::lint::rule::{Rule, Sink};
use crate::model::Severity;

pub(super) static STG02: Stg02 = Stg02;

pub(super) struct Stg02;

impl Rule for Stg02 {
    fn id(&self) -> &'static str {
        "STG02"
    }

    fn severity(&self) -> Severity {
        Severity::Warn
    }

    fn doc(&self) -> &'static str {
        "Two stages have the same name, or one has a name that means something else: `scratch`, `context`, or the number of another \
         stage. What COPY --from= takes then depends on where it stands."
    }

    fn check(&self, file: &File<'_>, sink: &mut Sink<'_>) {
        let mut seen: HashMap<String, u32> = HashMap::new();
        for stage in &file.dockerfile.stages {
            let from = file.dockerfile.of(stage).first();
            let Some(Kind::From {
                alias: Some(alias), ..
            }) = from.map(|from| &from.kind)
            else {
                continue;
            };
            let name = alias.text.to_lowercase();
            if matches!(name.as_str(), "scratch" | "context") {
                let message = format!("`{name}` is no name for a stage: it means something else");
                sink.report(alias.span, message, "Give the stage another name.");
            }
            if let Some(line) = seen.insert(name.clone(), alias.span.line) {
                let message = format!("stage {name} was named so before, in line {line}");
                sink.report(alias.span, message, "Give each stage a name of its own.");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, passes};

    #[test]
    fn a_name_for_two_is_told() {
        caught(
            "STG02",
            &[
                "FROM node:20-slim AS a\nFROM node:20-slim AS a",
                "FROM node:20-slim AS a\nFROM a AS A",
                "FROM node:20-slim AS a\nFROM x AS b\nFROM y AS a",
                "FROM node:20-slim AS scratch",
                "FROM node:20-slim AS Context",
            ],
        );
    }

    #[test]
    fn names_of_their_own_pass() {
        passes(
            "STG02",
            &[
                "FROM node:20-slim AS a\nFROM node:20-slim AS b",
                "FROM node:20-slim\nFROM node:20-slim",
                "FROM scratch AS scratchpad",
            ],
        );
    }
}
