//! Rules that read a Dockerfile and say what stands in the way of building it.
//!
//! [`check`] parses, walks the stages once with the variables that the engine would see, and shows every instruction and
//! every command that a `RUN` would run to each rule. One rule is one file under `rules/`; [`RULES`] is the one list of
//! them. A rule only reads: no file of the context is executed, no host is asked. What reading can't decide, the sandbox
//! decides; no rule is the only line of defence.

mod address;
mod file;
mod fixes;
mod invocation;
mod manifest;
mod patch;
mod report;
mod rule;
mod rules;
mod sarif;
mod scripts;
mod stage;
mod surroundings;
mod triggers;
mod words;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use fixes::{Mended, MendedFile, mend};
pub use patch::unified;
pub use report::{Report, json};
pub use rule::Rule;
pub use rules::RULES;
pub use sarif::sarif;

use crate::dockerfile::ParseError;
use crate::dockerfile::ast::Dockerfile;
use crate::model::context::ContextSource;
use crate::model::image::Platform;
use crate::model::{Digest, Reference};

/// What is known of a base image in the cache.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BaseFacts {
    /// Whether its configuration has an entry point.
    pub entrypoint: bool,
    /// Whether its configuration has a command.
    pub cmd: bool,
    /// Its user, empty for root.
    pub user: String,
    /// Its environment.
    pub environment: Vec<(String, String)>,
    /// Its shell, if it sets one.
    pub shell: Option<Vec<String>>,
    /// Its working directory, empty for the root.
    pub working_dir: String,
    /// Whether it has a health check.
    pub healthcheck: bool,
    /// Its `ONBUILD` triggers, in order.
    pub onbuild: Vec<String>,
    /// What pins it: the digest of its manifest.
    pub digest: Option<Digest>,
    /// The bytes of its layers, compressed.
    pub bytes: u64,
}

/// What is checked, and what the checker is told about the world.
pub struct Subject<'a> {
    /// The file's name relative to the context, as findings show it.
    pub name: &'a str,
    /// The file.
    pub text: &'a [u8],
    /// What the parser made of it, where that is known already.
    pub parsed: Option<&'a Result<Dockerfile, ParseError>>,
    /// The user's build arguments.
    pub build_args: &'a BTreeMap<String, String>,
    /// What is built for.
    pub platform: &'a Platform,
    /// The context, where there is one.
    pub context: Option<&'a dyn ContextSource>,
    /// Whether a base image may be used.
    pub approved: &'a dyn Fn(&Reference) -> bool,
    /// What is known of a base image; `None` if it is not in the cache.
    pub base: &'a dyn Fn(&Reference) -> Option<BaseFacts>,
    /// Which hosts a reviewer has granted to this submission, over HTTPS: what reaches for them is a warning, and so is
    /// what reaches for hosts that can't be told by reading. Everything else blocks. `None` without a grant.
    pub network: Option<&'a dyn Fn(&str) -> bool>,
}

/// Runs every rule. A file that can't be read gives one `PARSE` finding.
pub fn check(subject: &Subject<'_>) -> Report {
    file::check(subject)
}
