//! CPY02: a COPY of what is not there.

use crate::dockerfile::ast::{Kind, Source};
use crate::lint::address;
use crate::lint::rule::{Rule, Sink, Step};
use crate::lint::stage::joined;
use crate::model::Severity;
use crate::model::context::{ContextSource, EntryKind};

pub(super) static CPY02: Cpy02 = Cpy02;

pub(super) struct Cpy02;

impl Rule for Cpy02 {
    fn id(&self) -> &'static str {
        "CPY02"
    }

    fn severity(&self) -> Severity {
        Severity::Warn
    }

    fn doc(&self) -> &'static str {
        "A COPY or ADD names a file that the context does not have, or that `.dockerignore` leaves out: the build would fail \
         there."
    }

    fn step(&self, step: &Step<'_>, sink: &mut Sink<'_>) {
        let (Kind::Copy { sources, .. } | Kind::Add { sources, .. }) = &step.instruction.kind
        else {
            return;
        };
        let Some(context) = step.file.subject.context else {
            return;
        };
        if step
            .instruction
            .flag("from")
            .is_some_and(|from| !from.is_empty())
        {
            return;
        }
        for source in sources {
            let Source::Path(path) = source else { continue };
            let Ok(text) = step.scope.word(path) else {
                continue;
            };
            let fetched = address::has_scheme(&text) || address::is_bare_git(&text);
            if fetched || text.contains(['*', '?', '[', '\\']) || is_there(context, &text) {
                continue;
            }
            let (message, help) = match step.file.ignore_file() {
                Some((ignore, _)) => (
                    format!("the context has no {text}, or {ignore} leaves it out"),
                    format!("Put it into the context, or let it in by a line !{text} in {ignore}."),
                ),
                None => (
                    format!("the context has no {text}"),
                    "Put it into the context, or correct the path: it counts from the context's root.".to_owned(),
                ),
            };
            sink.report(path.span, message, help);
        }
    }
}

/// Whether the context has it, as far as that can be told without following links.
fn is_there(context: &dyn ContextSource, path: &str) -> bool {
    let path = joined("/", path);
    let path = path.trim_start_matches('/');
    if path.is_empty() {
        return true;
    }
    let mut end = 0;
    for part in path.split('/') {
        end += part.len();
        let Some(at) = path.get(..end).and_then(|path| context.find(path)) else {
            return false;
        };
        match context.entries().get(at) {
            Some(entry) if matches!(entry.kind, EntryKind::Symlink { .. }) => return true,
            Some(_) if context.is_hidden(at) => return false,
            _ => {}
        }
        end += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::of_context;
    use crate::model::context::MemoryContext;

    fn context() -> MemoryContext {
        MemoryContext::default()
            .folder("src", 0o755)
            .file("src/a.js", 0o644, "x")
            .link("link", "/elsewhere")
            .file("Dockerfile", 0o644, "x")
    }

    #[test]
    fn what_is_not_there_is_told() {
        for line in [
            "COPY nowhere /x",
            "COPY src/a.js src/b.js /x/",
            "ADD [\"./nowhere\", \"/x\"]",
            "ARG N=nowhere\nCOPY $N /x",
            "COPY src/a.js/b /x",
        ] {
            let text = format!("FROM node:20-slim\n{line}\n");
            assert_eq!(of_context("CPY02", &text, &context()).len(), 1, "{line}");
        }
    }

    #[test]
    fn what_is_there_or_elsewhere_passes() {
        for line in [
            "COPY src /x",
            "COPY ./src/../src/a.js /x",
            "COPY /src/ /x",
            "COPY . /x",
            "COPY *.nothing /x",
            "COPY link/below /x",
            "COPY --from=node:20-slim /nowhere /x",
            "ADD https://example.com/x /x",
            "COPY <<nowhere /x\na\nnowhere",
        ] {
            let text = format!("FROM node:20-slim\n{line}\n");
            assert!(of_context("CPY02", &text, &context()).is_empty(), "{line}");
        }
    }

    #[test]
    fn an_ignore_file_is_named() {
        let context = context().file(".dockerignore", 0o644, "dist\n");
        let findings = of_context("CPY02", "FROM node:20-slim\nCOPY dist /x\n", &context);
        assert_eq!(
            findings[0].message,
            "the context has no dist, or .dockerignore leaves it out"
        );
    }
}
