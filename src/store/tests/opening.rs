//! What is opened, and what is refused.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

#[test]
fn nobody_else_may_read_the_queue() {
    let f = Fixture::new();
    f.submit("foo");
    for name in ["flareo.db", "flareo.db-wal", "flareo.db-shm"] {
        let mode = f
            .folder
            .path()
            .join(name)
            .metadata()
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_database_of_a_newer_flareo_is_refused_with_words() {
    let f = Fixture::new();
    f.raw().pragma_update(None, "user_version", 99).unwrap();
    let error = Queue::open(&f.path(), f.clock.clone()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }));
    assert!(error.to_string().contains("newer flareo"), "{error}");
}

#[test]
fn what_is_not_ours_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(FixedClock::at(Timestamp::UNIX_EPOCH));
    let other = folder.path().join("other.db");
    rusqlite::Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE t (a)")
        .unwrap();
    let before = std::fs::read(&other).unwrap();
    assert!(matches!(
        Queue::open(&other, clock.clone()),
        Err(StoreError::Corrupt { .. })
    ));
    assert_eq!(std::fs::read(&other).unwrap(), before);

    let text = folder.path().join("text.db");
    std::fs::write(&text, "no database at all, ".repeat(200)).unwrap();
    assert!(matches!(
        Queue::open(&text, clock.clone()),
        Err(StoreError::Corrupt { .. })
    ));
    assert!(matches!(
        Queue::open(&folder.path().join("no/such/folder.db"), clock),
        Err(StoreError::Open { .. })
    ));
}

#[test]
fn many_may_make_the_same_database_at_once() {
    for _ in 0..8 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flareo.db");
        let clock = Arc::new(FixedClock::at(Timestamp::UNIX_EPOCH));
        std::thread::scope(|scope| {
            for n in 0..4 {
                let (path, clock) = (&path, clock.clone());
                scope.spawn(move || {
                    let queue = Queue::open(path, clock).unwrap();
                    queue.submit(&new(&format!("m{n}")), |_, _| None).unwrap();
                });
            }
        });
        let queue = Queue::open(&path, clock).unwrap();
        assert_eq!(queue.counts().unwrap().of(State::Pending), 4);
        queue.check().unwrap();
    }
}

#[test]
fn a_reader_does_not_wait_for_a_writer() {
    let f = Fixture::new();
    let row = f.submit("foo");
    let writer = f.raw();
    writer
        .execute_batch("BEGIN IMMEDIATE; UPDATE submissions SET attempts = 9")
        .unwrap();
    assert_eq!(f.queue.submission(row.id).unwrap().attempts, 0);
}

#[test]
fn a_full_disk_changes_nothing_and_says_so() {
    let f = Fixture::new();
    f.submit("foo");
    let before = f.queue.verify_audit().unwrap();
    {
        let writer = crate::store::lock(&f.queue.0.writer);
        let pages: i64 = writer
            .query_row("PRAGMA page_count", [], |r| r.get(0))
            .unwrap();
        writer
            .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
            .unwrap();
    }
    let big = NewSubmission {
        wishes: crate::model::submission::Wishes {
            notes: "x".repeat(1 << 20),
            ..Default::default()
        },
        ..new("bar")
    };
    let error = f.queue.submit(&big, |_, _| None).unwrap_err();
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error}");
    assert_eq!(f.queue.verify_audit().unwrap(), before);
    assert_eq!(f.queue.counts().unwrap().total(), 1);
}

#[test]
fn a_change_of_any_handle_is_noticed_once() {
    let f = Fixture::new();
    let mut changes = f.queue.changes().unwrap();
    assert!(!changes.any().unwrap());
    f.submit("foo");
    assert!(changes.any().unwrap());
    assert!(!changes.any().unwrap());
    f.second().submit(&new("bar"), |_, _| None).unwrap();
    assert!(changes.any().unwrap());
}
