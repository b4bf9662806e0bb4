//! What a rule is, and where it says what it has found.

use std::ops::Range;

use crate::dockerfile::ast::{Dockerfile, Instruction};
use crate::dockerfile::place::Places;
use crate::dockerfile::{scope, shell};
use crate::model::finding::{Patch, Span};
use crate::model::{Finding, Severity};

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
    /// Severity of what reaches for the network.
    network: Severity,
    rule: Option<&'static dyn Rule>,
    pub(super) findings: Vec<Finding>,
}

impl<'s> Sink<'s> {
    pub(super) const fn new(
        name: &'s str,
        dockerfile: &'s Dockerfile,
        places: &'s Places,
        network_granted: bool,
    ) -> Self {
        Self {
            name,
            dockerfile,
            places,
            network: if network_granted {
                Severity::Warn
            } else {
                Severity::Block
            },
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

    /// A finding about something that reaches for the network.
    pub(super) fn network(
        &mut self,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.report_as(self.network, span, message, help, None);
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
