//! Who may decide what (R8, R28, R29).

use crate::model::decision::Grant;
use crate::model::network::{NetworkPolicy, UnknownGroup};
use crate::model::view::{BasePin, ReviewPage};
use crate::model::{Actor, Finding, Severity, State};

/// Why a decision is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// R29.
    #[error("{actor} submitted this and can't approve it: another reviewer has to")]
    OwnSubmission {
        /// Who tried.
        actor: Actor,
    },
    /// Decided already, or withdrawn.
    #[error("submission {id} is {state}, not pending: there is nothing to decide")]
    NotPending {
        /// Its number.
        id: String,
        /// Where it stands.
        state: State,
    },
    /// A blocking finding that no grant covers.
    #[error("{rule} at line {line} blocks approval: {message}")]
    Blocked {
        /// The rule.
        rule: String,
        /// The line.
        line: u32,
        /// What it says.
        message: String,
    },
    /// A base that is not in the cache can't be pinned (R9).
    #[error(
        "base image {reference} (line {line}) is not in the cache, so it can't be pinned: `flareo base import {reference} SRC` first"
    )]
    NotHeld {
        /// As written.
        reference: String,
        /// The line.
        line: u32,
    },
    /// One name, two digests.
    #[error(
        "line {line} names {reference} with another digest than an earlier line: use one of them throughout"
    )]
    TwoDigests {
        /// The name.
        reference: String,
        /// The line.
        line: u32,
    },
    /// The same reviewer twice is one reviewer (R29).
    #[error("{actor} is for this already: {have} of {needed} are, and another reviewer has to be")]
    Already {
        /// Who tried.
        actor: Actor,
        /// How many are for it.
        have: usize,
        /// How many are needed.
        needed: u32,
    },
    /// A rejection has to say why.
    #[error("a rejection needs a reason: the submitter reads it (--reason …)")]
    NoReason,
    /// A grant has to say why.
    #[error("a grant needs a reason: it is logged (--reason …)")]
    GrantWithoutReason,
    /// Only what was asked for is granted (R14).
    #[error(
        "submission {id} does not ask for network, so it can't be granted: its submitter asks with `flareo publish --requires-network`"
    )]
    NetworkNotAskedFor {
        /// Its number.
        id: String,
    },
    /// A grant of nothing.
    #[error("a network grant has to name a group (--grant-network GROUP)")]
    NoGroup,
    /// A group that the policy does not have (R15).
    #[error(transparent)]
    UnknownGroup(#[from] UnknownGroup),
}

/// Whether `actor` may approve this with these grants.
///
/// # Errors
/// The first thing in the way.
pub fn may_approve(
    page: &ReviewPage,
    actor: &Actor,
    grants: &[Grant],
    reason: &str,
) -> Result<(), Refusal> {
    let row = &page.submission;
    if row.state != State::Pending {
        return Err(Refusal::NotPending {
            id: row.id.to_string(),
            state: row.state,
        });
    }
    if &row.submitter == actor {
        return Err(Refusal::OwnSubmission {
            actor: actor.clone(),
        });
    }
    if !grants.is_empty() && reason.trim().is_empty() {
        return Err(Refusal::GrantWithoutReason);
    }
    for finding in page
        .findings
        .iter()
        .filter(|f| f.severity == Severity::Block)
    {
        if !covered(&page.pins, finding, grants) {
            return Err(Refusal::Blocked {
                rule: finding.rule.clone(),
                line: finding.span.line,
                message: finding.message.clone(),
            });
        }
    }
    // Pins go by name: two digests under one name would leave open which of them is built.
    for (at, pin) in page.pins.iter().enumerate() {
        let name = pin.reference.without_digest();
        let other = page.pins[..at]
            .iter()
            .find(|other| other.reference.without_digest() == name);
        if other.is_some_and(|other| other.digest != pin.digest) {
            return Err(Refusal::TwoDigests {
                reference: name.familiar(),
                line: pin.line,
            });
        }
    }
    if let Some(pin) = page.pins.iter().find(|pin| pin.digest.is_none()) {
        return Err(Refusal::NotHeld {
            reference: pin.reference.familiar(),
            line: pin.line,
        });
    }
    Ok(())
}

/// Whether the network may be granted to this (R14, R15): its submitter asked for it, and the policy has the groups.
///
/// # Errors
/// The first thing in the way.
pub fn may_grant_network(
    page: &ReviewPage,
    grants: &[Grant],
    policy: &NetworkPolicy,
) -> Result<(), Refusal> {
    let row = &page.submission;
    for grant in grants {
        let Grant::Network { groups } = grant else {
            continue;
        };
        if !row.wishes.requires_network {
            return Err(Refusal::NetworkNotAskedFor {
                id: row.id.to_string(),
            });
        }
        if groups.is_empty() {
            return Err(Refusal::NoGroup);
        }
        policy.allow(groups, "")?;
    }
    Ok(())
}

/// Whether a grant covers a blocking finding: BASE01, for the very base on that line. What the network grant covers is
/// no blocking finding any more, as the page was read under it.
pub fn covered(pins: &[BasePin], finding: &Finding, grants: &[Grant]) -> bool {
    finding.rule == "BASE01"
        && pins.iter().any(|pin| {
            pin.line == finding.span.line
                && grants.iter().any(|grant| {
                    matches!(grant, Grant::Base { reference } if reference.without_digest() == pin.reference.without_digest())
                })
        })
}

/// Whether this may be rejected with these words.
///
/// # Errors
/// If it is not pending, or no reason is given.
pub fn may_reject(page: &ReviewPage, reason: &str) -> Result<(), Refusal> {
    let row = &page.submission;
    if row.state != State::Pending {
        return Err(Refusal::NotPending {
            id: row.id.to_string(),
            state: row.state,
        });
    }
    if reason.trim().is_empty() {
        return Err(Refusal::NoReason);
    }
    Ok(())
}
