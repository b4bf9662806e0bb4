//! OPAQUE: a command that reading can't decide.

use super::{code, installers, net02};
use crate::dockerfile::shell::{self, Command, Input};
use crate::lint::rule::{Rule, Sink, Step};
use crate::model::Severity;

pub(super) static OPAQUE: Opaque = Opaque;

pub(super) struct Opaque;

impl Rule for Opaque {
    fn id(&self) -> &'static str {
        "OPAQUE"
    }

    fn severity(&self) -> Severity {
        Severity::Warn
    }

    fn doc(&self) -> &'static str {
        "A RUN executes something that can't be told by reading: a program whose name is computed, a script that comes \
         through a pipe. The sandbox keeps it from the network; a reviewer has to look at what it does."
    }

    fn step(&self, step: &Step<'_>, sink: &mut Sink<'_>) {
        for command in step.commands() {
            if let Some(what) = opaque(command) {
                let span = sink.span(command.span());
                sink.report(
                    span,
                    Step::say(command, what.to_owned()),
                    "Write out what is to be run, so that a reviewer can read it.",
                );
            }
        }
        for place in step.reading.iter().flat_map(|r| &r.unread) {
            let span = sink.span(place.clone());
            sink.report(
                span,
                "this runs a file that can't be read to its end, or that an earlier command makes in a way that can't be told",
                "Put the script into the context as it is, so that a reviewer can read it.",
            );
        }
        if step.reading.is_some_and(|r| !r.complete) {
            // What was not read could be anything.
            sink.report_as(
                Severity::Block,
                step.instruction.keyword.span,
                "this command is too long or nested too deep to be read to its end",
                "Split it, or move it into a script of the context.",
                None,
            );
        }
    }
}

fn opaque(command: &Command) -> Option<&'static str> {
    let first = command.words.first()?;
    if !first.known {
        return Some("which program this runs can't be told by reading");
    }
    if first.pattern || (!first.quoted && first.text.contains('{') && first.text.contains(',')) {
        return Some("which program this runs depends on the files that a pattern matches");
    }
    let reads = matches!(command.input, Input::Pipe)
        || matches!(&command.input, Input::Text(word) if !word.known);
    if let Some(hiding) = code::hides(command) {
        return Some(hiding);
    }
    match command.name() {
        "cp" | "ln" | "mv" | "install" if disguises(command) => {
            Some("this puts a program that fetches under another name")
        }
        "sed" | "gsed" if runs_commands(command) => Some("sed runs commands by this script"),
        "eval" if command.arguments().iter().any(|w| !w.known) => {
            Some("eval runs a text that can't be told by reading")
        }
        name if reads && is_interpreter(name) && reads_program(command) => {
            Some("this runs a program that comes through a pipe")
        }
        _ => None,
    }
}

/// Whether a program that fetches is put elsewhere: from then on it has a name that says nothing.
fn disguises(command: &Command) -> bool {
    let operands = command
        .arguments()
        .iter()
        .filter(|w| !w.text.starts_with('-'));
    let programs = operands.filter_map(|word| word.text.rsplit_once('/'));
    programs
        .filter(|(folder, _)| folder.ends_with("bin"))
        .any(|(_, name)| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
            name.chars().all(plain) && {
                let called = shell::commands(&format!("{name} install https://host.example/x"));
                called.iter().any(fetches)
            }
        })
}

fn fetches(command: &Command) -> bool {
    let name = command.name();
    net02::reaches(command).is_some()
        || installers::tool(installers::SYSTEM, name).is_some()
        || installers::tool(installers::LANGUAGE, name).is_some()
}

/// Whether a script of sed's has the command `e`, or the flag of that name.
fn runs_commands(command: &Command) -> bool {
    let scripts = command
        .arguments()
        .iter()
        .filter(|w| !w.text.starts_with('-'));
    scripts.take(1).any(|word| {
        word.text.split([';', '\n', '{', '}']).any(|part| {
            let part = part.trim_start_matches(|c: char| c.is_ascii_digit() || "$,!~ ".contains(c));
            part == "e" || part.starts_with("e ") || (part.starts_with('s') && flagged(part))
        })
    })
}

/// Whether `s/a/b/flags` has the flag `e`.
fn flagged(part: &str) -> bool {
    let Some(mark) = part.chars().nth(1).filter(char::is_ascii_punctuation) else {
        return false;
    };
    let fields: Vec<&str> = part.split(mark).collect();
    matches!(fields.as_slice(), [_, _, .., flags] if fields.len() >= 4
        && flags.contains('e') && flags.chars().all(|c| "egpiIm0123456789".contains(c)))
}

fn is_interpreter(name: &str) -> bool {
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    matches!(
        name,
        "sh" | "bash"
            | "dash"
            | "ash"
            | "ksh"
            | "zsh"
            | "python"
            | "node"
            | "perl"
            | "ruby"
            | "php"
            | "lua"
    )
}

/// Whether an interpreter takes its program from standard input: no operand, no program in its options.
fn reads_program(command: &Command) -> bool {
    let arguments = command.arguments();
    let given = ["-c", "-e", "-m", "-r", "-E", "--eval", "-p", "--print"];
    !arguments.iter().any(|w| given.contains(&w.text.as_str()))
        && arguments
            .iter()
            .all(|w| w.text.starts_with('-') || w.text == "/dev/stdin")
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught_in_run, of, passes_in_run};
    use crate::model::Severity;

    #[test]
    fn what_can_not_be_read_is_shown_to_the_reviewer() {
        caught_in_run(
            "OPAQUE",
            &[
                "$UNKNOWN x",
                "$(cat /x) y",
                "/usr/bin/cur? x",
                "{a,b} x",
                "eval \"$(cat x)\"",
                "base64 -d x | sh",
                "cat x | bash -s",
                "cat x | python3 -",
                "sh -c \"$(cat x)\"",
                "x=$(cat y); $x",
            ],
        );
    }

    #[test]
    fn what_can_be_read_passes() {
        passes_in_run(
            "OPAQUE",
            &[
                "make",
                "cat x | python3 -c 'print()'",
                "cat x | sh script.sh",
                "echo true | sh",
                "X=make; $X",
                "cat x | tar x",
                "ls *.txt",
            ],
        );
    }

    #[test]
    fn what_is_not_read_blocks() {
        let text = format!("FROM node:20-slim\nRUN {} true\n", "sudo ".repeat(200));
        assert!(
            of("OPAQUE", &text)
                .iter()
                .any(|f| f.severity == Severity::Block)
        );
    }
}
