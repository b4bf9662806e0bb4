//! Which approvals stand (R28, R29): those of other people than the submitter that bind exactly what would be built now.

use std::collections::BTreeSet;

use crate::model::decision::{Binding, Decision, Verdict};
use crate::model::view::{Approvals, Lapsed};
use crate::model::{Actor, Submission};

/// The approvals of `row`. `today` is what an approval with the same grants would bind now.
pub fn standing(
    row: &Submission,
    decisions: &[Decision],
    needed: u32,
    today: &dyn Fn(&Binding) -> Binding,
) -> Approvals {
    let mut approvals = Approvals {
        needed,
        by: Vec::new(),
        lapsed: Vec::new(),
    };
    let mut seen: BTreeSet<&Actor> = BTreeSet::new();
    // The last word of each counts.
    for decision in decisions.iter().rev() {
        let (Verdict::Approve, Some(binding)) = (decision.verdict, &decision.binding) else {
            continue;
        };
        if decision.by == row.submitter || !seen.insert(&decision.by) {
            continue;
        }
        let now = today(binding);
        if let Some(reason) = &decision.voided {
            approvals.lapsed.push(Lapsed {
                by: decision.by.clone(),
                changed: vec![format!("it was voided: {reason}")],
            });
        } else if now == *binding {
            approvals.by.push(decision.by.clone());
        } else {
            approvals.lapsed.push(Lapsed {
                by: decision.by.clone(),
                changed: changed(binding, &now),
            });
        }
    }
    approvals.by.reverse();
    approvals.lapsed.reverse();
    approvals
}

/// Who is for exactly what `binding` says, but for the submitter; an approval that was voided counts no more.
pub fn assenting<'a>(
    row: &Submission,
    decisions: &'a [Decision],
    binding: &Binding,
) -> BTreeSet<&'a Actor> {
    decisions
        .iter()
        .filter(|decision| decision.voided.is_none() && decision.binding.as_ref() == Some(binding))
        .map(|decision| &decision.by)
        .filter(|by| **by != row.submitter)
        .collect()
}

/// What differs between what was approved and what is there now, in words.
pub fn changed(then: &Binding, now: &Binding) -> Vec<String> {
    let mut changed = Vec::new();
    if then.context != now.context {
        changed.push(format!(
            "the context: {} -> {}",
            then.context.short(),
            now.context.short()
        ));
    }
    if then.dockerfile != now.dockerfile {
        changed.push(format!(
            "the Dockerfile: {} -> {}",
            then.dockerfile.short(),
            now.dockerfile.short()
        ));
    }
    let names: BTreeSet<_> = then.pins.keys().chain(now.pins.keys()).collect();
    for name in names {
        let show = |binding: &Binding| {
            let digest = binding.pins.get(name);
            digest.map_or_else(|| "nothing".to_owned(), |digest| digest.short().to_string())
        };
        if then.pins.get(name) != now.pins.get(name) {
            let (then, now) = (show(then), show(now));
            changed.push(format!("the base {}: {then} -> {now}", name.familiar()));
        }
    }
    if then.policy != now.policy {
        changed.push(format!(
            "the policy: {} -> {}",
            then.policy.short(),
            now.policy.short()
        ));
    }
    if then.grants != now.grants {
        changed.push("the grants".to_owned());
    }
    changed
}
