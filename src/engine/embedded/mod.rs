//! The engine without a daemon.

mod admit;
mod ahead;
mod board;
mod changes;
mod contents;
mod copy;
mod image;
mod late;
mod metadata;
mod mounts;
mod network;
mod order;
mod owners;
mod run;
mod stage;
mod written;

#[cfg(test)]
mod tests;

use std::path::Path;

use super::fault::Fault;
use super::plan::{self, Images, PlanError, Wanted};
use super::snapshot::Snapshots;
use super::traced::Traced;
use super::watch::Watch;
use super::{BuildError, BuildRequest, Engine};
use crate::dockerfile;
use crate::model::event::{Cancel, EventSink, Happening};
use crate::model::image::{BuiltImage, Platform};
use crate::model::{Digest, Failure, Limits};
use crate::oci::{Manifest, OciError, Store};
use crate::sandbox::Sandbox;

pub use admit::admit;
pub use late::Late;

use board::Board;
use image::StageImage;
use stage::Build;

/// The engine without a daemon. Cheap to clone; several builds may run at once, in several processes.
#[derive(Debug, Clone)]
pub struct Embedded {
    store: Store,
    snapshots: Snapshots,
    sandbox: Late,
}

impl Embedded {
    /// An engine that keeps images in `store` and what it needs from build to build under `snapshots`.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn new(store: Store, snapshots: &Path, sandbox: Sandbox) -> Result<Self, BuildError> {
        Self::open(store, snapshots, sandbox.into())
    }

    /// An engine whose sandbox is opened when the first step has to run.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn with_late(store: Store, snapshots: &Path, sandbox: Late) -> Result<Self, BuildError> {
        Self::open(store, snapshots, sandbox)
    }

    /// An engine for a host that can't sandbox: it builds everything but RUN.
    ///
    /// # Errors
    /// If the host refuses.
    pub fn without_sandbox(store: Store, snapshots: &Path) -> Result<Self, BuildError> {
        Self::open(store, snapshots, Late::none())
    }

    fn open(store: Store, snapshots: &Path, sandbox: Late) -> Result<Self, BuildError> {
        let snapshots = Snapshots::open(snapshots).map_err(build_error)?;
        let engine = Self {
            store,
            snapshots,
            sandbox,
        };
        engine.sweep();
        Ok(engine)
    }

    /// The same engine on another store and other snapshots.
    pub(super) fn with(&self, store: Store, snapshots: Snapshots) -> Self {
        Self {
            store,
            snapshots,
            sandbox: self.sandbox.clone(),
        }
    }

    /// Where images are kept.
    pub(super) const fn store(&self) -> &Store {
        &self.store
    }

    /// What is kept from build to build.
    pub(super) const fn snapshots(&self) -> &Snapshots {
        &self.snapshots
    }

    /// Where steps run.
    pub(super) const fn sandbox(&self) -> &Late {
        &self.sandbox
    }

    /// Removes what dead processes left half done. That it can't is no reason to refuse work.
    fn sweep(&self) {
        for folder in self.snapshots.abandoned() {
            if let Ok(sandbox) = self.sandbox.get() {
                for remains in Snapshots::remains(&folder) {
                    let _ = sandbox.remove_folder(&remains);
                }
            }
            super::again::clear(&self.sandbox, &folder);
            let _ = std::fs::remove_dir_all(&folder);
        }
    }
}

