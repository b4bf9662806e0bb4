//! What a rule is, and where it says what it has found.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::dockerfile::ast::{Dockerfile, Flag, Instruction};
use crate::dockerfile::place::Places;
use crate::dockerfile::{scope, shell};
use crate::model::effective::Script;
use crate::model::finding::{Edit, Patch, Span};
use crate::model::{Finding, Severity};

use super::address;
use super::file::File;

/// The most findings that one file is told about.
const MOST: usize = 10_000;

/// One rule.
pub trait Rule: Sync {
    /// As in `NET01`.
    fn id(&self) -> &'static str;
    /// How much its findings weigh, unless one says otherwise.
    fn severity(&self) -> Severity;
    /// What it looks for and why, for the help.
    fn doc(&self) -> &'static str;
    /// Looks at the file as a whole.
    #[doc(hidden)]
    fn check(&self, _file: &File<'_>, _sink: &mut Sink<'_>) {}
    /// Looks at one instruction of a stage.
    #[doc(hidden)]
    fn step(&self, _step: &Step<'_>, _sink: &mut Sink<'_>) {}
}

/// An instruction, as the walk comes to it.
pub struct Step<'s> {
    pub(super) file: &'s File<'s>,
    pub(super) stage: usize,
    /// The instruction; inside an `ONBUILD`, the one that it holds.
    pub(super) instruction: &'s Instruction,
    /// The variables before it.
    pub(super) scope: &'s scope::Stage,
    /// What a `RUN` would run.
    pub(super) reading: Option<&'s shell::Reading>,
}

impl Step<'_> {
    /// The commands of a `RUN`.
    pub(super) fn commands(&self) -> &[shell::Command] {
        self.reading.map_or(&[], |r| r.commands.as_slice())
    }

    /// What is said of a command, with the file that it stands in where that is a script of the context.
    pub(super) fn say(command: &shell::Command, message: String) -> String {
        match &command.file {
            Some(file) => format!("{file}: {message}"),
            None => message,
        }
    }

    /// The words of a command, where addresses may stand.
    pub(super) fn texts(command: &shell::Command) -> impl Iterator<Item = &str> {
        command.words.iter().map(|word| word.text.as_str())
    }

    /// A variable as a command of this step sees it: `None` if it is not set or can't be known.
    pub(super) fn variable(&self, command: &shell::Command, name: &str) -> Option<String> {
        match command.variable(name) {
            Some(value) => value.map(str::to_owned),
            None => self.scope.lookup(name).map(str::to_owned),
        }
    }
}

/// A flag's name and its value.
pub(super) fn whole(flag: &Flag) -> Span {
    let value = flag.value.as_ref();
    flag.name
        .span
        .to(value.map_or(flag.name.span, |value| value.span))
}

/// Takes what the rules find.
pub struct Sink<'s> {
    name: &'s str,
    dockerfile: &'s Dockerfile,
    places: &'s Places,
    /// Which hosts are granted.
    network: Option<&'s dyn Fn(&str) -> bool>,
    rule: Option<&'static dyn Rule>,
    pub(super) findings: Vec<Finding>,
    /// The scripts that RUN calls.
    pub(super) scripts: BTreeSet<Script>,
}

impl<'s> Sink<'s> {
    pub(super) const fn new(
        name: &'s str,
        dockerfile: &'s Dockerfile,
        places: &'s Places,
        network: Option<&'s dyn Fn(&str) -> bool>,
    ) -> Self {
        Self {
            name,
            dockerfile,
            places,
            network,
            rule: None,
            findings: Vec::new(),
            scripts: BTreeSet::new(),
        }
    }

