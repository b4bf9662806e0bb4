//! SIZ01: an image that will be large.

use crate::lint::file::File;
use crate::lint::rule::{Rule, Sink};
use crate::model::Severity;
use crate::model::size;

pub(super) static SIZ01: Siz01 = Siz01;

pub(super) struct Siz01;

impl Rule for Siz01 {
    fn id(&self) -> &'static str {
        "SIZ01"
    }

    fn severity(&self) -> Severity {
        Severity::Advice
    }

    fn doc(&self) -> &'static str {
        "The final image will have more than 1 GB, by its base's layers and what is copied into it from the context alone. Most \
         images of a catalog have between 20 and 200 MB, and we'll ask why."
    }

    fn check(&self, file: &File<'_>, sink: &mut Sink<'_>) {
        let Some(last) = file.stages.last() else {
            return;
        };
        if last.bytes > LIMIT {
            sink.report(
                last.base_span,
                format!("the image will have at least {}", size::words(last.bytes)),
                "Build in one stage, and copy what is needed into a final stage on a small base.",
            );
        }
    }
}

/// 1 GB.
const LIMIT: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, of_context, passes};
    use crate::model::context::MemoryContext;

    #[test]
    fn large_bases_are_told() {
        caught("SIZ01", &["FROM huge:1", "FROM huge:1 AS a\nFROM a"]);
        passes(
            "SIZ01",
            &[
                "FROM huge:1 AS a\nFROM scratch\nCOPY --from=a /x /x",
                "FROM node:20-slim",
            ],
        );
    }

    #[test]
    fn what_is_copied_counts() {
        // This base has 100 bytes less than the limit.
        let context = MemoryContext::default()
            .file("data/a", 0o644, [b'x'; 101])
            .file("src", 0o644, "x");
        let text = "FROM large:1\nCOPY data /data\n";
        assert_eq!(of_context("SIZ01", text, &context).len(), 1);
        let text = "FROM large:1\nCOPY src /data\n";
        assert!(of_context("SIZ01", text, &context).is_empty());
    }
}
