//! ENV01: the old form of ENV and LABEL.

use crate::dockerfile::ast::{Kind, Pair};
use crate::lint::rule::{Rule, Sink, Step};
use crate::model::Severity;

pub(super) static ENV01: Env01 = Env01;

pub(super) struct Env01;

impl Rule for Env01 {
    fn id(&self) -> &'static str {
        "ENV01"
    }

    fn severity(&self) -> Severity {
        Severity::Advice
    }

    fn doc(&self) -> &'static str {
        "`ENV name value` is the old form: everything to the end of the line is the value, so that a second variable on the line is \
         lost. Write `ENV name=value`."
    }

    fn step(&self, step: &Step<'_>, sink: &mut Sink<'_>) {
        let (Kind::Env { pairs, legacy } | Kind::Label { pairs, legacy }) = &step.instruction.kind
        else {
            return;
        };
        let (true, Some(pair)) = (*legacy, pairs.first()) else {
            return;
        };
        let keyword = step.instruction.kind.keyword();
        let span = pair.key.span.to(pair.value.span);
        let patch = new_form(pair).map(|text| sink.replace("write it with =", span, text));
        let message = format!("{keyword} without = is the old form");
        let help = format!("Write {keyword} {}=…", pair.key.text);
        sink.offer(span, message, help, patch);
    }
}

/// `name="value"`, where the value can be quoted without a change of what it means.
fn new_form(pair: &Pair) -> Option<String> {
    let value = pair.value.text.as_str();
    let key = pair.key.text.as_str();
    if value.contains(['"', '\'', '\\', '`', '\n']) || key.contains(['"', '\'']) {
        return None;
    }
    let plain = value
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "._-/:@%+,=${}".contains(c));
    Some(match plain && !value.is_empty() {
        true => format!("{key}={value}"),
        false => format!("{key}=\"{value}\""),
    })
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, mended, passes};

    #[test]
    fn the_old_form_is_told() {
        caught(
            "ENV01",
            &[
                "FROM node:20-slim\nENV a b",
                "FROM node:20-slim\nENV a b=c",
                "FROM node:20-slim\nenv a b c",
                "FROM node:20-slim\nLABEL a b",
                "FROM node:20-slim\nONBUILD ENV a b",
            ],
        );
    }

    #[test]
    fn the_new_form_passes() {
        passes(
            "ENV01",
            &[
                "FROM node:20-slim\nENV a=b",
                "FROM node:20-slim\nENV a=\"b c\" d=e",
                "FROM node:20-slim\nLABEL a=b",
                "FROM node:20-slim\nENV a=",
            ],
        );
    }

    #[test]
    fn it_is_rewritten() {
        let text = "FROM node:20-slim\nENV A b c\nENV P $P:/x\n";
        assert_eq!(
            mended("ENV01", text),
            "FROM node:20-slim\nENV A=\"b c\"\nENV P=$P:/x\n"
        );
    }
}
