//! Who does something: a name that the audit log keeps.

use serde::{Deserialize, Serialize};

/// A person or a process, by the name under which the audit log knows it.
///
/// Until identities over SSH exist this is the operating system's user name; processes that act by
/// themselves are called `flareo/worker`, `flareo/intake`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Actor(pub String);

impl Actor {
    /// An actor by name.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The worker that builds what was approved.
    pub fn worker() -> Self {
        Self::new("flareo/worker")
    }
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
