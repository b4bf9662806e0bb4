//! What `make` runs by a Makefile of the context: the recipes of what is asked for, as a script for a shell.
//!
//! Read as far as plain Makefiles go: rules, recipes, variables. What is beyond that (`include`, `define`, `eval`, own
//! functions) makes the reading incomplete, and that is told.

use std::collections::{BTreeMap, BTreeSet};

/// The longest script that is made of one Makefile, in bytes.
const LONGEST: usize = 1 << 20;
/// How deep variables in variables are put in.
const DEPTH: usize = 8;
/// What every make knows.
const BUILT_IN: [(&str, &str); 8] = [
    ("CC", "cc"),
    ("CXX", "c++"),
    ("AR", "ar"),
    ("AS", "as"),
    ("LD", "ld"),
    ("RM", "rm -f"),
    ("MAKE", "make"),
    ("CURDIR", "."),
];

/// What a Makefile comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Recipes {
    /// A script: a command a line.
    pub(super) script: String,
    /// Whether it is all that would be run.
    pub(super) complete: bool,
}

struct Rule {
    targets: Vec<String>,
    needs: Vec<String>,
    recipe: Vec<String>,
}

/// The recipes of the targets in `asked`, or of the first one if there are none; `given` are the variables on the
/// command line.
pub(super) fn recipes(text: &str, asked: &[&str], given: &[(&str, &str)]) -> Recipes {
    let mut complete = true;
    let mut variables: BTreeMap<String, String> = BUILT_IN
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let mut rules: Vec<Rule> = Vec::new();
    let mut script = Script::default();
    for line in lines(text) {
        if let Some(command) = line.strip_prefix('\t') {
            if let Some(rule) = rules.last_mut() {
                rule.recipe.push(command.to_owned());
            }
            continue;
        }
        let line = line.split(" #").next().unwrap_or("").trim();
        let word = line.split_whitespace().next().unwrap_or("");
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if matches!(
            word,
            "include" | "-include" | "sinclude" | "define" | "load"
        ) || line.contains("$(eval")
            || line.contains("$(call")
        {
            complete = false;
        }
        if let Some((name, value)) = assignment(line) {
            // `make` runs these while it reads.
            script.shell_calls(value);
            if line.contains("!=") {
                script.line(value);
            }
            let value = if line.contains("+=") {
                let before = variables.get(name).map_or("", String::as_str);
                format!("{before} {value}")
            } else {
                value.to_owned()
            };
            variables.insert(name.to_owned(), value);
        } else if let Some((targets, rest)) = line.split_once(':') {
            let (needs, inline) = rest.split_once(';').unwrap_or((rest, ""));
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
            rules.push(Rule {
                targets: words(targets),
                needs: words(needs.trim_start_matches(':')),
                recipe: Some(inline.trim().to_owned())
                    .filter(|recipe| !recipe.is_empty())
                    .into_iter()
                    .collect(),
            });
        }
    }
    for (name, value) in given {
        variables.insert((*name).to_owned(), (*value).to_owned());
    }
    for rule in reached(&rules, asked) {
        for command in &rule.recipe {
            let command = command.trim_start_matches(['@', '-', '+', ' ']);
            script.line(&put_in(command, &variables, DEPTH));
        }
    }
    Recipes {
        script: script.text,
        complete: complete && !script.cut,
    }
}

#[derive(Default)]
struct Script {
    text: String,
    cut: bool,
}

impl Script {
    fn line(&mut self, line: &str) {
        if self.text.len() + line.len() > LONGEST {
            self.cut = true;
            return;
        }
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn shell_calls(&mut self, value: &str) {
        for (at, mark) in value.match_indices("$(shell ") {
            if let Some(end) = closing(&value[at + 2..], '(', ')') {
                let call = &value[at + mark.len()..at + 2 + end];
                self.line(call);
            }
        }
    }
}

/// Lines, with those joined that end with a backslash.
fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in text.lines() {
        let (line, more) = match line.strip_suffix('\\') {
            Some(line) => (line, true),
            None => (line, false),
        };
        match lines.last_mut() {
            Some(last) if goes_on => {
                last.push(' ');
                last.push_str(line.trim_start());
            }
            _ => lines.push(line.to_owned()),
        }
        goes_on = more;
    }
    lines
}

/// `NAME = value` in each of its forms.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim_end_matches([':', '?', '+', '!']).trim();
    let name = name.strip_prefix("export ").unwrap_or(name).trim();
    let name = name.strip_prefix("override ").unwrap_or(name).trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    (!name.is_empty() && name.chars().all(plain)).then(|| (name, value.trim()))
}

