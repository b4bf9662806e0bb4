//! Decisions: who approves or rejects what, and what an approval binds (R28, R29).

use std::time::Duration;

use super::{Site, SiteError};
use crate::model::comment::Comment;
use crate::model::decision::{Binding, Grant, Pins};
use crate::model::submission::Lease;
use crate::model::view::ReviewPage;
use crate::model::{Failure, State, Submission, SubmissionId};
use crate::store::{Move, OpenedReview, Transition};
use crate::{notify, review};

/// What the reviewer had before their eyes: if any of it is no longer so, the decision does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The row's version.
    pub version: i64,
    /// The pins.
    pub pins: Pins,
}

impl Seen {
    /// What a page shows.
    pub fn of(page: &ReviewPage) -> Self {
        let pins = page
            .pins
            .iter()
            .filter_map(|pin| Some((pin.reference.without_digest(), pin.digest?)))
            .collect();
        Self {
            version: page.submission.version,
            pins,
        }
    }
}

impl Site {
    /// Approves a submission: from now on exactly this may be built.
    ///
    /// # Errors
    /// If a rule forbids it, somebody else was faster, or it is no longer what was seen.
    pub fn approve(
        &self,
        id: SubmissionId,
        seen: Option<&Seen>,
        reason: &str,
        grants: &[Grant],
    ) -> Result<Submission, SiteError> {
        let page = self.review_page_under(id, grants)?;
        check_seen(&page, seen)?;
        review::may_grant_network(&page, grants, &self.policy().network)?;
        review::may_approve(&page, self.actor(), grants, reason)?;
        let context = self.context(&page.submission)?;
        let dockerfile = self.dockerfile_of(&page.submission, &context)?.digest();
        let policy = self.policy_now();
        let binding = review::bind(&page.submission, dockerfile, &page.pins, grants, &policy);
        self.queue().keep_policy(&policy)?;
        self.remember(&page)?;
        let needed = self.policy().review.needed(!grants.is_empty());
        let reason = reason.to_owned();
        let step = match self.others_for(&page, &binding, needed)? {
            true => Move::Approve { binding, reason },
            false => Move::Assent { binding, reason },
        };
        Ok(self
            .queue()
            .transition(&Transition::new(&page.submission, self.actor(), step))?)
    }

    /// Whether, with the caller, as many reviewers are for exactly this as have to be (R29).
    fn others_for(
        &self,
        page: &ReviewPage,
        binding: &Binding,
        needed: u32,
    ) -> Result<bool, SiteError> {
        let by = review::assenting(&page.submission, &page.decisions, binding);
        let have = by.len();
        if by.contains(self.actor()) && have < needed as usize {
            return Err(review::Refusal::Already {
                actor: self.actor().clone(),
                have,
                needed,
            }
            .into());
        }
        let with_me = have + usize::from(!by.contains(self.actor()));
        Ok(with_me >= needed as usize)
    }

    /// Sends a submission back with a reason.
    ///
    /// # Errors
    /// If no reason is given, somebody else was faster, or it is no longer what was seen.
    pub fn reject(
        &self,
        id: SubmissionId,
        seen: Option<&Seen>,
        reason: &str,
    ) -> Result<Submission, SiteError> {
        let page = self.review_page(id)?;
        check_seen(&page, seen)?;
        review::may_reject(&page, reason)?;
        self.remember(&page)?;
        let step = Move::Reject {
            reason: reason.to_owned(),
        };
        let mut transition = Transition::new(&page.submission, self.actor(), step);
        let (comments, patch) = (page.comments.clone(), self.ready_patch(&page)?);
        let evidence = notify::Evidence {
            findings: &page.findings,
            comments: &comments,
            patch: patch.as_deref(),
        };
        if let Some(mail) = notify::rejected(&page.submission, &Failure::new(reason), &evidence) {
            transition = transition.mail(mail);
        }
        Ok(self.queue().transition(&transition)?)
    }

    /// The patch that mends what is found, tried, as `git apply` takes it; nothing where there is none.
    fn ready_patch(&self, page: &ReviewPage) -> Result<Option<String>, SiteError> {
        if page.findings.iter().all(|finding| finding.patch.is_none()) {
            return Ok(None);
        }
        let context = self.context(&page.submission)?;
        let read = self.dockerfile_of(&page.submission, &context)?;
        let (_, mended) = self.linter(&[])?.mend(&read, Some(&context));
        let patch = crate::lint::unified(&mended.files, &str::to_owned);
        Ok(Some(patch).filter(|patch| !patch.is_empty()))
    }

