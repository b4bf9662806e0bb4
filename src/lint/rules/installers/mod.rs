//! Package managers: which of their commands fetch, and what keeps each from fetching. The tables are data, lists of
//! words with blanks between them; what a table can't say stands at the end of this file.

mod language;
mod system;
mod vendoring;

pub(super) use language::LANGUAGE;
pub(super) use system::SYSTEM;
pub(super) use vendoring::vendored;

use crate::dockerfile::shell::{Command, Word};
use crate::lint::address;
use crate::lint::invocation::{self, among, no, operands, yes};
use crate::lint::rule::Step;

/// Which subcommands fetch.
pub(super) enum Fetching {
    /// All but these.
    AllBut(&'static str),
    /// These.
    Only(&'static str),
    /// The tool has no subcommands that matter: it always fetches.
    Always,
}

/// A setting in the environment that keeps a tool from fetching.
pub(super) enum Setting {
    /// Set to yes.
    Yes(&'static str),
    /// Set to no.
    No(&'static str),
    /// Set to this.
    Is(&'static str, &'static str),
}

/// A package manager.
pub(super) struct Tool {
    pub(super) names: &'static str,
    pub(super) fetching: Fetching,
    /// Whether it fetches when it is called without a subcommand.
    pub(super) bare: bool,
    /// Options whose value is the next word.
    pub(super) valued: &'static str,
    /// Flags that keep it from fetching.
    pub(super) offline: &'static str,
    /// Settings that do.
    pub(super) settings: &'static [Setting],
    /// Options that name a place to fetch from, whatever else is said.
    pub(super) sources: &'static str,
    /// What to do instead.
    pub(super) help: &'static str,
}

pub(super) const NONE: Tool = Tool {
    names: "",
    fetching: Fetching::Always,
    bare: false,
    valued: "",
    offline: "",
    settings: &[],
    sources: "",
    help: "",
};

/// The tool of a table that a command calls, by its name without a version (`pip3.12` is pip).
pub(super) fn tool(table: &'static [Tool], name: &str) -> Option<&'static Tool> {
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    table
        .iter()
        .find(|t| among(t.names, name) || among(t.names, plain))
}

/// What a command fetches from the network, in words; `None` if it does not.
pub(super) fn fetches(tool: &Tool, command: &Command, step: &Step<'_>) -> Option<String> {
    let name = command.name();
    if command
        .arguments()
        .iter()
        .any(|w| matches!(w.text.as_str(), "--help" | "--version"))
    {
        return None;
    }
    let mut rest = operands(command.arguments(), tool.valued);
    // `cargo +nightly build`
    rest.retain(|w| !w.text.starts_with('+'));
    let subcommand = rest.first().copied();
    let fetching = match (subcommand, &tool.fetching) {
        (None, Fetching::Always) => tool.bare || !short_version(command),
        (None, _) => tool.bare && !short_version(command),
        (Some(word), _) if !word.known => true,
        (Some(_), Fetching::Always) => true,
        (Some(word), Fetching::AllBut(harmless)) => !among(harmless, &word.text),
        (Some(word), Fetching::Only(fetching)) => among(fetching, &word.text),
    };
    if !fetching {
        return None;
    }
    let called = match subcommand {
        Some(word) if !matches!(tool.fetching, Fetching::Always) => format!("{name} {}", word.text),
        _ => name.to_owned(),
    };
    let remote = remote_source(tool, command);
    if remote.is_none() && (is_offline(tool, command, step) || stays(name, &rest, command, step)) {
        return None;
    }
    Some(match remote {
        Some(place) => format!("{called} fetches from {place}"),
        None => format!("{called} fetches packages from the network"),
    })
}

/// `-v` and its kin, alone.
fn short_version(command: &Command) -> bool {
    matches!(command.arguments(), [only] if matches!(only.text.as_str(), "-v" | "-V" | "-h" | "-version"))
}

fn is_offline(tool: &Tool, command: &Command, step: &Step<'_>) -> bool {
    let said = tool
        .offline
        .split_ascii_whitespace()
        .filter_map(|flag| invocation::value(command, flag))
        .any(|value| !no(value));
    let set = |setting: &Setting| {
        let read = |name| step.variable(command, name);
        match setting {
            Setting::Yes(name) => read(name).is_some_and(|v| yes(&v)),
            Setting::No(name) => read(name).is_some_and(|v| no(&v)),
            Setting::Is(name, expected) => read(name).is_some_and(|v| v == *expected),
        }
    };
    let unsaid = tool
        .offline
        .split_ascii_whitespace()
        .filter_map(|flag| flag.strip_prefix("--"))
        .any(|flag| invocation::has(command, &format!("--no-{flag}")));
    (said || tool.settings.iter().any(set)) && !unsaid
}

/// A place outside this machine that the command itself names.
fn remote_source(tool: &Tool, command: &Command) -> Option<String> {
    let named = invocation::values(command, tool.sources);
    let by_option = named.into_iter().find(|word| {
        let place = word
            .text
            .split_once('=')
            .map_or(word.text.as_str(), |(option, value)| {
                if option.starts_with('-') {
                    value
                } else {
                    word.text.as_str()
                }
            });
        address::has_scheme(place) && !address::is_local(place)
    });
    let by_operand = || {
        command.arguments().iter().find(|word| {
            let text = word.text.as_str();
            // `name @ https://…`, `git+https://…`
            let place = text
                .rsplit(['@', '+', ' '])
                .find(|p| address::has_scheme(p));
            !text.starts_with('-') && place.is_some_and(|p| !address::is_local(p))
        })
    };
    if tool.sources.is_empty() {
        return None;
    }
    by_option.or_else(by_operand).map(|word| word.text.clone())
}

/// What the table can't say: whether this call stays on the machine.
fn stays(name: &str, rest: &[&Word], command: &Command, step: &Step<'_>) -> bool {
    let texts: Vec<&str> = rest.iter().map(|w| w.text.as_str()).collect();
    match name {
        // Maven's one-letter options don't go together: `-Pprod` names a profile.
        "mvn" | "mvnw" | "mvnd" => command.arguments().iter().any(|w| w.text == "-o"),
        "go" => go_stays(&texts, command, step),
        "npm" => matches!(texts.as_slice(), ["pack" | "init"]),
        "uv" => matches!(
            texts.as_slice(),
            [
                "pip",
                "list" | "show" | "freeze" | "check" | "uninstall" | "tree",
                ..
            ] | ["python", "list" | "find" | "dir" | "pin", ..]
                | ["tool", "list" | "dir" | "uninstall", ..]
        ),
        "yarn" | "yarnpkg" => {
            matches!(
                texts.as_slice(),
                ["global", "bin" | "dir" | "list" | "remove", ..]
                    | ["workspaces", "list" | "foreach" | "run" | "info", ..]
                    | ["set"]
            )
        }
        "dotnet" => matches!(
            texts.as_slice(),
            ["tool", "list" | "run" | "uninstall", ..] | ["nuget", "locals", ..]
        ),
        "rustup" => matches!(
            texts.as_slice(),
            [
                "toolchain" | "target" | "component",
                "list" | "remove" | "uninstall" | "link",
                ..
            ]
        ),
        _ if name.starts_with("pip") && !name.starts_with("pipx") => {
            let flags = |flag| invocation::has(command, flag);
            // A wheel that stands in the image, and nothing else.
            let (_, packages) = texts.split_first().unwrap_or((&"", &[]));
            flags("--no-deps")
                && !packages.is_empty()
                && !flags("-r")
                && !flags("--requirement")
                && packages.iter().all(|p| {
                    let path = p.starts_with(['/', '.']) || p.contains('/');
                    path && (p.ends_with(".whl") || flags("--no-build-isolation"))
                })
        }
        _ => false,
    }
}

fn go_stays(texts: &[&str], command: &Command, step: &Step<'_>) -> bool {
    let flags = step.variable(command, "GOFLAGS").unwrap_or_default();
    let proxy = step.variable(command, "GOPROXY").unwrap_or_default();
    let local_proxy = !proxy.is_empty()
        && proxy
            .split([',', '|'])
            .all(|p| p == "off" || address::is_local(p));
    let remote = |package: &&str| package.contains('@');
    match texts {
        _ if local_proxy => true,
        [
            "mod",
            "init" | "edit" | "graph" | "why" | "verify" | "help",
            ..,
        ]
        | ["mod"] => true,
        ["work", other, ..] => *other != "sync",
        ["work"] => true,
        ["install" | "run", packages @ ..] => {
            flags.contains("-mod=vendor") || !packages.iter().any(remote)
        }
        _ => false,
    }
}
