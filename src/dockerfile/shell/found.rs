//! What reading a script has found so far, and what it has cost.

use std::sync::Arc;

use super::{Command, Effort, Lookup, Variables};

/// How deep substitutions, subshells and scripts in scripts are followed.
pub(super) const DEPTH: usize = 40;
/// What one command costs beside its bytes.
pub(super) const COMMAND_COST: usize = 300;
/// What one word costs beside its bytes.
pub(super) const WORD_COST: usize = 100;

/// What has been found so far.
pub(super) struct Found<'f> {
    pub(super) commands: Vec<Command>,
    /// For each command the one that it reads from through a pipe: `Some(None)` is a whole list of commands.
    pub(super) pipes: Vec<Option<Option<usize>>>,
    pub(super) variables: Arc<Variables>,
    pub(super) lookup: &'f Lookup<'f>,
    pub(super) effort: &'f mut Effort,
    pub(super) complete: bool,
}

impl<'f> Found<'f> {
    pub(super) fn new(lookup: &'f Lookup<'f>, effort: &'f mut Effort) -> Self {
        Self {
            commands: Vec::new(),
            pipes: Vec::new(),
            variables: Arc::default(),
            lookup,
            effort,
            complete: true,
        }
    }

    pub(super) fn spend(&mut self, amount: usize) -> bool {
        let enough = self.effort.spend(amount);
        self.complete &= enough;
        enough
    }

    pub(super) fn push(&mut self, command: Command, pipe: Option<Option<usize>>) {
        let words = command.words.len() + command.redirects.len();
        if self.spend(COMMAND_COST + WORD_COST * words) {
            self.commands.push(command);
            self.pipes.push(pipe);
        }
    }

    /// Sets a variable, to `None` where it can't be known to what.
    pub(super) fn set(&mut self, name: &str, value: Option<String>) {
        if Arc::strong_count(&self.variables) > 1 {
            let size = self.variables.len();
            if !self.spend(size * 16) {
                return;
            }
        }
        let size = value.as_ref().map_or(0, String::len);
        if self.spend(name.len() + size) {
            Arc::make_mut(&mut self.variables).insert(name.to_owned(), value);
        }
    }
}
