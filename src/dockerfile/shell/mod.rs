//! A reader of shell scripts: which commands a text would run, as far as reading can tell.
//!
//! It is not a shell. It takes every branch, knows the variables that are set in plain sight, follows pipes, subshells,
//! substitutions, here-documents and the programs that run other programs (`env`, `sudo`, `sh -c`, `xargs`, …), and says
//! of every word whether it is sure of it. What it can't see, its caller has to treat as unseen: a [`Word`] that is not
//! [`known`](Word::known), a [`Reading`] that is not [`complete`](Reading::complete).
//!
//! Nothing here says what a command may do.

mod assign;
mod clauses;
mod found;
mod printed;
mod read;
mod redirect;
mod unwrap;
mod word;
mod wrappers;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::origin::Origin;

/// A variable's value, if the caller knows it.
pub type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// How much reading is worth. One of these serves a whole file, so that no file takes longer than its share.
#[derive(Debug, Clone)]
pub struct Effort {
    left: usize,
}

impl Default for Effort {
    /// Seconds of work, hundreds of thousands of words.
    fn default() -> Self {
        Self { left: 64 << 20 }
    }
}

impl Effort {
    /// Takes `amount`; false if there is not that much left.
    const fn spend(&mut self, amount: usize) -> bool {
        match self.left.checked_sub(amount) {
            Some(left) => {
                self.left = left;
                true
            }
            None => {
                self.left = 0;
                false
            }
        }
    }
}

/// A word of a command, as the command would see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Without quotes, known variables put in. What is not known stands as it is written.
    pub text: String,
    /// Where its bytes came from.
    pub origin: Origin,
    /// The bytes of the file that it was written with.
    pub span: Range<usize>,
    /// Whether the text is all that the word can come to: no variable without a known value, no substitution.
    pub known: bool,
    /// Whether any of it stood in quotes or behind a backslash.
    pub quoted: bool,
    /// Whether it holds a pattern that the shell would match against files.
    pub pattern: bool,
}

impl Word {
    /// A word that stands in the file as it is.
    pub fn new(text: impl Into<String>, origin: Origin) -> Self {
        let text = text.into();
        Self {
            span: origin.source(&(0..text.len())),
            text,
            origin,
            known: true,
            quoted: false,
            pattern: false,
        }
    }
}

/// `>file`, `2>&1`, `<<EOF`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// The file descriptor in front, if one is written.
    pub fd: Option<u32>,
    /// As in `>>` or `<<-`.
    pub operator: String,
    /// The file, the descriptor, or the text that is given to the command.
    pub target: Word,
}

/// Where a command's standard input comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// From where the script's comes.
    Inherited,
    /// From a text that stands in the script: a here-document, or what `echo` before the pipe says.
    Text(Word),
    /// From a file.
    File(Word),
    /// From another command.
    Pipe,
}

/// One command with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program and its arguments. Empty if there are only assignments or redirections.
    pub words: Vec<Word>,
    /// `name=value` in front.
    pub assignments: Vec<(String, Word)>,
    /// Its redirections.
    pub redirects: Vec<Redirect>,
    /// Its standard input.
    pub input: Input,
    /// The programs that run it, outermost first: `sudo`, `env`, `sh`.
    pub through: Vec<String>,
    /// The file that it stands in, where that is not the one that was read.
    pub file: Option<String>,
    variables: Arc<Variables>,
}

impl Command {
    /// The program's name without its folder, empty if there is none.
    pub fn name(&self) -> &str {
        self.words.first().map_or("", |w| file_name(&w.text))
    }

    /// What it prints, wherever that goes, where that stands in plain sight: `echo`, `printf`, a here-document.
    pub fn prints(&self) -> Option<String> {
        if matches!(self.name(), "cat" | "tee") {
            return match &self.input {
                Input::Text(text) if text.known => Some(text.text.clone()),
                _ => None,
            };
        }
        printed::printed(self)
    }

    /// The words behind the program.
    pub fn arguments(&self) -> &[Word] {
        self.words.get(1..).unwrap_or(&[])
    }

    /// The value of a variable that the script itself has set by here; `Some(None)` if it set it to something that can't
    /// be known.
    pub fn variable(&self, name: &str) -> Option<Option<&str>> {
        if let Some((_, value)) = self.assignments.iter().rev().find(|(n, _)| n == name) {
            return Some(value.known.then_some(value.text.as_str()));
        }
        self.variables.get(name).map(Option::as_deref)
    }

    /// Says that the command stands in another file, which is called at `span` of the file that was read.
    pub fn stand_in(&mut self, file: &str, span: Range<usize>) {
        self.file = Some(file.to_owned());
        let words = self.words.iter_mut();
        let assigned = self.assignments.iter_mut().map(|(_, word)| word);
        let redirected = self.redirects.iter_mut().map(|r| &mut r.target);
        for word in words.chain(assigned).chain(redirected) {
            word.span = span.clone();
            word.origin = Origin::starting_at(span.start);
        }
    }

    /// The bytes of the file from its first word to its last.
    pub fn span(&self) -> Range<usize> {
        let words = self.words.iter().map(|w| w.span.clone());
        let others = self.assignments.iter().map(|(_, w)| w.span.clone());
        let redirects = self.redirects.iter().map(|r| r.target.span.clone());
        let all: Vec<_> = if self.words.is_empty() {
            others.chain(redirects).collect()
        } else {
            words.collect()
        };
        let start = all.iter().map(|r| r.start).min().unwrap_or(0);
        let end = all.iter().map(|r| r.end).max().unwrap_or(start);
        start..end
    }
}

/// Variables that a script has set; `None` where it can't be known to what.
type Variables = HashMap<String, Option<String>>;

/// What a text would run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// Every command, those inside others behind them.
    pub commands: Vec<Command>,
    /// Where files are run that were made in a way that can't be read.
    pub unread: Vec<Range<usize>>,
    /// False if the text was nested too deep or the effort was spent: there may be commands that are not listed.
    pub complete: bool,
}

/// The commands of a script.
pub fn script(text: &str, origin: &Origin, lookup: &Lookup<'_>, effort: &mut Effort) -> Reading {
    let mut found = found::Found::new(lookup, effort);
    read::script(text, origin, &mut found, 0);
    unwrap::all(found)
}

/// The commands that a program run with these arguments comes to.
pub fn exec(words: Vec<Word>, input: Input, lookup: &Lookup<'_>, effort: &mut Effort) -> Reading {
    let mut found = found::Found::new(lookup, effort);
    found.push(
        Command {
            words,
            assignments: Vec::new(),
            redirects: Vec::new(),
            input,
            through: Vec::new(),
            file: None,
            variables: Arc::default(),
        },
        None,
    );
    unwrap::all(found)
}

/// The commands of a script by itself, where no variable is known.
pub fn commands(text: &str) -> Vec<Command> {
    let origin = Origin::starting_at(0);
    script(text, &origin, &|_| None, &mut Effort::default()).commands
}

/// The last part of a path.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
