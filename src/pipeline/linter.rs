//! Lint with what it has to know about the place: approved bases, what is held of them, which hosts a grant reaches. Made
//! once for as many files as there are. Who submits has no catalog at home: there the list that comes along counts, and
//! nothing is held.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::read::Read;
use super::{Site, SiteError, known_rules};
use crate::bases::{ApprovedList, approved};
use crate::intake::DirContext;
use crate::lint::{self, BaseFacts, Mended, Report, Subject};
use crate::model::context::ContextSource;
use crate::model::decision::Grant;
use crate::model::image::Platform;
use crate::model::network::Allowance;
use crate::model::policy::Switch;
use crate::model::{Clock, Finding, Policy, Reference, Timestamp};

/// So many files are linted without another thread.
const FEW: usize = 16;

/// Lint under one policy.
pub struct Linter<'s> {
    policy: &'s Policy,
    now: Timestamp,
    /// Where bases are held, if this machine has a catalog.
    site: Option<&'s Site>,
    approved: ApprovedList,
    granted: Vec<Reference>,
    network: Option<Allowance>,
    /// What is known of bases that were asked for.
    known: Mutex<HashMap<Reference, Option<BaseFacts>>>,
}

impl Site {
    /// Lint under these grants: granted bases count as approved, and what reaches for granted hosts is a warning.
    ///
    /// # Errors
    /// If the queue can't be read.
    pub fn linter(&self, grants: &[Grant]) -> Result<Linter<'_>, SiteError> {
        let groups = Grant::groups(grants);
        // A group that is not there grants nothing; who grants it hears so.
        let allowance = self.policy().network.allow(&groups, "").ok();
        let granted = grants.iter().filter_map(|grant| match grant {
            Grant::Base { reference } => Some(reference.without_digest()),
            _ => None,
        });
        Ok(Linter {
            policy: self.policy(),
            now: self.clock().now(),
            site: Some(self),
            approved: self.approved_list()?,
            granted: granted.collect(),
            network: allowance.filter(|_| !groups.is_empty()),
            known: Mutex::default(),
        })
    }
}

impl Site {
    /// The rules that the policy weighs otherwise at this moment.
    pub fn switches(&self) -> Vec<(String, Switch)> {
        let now = self.clock().now();
        let rules = self.policy().lint.rules.iter();
        rules
            .filter(|(_, switch)| switch.counts(now))
            .map(|(rule, switch)| (rule.clone(), switch.clone()))
            .collect()
    }
}

impl<'s> Linter<'s> {
    /// Lint on a machine that has no catalog: nothing is opened, and nothing is made.
    ///
    /// # Errors
    /// If the policy switches a rule that there is not.
    pub fn without_a_site(policy: &'s Policy, clock: &dyn Clock) -> Result<Self, SiteError> {
        known_rules(policy)?;
        Ok(Self {
            policy,
            now: clock.now(),
            site: None,
            approved: ApprovedList::new(approved::defaults()),
            granted: Vec::new(),
            network: None,
            known: Mutex::default(),
        })
    }

    /// What lint finds.
    pub fn check(&self, read: &Read, context: Option<&dyn ContextSource>) -> Report {
        self.weighed(self.with(read, context, lint::check))
    }

