//! SIG01: an ENTRYPOINT or CMD that runs behind a shell.

use crate::dockerfile::ast::{Command, Kind, Word};
use crate::lint::rule::{Rule, Sink, Step};
use crate::model::Severity;

pub(super) static SIG01: Sig01 = Sig01;

pub(super) struct Sig01;

impl Rule for Sig01 {
    fn id(&self) -> &'static str {
        "SIG01"
    }

    fn severity(&self) -> Severity {
        Severity::Advice
    }

    fn doc(&self) -> &'static str {
        "ENTRYPOINT or CMD in shell form: the shell is process 1, does not hand on SIGTERM, and the container is killed after ten \
         seconds. An ENTRYPOINT in shell form also takes no arguments."
    }

    fn step(&self, step: &Step<'_>, sink: &mut Sink<'_>) {
        let (Kind::Entrypoint(Command::Shell(text)) | Kind::Cmd(Command::Shell(text))) =
            &step.instruction.kind
        else {
            return;
        };
        let keyword = step.instruction.kind.keyword();
        if execs(&text.text) || text.text.trim().is_empty() {
            return;
        }
        let patch = exec_form(step, text)
            .map(|exec| sink.replace("write it in exec form", text.span, exec));
        sink.offer(
            text.span,
            format!("{keyword} in shell form: a shell is process 1, and signals don't reach what it runs"),
            format!("Write it in exec form, as in {keyword} [\"/app/server\"], or begin with exec."),
            patch,
        );
    }
}

/// Whether the shell gives its place to one command.
fn execs(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace();
    words.next() == Some("exec") && !text.contains([';', '|', '&', '\n'])
}

/// The command as a JSON array, where a shell would do nothing else than run it.
fn exec_form(step: &Step<'_>, text: &Word) -> Option<String> {
    let default = ["/bin/sh", "-c"];
    if step.file.stages.last()?.shell != default || !step.instruction.heredocs.is_empty() {
        return None;
    }
    let text = text.text.trim();
    let words: Vec<String> = match text.contains(UNSAFE) {
        false => text.split_ascii_whitespace().map(str::to_owned).collect(),
        // Only variables need the shell; it gives its place to the command.
        true if !text.contains(NOT_ONE_COMMAND) => {
            let [shell, option] = default.map(str::to_owned);
            vec![shell, option, format!("exec {text}")]
        }
        true => return None,
    };
    // `NAME=value command` is no program, and neither are the shell's own commands.
    let first = text.split_ascii_whitespace().next()?;
    let own = [
        "cd", "export", "set", "source", ".", "if", "while", "for", "exit", ":", "umask", "ulimit",
        "trap", "test", "[",
    ];
    if first.contains('=') || own.contains(&first) {
        return None;
    }
    serde_json::to_string(&words)
        .ok()
        .map(|json| json.replace("\",\"", "\", \""))
}

const UNSAFE: [char; 22] = [
    '$', '`', '\\', '"', '\'', ';', '|', '&', '<', '>', '(', ')', '{', '}', '[', ']', '*', '?',
    '~', '#', '!', '\n',
];
const NOT_ONE_COMMAND: [char; 10] = [';', '|', '&', '`', '\n', '(', ')', '\\', '#', '!'];

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, mended, passes};

    #[test]
    fn a_shell_in_between_is_told() {
        caught(
            "SIG01",
            &[
                "FROM node:20-slim\nENTRYPOINT /x",
                "FROM node:20-slim\nCMD node x.js",
                "FROM node:20-slim\nCMD exec a; exec b",
                "FROM node:20-slim\nCMD ['node']",
                "FROM node:20-slim\nENTRYPOINT [\"x\"",
            ],
        );
    }

    #[test]
    fn exec_form_and_exec_pass() {
        passes(
            "SIG01",
            &[
                "FROM node:20-slim\nENTRYPOINT [\"/x\"]",
                "FROM node:20-slim\nCMD []",
                "FROM node:20-slim\nCMD exec node x.js $ARGS",
                "FROM node:20-slim\nHEALTHCHECK CMD wget -q localhost || exit 1",
                "FROM node:20-slim\nRUN node x.js",
            ],
        );
    }

    #[test]
    fn it_is_written_in_exec_form() {
        assert_eq!(
            mended(
                "SIG01",
                "FROM node:20-slim\nENTRYPOINT node  app.js --port 80\n"
            ),
            "FROM node:20-slim\nENTRYPOINT [\"node\", \"app.js\", \"--port\", \"80\"]\n"
        );
        assert_eq!(
            mended("SIG01", "FROM node:20-slim\nCMD node app.js $PORT\n"),
            "FROM node:20-slim\nCMD [\"/bin/sh\", \"-c\", \"exec node app.js $PORT\"]\n"
        );
        let left = "FROM node:20-slim\nCMD cd /x && node app.js\n";
        assert_eq!(mended("SIG01", left), left);
    }
}
