//! The walk: what each stage stands on, and every instruction with the variables and commands that it comes to.

use std::collections::HashSet;

use super::report::Report;
use super::rule::{Sink, Step};
use super::rules::RULES;
use super::scripts::Scripts;
use super::{BaseFacts, Subject};
use crate::dockerfile::ast::{Command, Dockerfile, Instruction, Kind, Source, Word};
use crate::dockerfile::origin::Origin;
use crate::dockerfile::place::Places;
use crate::dockerfile::run::{self, Program};
use crate::dockerfile::scope::{self, ScopeError};
use crate::dockerfile::shell::{self, Effort, Input, Reading};
use crate::dockerfile::stages::StageNames;
use crate::dockerfile::{ParseError, parse};
use crate::model::finding::Span;
use crate::model::{Finding, Reference, Severity};

/// What a stage stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Base {
    /// Nothing.
    Scratch,
    /// An earlier stage.
    Stage(usize),
    /// An image, and how its name is written once variables are put in.
    Image(Reference, String),
    /// A name that is no image reference.
    Invalid(String),
    /// A name that can't be told.
    Unknown(ScopeError),
}

/// Whether something is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Yes,
    No,
    /// It depends on a base that is not in the cache.
    Unknown,
}

/// What is known of a stage at its end.
#[derive(Debug, Clone)]
pub(super) struct StageFacts {
    pub(super) base: Base,
    /// Where the base stands in the `FROM` line.
    pub(super) base_span: Span,
    pub(super) entrypoint: Known,
    pub(super) cmd: Known,
    /// Whether this stage itself has set the command.
    cmd_here: bool,
    /// The user; `None` if only the base, which is not in the cache, knows it.
    pub(super) user: Option<String>,
    /// Where the user was set in this file.
    pub(super) user_span: Option<Span>,
    shell: Vec<String>,
}

/// A file, as rules see it. While the walk is under way, `stages` ends with the stage that it is in.
pub struct File<'a> {
    pub(super) subject: &'a Subject<'a>,
    pub(super) dockerfile: &'a Dockerfile,
    pub(super) names: StageNames,
    pub(super) stages: Vec<StageFacts>,
    scripts: Scripts<'a>,
}

/// The shell of an image that sets none.
const SHELL: [&str; 2] = ["/bin/sh", "-c"];

