//! Scripts that a `RUN` calls: found by their name, read as if they stood in the `RUN`. Those of the context, those that
//! the build itself writes, and what `make` and `npm run` find in theirs.
//!
//! Where a script ends up in the image is decided by `COPY`, `WORKDIR` and what else runs; here its name is enough. A
//! script that is not found this way is left to the sandbox.

mod made;
mod make;
mod npm;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::dockerfile::origin::Origin;
use crate::dockerfile::shell::{self, Command, Effort, Input, Lookup, Reading, Word};
use crate::model::context::{ContextSource, EntryKind};
use made::{File, Made};

/// The longest script that is read.
const LONGEST: u64 = 1 << 20;
/// Bytes of scripts that are read for one file, all in all.
const MOST: usize = 16 << 20;
/// How many files of the same name are tried.
const NAMESAKES: usize = 4;
/// How deep scripts that call scripts are followed.
const DEPTH: usize = 6;

/// The scripts of a context, and those that the build makes.
pub(super) struct Scripts<'c> {
    context: Option<&'c dyn ContextSource>,
    by_name: HashMap<&'c str, Vec<usize>>,
    read: RefCell<Read>,
    made: RefCell<Made>,
}

#[derive(Default)]
struct Read {
    texts: HashMap<usize, Option<Rc<str>>>,
    bytes: usize,
}

/// What a command runs beside itself.
struct Reached<'w> {
    /// What it is called, for people.
    path: String,
    /// None if it can't be read.
    text: Option<Rc<str>>,
    call: Call<'w>,
    /// Whether the text is all of it.
    complete: bool,
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
            made: RefCell::default(),
        }
    }

    /// Notes a file that `COPY` makes of a here-document.
    pub(super) fn copied(&self, path: &str, text: &str) {
        self.made.borrow_mut().note(path, Some(text), false);
    }

    /// Adds the commands of every script that `reading` calls.
    pub(super) fn follow(&self, reading: &mut Reading, lookup: &Lookup<'_>, effort: &mut Effort) {
        let mut level = 0..reading.commands.len();
        let mut seen: Vec<File> = Vec::new();
        for _ in 0..DEPTH {
            let mut found = Vec::new();
            for command in &reading.commands[level.clone()] {
                self.made.borrow_mut().written_by(command);
                for reached in self.reached(command) {
                    let key = (reached.path.clone(), reached.text.clone());
                    if seen.contains(&key) {
                        continue;
                    }
                    seen.push(key);
                    let span = &reached.call.path.span;
                    if reached.text.is_none() || !reached.complete {
                        reading.unread.push(span.clone());
                    }
                    let Some(text) = reached.text else { continue };
                    let inner = reached.call.read(&text, lookup, effort);
                    reading.complete &= inner.complete;
                    for mut inner in inner.commands {
                        inner.stand_in(&reached.path, span.clone());
                        found.push(inner);
                    }
                }
            }
            if found.is_empty() {
                return;
            }
            level = reading.commands.len()..reading.commands.len() + found.len();
            reading.commands.extend(found);
        }
    }

    /// What a command runs that stands elsewhere.
    fn reached<'w>(&self, command: &'w Command) -> Vec<Reached<'w>> {
        let Some(first) = command.words.first() else {
            return Vec::new();
        };
        let by = |call: Call<'w>, files: Vec<File>| {
            let files = files.into_iter().map(move |(path, text)| Reached {
                path,
                text,
                call,
                complete: true,
            });
            files.collect::<Vec<_>>()
        };
        if let Some(call) = call(command) {
            let mut all = by(call, self.made.borrow().named(&call.path.text));
            all.extend(by(call, self.named(&call.path.text)));
            return all;
        }
        let call = Call {
            path: first,
            interpreter: None,
        };
        match command.name() {
            "make" | "gmake" => self.recipes(command, call),
            "npm" | "yarn" | "pnpm" => self.lifecycle(command, call),
            name if first.known => by(call, self.made.borrow().program(name)),
            _ => Vec::new(),
        }
    }

    /// What `make` runs.
    fn recipes<'w>(&self, command: &'w Command, call: Call<'w>) -> Vec<Reached<'w>> {
        let mut files = Vec::new();
        let mut asked = Vec::new();
        let mut given = Vec::new();
        let mut words = command.arguments().iter().map(|word| word.text.as_str());
        while let Some(word) = words.next() {
            match word {
                "-f" | "--file" | "--makefile" => files.extend(words.next()),
                "-C" | "--directory" | "-I" | "-o" | "-W" => {
                    words.next();
                }
                _ if word.starts_with("--file=") => files.extend(word.strip_prefix("--file=")),
                _ if word.starts_with('-') || word.bytes().all(|b| b.is_ascii_digit()) => {}
                _ => match word.split_once('=') {
                    Some(pair) => given.push(pair),
                    None => asked.push(word),
                },
            }
        }
        let mut texts: Vec<File> = Vec::new();
        if files == ["-"] {
            if let Input::Text(text) = &command.input {
                texts.push(("Makefile".into(), Some(text.text.as_str().into())));
            }
        } else if files.is_empty() {
            let names = ["GNUmakefile", "makefile", "Makefile"];
            texts.extend(names.iter().flat_map(|name| self.named(name)));
        } else {
            texts.extend(files.iter().flat_map(|name| self.named(name)));
        }
        let texts = texts.into_iter().map(|(path, text)| {
            let read = text.map(|text| make::recipes(&text, &asked, &given));
            Reached {
                path,
                complete: read.as_ref().is_some_and(|read| read.complete),
                text: read.map(|read| read.script.into()),
                call,
            }
        });
        texts.collect()
    }

    /// What npm and its kin run of a package's scripts.
    fn lifecycle<'w>(&self, command: &'w Command, call: Call<'w>) -> Vec<Reached<'w>> {
        let arguments: Vec<&str> = command
            .arguments()
            .iter()
            .map(|w| w.text.as_str())
            .collect();
        let asked = npm::asked(command.name(), &arguments);
        if asked.is_empty() {
            return Vec::new();
        }
        let packages = self.named("package.json").into_iter();
        let read = packages.map(|(path, text)| {
            let text = text.and_then(|text| npm::scripts(&text, &asked));
            Reached {
                path,
                text: text.map(Rc::from),
                call,
                complete: true,
            }
        });
        read.collect()
    }

    /// The files of the context that a path may mean: the one at that path, or those of that name.
    fn named(&self, path: &str) -> Vec<File> {
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
            .filter_map(|index| {
                let text = self.text(context, *index)?;
                Some((at(index).to_owned(), Some(text)))
            })
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
#[derive(Clone, Copy)]
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
