//! From keys to actions, made of the table of actions and of what somebody wants otherwise.

use std::collections::{BTreeMap, HashMap};

use super::action::{Action, Context, Declared, TABLE};
use super::chord::{Chord, UnknownKey};

/// Which key does what, where.
#[derive(Debug, Clone)]
pub struct Keymap {
    bound: HashMap<(Context, Chord), Action>,
    /// The keys of each action, in the order of the table.
    keys: Vec<Vec<String>>,
}

/// Why a table makes no keymap.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeymapError {
    /// Two actions want one key in one place.
    #[error("`{key}` is bound to both `{first}` and `{second}` in {}: give one of them another key", .context.title())]
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
    /// An action that does not exist.
    #[error("no action is called `{name}`; the page of keys (`?`) and the README name them{}", like(.near))]
    Action {
        /// What was asked for.
        name: String,
        /// One that is called nearly so.
        near: Option<&'static str>,
    },
    /// A place that no key leads out of.
    #[error("no key leads out of {}: give `{action}` one", .context.title())]
    NoWayOut {
        /// The place.
        context: Context,
        /// What would lead out.
        action: &'static str,
    },
}

fn like(near: &Option<&'static str>) -> String {
    near.map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"))
}

/// What leads out of a place, best first.
const WAYS_OUT: [Action; 5] = [
    Action::Back,
    Action::Cancel,
    Action::Dismiss,
    Action::Close,
    Action::Quit,
];

impl Keymap {
    /// The keymap of `table`, with `others` instead of the keys of the actions that it names.
    ///
    /// # Errors
    /// If a key or an action does not exist, a key is bound twice in the same place, or nothing leads out of one.
    pub fn of(
        table: &'static [Declared],
        others: &BTreeMap<String, Vec<String>>,
    ) -> Result<Self, KeymapError> {
        if let Some(name) = others
            .keys()
            .find(|name| table.iter().all(|line| line.name != **name))
        {
            return Err(KeymapError::Action {
                name: name.clone(),
                near: nearest(name, table),
            });
        }
        let mut bound: HashMap<(Context, Chord), Action> = HashMap::new();
        let mut all = Vec::with_capacity(table.len());
        for line in table {
            let keys = match others.get(line.name) {
                Some(keys) => keys.clone(),
                None => line.keys.iter().map(|key| (*key).to_owned()).collect(),
            };
            for key in &keys {
                let chord: Chord = key.parse().map_err(|source| KeymapError::Key {
                    action: line.name,
                    source,
                })?;
                for &context in line.contexts {
                    if let Some(first) = bound.insert((context, chord), line.action) {
                        return Err(KeymapError::Conflict {
                            key: key.clone(),
                            context,
                            first: first.declared().name,
                            second: line.name,
                        });
                    }
                }
            }
            all.push(keys);
        }
        let keymap = Self { bound, keys: all };
        if others.is_empty() {
            return Ok(keymap);
        }
        for context in Context::ALL {
            let ways: Vec<&Declared> = table
                .iter()
                .filter(|line| WAYS_OUT.contains(&line.action) && line.contexts.contains(&context))
                .collect();
            let open = ways.iter().any(|line| !keymap.keys(line.action).is_empty());
            if let (false, Some(line)) = (open, ways.first()) {
                return Err(KeymapError::NoWayOut {
                    context,
                    action: line.name,
                });
            }
        }
        Ok(keymap)
    }

    /// The keymap of [`TABLE`].
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn standard() -> Result<Self, KeymapError> {
        Self::of(TABLE, &BTreeMap::new())
    }

    /// What `key` does in `context`.
    pub fn find(&self, context: Context, key: Chord) -> Option<Action> {
        self.bound.get(&(context, key)).copied()
    }

    /// The keys of an action of [`TABLE`].
    pub fn keys(&self, action: Action) -> &[String] {
        self.keys.get(action as usize).map_or(&[], Vec::as_slice)
    }
}

/// The action whose name is most like `name`, if one is much like it.
fn nearest(name: &str, table: &'static [Declared]) -> Option<&'static str> {
    let shared = |other: &str| {
        let same = |(a, b): &(char, char)| a == b;
        let front = name.chars().zip(other.chars()).take_while(same).count();
        let back = name.chars().rev().zip(other.chars().rev());
        front + back.take_while(same).count()
    };
    let best = table
        .iter()
        .map(|line| line.name)
        .max_by_key(|other| shared(other))?;
    (shared(best) * 2 >= name.len()).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, keys: &[&str]) -> Result<Keymap, String> {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        Keymap::of(TABLE, &BTreeMap::from([(name.to_owned(), keys)])).map_err(|e| e.to_string())
    }

    #[test]
    fn no_key_is_bound_twice() {
        Keymap::standard().unwrap();
    }

    #[test]
    fn a_conflict_names_both_actions() {
        let said = with("review.approve", &["x"]).unwrap_err();
        assert_eq!(
            said,
            "`x` is bound to both `review.approve` and `review.reject` in Review: give one of them another key"
        );
    }

    #[test]
    fn an_action_gets_other_keys_and_loses_its_own() {
        let keys = with("review.approve", &["A", "ctrl-a"]).unwrap();
        let find = |key: &str| keys.find(Context::Review, key.parse().unwrap());
        assert_eq!(find("A"), Some(Action::Approve));
        assert_eq!(find("ctrl-a"), Some(Action::Approve));
        assert_eq!(find("a"), None);
        assert_eq!(keys.keys(Action::Approve), ["A", "ctrl-a"]);
    }

    #[test]
    fn what_does_not_exist_is_named() {
        let said = with("review.aprove", &["A"]).unwrap_err();
        assert!(said.contains("did you mean `review.approve`?"), "{said}");
        let said = with("nonsense", &["A"]).unwrap_err();
        assert!(!said.contains("did you mean"), "{said}");
        let said = with("review.approve", &["hyper-a"]).unwrap_err();
        assert!(
            said.contains("review.approve") && said.contains("hyper-a"),
            "{said}"
        );
    }

    #[test]
    fn every_place_has_a_way_out_and_keeps_one() {
        let keys = Keymap::standard().unwrap();
        let esc: Chord = "esc".parse().unwrap();
        for context in Context::ALL {
            assert!(keys.find(context, esc).is_some(), "{context:?}");
        }
        let said = with("write.cancel", &[]).unwrap_err();
        assert!(said.contains("write.cancel"), "{said}");
    }
}