    /// Reads and lints Dockerfiles of folders, or Dockerfiles by themselves, several at a time; the answers are in the order
    /// of the paths.
    ///
    /// # Errors
    /// The first that can't be read.
    pub fn check_paths(&self, paths: &[PathBuf]) -> Result<Vec<Report>, SiteError> {
        let lint = |path: &PathBuf| {
            let (read, context) = self.read_path(path)?;
            Ok(self.check(&read, context.as_ref().map(|c| c as _)))
        };
        if paths.len() <= FEW {
            return paths.iter().map(lint).collect();
        }
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let share = paths.len().div_ceil(workers);
        std::thread::scope(|scope| {
            let shares: Vec<_> = paths
                .chunks(share)
                .map(|paths| scope.spawn(move || paths.iter().map(lint).collect::<Vec<_>>()))
                .collect();
            shares
                .into_iter()
                .flat_map(|share| {
                    share
                        .join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
                .collect()
        })
    }

    /// Lints what stands at `path`, and tries the patches of what is found.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn mend_path(&self, path: &Path) -> Result<(Report, Mended), SiteError> {
        let (read, context) = self.read_path(path)?;
        Ok(self.mend(&read, context.as_ref().map(|c| c as _)))
    }

    /// A Dockerfile, and the folder that it stands in, if `path` is one.
    fn read_path(&self, path: &Path) -> Result<(Read, Option<DirContext>), SiteError> {
        let limits = &self.policy.context;
        let context = match path.is_dir() {
            true => Some(DirContext::open(path, limits).map_err(SiteError::from)?),
            false => None,
        };
        let read = match &context {
            Some(context) => Read::in_context(context, "Dockerfile", limits)?,
            None => Read::from_file(path, limits)?,
        };
        Ok((read, context))
    }

    /// The findings as the policy weighs them.
    fn weighed(&self, mut report: Report) -> Report {
        let rules = &self.policy.lint.rules;
        let switch = |finding: &Finding| rules.get(&finding.rule).filter(|s| s.counts(self.now));
        report.findings.retain_mut(|finding| {
            let Some(switch) = switch(finding) else {
                return true;
            };
            match switch.severity.severity() {
                None => false,
                Some(severity) => {
                    finding.severity = severity;
                    true
                }
            }
        });
        report
    }

    /// What lint finds, and what its patches come to.
    pub fn mend(&self, read: &Read, context: Option<&dyn ContextSource>) -> (Report, Mended) {
        self.with(read, context, |subject| {
            let report = self.weighed(lint::check(subject));
            let mut mended = lint::mend(subject, &report);
            mended.report = self.weighed(mended.report);
            (report, mended)
        })
    }

    fn with<T>(
        &self,
        read: &Read,
        context: Option<&dyn ContextSource>,
        then: impl FnOnce(&Subject<'_>) -> T,
    ) -> T {
        let network = self.network.as_ref().map(|allowance| {
            move |host: &str| host.parse().is_ok_and(|host| allowance.allows(&host))
        });
        then(&Subject {
            name: &read.name,
            text: &read.bytes,
            parsed: Some(&read.parsed),
            build_args: &BTreeMap::new(),
            platform: &Platform::host(),
            context,
            approved: &|reference| {
                self.approved.allows(reference)
                    || self.granted.contains(&reference.without_digest())
            },
            base: &|reference| self.facts(reference),
            network: network.as_ref().map(|reaches| reaches as _),
        })
    }

    /// What is known of a base.
    pub(super) fn facts(&self, reference: &Reference) -> Option<BaseFacts> {
        if let Ok(known) = self.known.lock()
            && let Some(facts) = known.get(reference)
        {
            return facts.clone();
        }
        let facts = self.site.and_then(|site| held(site, reference));
        if let Ok(mut known) = self.known.lock() {
            known.insert(reference.clone(), facts.clone());
        }
        facts
    }
}

/// What a held base brings along that lint has to know (R11).
fn held(site: &Site, reference: &Reference) -> Option<BaseFacts> {
    let base = site.queue().base(reference).ok()??;
    let manifest = site.store().manifest(base.digest).ok()?;
    let config = site.store().config(manifest.config.digest).ok()?.config;
    let environment = config
        .env
        .iter()
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    Some(BaseFacts {
        entrypoint: config.entrypoint.is_some_and(|words| !words.is_empty()),
        cmd: config.cmd.is_some_and(|words| !words.is_empty()),
        environment: environment
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        user: config.user,
        shell: config.shell,
        working_dir: config.working_dir,
        healthcheck: config
            .healthcheck
            .is_some_and(|check| check.test.first().is_some_and(|word| word != "NONE")),
        onbuild: config.on_build,
        digest: Some(base.digest),
        bytes: manifest.layers.iter().map(|layer| layer.size).sum(),
    })
}