    /// Says something about a line of the Dockerfile, or of another file of the context.
    ///
    /// # Errors
    /// If nothing is said, there is no such line, or the submission is no longer pending.
    pub fn comment(
        &self,
        id: SubmissionId,
        file: Option<&str>,
        line: u32,
        text: &str,
    ) -> Result<Comment, SiteError> {
        let row = self.queue().submission(id)?;
        let context = self.context(&row)?;
        let dockerfile = row.detection.dockerfile.as_deref().unwrap_or("Dockerfile");
        let name = file.unwrap_or(dockerfile);
        let lines = match name == dockerfile {
            true => self.dockerfile_of(&row, &context)?.text.lines().count(),
            false => self.context_file(id, name)?.lines.len(),
        };
        if line == 0 || line as usize > lines {
            return Err(SiteError::usage(format!(
                "{} has {lines} lines, and no line {line}",
                crate::dockerfile::excerpt::harmless(name)
            )));
        }
        let text = text.trim();
        if text.is_empty() {
            return Err(SiteError::usage("a comment needs words"));
        }
        Ok(self.queue().comment(id, self.actor(), name, line, text)?)
    }

    /// Takes a submission back. Only its submitter can.
    ///
    /// # Errors
    /// If somebody else asks, or it is no longer pending.
    pub fn withdraw(&self, id: SubmissionId) -> Result<Submission, SiteError> {
        let row = self.queue().submission(id)?;
        if &row.submitter != self.actor() {
            return Err(SiteError::refused(Failure::new(format!(
                "submission {id} is {}'s: only they can withdraw it",
                row.submitter
            )))
            .help("a reviewer rejects instead: `flareo review ID reject --reason …`"));
        }
        Ok(self
            .queue()
            .transition(&Transition::new(&row, self.actor(), Move::Withdraw))?)
    }

    /// Says that the caller reads a submission now.
    ///
    /// # Errors
    /// If somebody else does.
    pub fn claim(&self, id: SubmissionId) -> Result<Lease, SiteError> {
        let lease = Duration::from_secs(self.policy().review.claim_seconds);
        Ok(self.queue().claim(id, self.actor(), lease)?)
    }

    /// Takes a claim over from whoever holds it: the audit log keeps from whom, and their page says who reads it now.
    ///
    /// # Errors
    /// If it is no longer pending.
    pub fn steal_claim(&self, id: SubmissionId) -> Result<Lease, SiteError> {
        let lease = Duration::from_secs(self.policy().review.claim_seconds);
        Ok(self.queue().steal_claim(id, self.actor(), lease)?)
    }

    /// Says that the caller no longer reads it.
    ///
    /// # Errors
    /// If the claim is not theirs.
    pub fn release(&self, id: SubmissionId) -> Result<(), SiteError> {
        Ok(self.queue().release_claim(id, self.actor())?)
    }

    /// Keeps what the page was made of, so that it reads the same for ever.
    fn remember(&self, page: &ReviewPage) -> Result<(), SiteError> {
        let opened = OpenedReview {
            at: self.clock().now(),
            by: self.actor().clone(),
            findings: page.findings.clone(),
            pins: page.pins.clone(),
        };
        Ok(self.queue().open_review(page.submission.id, &opened)?)
    }
}

fn check_seen(page: &ReviewPage, seen: Option<&Seen>) -> Result<(), SiteError> {
    let Some(seen) = seen else { return Ok(()) };
    let now = Seen::of(page);
    if now.version != seen.version {
        let row = &page.submission;
        let what = match (row.state, page.decisions.last()) {
            (State::Pending, _) | (_, None) => format!("it is {} now", row.state),
            (_, Some(last)) => format!("{} {} it", last.by, last.verdict.past()),
        };
        return Err(SiteError::busy(format!(
            "submission {} has changed since you read it: {what}",
            row.id
        ))
        .help("look at it again"));
    }
    if now.pins != seen.pins {
        return Err(SiteError::refused(Failure::new(
            "a base of this submission was refreshed since you read it",
        ))
        .help("look at the pins again, then decide"));
    }
    Ok(())
}