/// The rules that are run for what is asked for; those for patterns always.
fn reached<'r>(rules: &'r [Rule], asked: &[&str]) -> Vec<&'r Rule> {
    let first = rules
        .iter()
        .flat_map(|rule| &rule.targets)
        .find(|target| !target.starts_with('.') && !target.contains('%'));
    let mut wanted: Vec<&str> = match asked {
        [] => first.map(String::as_str).into_iter().collect(),
        asked => asked.to_vec(),
    };
    let mut seen: BTreeSet<&str> = wanted.iter().copied().collect();
    let mut taken = vec![false; rules.len()];
    while let Some(target) = wanted.pop() {
        for (rule, taken) in rules.iter().zip(&mut taken) {
            // A variable may be any name.
            let means = |name: &String| name == target || name.contains(['%', '$']);
            if rule.targets.iter().any(means) || rule.targets.iter().any(|t| is_for_any(t)) {
                *taken = true;
                let needs = rule.needs.iter().map(String::as_str);
                wanted.extend(needs.filter(|need| seen.insert(need)));
            }
        }
    }
    let pairs = rules.iter().zip(taken);
    pairs
        .filter(|(_, taken)| *taken)
        .map(|(rule, _)| rule)
        .collect()
}

/// Whether a rule of this target is for any file: that of a suffix, as `.c.o`, or the one for the rest. `.PHONY` and its
/// like say something of others.
fn is_for_any(target: &str) -> bool {
    let rest = target.strip_prefix('.').unwrap_or("");
    target == ".DEFAULT" || rest.starts_with(|c: char| c.is_ascii_lowercase())
}

/// A recipe's line as the shell gets it: known variables put in, the others left to the environment.
fn put_in(text: &str, variables: &BTreeMap<String, String>, depth: usize) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if out.len() > LONGEST {
            return out;
        }
        let Some(next) = rest.chars().next() else {
            break;
        };
        let (open, close) = match next {
            '(' => ('(', ')'),
            '{' => ('{', '}'),
            '$' => {
                out.push('$');
                rest = &rest[1..];
                continue;
            }
            _ => {
                // `$@`, `$<`: some file's name.
                out.push_str("file");
                rest = &rest[next.len_utf8()..];
                continue;
            }
        };
        let Some(end) = closing(rest, open, close) else {
            break;
        };
        let inside = &rest[1..end];
        rest = &rest[end + 1..];
        if let Some(call) = inside.strip_prefix("shell ") {
            out.push_str("$(");
            out.push_str(call);
            out.push(')');
        } else if let (Some(value), true) = (variables.get(inside), depth > 0) {
            out.push_str(&put_in(value, variables, depth - 1));
        } else {
            let plain = inside
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_');
            // A function of make's, or a name that no shell has: some text.
            out.push_str(if plain && !inside.is_empty() {
                "${"
            } else {
                "${MAKE_"
            });
            out.push_str(if plain { inside } else { "" });
            out.push('}');
        }
    }
    out.push_str(rest);
    out
}

/// Where the bracket closes that `text` begins with.
fn closing(text: &str, open: char, close: char) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return Some(at);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "\
CC ?= gcc
GET := curl -fsSL
URL = https://example.com
VERSION := $(shell git describe)
.PHONY: all clean
all: out.bin # the first
\t@echo $(VERSION)
out.bin: in.c
\t$(CC) -o $@ $< && \\
\t  strip $@
fetch: ; $(GET) $(URL)/x
clean:
\t-rm -f out.bin $$HOME/x $(EXTRA)
";

    #[test]
    fn recipes_of_what_is_asked_for_are_read() {
        let all = recipes(TEXT, &[], &[]);
        assert!(all.complete);
        assert_eq!(
            all.script,
            "git describe\necho $(git describe)\ngcc -o file file &&  strip file\n"
        );
        let fetch = recipes(TEXT, &["fetch"], &[("URL", "http://localhost")]);
        assert_eq!(
            fetch.script,
            "git describe\ncurl -fsSL http://localhost/x\n"
        );
        let clean = recipes(TEXT, &["clean"], &[]);
        assert_eq!(
            clean.script,
            "git describe\nrm -f out.bin $HOME/x ${EXTRA}\n"
        );
    }

    #[test]
    fn what_is_beyond_it_is_told() {
        for text in ["include other.mk\n", "a:\n\ttrue\ndefine x\nendef\n"] {
            assert!(!recipes(text, &[], &[]).complete, "{text}");
        }
    }

    #[test]
    fn what_goes_round_in_circles_ends() {
        let text = "A = $(B)\nB = $(A)$(A)\na: b\n\t$(A)\nb: a\n\ttrue\n";
        assert!(recipes(text, &[], &[]).script.contains("true"));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "[a-c$(){}:=\\\\\t\n #%]{0,60}") {
            let _ = recipes(&text, &["a"], &[]);
        }
    }
}
