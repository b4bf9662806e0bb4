//! The walk: what each stage stands on, and every instruction with the variables and commands that it comes to.

use std::collections::{BTreeSet, HashSet};

use super::report::Report;
use super::rule::{Sink, Step};
use super::rules::RULES;
use super::scripts::Scripts;
use super::stage::{self, StageFacts};
use super::surroundings::Surroundings;
use super::{Subject, triggers, words};
use crate::dockerfile::ast::{Dockerfile, Instruction, Kind, Source, Word};
use crate::dockerfile::origin::Origin;
use crate::dockerfile::place::Places;
use crate::dockerfile::run::{self, Program};
use crate::dockerfile::scope::{self, ScopeError};
use crate::dockerfile::shell::{self, Effort, Input, Reading};
use crate::dockerfile::stages::StageNames;
use crate::dockerfile::{ParseError, parse};
use crate::model::{Finding, Severity};

/// A file, as rules see it. While the walk is under way, `stages` ends with the stage that it is in.
pub struct File<'a> {
    pub(super) subject: &'a Subject<'a>,
    pub(super) dockerfile: &'a Dockerfile,
    pub(super) names: StageNames,
    pub(super) stages: Vec<StageFacts>,
    pub(super) scripts: Scripts<'a>,
    pub(super) around: Surroundings<'a>,
}

impl File<'_> {
    /// The ignore file's name and text, if there is one.
    pub(super) fn ignore_file(&self) -> Option<&(String, String)> {
        self.around.ignore_file()
    }

    /// Whether the ignore file leaves everything out but what it names.
    pub(super) fn is_narrow(&self) -> bool {
        self.around.is_narrow()
    }

    /// Whether a `COPY` or `ADD` names `path` or what lies below it.
    pub(super) fn copies(&self, path: &str) -> bool {
        let sources = |instruction: &'_ Instruction| match &instruction.kind {
            Kind::Copy { sources, .. } | Kind::Add { sources, .. } => {
                sources.iter().any(|source| match source {
                    Source::Path(word) => {
                        let word = word.text.trim_start_matches("./").trim_start_matches('/');
                        word.strip_prefix(path)
                            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                    }
                    Source::Heredoc(_) => false,
                })
            }
            _ => false,
        };
        self.dockerfile.instructions.iter().any(sources)
    }
}

pub(super) fn check(subject: &Subject<'_>) -> Report {
    let parsed;
    let dockerfile = match subject.parsed {
        Some(parsed) => parsed,
        None => {
            parsed = parse(subject.text);
            &parsed
        }
    };
    let dockerfile = match dockerfile {
        Ok(dockerfile) => dockerfile,
        Err(error) => return unreadable(subject, error),
    };
    let places = Places::new(&dockerfile.text);
    let mut sink = Sink::new(subject.name, dockerfile, &places, subject.network);
    match scope::Global::new(dockerfile, subject.build_args, subject.platform) {
        Ok(global) => {
            let file = File {
                subject,
                dockerfile,
                names: StageNames::of(dockerfile),
                stages: Vec::new(),
                scripts: Scripts::of(subject.context),
                around: Surroundings::of(subject.context, subject.name),
            };
            walk(file, &global, &mut sink);
        }
        Err(error) => malformed(&mut sink, &error),
    }
    let (findings, scripts) = (sink.findings, sink.scripts);
    Report::new(subject.name, dockerfile.text.clone(), findings, scripts)
}

/// The one finding of a file that can't be parsed.
fn unreadable(subject: &Subject<'_>, error: &ParseError) -> Report {
    let finding = Finding {
        rule: "PARSE".into(),
        severity: Severity::Block,
        file: subject.name.to_owned(),
        span: error.span,
        message: error.summary(),
        help: "Correct the line; `docker build .` shows the same error.".into(),
        patch: None,
    };
    let text = String::from_utf8_lossy(subject.text);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Report::new(
        subject.name,
        text.to_owned(),
        vec![finding],
        BTreeSet::new(),
    )
}

/// A word that can't be expanded: the build would end here.
fn malformed(sink: &mut Sink<'_>, error: &ScopeError) {
    sink.speak_for(&super::rules::PARSE);
    sink.report(
        error.span,
        format!(
            "Dockerfile parse error on line {}: {error}",
            error.span.line
        ),
        "Correct the variable, or give it a default as in ${NAME:-value}.",
    );
}

fn walk(mut file: File<'_>, global: &scope::Global, sink: &mut Sink<'_>) {
    let dockerfile = file.dockerfile;
    let bases: Vec<Option<usize>> = (0..dockerfile.stages.len())
        .map(|index| base_stage(&file, global, index))
        .collect();
    // Scopes are kept only for stages that others stand on.
    let needed: HashSet<usize> = bases.iter().copied().flatten().collect();
    let mut scopes: Vec<Option<scope::Stage>> = Vec::with_capacity(bases.len());
    let mut effort = Effort::default();
    for stage in &dockerfile.stages {
        let Some((from, rest)) = dockerfile.of(stage).split_first() else {
            continue;
        };
        let Kind::From { image, .. } = &from.kind else {
            continue;
        };
        let (facts, brought) = stage::open(&file, global, image, bases[stage.index]);
        let environment = brought.iter().flat_map(|b| b.environment.iter().cloned());
        let parent = bases[stage.index].and_then(|i| scopes.get(i)?.as_ref());
        let scope = match parent.map(|p| p.child(image)) {
            None => Ok(scope::Stage::new(global, environment)),
            Some(child) => child,
        };
        let mut scope = match scope {
            Ok(scope) => scope,
            Err(error) => {
                malformed(sink, &error);
                return;
            }
        };
        file.stages.push(facts);
        step(&file, stage.index, from, &scope, &mut effort, sink);
        if let Some(brought) = brought.filter(|b| !b.onbuild.is_empty()) {
            triggers::expand(
                &mut file,
                stage.index,
                &brought,
                &mut scope,
                &mut effort,
                sink,
            );
        }
        for instruction in rest {
            if let Err(error) = words::expands(&scope, instruction) {
                malformed(sink, &error);
            }
            let seen = match &instruction.kind {
                Kind::Onbuild(inner) => inner,
                _ => instruction,
            };
            step(&file, stage.index, seen, &scope, &mut effort, sink);
            // A failure has been reported above.
            let _ = scope.apply(instruction);
            if let Some(facts) = file.stages.last_mut() {
                stage::note(facts, instruction, &scope);
                facts.bytes = facts
                    .bytes
                    .saturating_add(brings(&file.around, instruction, &scope));
            }
        }
        scopes.push(needed.contains(&stage.index).then_some(scope));
    }
    for rule in RULES {
        sink.speak_for(*rule);
        rule.check(&file, sink);
    }
}

