//! A build here and now, by the very engine and limits of the worker, without the queue.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::read::Read;
use super::recorder::{Recorder, Watcher};
use super::reproduce::not_reproduced;
use super::{Site, SiteError};
use crate::catalog::Item;
use crate::engine::again::again;
use crate::engine::{BuildError, BuildRequest, Conditions};
use crate::intake::{BuildView, DirContext};
use crate::model::decision::Grant;
use crate::model::event::{Cancel, EventSink as _, Happening};
use crate::model::image::{BuiltImage, Platform};
use crate::model::{Failure, Severity};
use crate::oci::Location;
use crate::sandbox::gate::Keeper;

/// What to build.
#[derive(Debug, Clone, Default)]
pub struct LocalBuild {
    /// The context's folder.
    pub context: PathBuf,
    /// The Dockerfile, where it is not `Dockerfile` in the context.
    pub file: Option<PathBuf>,
    /// Build arguments.
    pub build_args: BTreeMap<String, String>,
    /// The stage to stop at.
    pub target: Option<String>,
    /// The platform, where one was asked for.
    pub platform: Option<String>,
    /// Run every step anew.
    pub no_cache: bool,
    /// Build even what lint blocks.
    pub no_policy: bool,
    /// Groups of the policy whose hosts its steps may reach, as if they were granted.
    pub network: Vec<String>,
    /// Build a second time, from nothing and in other surroundings, and fail unless it comes to the same bytes.
    pub twice: bool,
    /// Where the image goes beside the content store.
    pub output: Option<String>,
}

impl Site {
    /// Builds. Events go to `watcher`; the last one is the result.
    ///
    /// # Errors
    /// If lint blocks it (unless told otherwise), a base is not in the cache, or the build fails.
    pub fn build_local(
        &self,
        build: &LocalBuild,
        watcher: &dyn Watcher,
        cancel: &Cancel,
    ) -> Result<BuiltImage, SiteError> {
        let recorder = Recorder::live(self, watcher);
        let result = self.try_build_local(build, &recorder, cancel);
        recorder.emit(match &result {
            Ok(built) => Happening::Result {
                ok: true,
                digest: Some(built.digest),
                cached_steps: Some(built.cached_steps),
                steps: Some(built.steps),
                error: None,
                step: None,
                line: None,
                help: String::new(),
            },
            Err(error) => Happening::failed(&error.failure),
        });
        result
    }

    fn try_build_local(
        &self,
        build: &LocalBuild,
        recorder: &Recorder<'_>,
        cancel: &Cancel,
    ) -> Result<BuiltImage, SiteError> {
        if let Some(destination) = &build.output {
            // Found out now, not after ten minutes of building.
            destination
                .parse::<Location>()
                .map_err(|e| SiteError::usage(e.to_string()))?;
        }
        let platform = Platform::host();
        if let Some(asked) = &build.platform
            && *asked != platform.to_string()
        {
            return Err(SiteError::usage(format!(
                "can't build for {asked}: this host is {platform}, and a build runs on the host's own processor"
            )));
        }
        let network = self.keeper(&build.network, "local")?;
        let limits = &self.policy().context;
        let context = match &build.file {
            Some(file) => DirContext::open_for(file, &build.context, limits)?,
            None => DirContext::open(&build.context, limits)?,
        };
        let context = match build.no_cache {
            true => context,
            false => context.remembered_in(&self.paths().digests()),
        };
        let read = match &build.file {
            Some(file) => Read::from_file(file, limits)?,
            None => Read::in_context(&context, "Dockerfile", limits)?,
        };
        if let Some(error) = read.parse_error() {
            return Err(SiteError::refused(error));
        }
        if !build.no_policy {
            let grants = [Grant::network(&build.network)];
            let report = self.lint(&read, Some(&context), &grants)?;
            if let Some(block) = report
                .findings
                .iter()
                .find(|f| f.severity == Severity::Block)
            {
                let failure = Failure::new(format!("{}: {}", block.rule, block.message))
                    .at(None, Some(block.span.line))
                    .help(format!(
                        "{} (`flareo lint` shows everything; --no-policy builds anyway)",
                        block.help
                    ));
                return Err(SiteError::refused(failure));
            }
        }
        let pins = match &read.parsed {
            Ok(file) => self.pins(file, &build.build_args)?,
            Err(_) => Vec::new(),
        };
        let view = Arc::new(BuildView::of_folder(context)?);
        let request = BuildRequest {
            dockerfile: &read.bytes,
            dockerfile_name: &read.name,
            context: view.clone(),
            build_args: build.build_args.clone(),
            target: build.target.clone(),
            platform,
            pins: pins
                .into_iter()
                .filter_map(|pin| Some((pin.reference.without_digest(), pin.digest?)))
                .collect(),
            limits: self.policy().limits.clone(),
            no_cache: build.no_cache,
            network,
            conditions: Conditions::default(),
            // What one finds at home is what is published: no build stands on an earlier one.
            cache_scope: None,
        };
        let engine = self.late_engine()?;
        let built = engine.build_traced(&request, recorder, cancel);
        // What was read counts also where the build failed.
        view.whole().remember();
        let first = built?;
        if build.twice {
            let report = again(&engine, &request, &first, recorder, cancel)?;
            let failure = not_reproduced(&report);
            recorder.emit(Happening::Reproduction {
                label: report.label(),
                report: report.into(),
            });
            if let Some(failure) = failure {
                return Err(SiteError::refused(failure));
            }
        }
        let built = first.image;
        if let Some(destination) = &build.output {
            self.write_out(
                &Item {
                    image: built.digest,
                    attachments: &[],
                },
                destination,
            )?;
        }
        Ok(built)
    }
}

impl Site {
    /// The keeper of a gate to the hosts of `groups`; none without groups.
    pub(super) fn keeper(
        &self,
        groups: &[String],
        grant: &str,
    ) -> Result<Option<Arc<Keeper>>, SiteError> {
        if groups.is_empty() {
            return Ok(None);
        }
        let allowance = self
            .policy()
            .network
            .allow(groups, grant)
            .map_err(|error| SiteError::usage(error.to_string()))?;
        Ok(Some(Arc::new(Keeper::new(allowance, self.clock().clone()))))
    }
}

impl From<BuildError> for SiteError {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Failed(failure) => Self::refused(failure),
            BuildError::Cancelled => Self::interrupted(),
            other => Self::host(other),
        }
    }
}
