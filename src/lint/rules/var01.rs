//! VAR01: a variable that nothing sets.

use std::collections::HashSet;

use crate::dockerfile::ast::{Kind, Pair, Source, Word};
use crate::dockerfile::expand;
use crate::lint::rule::{Rule, Sink, Step};
use crate::lint::stage::Base;
use crate::model::Severity;

pub(super) static VAR01: Var01 = Var01;

pub(super) struct Var01;

impl Rule for Var01 {
    fn id(&self) -> &'static str {
        "VAR01"
    }

    fn severity(&self) -> Severity {
        Severity::Warn
    }

    fn doc(&self) -> &'static str {
        "A word names a variable that neither ARG nor ENV sets before it, nor the base: it comes to nothing. An ARG before the first \
         FROM has to be declared again in the stage."
    }

    fn step(&self, step: &Step<'_>, sink: &mut Sink<'_>) {
        let instruction = step.instruction;
        if let Kind::Env { pairs, .. } = &instruction.kind {
            return self::pairs(step, pairs, sink);
        }
        if !is_known(step) {
            return;
        }
        match &instruction.kind {
            Kind::Copy {
                sources,
                destination,
            }
            | Kind::Add {
                sources,
                destination,
            } => {
                for source in sources {
                    if let Source::Path(path) = source {
                        look(step, path, sink);
                    }
                }
                look(step, destination, sink);
            }
            Kind::Label { pairs, .. } => {
                for pair in pairs {
                    look(step, &pair.key, sink);
                    look(step, &pair.value, sink);
                }
            }
            Kind::Arg(declarations) => {
                for declaration in declarations {
                    declaration.default.iter().for_each(|d| look(step, d, sink));
                }
            }
            Kind::Workdir(word) | Kind::User(word) | Kind::Stopsignal(word) => {
                look(step, word, sink);
            }
            Kind::Expose(words) | Kind::Volume(words) => {
                words.iter().for_each(|word| look(step, word, sink));
            }
            _ => {}
        }
    }
}

/// ENV: what it sets counts from the next instruction on, whatever the base is.
fn pairs(step: &Step<'_>, pairs: &[Pair], sink: &mut Sink<'_>) {
    let known = is_known(step);
    let mut earlier: HashSet<&str> = HashSet::new();
    for pair in pairs {
        if known {
            look(step, &pair.key, sink);
        }
        for name in unset(step, &pair.value) {
            if earlier.contains(name.as_str()) {
                sink.report(
                    pair.value.span,
                    format!("${name} has no value yet: it is set in this very ENV"),
                    "Set it in an ENV of its own before this one.",
                );
            // `ENV PATH=/x:$PATH` adds to what the base may have.
            } else if known && name != pair.key.text {
                say(step, &pair.value, &name, sink);
            }
        }
        earlier.insert(&pair.key.text);
    }
}

/// Whether all variables of the stage can be told: they can't where its base is not in the cache.
fn is_known(step: &Step<'_>) -> bool {
    let stages = &step.file.stages;
    let mut stage = stages.last();
    while let Some(facts) = stage {
        match &facts.base {
            Base::Scratch => return true,
            // A base that is known has a shell or a user or a working directory that is known too.
            Base::Image(..) => return facts.workdir.is_some() && facts.user.is_some(),
            Base::Stage(index) => stage = stages.get(*index),
            Base::Invalid(_) | Base::Unknown(_) => return false,
        }
    }
    false
}

/// The variables that a word names plainly and that nothing sets or declares, each once.
fn unset(step: &Step<'_>, word: &Word) -> Vec<String> {
    if !word.text.contains('$') {
        return Vec::new();
    }
    let lookup = |name: &str| step.scope.lookup(name).map(str::to_owned);
    let escape = step.file.dockerfile.directives.escape;
    let mut missing = expand::unset(&word.text, escape, &lookup);
    missing.sort();
    missing.dedup();
    // Declared without a value: it is the user's to give.
    missing.retain(|name| !step.scope.is_declared(name));
    missing
}

fn look(step: &Step<'_>, word: &Word, sink: &mut Sink<'_>) {
    for name in unset(step, word) {
        say(step, word, &name, sink);
    }
}

fn say(step: &Step<'_>, word: &Word, name: &str, sink: &mut Sink<'_>) {
    let help = match step.scope.is_global(name) {
        true => {
            format!("Add ARG {name} to this stage: the one before FROM counts for FROM lines only.")
        }
        false => format!(
            "Set it by ENV or ARG before this line, or write ${{{name}:-}} where nothing is meant."
        ),
    };
    let message = format!("${name} is set nowhere and comes to nothing");
    sink.report(word.span, message, help);
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, of, passes};

    #[test]
    fn nothing_set_is_told() {
        caught(
            "VAR01",
            &[
                "FROM node:20-slim\nWORKDIR /app/$NAME",
                "FROM node:20-slim\nCOPY ${SRC} /x",
                "FROM node:20-slim\nENV A=$B",
                "FROM node:20-slim\nENV A=1 B=$A",
                "FROM golang:1.22\nENV A=1 B=x$A/y",
                "FROM node:20-slim AS a\nARG X=1\nFROM node:20-slim\nUSER $X",
                "FROM node:20-slim\nLABEL a=$b",
                "FROM scratch\nEXPOSE $PORT",
                "FROM node:20-slim\nLABEL p=$TARGETPLATFORM",
            ],
        );
        let findings = of("VAR01", "ARG V=1\nFROM node:20-slim\nLABEL v=$V\n");
        assert!(findings[0].help.starts_with("Add ARG V to this stage"));
    }

    #[test]
    fn what_is_set_or_guarded_passes() {
        passes(
            "VAR01",
            &[
                "FROM node:20-slim\nARG A=1\nWORKDIR /$A",
                "FROM node:20-slim\nARG A\nWORKDIR /x$A",
                "FROM node:20-slim\nENV A=1\nENV B=$A",
                "FROM node:20-slim\nWORKDIR /${A:-x}",
                "FROM node:20-slim\nWORKDIR /${A-x}${B:+y}",
                "FROM node:20-slim\nENV PATH=/x:$PATH",
                "FROM node:20-slim\nENV A='$B'",
                "FROM node:20-slim\nENV A=\\$B",
                "FROM node:20-slim\nRUN echo $UNKNOWN",
                "FROM node:20-slim\nCMD echo $UNKNOWN",
                "FROM golang:1.22\nENV A=1 B=$AB",
                "FROM golang:1.22\nENV A=1\nENV A=2 B=$A",
                "FROM golang:1.22\nWORKDIR $GOPATH/src",
                "FROM node:20-slim AS a\nARG X=1\nFROM a\nUSER $X",
                "FROM node:20-slim\nARG TARGETPLATFORM\nLABEL p=$TARGETPLATFORM",
            ],
        );
    }
}
