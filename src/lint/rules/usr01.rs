//! USR01: final images shouldn't run as root (R13).

use crate::dockerfile::ast::{Instruction, Kind};
use crate::lint::file::File;
use crate::lint::rule::{Rule, Sink};
use crate::lint::stage::Base;
use crate::model::Severity;
use crate::model::finding::Patch;

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
        let user = user_of(file);
        sink.offer(
            last.user_span.unwrap_or(last.base_span),
            message,
            format!("Add USER before ENTRYPOINT, as in USER {user}; a user needs no entry in /etc/passwd if it is a number."),
            // Where the base is not in the cache it may have a user that is meant.
            last.user.as_ref().and_then(|_| patch(file, user, sink)),
        );
    }
}

/// Nobody in particular: what images without root use, and no account of any distribution.
const NOBODY: &str = "65532:65532";

/// A user that the final base brings for this.
fn user_of(file: &File<'_>) -> &'static str {
    let mut stage = file.stages.last();
    while let Some(facts) = stage {
        match &facts.base {
            Base::Stage(index) => stage = file.stages.get(*index),
            Base::Image(reference, _) if reference.repository() == "library/node" => return "node",
            _ => break,
        }
    }
    NOBODY
}

/// The user that was set is another one, or one is set where nothing but the command follows.
fn patch(file: &File<'_>, user: &str, sink: &Sink<'_>) -> Option<Patch> {
    let stage = file.dockerfile.stages.last()?;
    let instructions = file.dockerfile.of(stage);
    let set = instructions.iter().rev().find_map(|i| match &i.kind {
        Kind::User(word) => Some(word.span),
        _ => None,
    });
    let edit = match set {
        Some(span) => sink.edit(span, user),
        None => {
            let quiet = |i: &&Instruction| {
                matches!(
                    i.kind,
                    Kind::Cmd(_)
                        | Kind::Entrypoint(_)
                        | Kind::Healthcheck(_)
                        | Kind::Expose(_)
                        | Kind::Label { .. }
                        | Kind::Stopsignal(_)
                )
            };
            let line = format!("USER {user}\n");
            match instructions.iter().rev().take_while(quiet).last() {
                Some(first) => sink.before(first.span, line),
                None => sink.at_the_end(&line),
            }
        }
    };
    Some(Patch {
        title: "run as somebody else than root".into(),
        edits: vec![edit],
    })
}

fn is_root(user: &str) -> bool {
    let name = user.split(':').next().unwrap_or("").trim();
    name.is_empty() || name == "root" || name.trim_start_matches('0').is_empty()
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, mended, passes};

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
    fn somebody_else_is_set() {
        assert_eq!(
            mended("USR01", "FROM node:20-slim\nUSER root\nCMD [\"x\"]\n"),
            "FROM node:20-slim\nUSER node\nCMD [\"x\"]\n"
        );
        assert_eq!(
            mended("USR01", "FROM bare:1\nRUN x\nEXPOSE 80\nENTRYPOINT [\"x\"]"),
            "FROM bare:1\nRUN x\nUSER 65532:65532\nEXPOSE 80\nENTRYPOINT [\"x\"]"
        );
        assert_eq!(
            mended("USR01", "FROM bare:1\nCMD x\nRUN y"),
            "FROM bare:1\nCMD x\nRUN y\nUSER 65532:65532\n"
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
