//! Scripts of the context that a `RUN` calls: found by their name, read as if they stood in the `RUN`.
//!
//! Where a script ends up in the image is decided by `COPY`, `WORKDIR` and what else runs; here its name is enough. A
//! script that is not found this way is left to the sandbox.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::dockerfile::origin::Origin;
use crate::dockerfile::shell::{self, Command, Effort, Input, Lookup, Reading, Word};
use crate::model::context::{ContextSource, EntryKind};

/// The longest script that is read.
const LONGEST: u64 = 1 << 20;
/// Bytes of scripts that are read for one file, all in all.
const MOST: usize = 16 << 20;
/// How many files of the same name are tried.
const NAMESAKES: usize = 4;
/// How deep scripts that call scripts are followed.
const DEPTH: usize = 6;

/// The scripts of a context.
pub(super) struct Scripts<'c> {
    context: Option<&'c dyn ContextSource>,
    by_name: HashMap<&'c str, Vec<usize>>,
    read: RefCell<Read>,
}

#[derive(Default)]
struct Read {
    texts: HashMap<usize, Option<Rc<str>>>,
    bytes: usize,
}

impl<'c> Scripts<'c> {
    pub(super) fn of(context: Option<&'c dyn ContextSource>) -> Self {
        let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, entry) in context.map_or(&[][..], |c| c.entries()).iter().enumerate() {
            if matches!(entry.kind, EntryKind::File { size } if size <= LONGEST) {
                by_name.entry(last(&entry.path)).or_default().push(index);
            }
        }
        Self {
            context,
            by_name,
            read: RefCell::default(),
        }
    }

    /// Adds the commands of every script that `reading` calls.
    pub(super) fn follow(&self, reading: &mut Reading, lookup: &Lookup<'_>, effort: &mut Effort) {
        if self.by_name.is_empty() {
            return;
        }
        let mut level = 0..reading.commands.len();
        let mut seen: Vec<usize> = Vec::new();
        for _ in 0..DEPTH {
            let mut found = Vec::new();
            for command in &reading.commands[level.clone()] {
                let Some(call) = call(command) else { continue };
                for (index, path, text) in self.named(&call.path.text) {
                    if seen.contains(&index) {
                        continue;
                    }
                    seen.push(index);
                    let inner = call.read(&text, lookup, effort);
                    reading.complete &= inner.complete;
                    for mut inner in inner.commands {
                        inner.stand_in(path, call.path.span.clone());
                        found.push(inner);
                    }
                }
            }
            level = reading.commands.len()..reading.commands.len() + found.len();
            reading.commands.extend(found);
        }
    }

    /// The scripts that a path may mean: the one at that path, or those of that name.
    fn named(&self, path: &str) -> Vec<(usize, &'c str, Rc<str>)> {
        let Some(context) = self.context else {
            return Vec::new();
        };
        let all = self.by_name.get(last(path)).map_or(&[][..], Vec::as_slice);
        let wanted = path.trim_start_matches("./").trim_start_matches('/');
        let at = |index: &usize| {
            context
                .entries()
                .get(*index)
                .map_or("", |e| e.path.as_str())
        };
        let exact: Vec<usize> = all.iter().copied().filter(|i| at(i) == wanted).collect();
        let chosen = if exact.is_empty() { all } else { &exact };
        chosen
            .iter()
            .take(NAMESAKES)
            .filter_map(|index| Some((*index, at(index), self.text(context, *index)?)))
            .collect()
    }

    fn text(&self, context: &dyn ContextSource, index: usize) -> Option<Rc<str>> {
        let mut read = self.read.borrow_mut();
        if let Some(text) = read.texts.get(&index) {
            return text.clone();
        }
        let path = &context.entries().get(index)?.path;
        let text = if read.bytes < MOST {
            let bytes = context.read(path, LONGEST).ok();
            bytes.and_then(|b| String::from_utf8(b).ok()).map(Rc::from)
        } else {
            None
        };
        read.bytes += text.as_ref().map_or(0, |t: &Rc<str>| t.len());
        read.texts.insert(index, text.clone());
        text
    }
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A script that a command calls.
struct Call<'w> {
    path: &'w Word,
    /// What reads it; `None` if its first line says that.
    interpreter: Option<&'w Word>,
}

