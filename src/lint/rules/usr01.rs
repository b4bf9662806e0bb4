//! USR01: final images shouldn't run as root (R13).

use crate::lint::file::File;
use crate::lint::rule::{Rule, Sink};
use crate::model::Severity;

pub(super) static USR01: Usr01 = Usr01;

pub(super) struct Usr01;

impl Rule for Usr01 {
    fn id(&self) -> &'static str {
        "USR01"
    }

    fn severity(&self) -> Severity {
        Severity::Advice
    }

    fn doc(&self) -> &'static str {
        "The final stage runs as root. A USER before ENTRYPOINT costs nothing and closes a lot of risk."
    }

    fn check(&self, file: &File<'_>, sink: &mut Sink<'_>) {
        let Some(last) = file.stages.last() else {
            return;
        };
        let message = match &last.user {
            Some(user) if !is_root(user) => return,
            Some(_) => "the final stage runs as root",
            None => "the final stage runs as root, unless its base sets another user",
        };
        sink.report(
            last.user_span.unwrap_or(last.base_span),
            message,
            "Make a user and add USER before ENTRYPOINT, as in USER app.",
        );
    }
}

fn is_root(user: &str) -> bool {
    let name = user.split(':').next().unwrap_or("").trim();
    name.is_empty() || name == "root" || name.trim_start_matches('0').is_empty()
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, passes};

    #[test]
    fn root_gets_advice() {
        caught(
            "USR01",
            &[
                "FROM node:20-slim",
                "FROM golang:1.22",
                "FROM scratch",
                "FROM node:20-slim\nUSER root",
                "FROM node:20-slim\nUSER 0:1",
                "FROM node:20-slim\nUSER app\nUSER 0",
                "FROM node:20-slim\nENV U=root\nUSER $U",
                "FROM node:20-slim AS a\nUSER app\nFROM node:20-slim",
            ],
        );
    }

    #[test]
    fn other_users_pass() {
        passes(
            "USR01",
            &[
                "FROM node:20-slim\nUSER node",
                "FROM node:20-slim\nUSER 1000:1000",
                "FROM node:20-slim AS a\nUSER app\nFROM a",
                "FROM user:1",
                "FROM node:20-slim\nARG U=app\nUSER $U:root",
            ],
        );
    }
}