pub(super) fn check(subject: &Subject<'_>) -> Report {
    let dockerfile = match parse(subject.text) {
        Ok(dockerfile) => dockerfile,
        Err(error) => return unreadable(subject, &error),
    };
    let places = Places::new(&dockerfile.text);
    let mut sink = Sink::new(subject.name, &dockerfile, &places, subject.network);
    match scope::Global::new(&dockerfile, subject.build_args, subject.platform) {
        Ok(global) => {
            let file = File {
                subject,
                dockerfile: &dockerfile,
                names: StageNames::of(&dockerfile),
                stages: Vec::new(),
                scripts: Scripts::of(subject.context),
            };
            walk(file, &global, &mut sink);
        }
        Err(error) => malformed(&mut sink, &error),
    }
    let findings = sink.findings;
    Report::new(subject.name, dockerfile.text.clone(), findings)
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
    Report::new(subject.name, text.to_owned(), vec![finding])
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
        let (facts, environment) = open(&file, global, image, bases[stage.index]);
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
        step(&file, from, &scope, &mut effort, sink);
        for instruction in rest {
            if let Err(error) = expands(&scope, instruction) {
                malformed(sink, &error);
            }
            let seen = match &instruction.kind {
                Kind::Onbuild(inner) => inner,
                _ => instruction,
            };
            step(&file, seen, &scope, &mut effort, sink);
            // A failure has been reported above.
            let _ = scope.apply(instruction);
            if let Some(facts) = file.stages.last_mut() {
                note(facts, instruction, &scope);
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

/// What is known of a stage at its beginning, and the environment that its base brings.
fn open(
    file: &File<'_>,
    global: &scope::Global,
    image: &Word,
    stage: Option<usize>,
) -> (StageFacts, Vec<(String, String)>) {
    let base = match global.image(image) {
        Err(error) => Base::Unknown(error),
        Ok(name) => match (stage, name.parse::<Reference>()) {
            (Some(index), _) => Base::Stage(index),
            (None, _) if name == "scratch" => Base::Scratch,
            (None, Ok(reference)) => Base::Image(reference, name),
            (None, Err(_)) => Base::Invalid(name),
        },
    };
    let mut facts = StageFacts {
        base_span: image.span,
        entrypoint: Known::Unknown,
        cmd: Known::Unknown,
        cmd_here: false,
        user: None,
        user_span: None,
        shell: SHELL.map(str::to_owned).to_vec(),
        base,
    };
    let brought = match &facts.base {
        Base::Scratch => Some(BaseFacts::default()),
        Base::Image(reference, _) => (file.subject.base)(reference),
        Base::Stage(index) => {
            if let Some(parent) = file.stages.get(*index) {
                facts = StageFacts {
                    base: facts.base,
                    base_span: facts.base_span,
                    cmd_here: false,
                    user_span: None,
                    ..parent.clone()
                };
            }
            return (facts, Vec::new());
        }
        Base::Invalid(_) | Base::Unknown(_) => None,
    };
    let Some(brought) = brought else {
        return (facts, Vec::new());
    };
    let known = |there| if there { Known::Yes } else { Known::No };
    facts.entrypoint = known(brought.entrypoint);
    facts.cmd = known(brought.cmd);
    facts.user = Some(brought.user);
    facts.shell = brought.shell.unwrap_or(facts.shell);
    (facts, brought.environment)
}

/// Notes what an instruction changes about the image's configuration.
fn note(facts: &mut StageFacts, instruction: &Instruction, scope: &scope::Stage) {
    let there = |command: &Command| match command {
        Command::Exec(words) if words.is_empty() => Known::No,
        _ => Known::Yes,
    };
    match &instruction.kind {
        Kind::Entrypoint(command) => {
            facts.entrypoint = there(command);
            // An inherited command belongs to the inherited entry point.
            if !facts.cmd_here {
                facts.cmd = Known::No;
            }
        }
        Kind::Cmd(command) => {
            facts.cmd = there(command);
            facts.cmd_here = true;
        }
        Kind::User(user) => {
            facts.user = scope.word(user).ok();
            facts.user_span = Some(user.span);
        }
        Kind::Shell(words) => facts.shell = words.iter().map(|w| w.text.clone()).collect(),
        _ => {}
    }
}

/// Whether all words of an instruction that the build would expand can be expanded.
fn expands(scope: &scope::Stage, instruction: &Instruction) -> Result<(), ScopeError> {
    let each = |words: &[Word]| words.iter().try_for_each(|w| scope.word(w).map(drop));
    match &instruction.kind {
        Kind::Copy {
            sources,
            destination,
        }
        | Kind::Add {
            sources,
            destination,
        } => {
            for source in sources {
                match source {
                    Source::Path(path) => scope.word(path).map(drop)?,
                    Source::Heredoc(index) => {
                        if let Some(heredoc) = instruction.heredocs.get(*index)
                            && heredoc.expand
                        {
                            scope.body(&heredoc.body)?;
                        }
                    }
                }
            }
            scope.word(destination)?;
        }
        Kind::Env { pairs, .. } | Kind::Label { pairs, .. } => {
            scope.pairs(pairs)?;
        }
        Kind::Arg(declarations) => {
            for declaration in declarations {
                scope.word(&declaration.name)?;
                if let Some(default) = &declaration.default {
                    scope.word(default)?;
                }
            }
        }
        Kind::Workdir(word) | Kind::User(word) | Kind::Stopsignal(word) => {
            scope.word(word)?;
        }
        Kind::Expose(words) => words.iter().try_for_each(|w| scope.words(w).map(drop))?,
        Kind::Volume(words) => each(words)?,
        _ => {}
    }
    let values = instruction.flags.iter().filter_map(|f| f.value.as_ref());
    if !matches!(instruction.kind, Kind::Healthcheck(_)) {
        values
            .into_iter()
            .try_for_each(|w| scope.word(w).map(drop))?;
    }
    Ok(())
}

/// Shows one instruction to every rule.
fn step(
    file: &File<'_>,
    instruction: &Instruction,
    scope: &scope::Stage,
    effort: &mut Effort,
    sink: &mut Sink<'_>,
) {
    let reading = reading(file, instruction, scope, effort);
    copied(file, instruction, scope);
    let step = Step {
        file,
        stage: file.stages.len().saturating_sub(1),
        instruction,
        scope,
        reading: reading.as_ref(),
    };
    for rule in RULES {
        sink.speak_for(*rule);
        rule.step(&step, sink);
    }
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
