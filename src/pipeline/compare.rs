//! A submission held against an earlier one of its slug (R27): both read by the rules of today.

use std::collections::{BTreeMap, BTreeSet};

use super::{Site, SiteError};
use crate::model::changes::{Changes, PinMove};
use crate::model::context::ContextSource;
use crate::model::view::{BasePin, Previous};
use crate::model::{Digest, Finding, Reference, Submission, SubmissionId};
use crate::review;

/// What the newer side is.
pub(super) struct Now<'a> {
    pub(super) text: &'a str,
    pub(super) findings: &'a [Finding],
    pub(super) pins: &'a [BasePin],
    pub(super) context: &'a dyn ContextSource,
}

impl Site {
    /// Another submission, and how `id` differs from it.
    ///
    /// # Errors
    /// If a row is not there, or can't be read.
    pub fn compared_with(
        &self,
        id: SubmissionId,
        other: SubmissionId,
    ) -> Result<Previous, SiteError> {
        let row = self.queue().submission(id)?;
        let context = self.context(&row)?;
        let read = self.dockerfile_of(&row, &context)?;
        let findings = self.lint(&read, Some(&context), &[])?.findings;
        let pins = match &read.parsed {
            Ok(file) => self.pins(file, &BTreeMap::new())?,
            Err(_) => Vec::new(),
        };
        let now = Now {
            text: &read.text,
            findings: &findings,
            pins: &pins,
            context: &context,
        };
        self.compared(&now, &self.queue().submission(other)?)
    }

    /// The earlier submission, and how `now` differs from it. One whose context is gone has nothing to differ from.
    pub(super) fn compared(&self, now: &Now<'_>, row: &Submission) -> Result<Previous, SiteError> {
        let read = self
            .context(row)
            .and_then(|context| Ok((self.dockerfile_of(row, &context)?, context)));
        let Ok((read, context)) = read else {
            return Ok(Previous {
                id: row.id,
                state: row.state,
                dockerfile: String::new(),
                changes: None,
            });
        };
        let findings = self.lint(&read, Some(&context), &[])?.findings;
        let (resolved, new) = review::settled((&findings, &read.text), (now.findings, now.text));
        let pins = match self.queue().opened_review(row.id)? {
            Some(seen) => seen.pins,
            None => match &read.parsed {
                Ok(file) => self.pins(file, &BTreeMap::new())?,
                Err(_) => Vec::new(),
            },
        };
        let files = match row.context == now.context.digest().unwrap_or(row.context) {
            true => Default::default(),
            false => review::files(&context, now.context),
        };
        Ok(Previous {
            id: row.id,
            state: row.state,
            dockerfile: read.text,
            changes: Some(Changes {
                files,
                resolved,
                new,
                pins: moved(&pins, now.pins),
            }),
        })
    }
}

/// The bases whose pins are not what they were.
fn moved(old: &[BasePin], new: &[BasePin]) -> Vec<PinMove> {
    let by_name = |pins: &[BasePin]| -> BTreeMap<Reference, Option<Digest>> {
        let each = pins.iter();
        each.map(|pin| (pin.reference.without_digest(), pin.digest))
            .collect()
    };
    let (old, new) = (by_name(old), by_name(new));
    let names: BTreeSet<&Reference> = old.keys().chain(new.keys()).collect();
    names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name))
        .map(|name| PinMove {
            reference: name.clone(),
            old: old.get(name).copied().flatten(),
            new: new.get(name).copied().flatten(),
        })
        .collect()
}
