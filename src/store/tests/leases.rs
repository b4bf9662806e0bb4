//! Claims and work: one holder at a time, and the dead hold nothing.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Barrier;

use super::*;
use crate::model::SystemClock;

#[test]
fn a_claim_keeps_other_reviewers_out_until_it_lapses_or_is_taken_over() {
    let f = Fixture::new();
    let (bob, carol) = (Actor::new("bob"), Actor::new("carol"));
    let row = f.submit("foo");
    f.queue.claim(row.id, &bob, LEASE).unwrap();
    assert!(matches!(
        f.second().claim(row.id, &carol, LEASE),
        Err(StoreError::Claimed { .. })
    ));
    let decision = Transition::new(&row, &carol, approve(&row));
    assert!(matches!(
        f.queue.transition(&decision),
        Err(StoreError::Claimed { .. })
    ));
    f.queue.steal_claim(row.id, &carol, LEASE).unwrap();
    assert!(matches!(
        f.queue.renew_claim(row.id, &bob, LEASE),
        Err(StoreError::NotYours { .. })
    ));
    f.clock.advance(LEASE);
    f.queue.claim(row.id, &bob, LEASE).unwrap();
    f.queue.release_claim(row.id, &bob).unwrap();
    assert_eq!(f.queue.submission(row.id).unwrap().claim, None);
    // A claim is no step: what a reviewer saw before it is still what there is.
    f.step(&row, approve(&row));
}

#[test]
fn the_line_is_in_the_order_of_approval() {
    let f = Fixture::new();
    let (early, late) = (f.submit("early"), f.submit("late"));
    let late = f.step(&late, approve(&late));
    f.clock.advance(LEASE);
    let early = f.step(&early, approve(&early));
    assert_eq!(f.queue.position(late.id).unwrap(), Some(1));
    assert_eq!(f.queue.position(early.id).unwrap(), Some(2));
    assert_eq!(f.take("w").unwrap().id, late.id);
    assert_eq!(f.take("v").unwrap().id, early.id);
    assert_eq!(f.take("u"), None);
}

#[test]
fn what_a_dead_worker_left_is_taken_at_once_and_a_silent_one_loses_it_with_its_lease() {
    let f = Fixture::new();
    f.approved("foo");
    let row = f.take("a").unwrap();
    let row = by_worker(&f.queue, &row, "a", Move::Begin).unwrap();
    assert_eq!(f.take("b"), None);
    let second = f
        .queue
        .take_work("b", LEASE, &|holder| holder == "a")
        .unwrap()
        .unwrap();
    assert_eq!((second.state, second.attempts), (State::Building, 2));

    f.clock.advance(LEASE);
    assert_eq!(f.take("c").unwrap().attempts, 3);
    let endings: Vec<_> = f
        .queue
        .attempts(row.id)
        .unwrap()
        .into_iter()
        .map(|a| a.ending)
        .collect();
    assert_eq!(endings, [Some("lost".into()), Some("lost".into()), None]);
}

#[test]
fn a_zombie_changes_nothing() {
    let f = Fixture::new();
    f.approved("foo");
    let mut row = f.take("zombie").unwrap();
    for action in [Move::Begin, Move::Built(image()), Move::Scanned] {
        row = by_worker(&f.queue, &row, "zombie", action).unwrap();
    }
    f.clock.advance(LEASE);
    let taken = f.take("next").unwrap();
    assert!(matches!(
        f.queue.renew_work(row.id, "zombie", LEASE),
        Err(StoreError::NotYours { .. })
    ));
    assert!(matches!(
        by_worker(&f.queue, &row, "zombie", Move::Publish(module(&row))),
        Err(StoreError::NotYours { .. })
    ));
    by_worker(&f.queue, &taken, "next", Move::Publish(module(&taken))).unwrap();
    assert_eq!(f.queue.modules(0, 10).unwrap().len(), 1);
}

#[test]
fn nobody_moves_a_row_past_the_worker_that_has_it() {
    let f = Fixture::new();
    f.approved("foo");
    let row = f.take("w").unwrap();
    let void = Transition::new(&row, &Actor::new("bob"), Move::Void { reason: "r".into() });
    assert!(matches!(
        f.queue.transition(&void),
        Err(StoreError::NotYours { .. })
    ));
    // A step of a worker is made by a worker, also where no lease is live.
    let row = by_worker(&f.queue, &row, "w", Move::Begin).unwrap();
    f.queue.release_work(row.id, "w").unwrap();
    let row = f.queue.submission(row.id).unwrap();
    let stranger = Transition::new(&row, &Actor::new("bob"), Move::Built(image()));
    assert!(matches!(
        f.queue.transition(&stranger),
        Err(StoreError::NotYours { .. })
    ));
    assert_eq!(f.take("v").unwrap().state, State::Building);
}

#[test]
fn threads_that_race_for_work_get_different_rows() {
    let f = Fixture::new();
    for n in 0..12 {
        f.approved(&format!("m{n}"));
    }
    let start = Barrier::new(4);
    let taken: Vec<i64> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|n| {
                let (queue, start) = (f.second(), &start);
                scope.spawn(move || {
                    start.wait();
                    let take = || {
                        queue
                            .take_work(&format!("w{n}"), LEASE, &|_| false)
                            .unwrap()
                    };
                    std::iter::from_fn(take)
                        .map(|row| row.id.0)
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        workers
            .into_iter()
            .flat_map(|w| w.join().unwrap())
            .collect()
    });
    assert_eq!(taken.len(), 12);
    assert_eq!(taken.into_iter().collect::<BTreeSet<_>>().len(), 12);
}

/// The database that a child of the test below works on.
const CHILD: &str = "FLAREO_TEST_TAKE_WORK";

/// Does nothing, unless the test below starts it as a process of its own.
#[test]
fn child_process_takes_work() {
    let Ok(path) = std::env::var(CHILD) else {
        return;
    };
    let queue = Queue::open(path.as_ref(), Arc::new(SystemClock)).unwrap();
    let holder = format!("process {}", std::process::id());
    while let Some(row) = queue.take_work(&holder, LEASE, &|_| false).unwrap() {
        println!("took {}", row.id);
    }
}

#[test]
fn processes_that_race_for_work_get_different_rows() {
    let f = Fixture::new();
    let queue = Queue::open(&f.path(), Arc::new(SystemClock)).unwrap();
    for n in 0..20 {
        let (row, _) = queue.submit(&new(&format!("m{n}")), |_, _| None).unwrap();
        queue
            .transition(&Transition::new(&row, &Actor::new("bob"), approve(&row)))
            .unwrap();
    }
    let children: Vec<_> = (0..3)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args([
                    "--exact",
                    "--nocapture",
                    "store::tests::leases::child_process_takes_work",
                ])
                .env(CHILD, f.path())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut taken = Vec::new();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        let ids = text
            .lines()
            .filter_map(|l| l.split("took ").nth(1))
            .map(str::to_owned);
        taken.extend(ids);
    }
    assert_eq!(taken.len(), 20);
    assert_eq!(taken.into_iter().collect::<BTreeSet<_>>().len(), 20);
}
