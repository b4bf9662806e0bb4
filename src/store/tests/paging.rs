//! A window of a long queue costs the window: counted in steps of SQLite's machine, not in time.

use rusqlite::StatementStatus;

use super::*;
use crate::store::{QueueFilter, window};

const ROWS: u32 = 100_000;

/// A queue of many rows: every tenth pending, one in a thousand approved.
fn long() -> Fixture {
    let f = Fixture::new();
    f.raw()
        .execute_batch(&format!(
            "BEGIN;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
             INSERT INTO submissions (slug, submitter, state, context, context_bytes, context_entries, detection,
                 wishes, findings, blocks, warnings, created_at, updated_at, approved_at, approval)
             SELECT 'm' || i, 'user' || (i % 1000),
                 CASE WHEN i % 1000 = 5 THEN 'approved' WHEN i % 10 = 0 THEN 'pending' ELSE 'failed' END,
                 '{context}', 1, 1, '{{}}', '{{}}', '[]', 0, 0, i, i, i, '{context}' FROM n;
             COMMIT",
            context = Digest::of("c"),
        ))
        .unwrap();
    f
}

/// The steps that SQLite takes to find the ids of a window.
fn steps(f: &Fixture, filter: &QueueFilter, offset: u32) -> i32 {
    f.queue
        .read(|t| {
            let (sql, parameters) = window::ids(t, filter, offset, 50)?;
            let mut statement = t.prepare(&sql)?;
            let ids = statement
                .query_map(rusqlite::params_from_iter(parameters), |r| {
                    r.get::<_, i64>(0)
                })?
                .collect::<Result<Vec<_>, _>>()?;
            assert_eq!(ids.len(), 50);
            assert_eq!(statement.get_status(StatementStatus::Sort), 0, "{sql}");
            Ok(statement.get_status(StatementStatus::VmStep))
        })
        .unwrap()
}

#[test]
fn a_window_of_100_000_rows_costs_a_window() {
    let f = long();
    let all = QueueFilter::default();
    for offset in [0, 50_000, ROWS - 50] {
        assert!(steps(&f, &all, offset) < 1_000, "offset {offset}");
    }
    let live = QueueFilter {
        states: vec![State::Pending, State::Approved, State::Building],
        ..all.clone()
    };
    assert!(steps(&f, &live, 0) < 4_000);
    let deep = QueueFilter {
        before: Some(SubmissionId(5_000)),
        ..live
    };
    assert!(steps(&f, &deep, 0) < 4_000);
    let one = QueueFilter {
        submitter: Some(Actor::new("user10")),
        ..all
    };
    assert!(steps(&f, &one, 0) < 4_000);

    let window = f.queue.rows(&QueueFilter::default(), 50_000, 3).unwrap();
    assert_eq!(
        window.iter().map(|r| r.id.0).collect::<Vec<_>>(),
        [50_000, 49_999, 49_998]
    );
    let end = f.queue.rows(&QueueFilter::default(), ROWS, 3).unwrap();
    assert_eq!(end, []);

    let line = QueueFilter {
        states: vec![State::Approved],
        ..Default::default()
    };
    let line = f.queue.rows(&line, 0, 3).unwrap();
    assert_eq!(
        line.iter().map(|r| r.position).collect::<Vec<_>>(),
        [Some(100), Some(99), Some(98)]
    );
    let counts = f.queue.counts().unwrap();
    assert_eq!(counts.of(State::Approved), 100);
    assert_eq!(counts.total(), u64::from(ROWS));
}

#[test]
fn a_row_shows_only_a_claim_that_still_holds() {
    let f = Fixture::new();
    let row = f.submit("foo");
    f.queue.claim(row.id, &Actor::new("bob"), LEASE).unwrap();
    let shown = || {
        f.queue
            .rows(&QueueFilter::default(), 0, 9)
            .unwrap()
            .remove(0)
            .claimed_by
    };
    assert_eq!(shown().as_deref(), Some("bob"));
    f.clock.advance(LEASE);
    assert_eq!(shown(), None);
}

#[test]
fn a_page_comes_in_the_order_and_choice_that_is_wished() {
    use crate::model::arrangement::{Arrangement, Narrow, Order};
    let f = Fixture::new();
    for slug in ["bee", "ant", "cow"] {
        f.submit(slug);
    }
    let slugs = |arranged: &Arrangement| -> Vec<String> {
        let (total, rows) = f.queue.page(&State::ALL, "", arranged, 0, 10).unwrap();
        assert_eq!(total, rows.len() as u64);
        rows.iter().map(|row| row.slug.to_string()).collect()
    };
    let by = |order| Arrangement {
        order,
        ..Arrangement::default()
    };
    assert_eq!(slugs(&by(Order::Age)), ["bee", "ant", "cow"]);
    assert_eq!(slugs(&by(Order::Newest)), ["cow", "ant", "bee"]);
    assert_eq!(slugs(&by(Order::Slug)), ["ant", "bee", "cow"]);
    assert_eq!(slugs(&by(Order::Severity)), ["bee", "ant", "cow"]);
    let narrow = |narrow, who: &str| Arrangement {
        narrow,
        who: Some(Actor::new(who)),
        ..Arrangement::default()
    };
    assert_eq!(slugs(&narrow(Narrow::Grants, "x")), [""; 0]);
    assert_eq!(slugs(&narrow(Narrow::Mine, "nobody'; --")), [""; 0]);
    let id = f
        .queue
        .page(&State::ALL, "ant", &Arrangement::default(), 0, 1)
        .unwrap()
        .1[0]
        .id;
    f.queue
        .claim(id, &Actor::new("rex"), std::time::Duration::from_secs(60))
        .unwrap();
    assert_eq!(slugs(&narrow(Narrow::Mine, "rex")), ["ant"]);
}
