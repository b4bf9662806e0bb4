//! SRC04: a `FROM` whose image can't be told.

use crate::lint::file::File;
use crate::lint::rule::{Rule, Sink};
use crate::lint::stage::Base;
use crate::model::Severity;

pub(super) static SRC04: Src04 = Src04;

pub(super) struct Src04;

impl Rule for Src04 {
    fn id(&self) -> &'static str {
        "SRC04"
    }

    fn severity(&self) -> Severity {
        Severity::Block
    }

    fn doc(&self) -> &'static str {
        "A FROM uses an ARG that has no value, so nobody can tell which image it means."
    }

    fn check(&self, file: &File<'_>, sink: &mut Sink<'_>) {
        for stage in &file.stages {
            if let Base::Unknown(error) = &stage.base {
                sink.report(
                    stage.base_span,
                    format!("the base image can't be told: {error}"),
                    "Give the ARG a default before the first FROM, or write the image's name.",
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, passes};

    #[test]
    fn what_comes_to_nothing_is_caught() {
        caught(
            "SRC04",
            &[
                "ARG BASE\nFROM $BASE",
                "FROM $BASE",
                "FROM ${BASE:?}",
                "FROM ${BASE",
                "FROM scratch\nARG B=node:20-slim\nFROM $B",
            ],
        );
    }

    #[test]
    fn what_has_a_value_passes() {
        passes(
            "SRC04",
            &[
                "ARG BASE=ubuntu\nFROM $BASE",
                "FROM ${BASE:-ubuntu}",
                "FROM x$BASE",
            ],
        );
    }
}