/// The earlier stage that a stage's `FROM` names.
fn base_stage(file: &File<'_>, global: &scope::Global, index: usize) -> Option<usize> {
    let stage = file.dockerfile.stages.get(index)?;
    let Kind::From { image, .. } = &file.dockerfile.of(stage).first()?.kind else {
        return None;
    };
    file.names.base(&global.image(image).ok()?, index)
}

/// Shows one instruction to every rule.
pub(super) fn step(
    file: &File<'_>,
    stage: usize,
    instruction: &Instruction,
    scope: &scope::Stage,
    effort: &mut Effort,
    sink: &mut Sink<'_>,
) {
    let reading = reading(file, instruction, scope, effort);
    copied(file, instruction, scope);
    let step = Step {
        file,
        stage,
        instruction,
        scope,
        reading: reading.as_ref(),
    };
    for command in step.commands() {
        if let Some(path) = &command.file {
            sink.reached(instruction.span.line, path);
        }
    }
    for rule in RULES {
        sink.speak_for(*rule);
        rule.step(&step, sink);
    }
}

/// The bytes that an instruction brings from the context into the image.
fn brings(around: &Surroundings<'_>, instruction: &Instruction, scope: &scope::Stage) -> u64 {
    let (Kind::Copy { sources, .. } | Kind::Add { sources, .. }) = &instruction.kind else {
        return 0;
    };
    if instruction
        .flag("from")
        .is_some_and(|from| !from.is_empty())
    {
        return 0;
    }
    let bytes = sources.iter().map(|source| match source {
        Source::Path(path) => scope.word(path).map_or(0, |path| around.bytes_at(&path)),
        Source::Heredoc(_) => 0,
    });
    bytes.fold(0, u64::saturating_add)
}

/// Notes the files that a `COPY` or `ADD` makes of here-documents.
fn copied(file: &File<'_>, instruction: &Instruction, scope: &scope::Stage) {
    let (Kind::Copy {
        sources,
        destination,
    }
    | Kind::Add {
        sources,
        destination,
    }) = &instruction.kind
    else {
        return;
    };
    let Ok(destination) = scope.word(destination) else {
        return;
    };
    for source in sources {
        let Source::Heredoc(index) = source else {
            continue;
        };
        let Some(heredoc) = instruction.heredocs.get(*index) else {
            continue;
        };
        let body = match heredoc.expand {
            true => scope.body(&heredoc.body).ok(),
            false => Some(heredoc.body.text.clone()),
        };
        let path = match destination.ends_with('/') {
            true => format!("{destination}{}", heredoc.name),
            false => destination.clone(),
        };
        if let Some(body) = body {
            file.scripts.copied(&path, &body);
        }
    }
}

/// What a `RUN` would run.
fn reading(
    file: &File<'_>,
    instruction: &Instruction,
    scope: &scope::Stage,
    effort: &mut Effort,
) -> Option<Reading> {
    let lookup = |name: &str| scope.lookup(name).map(str::to_owned);
    let (words, input) = match run::program(file.dockerfile, instruction)? {
        Program::Exec(words) => {
            let word = |w: &Word| shell::Word::new(w.text.clone(), Origin::of(file.dockerfile, w));
            (words.iter().map(word).collect(), Input::Inherited)
        }
        Program::Shell { text, origin } => {
            let at = instruction.keyword.span.start;
            let shell = file.stages.last().map(|s| s.shell.as_slice());
            let mut words: Vec<shell::Word> = shell
                .unwrap_or_default()
                .iter()
                .map(|w| shell::Word::new(w.clone(), Origin::starting_at(at)))
                .collect();
            words.push(shell::Word::new(text, origin));
            (words, Input::Inherited)
        }
        Program::Script { text, origin, .. } => {
            let line = text
                .lines()
                .next()
                .unwrap_or("")
                .trim_start_matches("#!")
                .trim();
            let (interpreter, argument) = match line.split_once([' ', '\t']) {
                Some((interpreter, argument)) => (interpreter, Some(argument.trim())),
                None => (line, None),
            };
            let words = [Some(interpreter), argument]
                .into_iter()
                .flatten()
                .map(|w| shell::Word::new(w, Origin::starting_at(origin.byte(0))))
                .collect();
            (words, Input::Text(shell::Word::new(text, origin)))
        }
    };
    let mut reading = shell::exec(words, input, &lookup, effort);
    file.scripts.follow(&mut reading, &lookup, effort);
    Some(reading)
}
