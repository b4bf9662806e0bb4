//! What a base's `ONBUILD` triggers come to in the file that stands on it.
//!
//! They run right behind `FROM`, as if they stood there, and nobody sees them by reading the file. So each is shown to the
//! rules, and what is found is told of the `FROM`, by SRC05.

use super::BaseFacts;
use super::file::{File, step};
use super::rule::Sink;
use super::rules::SRC05;
use super::scripts::Scripts;
use super::stage::{self, Base};
use super::surroundings::Surroundings;
use crate::dockerfile::ast::Dockerfile;
use crate::dockerfile::place::Places;
use crate::dockerfile::shell::Effort;
use crate::dockerfile::{parse, scope};
use crate::model::finding::Span;
use crate::model::{Finding, Severity};

/// The most triggers of one base that are read.
const MOST: usize = 128;

/// Shows the triggers of the base of stage `index`, the last of `file.stages`, to every rule, and lets them change what
/// the stage starts with.
pub(super) fn expand(
    file: &mut File<'_>,
    index: usize,
    brought: &BaseFacts,
    scope: &mut scope::Stage,
    effort: &mut Effort,
    sink: &mut Sink<'_>,
) {
    let Some(facts) = file.stages.last().cloned() else {
        return;
    };
    let base = match &facts.base {
        Base::Image(_, name) => name.clone(),
        _ => "the base".to_owned(),
    };
    let place = facts.base_span;
    let text = format!("FROM scratch\n{}\n", brought.onbuild.join("\n"));
    let parsed = match brought.onbuild.len() <= MOST {
        true => parse(text.as_bytes()).ok(),
        false => None,
    };
    let Some(dockerfile) = parsed.filter(is_one_stage) else {
        sink.speak_for(&SRC05);
        let message = format!("{base} brings ONBUILD triggers that can't be read");
        sink.report(place, message, HELP);
        return;
    };
    let places = Places::new(&dockerfile.text);
    let mut heard = Sink::new(file.subject.name, &dockerfile, &places, sink.granted());
    let mut inner = File {
        subject: file.subject,
        dockerfile: &dockerfile,
        names: file.names.clone(),
        stages: vec![facts],
        scripts: Scripts::of(file.subject.context),
        around: Surroundings::of(file.subject.context, file.subject.name),
    };
    for instruction in dockerfile.instructions.iter().skip(1) {
        step(&inner, index, instruction, scope, effort, &mut heard);
        if scope.apply(instruction).is_err() {
            sink.speak_for(&SRC05);
            let message = format!(
                "{base} brings an ONBUILD trigger that can't be expanded: {}",
                instruction.original
            );
            sink.report(place, message, HELP);
        }
        if let Some(facts) = inner.stages.last_mut() {
            stage::note(facts, instruction, scope);
        }
    }
    if let (Some(outer), Some(mut facts)) = (file.stages.last_mut(), inner.stages.pop()) {
        // It was not this file that set it.
        facts.user_span = None;
        *outer = facts;
    }
    sink.speak_for(&SRC05);
    for finding in &heard.findings {
        tell(&base, place, &places, &dockerfile, finding, sink);
    }
}

const HELP: &str = "Use a base without ONBUILD, or write out in the Dockerfile what its triggers do, in a way that needs no network.";

/// Triggers open no stage of their own.
fn is_one_stage(dockerfile: &Dockerfile) -> bool {
    dockerfile.stages.len() == 1
}

fn tell(
    base: &str,
    place: Span,
    places: &Places,
    dockerfile: &Dockerfile,
    finding: &Finding,
    sink: &mut Sink<'_>,
) {
    // Advice is for who writes the triggers.
    if finding.severity == Severity::Advice {
        return;
    }
    let trigger = places.line_text(&dockerfile.text, finding.span.line);
    let trigger: String = trigger.chars().take(200).collect();
    let message = format!(
        "{base} brings ONBUILD {trigger}: {} ({})",
        finding.message, finding.rule
    );
    sink.report_as(finding.severity, place, message, HELP, None);
}