impl Images for Store {
    fn manifest(&self, digest: Digest, platform: &Platform) -> Result<Option<Digest>, Fault> {
        if !self.has(digest) {
            return Ok(None);
        }
        match Self::manifest(self, digest) {
            Ok(manifest) => {
                let config = self.config(manifest.config.digest)?;
                let same = |field: &str, wanted: &str| field.is_empty() || field == wanted;
                if same(&config.os, &platform.os)
                    && same(&config.architecture, &platform.architecture)
                {
                    return Ok(Some(digest));
                }
                let message = format!(
                    "the base image is for {}/{}, not for {platform}",
                    config.os, config.architecture
                );
                Err(Fault::input(message).help("import it for this platform"))
            }
            Err(OciError::Invalid { .. }) => {
                let index = self.index(digest)?;
                let fits = index.manifests.iter().find(|m| {
                    let is = |p: &crate::oci::DescriptorPlatform| {
                        p.os == platform.os && p.architecture == platform.architecture
                    };
                    m.platform.as_ref().is_some_and(is)
                });
                Ok(fits.map(|m| m.digest).filter(|d| self.has(*d)))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn triggers(&self, manifest: Digest) -> Result<Vec<String>, Fault> {
        let manifest = Self::manifest(self, manifest)?;
        Ok(self.config(manifest.config.digest)?.config.on_build)
    }
}

impl Engine for Embedded {
    fn build(
        &self,
        request: &BuildRequest<'_>,
        events: &dyn EventSink,
        cancel: &Cancel,
    ) -> Result<BuiltImage, BuildError> {
        self.build_traced(request, events, cancel)
            .map(|traced| traced.image)
    }
}

impl Embedded {
    /// As [`build`](Engine::build), and tells what each step came to.
    ///
    /// # Errors
    /// As it.
    pub fn build_traced(
        &self,
        request: &BuildRequest<'_>,
        events: &dyn EventSink,
        cancel: &Cancel,
    ) -> Result<Traced, BuildError> {
        let watch = Watch::new(request.limits.clone(), cancel.clone());
        let file = dockerfile::parse(request.dockerfile).map_err(|error| {
            let failure = Failure::new(error.to_string()).at(None, Some(error.line));
            BuildError::Failed(failure)
        })?;
        let wanted = Wanted {
            build_args: &request.build_args,
            target: request.target.as_deref(),
            platform: &request.platform,
            pins: &request.pins,
        };
        let plan = plan::plan(&file, &wanted, &self.store)
            .map_err(|PlanError { fault, line }| located(fault, None, line))?;
        let Limits {
            memory_bytes,
            time_seconds,
            layer_bytes,
            log_bytes,
            ..
        } = request.limits;
        events.emit(Happening::Build {
            steps: plan.steps,
            memory_limit: memory_bytes,
            time_limit: time_seconds,
            layer_limit: layer_bytes,
            log_limit: log_bytes,
        });
        let board = Board::new(plan.stages.len());
        let build = Build {
            engine: self,
            request,
            plan: &plan,
            watch: &watch,
            events,
            board: &board,
            together: std::sync::OnceLock::new(),
        };
        build.run();
        let (done, cached_steps) = board.outcome()?;
        // A last look: what was asked to stop must not be told to have come to its end.
        watch.check().map_err(build_error)?;
        let image = self.write(&done.image, plan.steps, cached_steps)?;
        let steps = board.traced();
        Ok(Traced { image, steps })
    }

    /// Writes configuration and manifest.
    fn write(
        &self,
        image: &StageImage,
        steps: u32,
        cached_steps: u32,
    ) -> Result<BuiltImage, BuildError> {
        let config = self.store.put_config(&image.finished())?;
        let layers: Vec<_> = image.layers.iter().map(|l| l.descriptor.clone()).collect();
        let count = u32::try_from(layers.len()).unwrap_or(u32::MAX);
        let manifest = Manifest::image(config.clone(), layers);
        let bytes = manifest.bytes();
        let manifest = self.store.put_manifest(&manifest)?;
        Ok(BuiltImage {
            digest: manifest.digest,
            config: config.digest,
            bytes,
            layers: count,
            steps,
            cached_steps,
        })
    }
}

/// A fault as the build's error, with the step and the line at fault.
fn located(fault: Fault, step: Option<u32>, line: Option<u32>) -> BuildError {
    let who = match (step, line) {
        (Some(step), Some(line)) => format!("step {step} (line {line})"),
        (Some(step), None) => format!("step {step}"),
        (None, _) => "the build".into(),
    };
    let failure = Failure::new(fault.to_string()).help(fault.advice(&who));
    match fault {
        Fault::Cancelled => BuildError::Cancelled,
        Fault::Host(text) => BuildError::Host(text),
        Fault::Store(error) => BuildError::Store(error),
        _ => BuildError::Failed(failure.at(step, line)),
    }
}

pub(super) fn build_error(fault: Fault) -> BuildError {
    located(fault, None, None)
}
