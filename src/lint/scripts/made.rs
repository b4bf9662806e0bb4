//! Files that the build itself makes: by COPY of a here-document, or by a command that writes what it prints. What runs
//! one of them later runs what was written.

use std::collections::HashMap;
use std::rc::Rc;

use crate::dockerfile::shell::{Command, Input};

/// Bytes that are remembered of what one file writes, all in all.
const MOST: usize = 4 << 20;

/// A file: its whole path, and its text where it could be read.
pub(super) type File = (String, Option<Rc<str>>);

/// What was written, by the last part of its path.
#[derive(Debug, Default)]
pub(super) struct Made {
    files: HashMap<String, Vec<File>>,
    bytes: usize,
}

impl Made {
    /// Notes a file.
    pub(super) fn note(&mut self, path: &str, text: Option<&str>, appended: bool) {
        let name = super::last(path);
        if name.is_empty() || path.starts_with("/dev/") || path.starts_with("/proc/") {
            return;
        }
        let size = path.len() + text.map_or(0, str::len);
        self.bytes = self.bytes.saturating_add(size);
        // What is not remembered is not known either.
        let text = text.filter(|_| self.bytes <= MOST);
        let files = self.files.entry(name.to_owned()).or_default();
        let before = files.iter().position(|(there, _)| there == path);
        let text = match (before.map(|at| files.remove(at).1), appended) {
            (Some(Some(before)), true) => text.map(|text| format!("{before}\n{text}").into()),
            (Some(None), true) => None,
            _ => text.map(Rc::from),
        };
        files.push((path.to_owned(), text));
    }

    /// Notes what a command writes.
    pub(super) fn written_by(&mut self, command: &Command) {
        for redirect in &command.redirects {
            let operator = redirect.operator.as_str();
            let output = matches!(operator, ">" | ">>" | ">|" | "&>" | "&>>");
            if output && redirect.fd.is_none_or(|fd| fd == 1) && redirect.target.known {
                let text = command.prints();
                let appended = operator.ends_with(">>");
                self.note(&redirect.target.text, text.as_deref(), appended);
            }
        }
        if command.name() == "tee" && !matches!(command.input, Input::Inherited) {
            let (options, files): (Vec<_>, Vec<_>) = command
                .arguments()
                .iter()
                .partition(|word| word.text.starts_with('-'));
            let appended = options
                .iter()
                .any(|w| matches!(w.text.as_str(), "-a" | "--append"));
            for file in files.into_iter().filter(|word| word.known) {
                self.note(&file.text, command.prints().as_deref(), appended);
            }
        }
    }

    /// The files that a path may mean: the one at that path, or those of that name.
    pub(super) fn named(&self, path: &str) -> Vec<File> {
        let all = self
            .files
            .get(super::last(path))
            .map_or(&[][..], Vec::as_slice);
        let exact: Vec<_> = all
            .iter()
            .filter(|(there, _)| there == path)
            .cloned()
            .collect();
        if exact.is_empty() {
            all.to_vec()
        } else {
            exact
        }
    }

    /// The files that a program without a path may be: one of that name in a folder of programs.
    pub(super) fn program(&self, name: &str) -> Vec<File> {
        let mut all = self.named(name);
        all.retain(|(path, _)| {
            path.rsplit_once('/')
                .is_some_and(|(folder, _)| folder.ends_with("bin"))
        });
        all
    }
}
