//! What a `RUN` executes: an array, a text for the stage's shell, or a script with an interpreter of its own.

use super::ast::{Command, Dockerfile, Instruction, Kind, Word};
use super::origin::Origin;
use super::parser::heredoc_mark;

/// What a `RUN` executes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// An array, without any shell.
    Exec(Vec<Word>),
    /// A text for the stage's shell. Here-documents that the command reads are part of the text, as a shell writes them.
    Shell {
        /// The text.
        text: String,
        /// Where it came from.
        origin: Origin,
    },
    /// A here-document that begins with `#!`: written to a file and executed.
    Script {
        /// The here-document's name, for the file.
        name: String,
        /// The file's content.
        text: String,
        /// Where it came from.
        origin: Origin,
    },
}

/// What `instruction` of `file` executes, if it is a `RUN`.
pub fn program(file: &Dockerfile, instruction: &Instruction) -> Option<Program> {
    let Kind::Run(command) = &instruction.kind else {
        return None;
    };
    let command = match command {
        Command::Exec(words) => return Some(Program::Exec(words.clone())),
        Command::Shell(command) => command,
    };
    if let [heredoc] = instruction.heredocs.as_slice()
        && heredoc_mark(&command.text).is_some()
    {
        let text = heredoc.body.text.clone();
        let origin = Origin::of(file, &heredoc.body);
        return Some(if text.starts_with("#!") {
            Program::Script {
                name: heredoc.name.clone(),
                text,
                origin,
            }
        } else {
            Program::Shell { text, origin }
        });
    }
    let mut text = command.text.clone();
    let mut origin = Origin::of(file, command);
    for heredoc in &instruction.heredocs {
        text.push('\n');
        origin.append(text.len(), &Origin::of(file, &heredoc.body));
        text.push_str(&heredoc.body.text);
        text.push_str(&heredoc.name);
    }
    Some(Program::Shell { text, origin })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::parse;

    fn of(run: &str) -> (Dockerfile, Program) {
        let text = format!("FROM scratch\n{run}\n");
        let file = parse(text.as_bytes()).expect("parses");
        let program = program(&file, &file.instructions[1]).expect("a RUN");
        (file, program)
    }

    #[test]
    fn a_lone_heredoc_is_the_text_itself() {
        let (_, program) = of("RUN <<-EOF\n\techo a\n\techo b\nEOF");
        assert!(matches!(program, Program::Shell { text, .. } if text == "echo a\necho b\n"));
        let (_, program) = of("RUN <<EOF\n#!/usr/bin/python3\nprint()\nEOF");
        assert!(matches!(program, Program::Script { name, .. } if name == "EOF"));
    }

    #[test]
    fn other_heredocs_stay_behind_their_command() {
        let (_, program) = of("RUN <<A cat && cat <<'B'\na\nA\nb\nB");
        let Program::Shell { text, .. } = program else {
            panic!("shell form");
        };
        assert_eq!(text, "<<A cat && cat <<'B'\na\nA\nb\nB");
    }

    #[test]
    fn every_byte_of_the_text_knows_its_place() {
        for run in [
            "RUN apt-get update && \\\n  # why\n\n  apt-get install curl",
            "RUN <<-EOF\n\tset -e\n\tcurl x\nEOF",
            "RUN set -e; sh <<EOF\ncurl x\nEOF",
        ] {
            let (file, program) = of(run);
            let Program::Shell { text, origin } = program else {
                panic!("shell form");
            };
            let at = text.find("curl").expect("curl");
            let source = origin.source(&(at..at + 4));
            assert_eq!(&file.text[source], "curl", "{run}");
        }
    }
}
