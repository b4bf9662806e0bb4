//! What is known of a stage: what it stands on, and what its image's configuration comes to.

use std::collections::BTreeSet;

use super::BaseFacts;
use super::file::File;
use crate::dockerfile::ast::{Command, Instruction, Kind, Word};
use crate::dockerfile::scope::{self, ScopeError};
use crate::model::Reference;
use crate::model::finding::Span;

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
    pub(super) healthcheck: Known,
    /// The working directory; `None` if it can't be told.
    pub(super) workdir: Option<String>,
    /// Whether this file sets it, here or in a stage below.
    pub(super) workdir_set: bool,
    /// Labels that this file sets.
    pub(super) labels: BTreeSet<String>,
    /// The image's bytes as far as they can be told by reading: the base's layers and what is copied from the context.
    pub(super) bytes: u64,
    pub(super) shell: Vec<String>,
}

/// The shell of an image that sets none.
const SHELL: [&str; 2] = ["/bin/sh", "-c"];

/// What is known of a stage at its beginning, and what its base brings, where that is an image that is known.
pub(super) fn open(
    file: &File<'_>,
    global: &scope::Global,
    image: &Word,
    stage: Option<usize>,
) -> (StageFacts, Option<BaseFacts>) {
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
        healthcheck: Known::Unknown,
        workdir: None,
        workdir_set: false,
        labels: BTreeSet::new(),
        bytes: 0,
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
            return (facts, None);
        }
        Base::Invalid(_) | Base::Unknown(_) => None,
    };
    let Some(brought) = brought else {
        return (facts, None);
    };
    let known = |there| if there { Known::Yes } else { Known::No };
    facts.entrypoint = known(brought.entrypoint);
    facts.cmd = known(brought.cmd);
    facts.healthcheck = known(brought.healthcheck);
    facts.user = Some(brought.user.clone());
    facts.workdir = Some(joined("/", &brought.working_dir));
    facts.bytes = brought.bytes;
    if let Some(shell) = &brought.shell {
        facts.shell.clone_from(shell);
    }
    (facts, Some(brought))
}

/// Notes what an instruction changes about the image's configuration.
pub(super) fn note(facts: &mut StageFacts, instruction: &Instruction, scope: &scope::Stage) {
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
        Kind::Healthcheck(check) => {
            facts.healthcheck = match check {
                // Whoever says NONE has thought of it.
                None => Known::Yes,
                Some(command) => there(command),
            };
        }
        Kind::Workdir(path) => {
            facts.workdir_set = true;
            let path = scope.word(path).ok();
            facts.workdir = path.and_then(|path| match path.starts_with('/') {
                true => Some(joined("/", &path)),
                false => Some(joined(facts.workdir.as_ref()?, &path)),
            });
        }
        Kind::Label { pairs, .. } => {
            let pairs = scope.pairs(pairs).unwrap_or_default();
            facts.labels.extend(pairs.into_iter().map(|(key, _)| key));
        }
        Kind::Shell(words) => facts.shell = words.iter().map(|w| w.text.clone()).collect(),
        _ => {}
    }
}

/// `path` seen from `folder`, without `.` and `..`.
pub(super) fn joined(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let folder = if path.starts_with('/') { "" } else { folder };
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
