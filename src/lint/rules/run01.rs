//! RUN01: a RUN that asks for more than a sandbox gives.

use crate::dockerfile::ast::{Flag, Kind};
use crate::dockerfile::mount;
use crate::lint::rule::{Rule, Sink, Step, whole};
use crate::model::Severity;
use crate::model::finding::Patch;

pub(super) static RUN01: Run01 = Run01;

pub(super) struct Run01;

impl Rule for Run01 {
    fn id(&self) -> &'static str {
        "RUN01"
    }

    fn severity(&self) -> Severity {
        Severity::Block
    }

    fn doc(&self) -> &'static str {
        "A RUN asks for the host's network, for privileges, for a device, or for a secret or SSH agent of who builds: none of \
         that exists here, and none of it can be approved."
    }

    fn step(&self, step: &Step<'_>, sink: &mut Sink<'_>) {
        if !matches!(step.instruction.kind, Kind::Run(_)) {
            return;
        }
        for flag in &step.instruction.flags {
            let value = flag.value.as_ref().map_or("", |value| value.text.as_str());
            // Expanded as well as it can be: what is left is no value that a build takes.
            let expanded = flag.value.as_ref().and_then(|v| step.scope.word(v).ok());
            let expanded = expanded.as_deref().unwrap_or(value);
            match flag.name.text.as_str() {
                "network" if !matches!(expanded, "default" | "none") => {
                    let message = format!("--network={value} leaves the sandbox");
                    let help = "Take the flag out: a build has no network, or the one that is granted to it.";
                    let patch = Patch {
                        title: "take out the flag".into(),
                        edits: vec![sink.without_flag(flag, step.instruction.span)],
                    };
                    sink.offer(whole(flag), message, help, Some(patch));
                }
                "security" if expanded != "sandbox" => {
                    let message = format!("--security={value} leaves the sandbox");
                    let help = "Take the flag out: every RUN runs in the sandbox, with Docker's default capabilities.";
                    let patch = Patch {
                        title: "take out the flag".into(),
                        edits: vec![sink.without_flag(flag, step.instruction.span)],
                    };
                    sink.offer(whole(flag), message, help, Some(patch));
                }
                "device" => {
                    let message = format!("--device={value} asks for a device of the host");
                    sink.report(whole(flag), message, "Build without the device.");
                }
                "mount" => mounts(flag, value, sink),
                _ => {}
            }
        }
    }
}

fn mounts(flag: &Flag, value: &str, sink: &mut Sink<'_>) {
    let Ok(read) = mount::parse(value, |text| {
        Ok::<_, std::convert::Infallible>(text.to_owned())
    }) else {
        // The build says why; a kind that is written with a variable is no kind to it either.
        let hides = value.contains("ssh") || value.contains("secret") || value.contains('$');
        if hides {
            let message = format!("--mount={value} can't be read");
            sink.report(whole(flag), message, "Write the mount without variables.");
        }
        return;
    };
    match read.kind {
        mount::Kind::Secret => sink.report(
            whole(flag),
            "--mount=type=secret wants a secret of who builds: there are none here",
            "Do at home what needs the secret, and put what comes of it into the context.",
        ),
        mount::Kind::Ssh => sink.report(
            whole(flag),
            "--mount=type=ssh wants the SSH agent of who builds: there is none here",
            "Fetch at home what needs the key, and put it into the context.",
        ),
        mount::Kind::Bind | mount::Kind::Cache(_) | mount::Kind::Tmpfs => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, mended, passes};

    #[test]
    fn leaving_the_sandbox_is_caught() {
        caught(
            "RUN01",
            &[
                "FROM node:20-slim\nRUN --network=host true",
                "FROM node:20-slim\nARG N=host\nRUN --network=$N true",
                "FROM node:20-slim\nRUN --security=insecure true",
                "FROM node:20-slim\nRUN --mount=type=ssh true",
                "FROM node:20-slim\nRUN --mount=type=secret,id=x true",
                "FROM node:20-slim\nRUN --mount=id=x,type=SECRET true",
                "FROM node:20-slim\nRUN --mount=type=cache,target=/x --mount=type=secret,id=x true",
                "FROM node:20-slim\nRUN --mount=type=tmpfs,type=ssh true",
                "FROM node:20-slim\nONBUILD RUN --network=host true",
            ],
        );
    }

    #[test]
    fn what_a_sandbox_gives_passes() {
        passes(
            "RUN01",
            &[
                "FROM node:20-slim\nRUN --network=none true",
                "FROM node:20-slim\nRUN --network=default true",
                "FROM node:20-slim\nRUN --security=sandbox true",
                "FROM node:20-slim\nRUN --mount=type=cache,id=secret,target=/x true",
                "FROM node:20-slim\nRUN --mount=target=/ssh true",
                "FROM node:20-slim\nRUN echo --network=host",
                "FROM node:20-slim\nRUN [\"echo\", \"--security=insecure\"]",
            ],
        );
    }

    #[test]
    fn the_flag_is_taken_out() {
        let text = "FROM node:20-slim\nRUN --network=host --mount=type=tmpfs,target=/x true\n";
        assert_eq!(
            mended("RUN01", text),
            "FROM node:20-slim\nRUN --mount=type=tmpfs,target=/x true\n"
        );
    }
}
