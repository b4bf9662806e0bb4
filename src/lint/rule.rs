//! What a rule is, and where it says what it has found.

use std::ops::Range;

use crate::dockerfile::ast::{Dockerfile, Instruction};
use crate::dockerfile::place::Places;
use crate::dockerfile::{scope, shell};
use crate::model::finding::{Patch, Span};
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

/// Takes what the rules find.
pub struct Sink<'s> {
    name: &'s str,
    dockerfile: &'s Dockerfile,
    places: &'s Places,
    /// Which hosts are granted.
    network: Option<&'s dyn Fn(&str) -> bool>,
    rule: Option<&'static dyn Rule>,
    pub(super) findings: Vec<Finding>,
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
        let severity = self.rule.map_or(Severity::Block, Rule::severity);
        self.report_as(severity, span, message, help, None);
    }

    /// A finding about something that reaches for the network, with the words in which its addresses stand.
    pub(super) fn network<'w>(
        &mut self,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
        words: impl IntoIterator<Item = &'w str>,
    ) {
        let Some(granted) = self.network else {
            return self.report_as(Severity::Block, span, message, help, None);
        };
        let outside = words
            .into_iter()
            .flat_map(address::addresses)
            .filter(|found| !address::is_local(found))
            .find(|found| !address::https_host(found).is_some_and(granted));
        match outside {
            None => self.report_as(Severity::Warn, span, message, help, None),
            Some(outside) => {
                let message = format!(
                    "{}; the grant does not reach {outside}: it is HTTPS on port 443 to the hosts of its groups",
                    message.into()
                );
                self.report_as(Severity::Block, span, message, help, None);
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
