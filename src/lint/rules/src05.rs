//! SRC05: what a base's ONBUILD triggers do.

use crate::lint::rule::Rule;
use crate::model::Severity;

pub(in super::super) static SRC05: Src05 = Src05;

pub(in super::super) struct Src05;

impl Rule for Src05 {
    fn id(&self) -> &'static str {
        "SRC05"
    }

    fn severity(&self) -> Severity {
        Severity::Block
    }

    fn doc(&self) -> &'static str {
        "A base brings ONBUILD triggers, which run as if they stood right behind FROM: they are read by every rule, and what is \
         found is said of the FROM line."
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{found, of};
    use crate::model::Severity;

    #[test]
    fn triggers_are_read_as_if_they_stood_there() {
        let findings = of("SRC05", "FROM trigger:1\nCMD x\n");
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(findings[0].severity, Severity::Block);
        assert_eq!((findings[0].span.line, findings[0].span.column), (1, 6));
        assert_eq!(
            findings[0].message,
            "trigger:1 brings ONBUILD RUN npm install: npm install fetches packages from the network (NET03)"
        );
    }

    #[test]
    fn what_triggers_set_holds_for_the_file() {
        let with = found("FROM trigger:1\nRUN $TOOL https://example.com/x\nCMD x\n");
        assert!(with.iter().any(|f| f.rule == "NET02" && f.span.line == 2));
        assert!(!with.iter().any(|f| f.rule == "USR01"));
    }

    #[test]
    fn harmless_and_unreadable_ones() {
        assert!(of("SRC05", "FROM quiet:1\nCMD x\n").is_empty());
        let broken = of("SRC05", "FROM broken:1\nCMD x\n");
        assert!(
            broken[0]
                .message
                .ends_with("ONBUILD triggers that can't be read")
        );
    }
}
