//! A command as a tool would read it: options, subcommand, operands.

use crate::dockerfile::shell::{Command, Word};

/// Whether a word is in a list of words.
pub(super) fn among(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|w| w == word)
}

/// Whether the value of `option` is the next word; `valued` lists the options that have one.
fn takes_next(option: &str, valued: &str) -> bool {
    if among(valued, option) {
        return true;
    }
    if option.starts_with("--") {
        return false;
    }
    // Several letters behind one dash: the first with a value takes what follows it.
    let mut letters = option.chars().skip(1).peekable();
    while let Some(letter) = letters.next() {
        if among(valued, &format!("-{letter}")) {
            return letters.peek().is_none();
        }
    }
    false
}

/// The words that are neither options nor their values; `valued` lists the options whose value is the next word.
pub(super) fn operands<'w>(words: &'w [Word], valued: &str) -> Vec<&'w Word> {
    let mut found = Vec::new();
    let mut only_operands = false;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let text = word.text.as_str();
        if only_operands || text == "-" || !text.starts_with('-') {
            found.push(word);
        } else if text == "--" {
            only_operands = true;
        } else if takes_next(text, valued) {
            words.next();
        }
    }
    found
}

/// Whether one of `flags` is given: alone, with `=value`, or, for one letter, among others behind one dash.
pub(super) fn has(command: &Command, flags: &str) -> bool {
    value(command, flags).is_some()
}

/// What is given with one of `flags`: the text behind `=`, or nothing.
pub(super) fn value<'c>(command: &'c Command, flags: &str) -> Option<&'c str> {
    command
        .arguments()
        .iter()
        .take_while(|w| w.text != "--")
        .find_map(|word| {
            let text = word.text.as_str();
            flags.split_ascii_whitespace().find_map(|flag| {
                if text == flag {
                    return Some("");
                }
                if let Some(value) = text.strip_prefix(flag).and_then(|t| t.strip_prefix('=')) {
                    return Some(value);
                }
                let letter = flag.strip_prefix('-').filter(|l| l.len() == 1)?;
                let cluster = text.strip_prefix('-')?;
                let letters = cluster.bytes().all(|b| b.is_ascii_alphabetic());
                (letters && cluster.contains(letter)).then_some("")
            })
        })
}

/// The values given with one of `flags`, behind `=`, as the next word, or, for one letter, right behind it.
pub(super) fn values<'c>(command: &'c Command, flags: &str) -> Vec<&'c Word> {
    let mut found = Vec::new();
    let words = command.arguments();
    for (index, word) in words.iter().enumerate() {
        for flag in flags.split_ascii_whitespace() {
            if word.text == flag {
                found.extend(words.get(index + 1));
            } else if word
                .text
                .strip_prefix(flag)
                .is_some_and(|t| t.starts_with('=') || (flag.len() == 2 && !flag.starts_with("--")))
            {
                found.push(word);
            }
        }
    }
    found
}

/// Whether a setting says yes.
pub(super) fn yes(value: &str) -> bool {
    matches!(
        value.to_ascii_lowercase().as_str(),
        "1" | "true" | "yes" | "on" | "y"
    )
}

/// Whether a setting says no.
pub(super) fn no(value: &str) -> bool {
    matches!(
        value.to_ascii_lowercase().as_str(),
        "0" | "false" | "no" | "off" | "n"
    )
}
