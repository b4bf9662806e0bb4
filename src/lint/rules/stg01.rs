//! STG01: a compiler in the image that is shipped.

use crate::lint::file::File;
use crate::lint::rule::{Rule, Sink, Step};
use crate::lint::stage::Base;
use crate::model::Severity;
use crate::model::finding::Span;

pub(super) static STG01: Stg01 = Stg01;

pub(super) struct Stg01;

impl Rule for Stg01 {
    fn id(&self) -> &'static str {
        "STG01"
    }

    fn severity(&self) -> Severity {
        Severity::Advice
    }

    fn doc(&self) -> &'static str {
        "The file has one stage, and builds in it: the compiler and its packages stay in the image. Build in a first stage, and \
         COPY --from= what came of it."
    }

    fn check(&self, file: &File<'_>, sink: &mut Sink<'_>) {
        let [stage] = file.stages.as_slice() else {
            return;
        };
        if let Base::Image(reference, name) = &stage.base {
            let repository = reference.repository();
            let last = repository.rsplit('/').next().unwrap_or(repository);
            if BASES.contains(&last) {
                say(sink, stage.base_span, &format!("{name} is a toolchain"));
            }
        }
    }

    fn step(&self, step: &Step<'_>, sink: &mut Sink<'_>) {
        if step.file.dockerfile.stages.len() != 1 {
            return;
        }
        for command in step.commands() {
            let name = command.name();
            let first = command.arguments().first().map_or("", |w| w.text.as_str());
            let builds = match name {
                "go" => matches!(first, "build" | "install"),
                "cargo" => matches!(first, "build" | "install"),
                "dotnet" => matches!(first, "build" | "publish"),
                "swift" | "zig" | "stack" | "cabal" => first.starts_with("build"),
                _ => COMPILERS.contains(&name),
            };
            if builds {
                let span = sink.span(command.span());
                say(sink, span, &format!("{name} builds in the only stage"));
                return;
            }
        }
    }
}

fn say(sink: &mut Sink<'_>, span: Span, what: &str) {
    sink.report(
        span,
        format!("{what}: it stays in the image"),
        "Build in a first stage (FROM … AS build), and copy what came of it into a second: COPY --from=build /out /.",
    );
}

/// Images that are made for building.
const BASES: [&str; 14] = [
    "golang",
    "rust",
    "gcc",
    "clang",
    "maven",
    "gradle",
    "swift",
    "haskell",
    "sdk",
    "buildpack-deps",
    "sbt",
    "crystal",
    "nim",
    "emsdk",
];

/// Programs that make programs.
const COMPILERS: [&str; 13] = [
    "rustc", "gcc", "g++", "cc", "c++", "clang", "clang++", "make", "cmake", "javac", "mvn",
    "gradle", "ghc",
];

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, passes};

    #[test]
    fn building_in_the_only_stage_is_told() {
        caught(
            "STG01",
            &[
                "FROM golang:1.22\nCMD x",
                "FROM node:20-slim\nRUN gcc -o x x.c",
                "FROM node:20-slim\nRUN cd src && make",
                "FROM node:20-slim\nRUN [\"go\", \"build\", \"-mod=vendor\"]",
                "FROM mcr.example/dotnet/sdk:8.0",
            ],
        );
    }

    #[test]
    fn other_stages_pass() {
        passes(
            "STG01",
            &[
                "FROM golang:1.22 AS b\nRUN go build\nFROM scratch\nCOPY --from=b /x /x",
                "FROM node:20-slim\nRUN node x.js",
                "FROM node:20-slim\nRUN go version",
                "FROM golang-runtime:1",
            ],
        );
    }
}
