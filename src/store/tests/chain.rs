//! The audit log tells when it was tampered with, and where.

use super::*;
use crate::model::audit::Record;
use crate::store::{AuditCheck, AuditFilter};

/// A log of five entries whose guards were taken off.
fn unguarded() -> Fixture {
    let f = Fixture::new();
    for n in 0..5 {
        let facts = serde_json::json!({ "n": n, "share": 0.1 + 0.2 });
        f.queue
            .record(&Record::new(&Actor::new("bob"), "test.act", None, facts))
            .unwrap();
    }
    f.raw()
        .execute_batch("DROP TRIGGER audit_stays; DROP TRIGGER audit_stands")
        .unwrap();
    f
}

#[test]
fn an_untouched_log_is_intact_and_names_its_head() {
    let f = unguarded();
    let last = f
        .queue
        .audit(&AuditFilter {
            after: 4,
            ..Default::default()
        })
        .unwrap()
        .remove(0);
    assert_eq!(
        f.queue.verify_audit().unwrap(),
        AuditCheck::Intact {
            entries: 5,
            head: last.hash
        }
    );
    assert_eq!(last.hash, last.expected_hash());
}

#[test]
fn the_first_entry_that_was_touched_is_named() {
    for (change, number) in [
        ("UPDATE audit SET actor = 'eve' WHERE number = 2", 2),
        ("UPDATE audit SET at = at + 1 WHERE number = 3", 3),
        ("UPDATE audit SET facts = '{\"n\":9}' WHERE number = 4", 4),
        ("UPDATE audit SET facts = 'not json' WHERE number = 4", 4),
        ("UPDATE audit SET previous = hash WHERE number = 5", 5),
        ("DELETE FROM audit WHERE number = 3", 3),
        ("DELETE FROM audit WHERE number = 1", 1),
    ] {
        let f = unguarded();
        f.raw().execute(change, []).unwrap();
        match f.queue.verify_audit().unwrap() {
            AuditCheck::Broken { number: found, .. } => assert_eq!(found, number, "{change}"),
            intact => panic!("{change}: {intact:?}"),
        }
    }
}

#[test]
fn a_log_can_be_read_of_one_submission_and_page_by_page() {
    let f = Fixture::new();
    let (foo, _) = (f.approved("foo"), f.approved("bar"));
    let about = AuditFilter {
        submission: Some(foo.id),
        ..Default::default()
    };
    let actions: Vec<_> = f
        .queue
        .audit(&about)
        .unwrap()
        .into_iter()
        .map(|e| e.action)
        .collect();
    assert_eq!(actions, ["submission.submit", "submission.approve"]);
    let page = f
        .queue
        .audit(&AuditFilter {
            after: 1,
            limit: 2,
            ..Default::default()
        })
        .unwrap();
    assert_eq!(page.iter().map(|e| e.number).collect::<Vec<_>>(), [2, 3]);
    let newest = f
        .queue
        .audit(&AuditFilter {
            limit: 2,
            newest: true,
            ..Default::default()
        })
        .unwrap();
    assert_eq!(
        newest.iter().map(|e| e.number).collect::<Vec<_>>(),
        [3, 4],
        "the newest, oldest first"
    );
}
