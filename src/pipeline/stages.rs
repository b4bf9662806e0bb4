//! What a worker does with a row in each state, and which step comes of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ledger::{LedgerSink, NETWORK_LEDGER};
use super::{Site, SiteError, reproduce};
use crate::attest::provenance::Build;
use crate::attest::{self, Subject};
use crate::engine::{BuildError, BuildRequest, Conditions};
use crate::intake::{BuildView, IntakeError};
use crate::model::decision::{Binding, Grant};
use crate::model::event::{Cancel, EventSink, Happening};
use crate::model::image::Platform;
use crate::model::module::Module;
use crate::model::network::NetworkPolicy;
use crate::model::scan::{GateVerdict, ScanReport};
use crate::model::{Actor, Clock, Digest, Failure, Limits, Reference, Submission};
use crate::oci::OciError;
use crate::sandbox::gate::Keeper;
use crate::scan::{self, ScanError};
use crate::store::{Move, StoreError, Transition};
use crate::{notify, review};

/// The evidence that the scan leaves for signing: the report's JSON in the content store.
pub(super) const SCAN_REPORT: &str = "scan-report";
/// The longest scan report that is read back, in bytes.
const REPORT_LIMIT: u64 = 256 << 20;

/// Why a stage gave no step.
pub enum Stop {
    /// The submission is at fault: it fails.
    Failed(Failure),
    /// The host failed: somebody tries again, a few times.
    Host(SiteError),
    /// The host lacks something that every row needs: the row waits until an operator brings it.
    Lacking(SiteError),
    /// The end was asked for.
    Cancelled,
}

impl From<SiteError> for Stop {
    fn from(error: SiteError) -> Self {
        Self::Host(error)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Host(error.into())
    }
}

impl From<OciError> for Stop {
    fn from(error: OciError) -> Self {
        Self::Host(error.into())
    }
}

fn step(row: &Submission, action: Move) -> Transition {
    Transition::new(row, &Actor::worker(), action)
}

impl Site {
    fn binding_of(&self, row: &Submission) -> Result<Binding, Stop> {
        self.queue().binding(row.id)?.ok_or_else(|| {
            Stop::Failed(Failure::new(format!(
                "submission {} has no approval on record",
                row.id
            )))
        })
    }

    /// Approved: begins, unless what was approved is no longer what would be built (R28).
    pub(super) fn begin(&self, row: &Submission) -> Result<Transition, Stop> {
        let binding = self.binding_of(row)?;
        let context = self.context(row)?;
        let dockerfile = self.dockerfile_of(row, &context)?.digest();
        let changed = match review::still_binds(row, &binding, dockerfile, &self.policy_now()) {
            Err(changed) => Some(changed.to_string()),
            Ok(()) => self
                .no_longer_approved(&binding)?
                .map(|base| format!("{} was taken off the approved list", base.familiar())),
        };
        Ok(match changed {
            None => step(row, Move::Begin),
            Some(changed) => step(
                row,
                Move::Void {
                    reason: format!("{changed} after the approval"),
                },
            ),
        })
    }

    /// The first base of an approval that neither the list of today nor a grant lets through (R8).
    fn no_longer_approved(&self, binding: &Binding) -> Result<Option<Reference>, Stop> {
        let approved = self.approved_list()?;
        let granted = |base: &Reference| {
            binding.grants.iter().any(|grant| {
                matches!(grant, Grant::Base { reference } if reference.without_digest() == base.without_digest())
            })
        };
        Ok(binding
            .pins
            .keys()
            .find(|base| !approved.allows(base) && !granted(base))
            .cloned())
    }

