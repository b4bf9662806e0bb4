//! Whether the build could expand what an instruction says.

use crate::dockerfile::ast::{Instruction, Kind, Source, Word};
use crate::dockerfile::scope::{self, ScopeError};

/// Whether all words of an instruction that the build would expand can be expanded.
pub(super) fn expands(scope: &scope::Stage, instruction: &Instruction) -> Result<(), ScopeError> {
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
