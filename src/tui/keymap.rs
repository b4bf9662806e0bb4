//! From keys to actions, made of the table of actions.

use std::collections::HashMap;

use super::action::{Action, Context, Declared, TABLE};
use super::chord::{Chord, UnknownKey};

/// Which key does what, where.
#[derive(Debug, Clone)]
pub struct Keymap {
    bound: HashMap<(Context, Chord), Action>,
}

/// Why a table makes no keymap.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeymapError {
    /// Two actions want one key in one place.
    #[error(
        "`{key}` is bound to both `{first}` and `{second}` in {context:?}: give one of them another key"
    )]
    Conflict {
        /// The key.
        key: String,
        /// Where.
        context: Context,
        /// The one that has it.
        first: &'static str,
        /// The one that wants it.
        second: &'static str,
    },
    /// A key that does not exist.
    #[error("in the keys of `{action}`: {source}")]
    Key {
        /// The action.
        action: &'static str,
        /// What is wrong.
        #[source]
        source: UnknownKey,
    },
}

impl Keymap {
    /// The keymap of `table`.
    ///
    /// # Errors
    /// If it names a key that does not exist, or binds one twice in the same place.
    pub fn of(table: &'static [Declared]) -> Result<Self, KeymapError> {
        let mut bound: HashMap<(Context, Chord), Action> = HashMap::new();
        for line in table {
            for key in line.keys {
                let chord: Chord = key.parse().map_err(|source| KeymapError::Key {
                    action: line.name,
                    source,
                })?;
                for &context in line.contexts {
                    if let Some(first) = bound.insert((context, chord), line.action) {
                        return Err(KeymapError::Conflict {
                            key: (*key).to_owned(),
                            context,
                            first: first.declared().name,
                            second: line.name,
                        });
                    }
                }
            }
        }
        Ok(Self { bound })
    }

    /// The keymap of [`TABLE`].
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn standard() -> Result<Self, KeymapError> {
        Self::of(TABLE)
    }

    /// What `key` does in `context`.
    pub fn find(&self, context: Context, key: Chord) -> Option<Action> {
        self.bound.get(&(context, key)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_bound_twice() {
        Keymap::standard().unwrap();
    }

    #[test]
    fn a_conflict_names_both_actions() {
        const TWICE: &[Declared] = &[
            Declared {
                action: Action::Open,
                name: "one",
                keys: &["x"],
                contexts: &[Context::Queue],
                label: "",
                help: "one",
            },
            Declared {
                action: Action::Copy,
                name: "two",
                keys: &["x"],
                contexts: &[Context::Queue],
                label: "",
                help: "two",
            },
        ];
        let error = Keymap::of(TWICE).unwrap_err();
        assert!(
            matches!(error, KeymapError::Conflict { second: "two", .. }),
            "{error}"
        );
    }

    #[test]
    fn every_place_has_a_way_out() {
        let keys = Keymap::standard().unwrap();
        let esc: Chord = "esc".parse().unwrap();
        for context in Context::ALL {
            assert!(keys.find(context, esc).is_some(), "{context:?}");
        }
    }
}