    /// Building: from the stored context and the frozen pins to an image in the content store.
    pub(super) fn build_stage(
        &self,
        row: &Submission,
        events: &dyn EventSink,
        cancel: &Cancel,
    ) -> Result<Transition, Stop> {
        let binding = self.binding_of(row)?;
        let context = self.context(row)?;
        // What is built is what was approved, to the last byte. Trying again would not bring it back, and must not keep
        // the rows behind this one waiting.
        context.verify().map_err(|error| match error {
            IntakeError::Stored { .. } => Stop::Failed(Failure::new(error.to_string())),
            other => Stop::Host(other.into()),
        })?;
        // A base that this host lost is this host's to bring back: the submission is not at fault.
        if let Some((base, digest)) = binding
            .pins
            .iter()
            .find(|(_, digest)| !self.store().has(**digest))
        {
            let name = base.familiar();
            return Err(Stop::Lacking(
                SiteError::host(format!(
                    "base {name} ({digest}) is no longer in the content store"
                ))
                .help(format!(
                    "import that very image again: `flareo base import {name} SRC`"
                )),
            ));
        }
        // A row that another worker left behind goes on under the policy that its approval binds (R28).
        let policy = self.queue().policy(binding.policy)?;
        let policy = policy.as_ref().unwrap_or_else(|| self.policy());
        let name = row.detection.dockerfile.as_deref().unwrap_or("Dockerfile");
        let read = self.dockerfile_of(row, &context)?;
        let request = BuildRequest {
            dockerfile: &read.bytes,
            dockerfile_name: name,
            context: Arc::new(BuildView::new(context).map_err(SiteError::from)?),
            build_args: BTreeMap::new(),
            target: None,
            platform: Platform::host(),
            pins: binding.pins.clone(),
            limits: limits(&policy.limits, &binding.grants),
            no_cache: false,
            network: keeper(row, &policy.network, &binding, self.clock())?,
            conditions: Conditions::default(),
            cache_scope: policy.cache.mounts.then(|| row.slug.to_string()),
        };
        let engine = self.engine().map_err(Stop::Lacking)?;
        let sink = LedgerSink::new(self, row, events);
        let build = || -> Result<Transition, Stop> {
            let built = engine.build_traced(&request, &sink, cancel)?;
            let done = step(row, Move::Built(built.image.clone()));
            if !reproduce::wanted(&policy.build, row) {
                return Ok(done);
            }
            let required = policy.build.require_reproduced;
            let report = self.reproduce(&engine, &request, &built, required, &sink, cancel)?;
            Ok(done.evidence(reproduce::REPORT, report))
        };
        let done = build();
        // However it went: what was said over the network, by both builds, is on record first.
        let ledger = sink.close(request.network.as_deref())?;
        let done = done?;
        Ok(match ledger {
            Some(digest) => done.evidence(NETWORK_LEDGER, digest),
            None => done,
        })
    }

    /// Scanning: whatever could not be established does not pass (R23).
    pub(super) fn scan_stage(
        &self,
        row: &Submission,
        events: &dyn EventSink,
        cancel: &Cancel,
    ) -> Result<Transition, Stop> {
        let image = image_of(row)?;
        let report = self.scan(image, events, cancel)?;
        let exceptions = self.queue().exceptions()?;
        let (verdict, report) = scan::gate(
            &report,
            &exceptions,
            &row.slug,
            self.clock().now(),
            &self.policy().scan,
        );
        let evidence = self
            .store()
            .put(&serde_json::to_vec(&report).map_err(SiteError::host)?)?;
        match verdict {
            GateVerdict::Pass => Ok(step(row, Move::Scanned).evidence(SCAN_REPORT, evidence)),
            GateVerdict::Reject(message) => Err(Stop::Failed(Failure::new(message).help(
                "update the package or the base image and publish again; `flareo help scanning` tells of exceptions",
            ))),
        }
    }

    fn scan(
        &self,
        image: Digest,
        events: &dyn EventSink,
        cancel: &Cancel,
    ) -> Result<ScanReport, Stop> {
        let cache = self.paths().vulnerabilities();
        let path = std::env::var_os("PATH");
        let scanner = scan::choose(
            &self.policy().scan,
            &cache,
            path.as_deref(),
            self.clock().clone(),
        )?;
        events.emit(Happening::Scan {
            text: format!("scanning {image} with {}", scanner.name()),
        });
        let report = scanner.scan(image, self.store(), events, cancel)?;
        events.emit(Happening::Scan {
            text: format!(
                "{} packages, {}",
                report.packages.len(),
                match report.vulnerabilities.len() {
                    1 => "1 finding".to_owned(),
                    n => format!("{n} findings"),
                }
            ),
        });
        Ok(report)
    }