    /// Which hosts are granted.
    pub(super) const fn granted(&self) -> Option<&'s dyn Fn(&str) -> bool> {
        self.network
    }

    /// The file's text.
    pub(super) const fn text(&self) -> &'s str {
        self.dockerfile.text.as_str()
    }

    /// Notes a script that a RUN calls.
    pub(super) fn reached(&mut self, line: u32, path: &str) {
        if self.scripts.len() < MOST {
            let path = path.to_owned();
            self.scripts.insert(Script { line, path });
        }
    }

    pub(super) fn speak_for(&mut self, rule: &'static dyn Rule) {
        self.rule = Some(rule);
    }

    /// The place of a range of the file's bytes.
    pub(super) fn span(&self, range: Range<usize>) -> Span {
        self.places.span(&self.dockerfile.text, range)
    }

    /// A finding of the rule's own severity.
    pub(super) fn report(
        &mut self,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.offer(span, message, help, None);
    }

    /// A finding of the rule's own severity, with the change that would resolve it.
    pub(super) fn offer(
        &mut self,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
        patch: Option<Patch>,
    ) {
        let severity = self.rule.map_or(Severity::Block, Rule::severity);
        self.report_as(severity, span, message, help, patch);
    }

    /// A finding about another file of the context, or about the context as a whole: it stands at no line.
    pub(super) fn beside(
        &mut self,
        severity: Severity,
        file: &str,
        message: impl Into<String>,
        help: impl Into<String>,
        patch: Option<Patch>,
    ) {
        let before = self.findings.len();
        self.report_as(severity, Span::default(), message, help, patch);
        if let Some(finding) = self.findings.get_mut(before) {
            finding.file = file.to_owned();
        }
    }

    /// The change of one place of the file.
    pub(super) fn replace(&self, title: &str, span: Span, text: impl Into<String>) -> Patch {
        Patch {
            title: title.to_owned(),
            edits: vec![self.edit(span, text)],
        }
    }

    /// One place of the file, and what is to stand there.
    pub(super) fn edit(&self, span: Span, text: impl Into<String>) -> Edit {
        Edit {
            file: self.name.to_owned(),
            start: span.start,
            end: span.end,
            text: text.into(),
        }
    }

    /// Takes a flag out of an instruction, with the blanks behind it.
    pub(super) fn without_flag(&self, flag: &Flag, instruction: Span) -> Edit {
        let span = whole(flag);
        let text = self.text();
        let dashes = text.get(..span.start).map_or(0, |before| {
            before.len() - before.trim_end_matches('-').len()
        });
        let blanks = text.get(span.end..instruction.end).map_or(0, |after| {
            after.len() - after.trim_start_matches([' ', '\t']).len()
        });
        let span = Span {
            start: span.start.saturating_sub(dashes),
            end: span.end.saturating_add(blanks),
            ..span
        };
        self.edit(span, "")
    }

    /// Takes the lines of `span` out of the file.
    pub(super) fn without_lines(&self, span: Span) -> Edit {
        let text = self.text();
        let start = text
            .get(..span.start)
            .and_then(|before| before.rfind('\n'))
            .map_or(0, |at| at + 1);
        let end = text
            .get(span.end..)
            .and_then(|after| after.find('\n'))
            .map_or(text.len(), |at| span.end + at + 1);
        let lines = Span { start, end, ..span };
        self.edit(lines, "")
    }

    /// Puts whole lines before the one that `span` begins in.
    pub(super) fn before(&self, span: Span, lines: impl Into<String>) -> Edit {
        let text = self.text();
        let start = text
            .get(..span.start)
            .and_then(|before| before.rfind('\n'))
            .map_or(0, |at| at + 1);
        let place = Span {
            start,
            end: start,
            ..span
        };
        self.edit(place, self.ended(&lines.into()))
    }

    /// Lines that end as those of the file do.
    fn ended(&self, lines: &str) -> String {
        match self.text().contains("\r\n") {
            true => lines.replace('\n', "\r\n"),
            false => lines.to_owned(),
        }
    }

    /// Puts whole lines behind the end of the file.
    pub(super) fn at_the_end(&self, lines: &str) -> Edit {
        let text = self.text();
        let end = text.len();
        let place = Span {
            start: end,
            end,
            ..Span::default()
        };
        let open = !text.is_empty() && !text.ends_with('\n');
        let lines = format!("{}{lines}", if open { "\n" } else { "" });
        self.edit(place, self.ended(&lines))
    }

    /// A finding about something that reaches for the network, with the words in which its addresses stand.
    pub(super) fn network<'w>(
        &mut self,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
        words: impl IntoIterator<Item = &'w str>,
        patch: Option<Patch>,
    ) {
        let Some(granted) = self.network else {
            return self.report_as(Severity::Block, span, message, help, patch);
        };
        let outside = words
            .into_iter()
            .flat_map(address::addresses)
            .filter(|found| !address::is_local(found))
            .find(|found| !address::https_host(found).is_some_and(granted));
        match outside {
            None => self.report_as(Severity::Warn, span, message, help, patch),
            Some(outside) => {
                let message = format!(
                    "{}; the grant does not reach {outside}: it is HTTPS on port 443 to the hosts of its groups",
                    message.into()
                );
                self.report_as(Severity::Block, span, message, help, patch);
            }
        }
    }

    pub(super) fn report_as(
        &mut self,
        severity: Severity,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
        patch: Option<Patch>,
    ) {
        // The last place is kept for one that blocks, so that leaving out can't let anything pass.
        let room = self.findings.len() < MOST;
        let blocked = || self.findings.iter().any(|f| f.severity == Severity::Block);
        if !room && (severity != Severity::Block || blocked()) {
            return;
        }
        self.findings.push(Finding {
            rule: self.rule.map_or("PARSE", Rule::id).to_owned(),
            severity,
            file: self.name.to_owned(),
            span,
            message: message.into(),
            help: help.into(),
            patch,
        });
    }
}