/// The script that a command calls, if it calls one.
fn call(command: &Command) -> Option<Call<'_>> {
    let first = command.words.first()?;
    let name = command.name();
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let arguments = command.arguments();
    let operand = || arguments.iter().find(|w| !w.text.starts_with(['-', '+']));
    // The options behind which a program stands instead of a script's name.
    let program = match plain {
        "sh" | "bash" | "dash" | "ash" | "ksh" | "zsh" => "c",
        "python" => "cm",
        "node" | "perl" | "ruby" | "lua" => "eEp",
        "php" => "r",
        _ => "",
    };
    match plain {
        _ if !program.is_empty() => {
            let options = arguments
                .iter()
                .take_while(|w| w.text.starts_with(['-', '+']));
            let given =
                |w: &Word| !w.text.starts_with("--") && w.text.ends_with(|c| program.contains(c));
            if options.into_iter().any(given) {
                return None;
            }
            Some(Call {
                path: operand()?,
                interpreter: Some(first),
            })
        }
        "" | "source" if name == "." || name == "source" => Some(Call {
            path: operand()?,
            interpreter: None,
        }),
        _ if first.text.contains('/') && first.known => Some(Call {
            path: first,
            interpreter: None,
        }),
        _ => None,
    }
}

impl Call<'_> {
    fn read(&self, text: &str, lookup: &Lookup<'_>, effort: &mut Effort) -> Reading {
        let at = self.path.span.start;
        let word = |text: &str| Word::new(text, Origin::starting_at(at));
        let words = match (self.interpreter, text.strip_prefix("#!")) {
            (Some(interpreter), _) => vec![word(&interpreter.text)],
            (None, Some(rest)) => {
                let line = rest.lines().next().unwrap_or("").trim();
                line.splitn(2, [' ', '\t'])
                    .map(|w| word(w.trim()))
                    .collect()
            }
            (None, None) => vec![word("sh")],
        };
        shell::exec(words, Input::Text(word(text)), lookup, effort)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};

    use super::*;
    use crate::lint::tests::with_context;
    use crate::model::context::ContextEntry;

    struct Files(Vec<ContextEntry>, Vec<&'static str>);

    impl Files {
        fn of(files: &[(&str, &'static str)]) -> Self {
            let mut files = files.to_vec();
            files.sort_by_key(|f| f.0.to_owned());
            let entry = |(path, text): &(&str, &str)| ContextEntry {
                path: (*path).to_owned(),
                kind: EntryKind::File {
                    size: text.len() as u64,
                },
                mode: 0o755,
            };
            Self(
                files.iter().map(entry).collect(),
                files.iter().map(|f| f.1).collect(),
            )
        }
    }

    impl ContextSource for Files {
        fn entries(&self) -> &[ContextEntry] {
            &self.0
        }

        fn open(&self, index: usize) -> io::Result<Box<dyn Read + Send + '_>> {
            Ok(Box::new(self.1[index].as_bytes()))
        }
    }

    #[test]
    fn a_script_that_fetches_is_found_by_its_name() {
        let files = Files::of(&[
            (
                "scripts/build.sh",
                "#!/bin/sh\nset -e\ncurl https://example.com/x\n",
            ),
            ("deps.sh", "npm ci\n"),
            ("get.py", "import urllib.request\n"),
            ("outer.sh", ". ./deps.sh\n"),
            ("loop.sh", "sh loop.sh\n"),
            ("fine.sh", "echo curl\n"),
        ]);
        let rules = |run: &str| -> Vec<String> {
            let text = format!("FROM node:20-slim\nCOPY . /tmp/\nRUN {run}\n");
            let findings = with_context(&text, &files);
            let net = findings.iter().filter(|f| f.rule.starts_with("NET"));
            net.map(|f| format!("{} {}", f.rule, f.message)).collect()
        };
        let curl = "NET02 scripts/build.sh: curl fetches from the network";
        assert_eq!(rules("/tmp/scripts/build.sh"), [curl]);
        assert_eq!(rules("cd /tmp && sh -e ./scripts/build.sh now"), [curl]);
        assert_eq!(rules("[\"/tmp/build.sh\"]"), [curl]);
        assert_eq!(
            rules(". /tmp/deps.sh"),
            ["NET03 deps.sh: npm ci fetches packages from the network"]
        );
        assert_eq!(
            rules("bash /tmp/outer.sh"),
            ["NET03 deps.sh: npm ci fetches packages from the network"]
        );
        assert_eq!(rules("python3 /tmp/get.py").len(), 1);
        for fine in [
            "sh loop.sh",
            "sh fine.sh",
            "sh missing.sh",
            "cat build.sh",
            "sh -c 'true' build.sh",
        ] {
            assert_eq!(rules(fine), Vec::<String>::new(), "{fine}");
        }
    }

    #[test]
    fn the_place_is_where_the_script_is_called() {
        let files = Files::of(&[("build.sh", "true\ncurl x\n")]);
        let text = "FROM node:20-slim\nRUN true && \\\n  sh build.sh\n";
        let findings = with_context(text, &files);
        let curl = findings.iter().find(|f| f.rule == "NET02").expect("found");
        assert_eq!(&text[curl.span.start..curl.span.end], "build.sh");
    }
}
