//! WRK01: a WORKDIR that depends on the one before.

use crate::dockerfile::ast::Kind;
use crate::lint::rule::{Rule, Sink, Step};
use crate::lint::stage::joined;
use crate::model::Severity;

pub(super) static WRK01: Wrk01 = Wrk01;

pub(super) struct Wrk01;

impl Rule for Wrk01 {
    fn id(&self) -> &'static str {
        "WRK01"
    }

    fn severity(&self) -> Severity {
        Severity::Advice
    }

    fn doc(&self) -> &'static str {
        "A relative WORKDIR means a folder below the last one, also below one that the base has set: what that is changes when the \
         base does."
    }

    fn step(&self, step: &Step<'_>, sink: &mut Sink<'_>) {
        let Kind::Workdir(path) = &step.instruction.kind else {
            return;
        };
        // A word that can't be expanded is reported by PARSE.
        let Ok(folder) = step.scope.word(path) else {
            return;
        };
        if folder.starts_with('/') || is_windows(&folder) {
            return;
        }
        let before = step.file.stages.last().and_then(|s| s.workdir.as_deref());
        let absolute = before.map(|before| joined(before, &folder));
        let simple = absolute.filter(|path| !path.contains([' ', '$', '\\', '"', '\'']));
        let patch =
            simple.map(|absolute| sink.replace("write the whole path", path.span, absolute));
        sink.offer(
            path.span,
            format!("WORKDIR {folder} is relative to whatever was set before"),
            "Write the whole path, as in WORKDIR /app.",
            patch,
        );
    }
}

fn is_windows(path: &str) -> bool {
    path.as_bytes().get(1) == Some(&b':')
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, mended, passes};

    #[test]
    fn relative_folders_are_told() {
        caught(
            "WRK01",
            &[
                "FROM node:20-slim\nWORKDIR app",
                "FROM node:20-slim\nWORKDIR ./app",
                "FROM node:20-slim\nARG D=app\nWORKDIR $D",
                "FROM node:20-slim\nWORKDIR ../x",
                "FROM node:20-slim\nWORKDIR \"my app\"",
            ],
        );
    }

    #[test]
    fn whole_paths_pass() {
        passes(
            "WRK01",
            &[
                "FROM node:20-slim\nWORKDIR /app",
                "FROM node:20-slim\nENV D=/app\nWORKDIR $D/x",
                "FROM node:20-slim\nWORKDIR \"/my app\"",
            ],
        );
    }

    #[test]
    fn the_whole_path_is_written() {
        assert_eq!(
            mended("WRK01", "FROM node:20-slim\nWORKDIR /a/b\nWORKDIR ../c\n"),
            "FROM node:20-slim\nWORKDIR /a/b\nWORKDIR /a/c\n"
        );
    }
}