    /// Signing: signature, bill of materials and provenance, then the catalog.
    pub(super) fn sign_stage(
        &self,
        row: &Submission,
        events: &dyn EventSink,
    ) -> Result<Transition, Stop> {
        let image = image_of(row)?;
        let binding = self.binding_of(row)?;
        let report = self.scan_report(row)?;
        let built = self.queue().built(row.id)?.ok_or_else(|| {
            Stop::Failed(Failure::new(format!(
                "submission {} has no build on record",
                row.id
            )))
        })?;
        let attempts = self.queue().attempts(row.id)?;
        let (reproduction, reproduction_report) = self.label(row.id)?;
        let network = self.queue().network_use(row.id)?;
        let now = self.clock().now();
        let identity: Reference =
            format!("{}/{}:{}", self.policy().catalog.prefix, row.slug, row.id)
                .parse()
                .map_err(SiteError::host)?;
        let build = Build {
            builder: &format!("https://{}", self.policy().catalog.prefix),
            invocation: &row.id.to_string(),
            started_at: attempts.first().map_or(now, |attempt| attempt.started_at),
            finished_at: now,
            context: row.context,
            dockerfile: row.detection.dockerfile.as_deref().unwrap_or("Dockerfile"),
            dockerfile_digest: binding.dockerfile,
            build_args: &BTreeMap::new(),
            target: None,
            platform: &Platform::host(),
            pins: &binding.pins,
            policy: binding.policy,
            approval: row.approval,
            self_test: self.standing_self_test(),
            network: network.as_ref(),
            reproduction: &reproduction,
            reproduction_report,
        };
        let subject = Subject {
            image,
            identity: &identity,
        };
        let attachments = attest::sign(
            self.store(),
            self.key()?,
            &subject,
            &build,
            &report,
            now,
            events,
        )
        .map_err(SiteError::host)?;
        let module = Module {
            slug: row.slug.clone(),
            digest: image,
            submission: row.id,
            published_at: now,
            bytes: built.bytes,
            layers: built.layers,
            excepted: count(
                report
                    .vulnerabilities
                    .iter()
                    .filter(|v| v.exception.is_some())
                    .count(),
            ),
            packages: count(report.packages.len()),
            attachments,
            reproduction: reproduction.clone(),
            yanked: false,
        };
        let published = step(row, Move::Publish(module));
        let pull = format!("{}/{}", self.policy().catalog.prefix, row.slug);
        Ok(match notify::published(row, image, &pull) {
            Some(mail) => published.mail(mail),
            None => published,
        })
    }

    /// The report that the scan left.
    pub(super) fn scan_report(&self, row: &Submission) -> Result<ScanReport, Stop> {
        let evidence = self
            .queue()
            .evidence(row.id)?
            .get(SCAN_REPORT)
            .copied()
            .ok_or_else(|| {
                Stop::Failed(Failure::new(format!(
                    "submission {} has no scan report on record",
                    row.id
                )))
            })?;
        let bytes = self.store().read(evidence, REPORT_LIMIT)?;
        Ok(serde_json::from_slice(&bytes).map_err(SiteError::host)?)
    }
}

fn image_of(row: &Submission) -> Result<Digest, Stop> {
    row.image.ok_or_else(|| {
        Stop::Failed(Failure::new(format!(
            "submission {} has no image on record",
            row.id
        )))
    })
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The keeper of the gate of one build, where its approval grants the network (R14): nobody else's steps are taken for
/// this build's, as they are filed under the approval's hash.
fn keeper(
    row: &Submission,
    policy: &NetworkPolicy,
    binding: &Binding,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Arc<Keeper>>, Stop> {
    let groups = Grant::groups(&binding.grants);
    if groups.is_empty() {
        return Ok(None);
    }
    let grant = row.approval.unwrap_or_else(|| binding.digest());
    let allowance = policy
        .allow(&groups, &grant.to_string())
        .map_err(|error| Stop::Failed(Failure::new(error.to_string())))?;
    Ok(Some(Arc::new(Keeper::new(allowance, clock.clone()))))
}

/// The limits of one build: the policy's, with a granted time (R18).
fn limits(policy: &Limits, grants: &[Grant]) -> Limits {
    let minutes = grants.iter().filter_map(|g| match g {
        Grant::Time { minutes } => Some(*minutes),
        Grant::Base { .. } | Grant::Network { .. } => None,
    });
    Limits {
        time_seconds: minutes.max().map_or(policy.time_seconds, |m| m * 60),
        ..policy.clone()
    }
}

impl From<ScanError> for Stop {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Cancelled => Self::Cancelled,
            ScanError::Database(_) | ScanError::NoTrivy => {
                Self::Lacking(SiteError::host(&error).help(error.help()))
            }
            ScanError::Host { .. } => Self::Host(SiteError::host(&error).help(error.help())),
            other => Self::Failed(other.failure()),
        }
    }
}

impl From<BuildError> for Stop {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Failed(failure) => Self::Failed(failure),
            BuildError::Cancelled => Self::Cancelled,
            other => Self::Host(SiteError::host(other)),
        }
    }
}
