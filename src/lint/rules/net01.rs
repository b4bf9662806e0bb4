//! NET01: system package managers that fetch (R10).

use super::installers::{self, SYSTEM};
use crate::dockerfile::shell::Command;
use crate::lint::address;
use crate::lint::rule::{Rule, Sink, Step};
use crate::model::Severity;

pub(super) static NET01: Net01 = Net01;

pub(super) struct Net01;

impl Rule for Net01 {
    fn id(&self) -> &'static str {
        "NET01"
    }

    fn severity(&self) -> Severity {
        Severity::Block
    }

    fn doc(&self) -> &'static str {
        "A RUN calls apt, apk, dnf, yum, zypper, pacman or their kin in a way that fetches. A build has no network."
    }

    fn step(&self, step: &Step<'_>, sink: &mut Sink<'_>) {
        for command in step.commands() {
            let found = match installers::tool(SYSTEM, command.name()) {
                Some(tool) => installers::fetches(tool, command, step).map(|m| (m, tool.help)),
                None => other(command),
            };
            if let Some((message, help)) = found {
                let span = sink.span(command.span());
                sink.network(
                    span,
                    Step::say(command, message),
                    help,
                    Step::texts(command),
                    None,
                );
            }
        }
    }
}

/// Tools whose arguments are unlike the others'.
fn other(command: &Command) -> Option<(String, &'static str)> {
    let help = "Use a base image that has it, or copy it from another stage.";
    let words = command.arguments();
    let fetches = match command.name() {
        "pacman" | "yay" | "paru" => {
            words.iter().any(|w| {
                let text = w.text.as_str();
                let short = text.starts_with("-S")
                    || text.starts_with("-F")
                    || text == "--sync"
                    || text == "--files";
                let cleans = text.starts_with("-S") && text.contains('c') && !text.contains('y');
                (short && !cleans) || !w.known
            }) || words.iter().any(|w| remote(&w.text))
        }
        "rpm" | "dpkg" => words.iter().any(|w| remote(&w.text)),
        "apt-key" => words
            .iter()
            .any(|w| w.text.contains("keyserver") || w.text == "--recv-keys"),
        _ => false,
    };
    fetches.then(|| {
        (
            format!("{} fetches packages from the network", command.name()),
            help,
        )
    })
}

fn remote(text: &str) -> bool {
    address::has_scheme(text) && !address::is_local(text)
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, caught_in_run, of, passes, passes_in_run};
    use crate::model::Severity;

    #[test]
    fn fetching_is_caught() {
        caught_in_run(
            "NET01",
            &[
                "apt-get update",
                "apt-get install -y curl",
                "apt-get -y -qq install curl",
                "apt-get -o Dpkg::Use-Pty=0 install curl",
                "apt install ./x.deb",
                "apt-get $WHAT",
                "aptitude install x",
                "DEBIAN_FRONTEND=noninteractive apt-get upgrade",
                "apk add --no-cache curl",
                "apk --update add curl",
                "apk upgrade",
                "dnf install -y x",
                "yum -y update",
                "microdnf install x",
                "zypper --non-interactive install x",
                "pacman -Syu --noconfirm x",
                "pacman -U https://example.com/x.pkg",
                "rpm -i https://example.com/x.rpm",
                "add-apt-repository ppa:x/y",
                "debootstrap stable /x",
                "apt-key adv --keyserver k --recv-keys 1",
                "brew install x",
                "/usr/bin/apt-get update",
                "set -eux; apt-get update; rm -rf /var/lib/apt/lists/*",
                "true && (apt-get update || true)",
                "sudo apt-get update",
            ],
        );
    }

    #[test]
    fn staying_offline_passes() {
        passes_in_run(
            "NET01",
            &[
                "apt-get install -y --no-download ./x.deb",
                "apt-get clean",
                "apt-get purge -y x && apt-get autoremove -y",
                "apt-get --version",
                "dpkg -i x.deb",
                "dpkg -i ./packages/*.deb",
                "apk add --no-network --allow-untrusted ./x.apk",
                "apk del x",
                "apk info",
                "dnf clean all",
                "dnf -C install x",
                "rpm -i x.rpm",
                "pacman -U x.pkg",
                "pacman -Scc",
                "pacman -R x",
                "rm -rf /etc/apt/sources.list.d",
                "echo apt-get update",
                "echo 'apt-get install x' > notes",
                "# apt-get update",
                "mkdir apk && cd apk",
                "apt-mark hold x",
                "apt-get -s install x",
            ],
        );
    }

    #[test]
    fn whatever_form_the_run_takes() {
        caught(
            "NET01",
            &[
                "FROM node:20-slim\nRUN [\"apt-get\", \"update\"]",
                "FROM node:20-slim\nRUN [\"/bin/sh\", \"-c\", \"apt-get update\"]",
                "FROM node:20-slim\nSHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN apt-get update",
                "FROM node:20-slim AS a\nSHELL [\"/bin/bash\", \"-c\"]\nFROM a\nRUN apt-get update",
                "FROM node:20-slim\nSHELL [\"apt-get\"]\nRUN update",
                "# escape=`\nFROM node:20-slim\nRUN true `\n  && apt-get `\n update",
                "FROM node:20-slim\nRUN <<EOF\napt-get update\nEOF",
                "FROM node:20-slim\nRUN <<EOF\n#!/bin/sh\napt-get update\nEOF",
                "FROM node:20-slim\nRUN <<EOF\n#!/usr/bin/env bash\napt-get update\nEOF",
                "FROM node:20-slim\nRUN <<EOF bash -e\napt-get update\nEOF",
                "FROM node:20-slim\nARG PM=apt-get\nRUN $PM update",
                "FROM node:20-slim\nENV PM=\"apt-get update\"\nRUN $PM",
                "ARG PM=apt-get\nFROM node:20-slim\nARG PM\nRUN ${PM} update",
                "FROM node:20-slim\nRUN --mount=type=cache,target=/x apt-get update",
                "FROM node:20-slim\nONBUILD RUN apt-get update",
            ],
        );
        passes(
            "NET01",
            &[
                "FROM node:20-slim\nRUN [\"echo\", \"apt-get update\"]",
                "FROM node:20-slim\nRUN <<EOF cat > notes\napt-get update\nEOF",
                "FROM node:20-slim\nCOPY <<EOF /notes\nRUN apt-get update\nEOF",
                "FROM node:20-slim\nCMD apt-get update",
                "FROM node:20-slim\nSHELL [\"/bin/echo\"]\nRUN apt-get update",
            ],
        );
    }

    #[test]
    fn the_place_is_the_command() {
        let text = "FROM node:20-slim\nRUN set -e; \\\n    apt-get \\\n      update && true\n";
        let findings = of("NET01", text);
        assert_eq!(findings.len(), 1);
        let span = findings[0].span;
        assert_eq!((span.line, span.column), (3, 5));
        assert_eq!(&text[span.start..span.end], "apt-get \\\n      update");
        assert_eq!(findings[0].severity, Severity::Block);
    }
}
