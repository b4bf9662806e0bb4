//! Lint with what it has to know about this site: approved bases, what is held of them, which hosts a grant reaches. Made
//! once for as many files as there are.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use super::dossier::Read;
use super::{Site, SiteError};
use crate::bases::ApprovedList;
use crate::lint::{self, BaseFacts, Mended, Report, Subject};
use crate::model::context::ContextSource;
use crate::model::decision::Grant;
use crate::model::image::Platform;
use crate::model::network::Allowance;
use crate::model::policy::Switch;
use crate::model::{Finding, Reference};

/// Lint for this site.
pub struct Linter<'s> {
    site: &'s Site,
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
            site: self,
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

impl Linter<'_> {
    /// What lint finds.
    pub fn check(&self, read: &Read, context: Option<&dyn ContextSource>) -> Report {
        self.weighed(self.with(read, context, lint::check))
    }

    /// The findings as the policy weighs them.
    fn weighed(&self, mut report: Report) -> Report {
        let now = self.site.clock().now();
        let rules = &self.site.policy().lint.rules;
        let switch = |finding: &Finding| rules.get(&finding.rule).filter(|s| s.counts(now));
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
        let facts = held(self.site, reference);
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
