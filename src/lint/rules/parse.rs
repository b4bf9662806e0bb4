//! PARSE: the file can't be read.
//!
//! Its findings are made where the file is read; the rule stands here so that it has a name and a word of help.

use crate::lint::rule::Rule;
use crate::model::Severity;

pub(in super::super) static PARSE: Parse = Parse;

pub(in super::super) struct Parse;

impl Rule for Parse {
    fn id(&self) -> &'static str {
        "PARSE"
    }

    fn severity(&self) -> Severity {
        Severity::Block
    }

    fn doc(&self) -> &'static str {
        "The Dockerfile has a syntax error, or a variable in it can't be expanded. It is not queued."
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{found, of};

    #[test]
    fn syntax_errors_and_variables() {
        let findings = of("PARSE", "FROM node:20-slim\nRUNN x\n");
        assert_eq!(
            findings[0].message,
            "Dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)"
        );
        let findings = of("PARSE", "FROM node:20-slim\nWORKDIR ${x\nCMD x\n");
        assert!(
            findings[0]
                .message
                .starts_with("Dockerfile parse error on line 2: ")
        );
        assert_eq!((findings[0].span.line, findings[0].span.column), (2, 9));
        assert_eq!(of("PARSE", "ARG a=${b\nFROM x\n").len(), 1);
        assert_eq!(of("PARSE", "").len(), 1);
    }

    #[test]
    fn a_good_file_has_none() {
        assert!(found("FROM node:20-slim@sha256:0000000000000000000000000000000000000000000000000000000000000000\nUSER node\nHEALTHCHECK NONE\nLABEL org.opencontainers.image.source=a org.opencontainers.image.licenses=b org.opencontainers.image.description=c\nCMD [\"node\"]\n").is_empty());
    }
}
