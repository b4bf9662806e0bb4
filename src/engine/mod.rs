//! From a Dockerfile to an image in the content store.
//!
//! ```text
//! text ─► plan ─► stages, side by side ─► layers, configuration, manifest
//!           │          │ COPY, ADD, WORKDIR: copy (on trees) ─► layer
//!           │          │ RUN: snapshot (folders) ─► sandbox ─► layer
//!           └ bases by digest, steps by number
//! ```
//!
//! [`plan`] decides what has to be done, [`copy`] where files come to stand, [`layer`] and [`tar`] what the bytes are,
//! [`tree`] what an image looks like without unpacking it, [`snapshot`] what is kept from one build to the next;
//! [`embedded`] does it, and [`again`] does it once more to see whether it comes to the same bytes. The same request gives the same bytes: every time is the base's `created`, entries and owners
//! come from the rules and never from the host.
//!
//! This room must not know what a submission is, who approved what, or where a base came from.

pub mod accounts;
pub mod again;
pub mod conditions;
pub mod copy;
pub mod embedded;
pub mod fault;
pub mod key;
pub mod layer;
pub mod plan;
pub mod snapshot;
pub mod tar;
pub mod traced;
pub mod tree;
pub mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::context::ContextSource;
use crate::model::decision::Pins;
use crate::model::event::{Cancel, EventSink};
use crate::model::image::{BuiltImage, Platform};
use crate::model::{Failure, Limits};
use crate::oci::OciError;
use crate::sandbox::gate::Keeper;

pub use conditions::Conditions;
pub use embedded::{Embedded, admit};
pub use snapshot::JOBS;

/// Builds images.
pub trait Engine: Send + Sync {
    /// Builds one. Blocks; tells what happens through `events`.
    ///
    /// # Errors
    /// If the build fails, is cancelled, or the host can't do it.
    fn build(
        &self,
        request: &BuildRequest<'_>,
        events: &dyn EventSink,
        cancel: &Cancel,
    ) -> Result<BuiltImage, BuildError>;
}

/// What is to be built.
#[derive(Clone)]
pub struct BuildRequest<'a> {
    /// The Dockerfile's text.
    pub dockerfile: &'a [u8],
    /// What it is called, for people.
    pub dockerfile_name: &'a str,
    /// What COPY and ADD see.
    pub context: Arc<dyn ContextSource>,
    /// `--build-arg`.
    pub build_args: BTreeMap<String, String>,
    /// `--target`.
    pub target: Option<String>,
    /// `--platform`.
    pub platform: Platform,
    /// What tags stand for: platform manifests in the content store.
    pub pins: Pins,
    /// What the build may use.
    pub limits: Limits,
    /// Whether no cached step may be used.
    pub no_cache: bool,
    /// Who keeps the gate of a build that is granted the network.
    pub network: Option<Arc<Keeper>>,
    /// What must make no difference. Not part of a step's key: a step that depends on it is at fault.
    pub conditions: Conditions,
    /// Whose cache mounts a step finds again; without it each step finds them empty, and nothing of them is kept.
    pub cache_scope: Option<String>,
}

impl std::fmt::Debug for BuildRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BuildRequest")
            .field("dockerfile_name", &self.dockerfile_name)
            .field("target", &self.target)
            .field("platform", &self.platform)
            .field("pins", &self.pins)
            .finish_non_exhaustive()
    }
}

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The Dockerfile, the context or a limit: for the submitter.
    #[error("{0}")]
    Failed(Failure),
    /// The end was asked for.
    #[error("the build was cancelled")]
    Cancelled,
    /// The host lacks something: for the operator.
    #[error("{0}")]
    Host(String),
    /// The content store is at fault: for the operator.
    #[error(transparent)]
    Store(#[from] OciError),
}
