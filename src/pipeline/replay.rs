//! Past decisions under another policy: which of them would flip. Nothing is changed; it is a question.

use std::collections::BTreeMap;

use super::stages::SCAN_REPORT;
use super::{Site, SiteError};
use crate::model::context::ContextSource;
use crate::model::decision::{Decision, Grant, Verdict};
use crate::model::replay::{Flip, Replay, Turn};
use crate::model::scan::{GateVerdict, ScanReport};
use crate::model::view::BasePin;
use crate::model::{Policy, Severity, State, Submission, Timestamp};
use crate::review;
use crate::scan;

/// The longest report that is read.
const LONGEST: u64 = 256 << 20;
/// Rows that are asked for at once.
const WINDOW: u32 = 200;

impl Site {
    /// Goes through every decision since `since`, oldest first, one submission at a time.
    ///
    /// # Errors
    /// If the queue can't be read. A context that is gone is told, not guessed.
    pub fn replay(&self, policy: &Policy, since: Option<Timestamp>) -> Result<Replay, SiteError> {
        let other = self.under(policy.clone());
        let mut replay = Replay::default();
        let mut offset = 0;
        loop {
            let rows = self.queue().rows(&Default::default(), offset, WINDOW)?;
            if rows.is_empty() {
                break;
            }
            offset += WINDOW;
            for row in rows {
                let row = self.queue().submission(row.id)?;
                let decisions = self.queue().decisions(row.id)?;
                let Some(last) = decisions.last() else {
                    continue;
                };
                if since.is_some_and(|since| last.at < since) {
                    continue;
                }
                replay.decisions += 1;
                match other.judged_again(self, &row, &decisions, last) {
                    Ok(turn) => replay.flips.extend(turn.map(|turn| Flip {
                        submission: row.id,
                        slug: row.slug.clone(),
                        by: last.by.clone(),
                        at: last.at,
                        then: last.verdict,
                        state: row.state,
                        turn,
                    })),
                    Err(error) => {
                        replay.unknown.push((row.id, error.failure.message.clone()));
                    }
                }
            }
        }
        replay.flips.sort_by_key(|flip| flip.submission);
        replay.unknown.sort();
        Ok(replay)
    }

    /// What this site, which has the other policy, says now. `before` is the one that has the policy of today.
    fn judged_again(
        &self,
        before: &Self,
        row: &Submission,
        decisions: &[Decision],
        last: &Decision,
    ) -> Result<Option<Turn>, SiteError> {
        let grants: Vec<Grant> = last.binding.iter().flat_map(|b| b.grants.clone()).collect();
        // Who else was for it says nothing about what was turned away.
        let decisions = match last.verdict {
            Verdict::Approve => decisions,
            Verdict::Reject => &[],
        };
        let in_the_way = self.in_the_way(row, decisions, &grants)?;
        match (last.verdict, in_the_way) {
            (Verdict::Approve, Some(why)) => Ok(Some(Turn::NoLonger(why))),
            (Verdict::Approve, None) => self.gate_again(before, row),
            // What was sent back for other reasons than lint's says nothing about the policy.
            (Verdict::Reject, None) if before.in_the_way(row, &[], &[])?.is_some() => {
                Ok(Some(Turn::NowApprovable))
            }
            (Verdict::Reject, _) => Ok(None),
        }
    }

    /// The first thing that stands in the way of approving a submission here.
    fn in_the_way(
        &self,
        row: &Submission,
        decisions: &[Decision],
        grants: &[Grant],
    ) -> Result<Option<String>, SiteError> {
        let limits = &self.policy().context;
        if row.context_bytes > limits.bytes {
            return Ok(Some(format!(
                "the context has {} bytes, more than context.bytes = {}",
                row.context_bytes, limits.bytes
            )));
        }
        if row.context_entries > limits.entries {
            return Ok(Some(format!(
                "the context has {} entries, more than context.entries = {}",
                row.context_entries, limits.entries
            )));
        }
        let context = self.context(row)?;
        let read = self.dockerfile_of(row, &context)?;
        let pins: Vec<BasePin> = match &read.parsed {
            Ok(file) => self.pins(file, &BTreeMap::new())?,
            Err(_) => Vec::new(),
        };
        let groups = Grant::groups(grants);
        if let Err(unknown) = self.policy().network.allow(&groups, "")
            && !groups.is_empty()
        {
            return Ok(Some(unknown.to_string()));
        }
        let source: &dyn ContextSource = &context;
        let found = self
            .lint(&read, Some(source), &only_network(grants))?
            .findings;
        let blocks = found.iter().filter(|f| f.severity == Severity::Block);
        let mut open = blocks.filter(|finding| !review::covered(&pins, finding, grants));
        if let Some(finding) = open.next() {
            return Ok(Some(format!(
                "{} at line {}: {}",
                finding.rule, finding.span.line, finding.message
            )));
        }
        let needed = self.policy().review.needed(!grants.is_empty());
        let mut by: Vec<_> = decisions
            .iter()
            .filter(|d| d.verdict == Verdict::Approve)
            .map(|d| &d.by)
            .collect();
        by.sort();
        by.dedup();
        let short = !decisions.is_empty() && by.len() < needed as usize;
        Ok(short.then(|| format!("approved by {} of {needed}", by.len())))
    }

    /// Whether the gate says something else than it did of an image that was scanned.
    fn gate_again(&self, before: &Self, row: &Submission) -> Result<Option<Turn>, SiteError> {
        let evidence = self.queue().evidence(row.id)?;
        let Some(digest) = evidence.get(SCAN_REPORT) else {
            return Ok(None);
        };
        let bytes = self.store().read(*digest, LONGEST)?;
        let report: ScanReport = serde_json::from_slice(&bytes).map_err(SiteError::host)?;
        let exceptions = self.queue().exceptions()?;
        let judge = |site: &Self| {
            let policy = &site.policy().scan;
            scan::gate(&report, &exceptions, &row.slug, site.clock().now(), policy).0
        };
        Ok(match (judge(before), judge(self)) {
            (GateVerdict::Pass, GateVerdict::Reject(why)) => Some(Turn::NoLonger(why)),
            (GateVerdict::Reject(_), GateVerdict::Pass) if row.state == State::Failed => {
                Some(Turn::NowApprovable)
            }
            _ => None,
        })
    }
}

fn only_network(grants: &[Grant]) -> Vec<Grant> {
    let network = |grant: &&Grant| matches!(grant, Grant::Network { .. });
    grants.iter().filter(network).cloned().collect()
}
