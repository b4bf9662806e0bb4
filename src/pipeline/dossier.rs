//! What a reviewer reads, gathered: Dockerfile, findings, pins, decisions, the submission before (R27).

use std::collections::BTreeMap;

use super::compare::Now;
use super::{Site, SiteError};
use crate::dockerfile::ast::Dockerfile;
use crate::dockerfile::{self, ParseError};
use crate::lint::Report;
use crate::model::base::Base;
use crate::model::context::{ContextSource, EntryKind};
use crate::model::decision::{Binding, Grant};
use crate::model::image::Platform;
use crate::model::view::{BasePin, ReviewPage};
use crate::model::{Digest, Failure, Reference, Severity, State, Submission, SubmissionId};
use crate::{bases, intake, review};

/// How many links in a row are followed to a Dockerfile.
const LINKS: usize = 8;
/// Rejections for the same rules that a page shows.
const PRECEDENTS: usize = 3;

/// The file that `name` leads to where it is a link, as it may be for Docker. Links were checked to stay in the
/// context; what this can't follow is left for the reader to complain of.
fn behind_links(context: &dyn ContextSource, name: &str) -> String {
    let mut path = name.to_owned();
    for _ in 0..LINKS {
        let entry = context.find(&path).and_then(|at| context.entries().get(at));
        let Some(EntryKind::Symlink { target }) = entry.map(|entry| &entry.kind) else {
            break;
        };
        let mut parts: Vec<&str> = match target.starts_with('/') {
            true => Vec::new(),
            false => path.split('/').collect(),
        };
        parts.pop();
        for part in target.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        path = parts.join("/");
    }
    path
}

/// A Dockerfile as it was read.
pub struct Read {
    /// Its path in the context.
    pub name: String,
    /// Its bytes, as they came.
    pub bytes: Vec<u8>,
    /// Its text, for people.
    pub text: String,
    /// What the parser made of it.
    pub parsed: Result<Dockerfile, ParseError>,
}

impl Read {
    /// Reads the bytes of a Dockerfile.
    pub fn of(name: &str, bytes: Vec<u8>) -> Self {
        Self {
            name: name.to_owned(),
            // Places count from behind a byte-order mark, as the parser's do.
            text: String::from_utf8_lossy(&bytes)
                .trim_start_matches('\u{feff}')
                .to_owned(),
            parsed: dockerfile::parse(&bytes),
            bytes,
        }
    }

    /// The digest of its bytes: what an approval binds.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// The failure of R12, if it does not parse.
    pub fn parse_error(&self) -> Option<Failure> {
        let error = self.parsed.as_ref().err()?;
        let failure = Failure::new(error.to_string()).at(None, Some(error.line));
        Some(failure.help("mend the line and try again; `flareo lint` reads it without publishing"))
    }
}

impl Site {
    pub(super) fn context(&self, row: &Submission) -> Result<intake::StoredContext, SiteError> {
        intake::StoredContext::open(&self.paths().contexts(), row.context).map_err(SiteError::from)
    }

    pub(super) fn read_dockerfile(
        &self,
        context: &dyn ContextSource,
        name: &str,
    ) -> Result<Read, SiteError> {
        let limit = self.policy().context.dockerfile_bytes;
        let file = behind_links(context, name);
        let bytes = context.read(&file, limit).map_err(|e| {
            SiteError::refused(Failure::new(format!("the Dockerfile can't be read: {e}")))
        })?;
        Ok(Read::of(name, bytes))
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
        self.read_dockerfile(context, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::context::MemoryContext;

    #[test]
    fn a_dockerfile_may_be_a_link_to_one() {
        let context = MemoryContext::default()
            .file("build/real", 0o644, "FROM scratch\n")
            .link("Dockerfile", "build/Dockerfile")
            .link("build/Dockerfile", "../build/./real")
            .link("round", "round");
        assert_eq!(behind_links(&context, "Dockerfile"), "build/real");
        assert_eq!(behind_links(&context, "build/real"), "build/real");
        assert_eq!(behind_links(&context, "round"), "round");
        assert_eq!(behind_links(&context, "nowhere"), "nowhere");
    }
}
