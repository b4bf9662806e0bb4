//! What a build comes to once variables and the bases' triggers are put in: what its reviewer approves.

use serde::{Deserialize, Serialize};

use super::Digest;

/// A build, expanded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effective {
    /// The stages in order.
    pub stages: Vec<StageView>,
    /// Everything that comes from outside of the file.
    pub inputs: Vec<Input>,
    /// Scripts of the context that a RUN calls.
    pub scripts: Vec<Script>,
    /// The instructions, each on one line.
    pub lines: Vec<EffectiveLine>,
    /// Whether there is more than is shown.
    pub cut: bool,
}

/// A stage and what it takes from others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageView {
    /// Its number, from 0.
    pub index: usize,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// What its `FROM` comes to.
    pub from: String,
    /// The stage that `FROM` names, where it is one.
    pub on: Option<usize>,
    /// The stages that it copies from or mounts.
    pub takes_from: Vec<usize>,
    /// Whether the image is made of it.
    pub is_final: bool,
    /// Whether the image needs it.
    pub is_needed: bool,
}

/// What kind of thing comes from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputKind {
    /// The base of a stage.
    Base,
    /// Another image, by `--from`.
    Image,
    /// An address that ADD fetches.
    Address,
    /// Files of the context.
    Context,
}

impl InputKind {
    /// The word that listings use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Image => "image",
            Self::Address => "address",
            Self::Context => "context",
        }
    }
}

/// Something that comes from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// What kind.
    pub kind: InputKind,
    /// Its name, expanded.
    pub name: String,
    /// The Dockerfile's line.
    pub line: u32,
    /// What it is pinned to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// A script that a RUN calls.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Script {
    /// The line of the RUN.
    pub line: u32,
    /// Its path, as it was called or in the context.
    pub path: String,
}

/// An instruction as it is built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectiveLine {
    /// The stage's number; nothing before the first.
    pub stage: Option<usize>,
    /// The line that it comes from.
    pub line: u32,
    /// The instruction.
    pub text: String,
    /// Whether it is a trigger of the base, which does not stand in the file.
    pub trigger: bool,
}
