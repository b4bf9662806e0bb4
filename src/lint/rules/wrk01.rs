//! WRK01: a WORKDIR that depends on the one before.

use crate::dockerfile::ast::{Kind, Word};
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
         base does. A COPY to a relative path without any WORKDIR lands in the root."
    }

    fn step(&self, step: &Step<'_>, sink: &mut Sink<'_>) {
        let path = match &step.instruction.kind {
            Kind::Workdir(path) => path,
            Kind::Copy { destination, .. } | Kind::Add { destination, .. } => {
                return to_the_root(step, destination, sink);
            }
            _ => return,
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

/// COPY to a relative path where no folder was set, neither here nor by the base: it lands in the root.
fn to_the_root(step: &Step<'_>, destination: &Word, sink: &mut Sink<'_>) {
    let facts = step.file.stages.last();
    let nowhere = facts.is_some_and(|f| f.workdir.as_deref() == Some("/") && !f.workdir_set);
    let Ok(path) = step.scope.word(destination) else {
        return;
    };
    if nowhere && !path.starts_with('/') && !is_windows(&path) {
        let keyword = step.instruction.kind.keyword();
        sink.report(
            destination.span,
            format!("{keyword} to {path} lands in the root of the image: no WORKDIR is set"),
            "Set a WORKDIR before it, or write the whole path.",
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
                "FROM node:20-slim\nCOPY a b",
                "FROM node:20-slim AS a\nWORKDIR /x\nFROM node:20-slim\nADD a .",
            ],
        );
    }

    #[test]
    fn whole_paths_pass() {
        passes(
            "WRK01",
            &[
                "FROM node:20-slim\nWORKDIR /app",
                "FROM node:20-slim\nWORKDIR /\nCOPY a b",
                "FROM node:20-slim AS a\nWORKDIR /\nFROM a\nCOPY a b",
                "FROM node:20-slim\nCOPY a /b",
                "FROM golang:1.22\nCOPY a b",
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
