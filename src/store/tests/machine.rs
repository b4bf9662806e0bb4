//! Whatever two handles do in whatever order, the promises hold.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::model::Failure;
use crate::store::{AuditCheck, AuditFilter};

/// Something that somebody tries.
#[derive(Debug, Clone)]
enum Try {
    Submit(u8),
    Decide {
        row: usize,
        who: u8,
        stale: bool,
        action: u8,
    },
    Claim {
        row: usize,
        who: u8,
        steal: bool,
    },
    Take {
        who: u8,
        dead: bool,
    },
    Work {
        row: usize,
        who: u8,
        action: u8,
    },
    Wait(u8),
}

fn tries() -> impl Strategy<Value = Try> {
    prop_oneof![
        (0..3_u8).prop_map(Try::Submit),
        (0..6_usize, 0..3_u8, any::<bool>(), 0..5_u8).prop_map(|(row, who, stale, action)| {
            Try::Decide {
                row,
                who,
                stale,
                action,
            }
        }),
        (0..6_usize, 0..3_u8, any::<bool>()).prop_map(|(row, who, steal)| Try::Claim {
            row,
            who,
            steal
        }),
        (0..3_u8, any::<bool>()).prop_map(|(who, dead)| Try::Take { who, dead }),
        (0..6_usize, 0..3_u8, 0..6_u8).prop_map(|(row, who, action)| Try::Work {
            row,
            who,
            action
        }),
        (0..40_u8).prop_map(Try::Wait),
    ]
}

/// Tries it; most tries are refused, which is the point.
fn attempt(f: &Fixture, queue: &Queue, step: &Try) {
    let rows = all(queue);
    let pick = |row: usize| rows.get(row % rows.len().max(1)).cloned();
    let refused = match *step {
        Try::Submit(slug) => queue.submit(&new(&format!("m{slug}")), |_, _| None).err(),
        Try::Decide {
            row,
            who,
            stale,
            action,
        } => pick(row).and_then(|row| {
            let who = Actor::new(["alice", "bob", "carol"][usize::from(who)]);
            let reason = String::from("because");
            let action = match action {
                0 => approve(&row),
                1 => Move::Reject { reason },
                2 => Move::Withdraw,
                3 => Move::Void { reason },
                _ => Move::Yank { reason },
            };
            let mut seen = crate::store::Expected::from(&row);
            seen.version -= i64::from(stale);
            queue.transition(&Transition::new(seen, &who, action)).err()
        }),
        Try::Claim { row, who, steal } => pick(row).and_then(|row| {
            let who = Actor::new(["alice", "bob", "carol"][usize::from(who)]);
            let claimed = if steal {
                queue.steal_claim(row.id, &who, LEASE)
            } else {
                queue.claim(row.id, &who, LEASE)
            };
            claimed.err()
        }),
        Try::Take { who, dead } => queue.take_work(&format!("w{who}"), LEASE, &|_| dead).err(),
        Try::Work { row, who, action } => pick(row).and_then(|row| {
            let action = match action {
                0 => Move::Begin,
                1 => Move::Built(image()),
                2 => Move::Scanned,
                3 => Move::Publish(module(&row)),
                4 => Move::Void {
                    reason: "changed".into(),
                },
                _ => Move::Fail(Failure::new("broke")),
            };
            by_worker(queue, &row, &format!("w{who}"), action).err()
        }),
        Try::Wait(seconds) => {
            f.clock.advance(Duration::from_secs(seconds.into()));
            None
        }
    };
    if let Some(StoreError::Sqlite(error)) = refused {
        panic!("{step:?}: the database had to stop what the code should have: {error}");
    }
}

fn promises(f: &Fixture) {
    let rows = all(&f.queue);
    let mut live = BTreeSet::new();
    for row in rows.iter().filter(|r| !r.state.is_terminal()) {
        assert!(
            live.insert(row.slug.clone()),
            "two live rows of {}",
            row.slug
        );
    }
    let counts = f.queue.counts().unwrap();
    for state in State::ALL {
        let there = rows.iter().filter(|r| r.state == state).count() as u64;
        assert_eq!(counts.of(state), there, "{state}");
    }
    assert!(matches!(
        f.queue.verify_audit().unwrap(),
        AuditCheck::Intact { .. }
    ));

    // The log alone tells where every row stands, and every step in it is one that the design has.
    let mut told: BTreeMap<i64, State> = BTreeMap::new();
    for entry in f
        .queue
        .audit(&AuditFilter {
            limit: 100_000,
            ..Default::default()
        })
        .unwrap()
    {
        let Some(id) = entry.submission else { continue };
        if entry.action == "submission.submit" {
            told.insert(id.0, State::Pending);
        } else if let Some(to) = entry.facts.get("to").and_then(|v| v.as_str()) {
            let (from, to): (State, State) = (
                entry.facts["from"].as_str().unwrap().parse().unwrap(),
                to.parse().unwrap(),
            );
            assert_eq!(told.insert(id.0, to), Some(from));
            assert!(from.may_become(to), "{from} to {to}");
        }
    }
    for row in &rows {
        assert_eq!(told.get(&row.id.0), Some(&row.state));
        let served = f.queue.module_of(row.id).unwrap();
        assert_eq!(
            served.is_some(),
            matches!(row.state, State::Published | State::Yanked)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn two_handles_never_break_a_promise(steps in prop::collection::vec((any::<bool>(), tries()), 1..60)) {
        let f = Fixture::new();
        let second = f.second();
        for (first, step) in &steps {
            attempt(&f, if *first { &f.queue } else { &second }, step);
        }
        promises(&f);
    }
}
