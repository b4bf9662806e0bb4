//! What a reviewer reads, gathered: Dockerfile, findings, pins, decisions, the submission before (R27).

use std::collections::BTreeMap;

use super::compare::Now;
use super::read::Read;
use super::{Site, SiteError};
use crate::dockerfile;
use crate::dockerfile::ast::Dockerfile;
use crate::lint::Report;
use crate::model::base::Base;
use crate::model::context::ContextSource;
use crate::model::decision::{Binding, Grant};
use crate::model::image::Platform;
use crate::model::view::{BasePin, ReviewPage};
use crate::model::{Reference, Severity, State, Submission, SubmissionId};
use crate::{bases, intake, review};

/// Rejections for the same rules that a page shows.
const PRECEDENTS: usize = 3;

impl Site {
    pub(super) fn context(&self, row: &Submission) -> Result<intake::StoredContext, SiteError> {
        intake::StoredContext::open(&self.paths().contexts(), row.context).map_err(SiteError::from)
    }

    /// The bases that a Dockerfile names, with what each is pinned to today (R9).
    ///
    /// # Errors
    /// If the queue can't be read.
    pub fn pins(
        &self,
        file: &Dockerfile,
        build_args: &BTreeMap<String, String>,
    ) -> Result<Vec<BasePin>, SiteError> {
        let platform = Platform::host();
        let named: Vec<bases::From> = dockerfile::images::external(file, build_args, &platform)
            .into_iter()
            // What is no reference lint complains of; there is nothing to pin.
            .filter_map(|image| {
                let reference = image.name.parse().ok()?;
                Some(bases::From {
                    written: image.name,
                    reference,
                    line: image.line,
                })
            })
            .collect();
        let mut held = Vec::new();
        for from in &named {
            held.extend(self.held(&from.reference)?);
        }
        let cache = bases::Cache {
            store: self.store(),
            bases: &held,
            platform: &platform,
        };
        Ok(bases::pins(
            &named,
            &|reference| cache.resolve(reference),
            &self.approved_list()?,
        ))
    }

    /// Every version of a base that was imported under this name and not removed since, the newest last.
    fn held(&self, reference: &Reference) -> Result<Vec<Base>, SiteError> {
        if self.queue().base(reference)?.is_none() {
            return Ok(Vec::new());
        }
        let newest_first = self.queue().base_history(reference)?;
        Ok(newest_first
            .into_iter()
            .rev()
            .map(|version| version.base)
            .collect())
    }

    pub(super) fn approved_list(&self) -> Result<bases::ApprovedList, SiteError> {
        Ok(bases::ApprovedList::new(self.approved_bases()?))
    }

    /// Lints a Dockerfile. Granted bases count as approved, and what reaches for granted hosts is a warning.
    ///
    /// # Errors
    /// If the queue can't be read.
    pub fn lint(
        &self,
        read: &Read,
        context: Option<&dyn ContextSource>,
        grants: &[Grant],
    ) -> Result<Report, SiteError> {
        Ok(self.linter(grants)?.check(read, context))
    }

    /// Everything that a reviewer reads before deciding.
    ///
    /// A pending row is read afresh, by the rules and the cache of today; one that was decided shows what was seen then.
    ///
    /// # Errors
    /// If there is no such row, or its context can't be read.
    pub fn review_page(&self, id: SubmissionId) -> Result<ReviewPage, SiteError> {
        self.review_page_under(id, &[])
    }

    /// The page as it reads with a network grant among `grants`. A granted base stays a finding: a grant covers it.
    pub(super) fn review_page_under(
        &self,
        id: SubmissionId,
        grants: &[Grant],
    ) -> Result<ReviewPage, SiteError> {
        let grants: Vec<Grant> = grants
            .iter()
            .filter(|grant| matches!(grant, Grant::Network { .. }))
            .cloned()
            .collect();
        let submission = self.queue().submission(id)?;
        let context = self.context(&submission)?;
        let read = self.dockerfile_of(&submission, &context)?;
        let seen = self.queue().opened_review(id)?;
        let (findings, pins) = match seen {
            Some(seen) if submission.state != State::Pending => (seen.findings, seen.pins),
            _ => {
                let pins = match &read.parsed {
                    Ok(file) => self.pins(file, &BTreeMap::new())?,
                    Err(_) => Vec::new(),
                };
                (self.lint(&read, Some(&context), &grants)?.findings, pins)
            }
        };
        let now = Now {
            text: &read.text,
            findings: &findings,
            pins: &pins,
            context: &context,
        };
        let previous = match self.queue().previous(&submission)? {
            Some(row) => Some(self.compared(&now, &row)?),
            None => None,
        };
        let published = match self.queue().published_before(&submission)? {
            Some(row) if previous.as_ref().is_none_or(|p| p.id != row.id) => {
                Some(self.compared(&now, &row)?)
            }
            _ => None,
        };
        let decisions = self.queue().decisions(id)?;
        let told = findings.iter().filter(|f| f.severity != Severity::Advice);
        let rules: Vec<&str> = told.map(|f| f.rule.as_str()).collect();
        let precedents = match submission.state {
            State::Pending if !rules.is_empty() => {
                self.queue().precedents(id, &rules, PRECEDENTS)?
            }
            _ => Vec::new(),
        };
        let grantable = match submission.state {
            State::Pending => self.grantable(&submission, &pins),
            _ => Vec::new(),
        };
        let dockerfile = read.digest();
        let policy = self.policy_now();
        let today = |binding: &Binding| {
            review::bind(&submission, dockerfile, &pins, &binding.grants, &policy)
        };
        let needed = self.policy().review.needed(false);
        let approvals = review::standing(&submission, &decisions, needed, &today);
        let network = self.network_view(&submission)?;
        Ok(ReviewPage {
            submission,
            dockerfile: read.text,
            findings,
            pins,
            decisions,
            comments: self.queue().comments(id)?,
            precedents,
            grantable,
            templates: self.policy().review.templates.clone(),
            approvals,
            switches: self.switches(),
            reproduction: self.reproduction(id)?,
            previous,
            published,
            network,
        })
    }

    /// What a submission asks for or needs: the bases that are not approved, time, the network as far as the policy has
    /// groups of hosts.
    fn grantable(&self, row: &Submission, pins: &[BasePin]) -> Vec<Grant> {
        let foreign = pins.iter().filter(|pin| !pin.approved);
        let mut grants: Vec<Grant> = foreign
            .map(|pin| Grant::Base {
                reference: pin.reference.without_digest(),
            })
            .collect();
        let minutes = row.wishes.time_limit_minutes;
        grants.extend(minutes.map(|minutes| Grant::Time { minutes }));
        let groups: Vec<String> = self.policy().network.groups.keys().cloned().collect();
        if row.wishes.requires_network && !groups.is_empty() {
            grants.push(Grant::network(&groups));
        }
        grants.sort();
        grants.dedup();
        grants
    }

    pub(super) fn dockerfile_of(
        &self,
        row: &Submission,
        context: &dyn ContextSource,
    ) -> Result<Read, SiteError> {
        let name = row.detection.dockerfile.as_deref().unwrap_or("Dockerfile");
        Read::in_context(context, name, &self.policy().context)
    }
}
