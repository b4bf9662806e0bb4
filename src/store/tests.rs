//! The queue's promises, kept against several handles, threads and processes.

mod catalog;
mod chain;
mod leases;
mod machine;
mod opening;
mod paging;
mod steps;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Move, NewSubmission, Queue, StoreError, Transition};
use crate::model::clock::FixedClock;
use crate::model::decision::Binding;
use crate::model::image::BuiltImage;
use crate::model::module::{Attachment, AttachmentKind, Module};
use crate::model::reproduction::Reproduction;
use crate::model::{Actor, Digest, State, Submission, SubmissionId, Timestamp};

const LEASE: Duration = Duration::from_secs(30);

/// A database in a folder of its own, and the clock that it lives by.
struct Fixture {
    folder: tempfile::TempDir,
    clock: Arc<FixedClock>,
    queue: Queue,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::at(
            "2026-01-02T03:04:05Z".parse::<Timestamp>().unwrap(),
        ));
        let queue = Queue::open(&folder.path().join("flareo.db"), clock.clone()).unwrap();
        Self {
            folder,
            clock,
            queue,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("flareo.db")
    }

    /// Another handle on the same file, as another process has it.
    fn second(&self) -> Queue {
        Queue::open(&self.path(), self.clock.clone()).unwrap()
    }

    /// A connection that keeps none of the queue's rules.
    fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }

    fn submit(&self, slug: &str) -> Submission {
        self.queue.submit(&new(slug), |_, _| None).unwrap().0
    }

    fn approved(&self, slug: &str) -> Submission {
        let row = self.submit(slug);
        self.step(&row, approve(&row))
    }

    fn step(&self, row: &Submission, action: Move) -> Submission {
        self.queue
            .transition(&Transition::new(row, &Actor::new("bob"), action))
            .unwrap()
    }

    fn take(&self, holder: &str) -> Option<Submission> {
        self.queue.take_work(holder, LEASE, &|_| false).unwrap()
    }

    /// Takes the next row and leads it to the catalog.
    fn publish(&self, slug: &str) -> Submission {
        self.approved(slug);
        let mut row = self.take("w").unwrap();
        for action in [Move::Begin, Move::Built(image()), Move::Scanned] {
            row = by_worker(&self.queue, &row, "w", action).unwrap();
        }
        let module = module(&row);
        by_worker(&self.queue, &row, "w", Move::Publish(module)).unwrap()
    }
}

fn by_worker(
    queue: &Queue,
    row: &Submission,
    holder: &str,
    action: Move,
) -> Result<Submission, StoreError> {
    queue.transition(&Transition::new(row, &Actor::worker(), action).worker(holder))
}

fn new(slug: &str) -> NewSubmission {
    NewSubmission {
        slug: slug.parse().unwrap(),
        submitter: Actor::new("alice"),
        context: Digest::of(slug),
        context_bytes: 1024,
        context_entries: 2,
        detection: Default::default(),
        wishes: Default::default(),
        findings: Vec::new(),
    }
}

fn binding(row: &Submission) -> Binding {
    Binding {
        context: row.context,
        dockerfile: Digest::of("FROM scratch"),
        pins: Default::default(),
        grants: Vec::new(),
        policy: Digest::of("policy"),
    }
}

fn approve(row: &Submission) -> Move {
    Move::Approve {
        binding: binding(row),
        reason: "reads well".into(),
    }
}

fn image() -> BuiltImage {
    BuiltImage {
        digest: Digest::of("manifest"),
        config: Digest::of("config"),
        bytes: 10,
        layers: 2,
        steps: 3,
        cached_steps: 1,
    }
}

fn module(row: &Submission) -> Module {
    Module {
        slug: row.slug.clone(),
        digest: image().digest,
        submission: row.id,
        published_at: Timestamp::UNIX_EPOCH,
        bytes: 10,
        layers: 2,
        excepted: 0,
        packages: 7,
        attachments: vec![Attachment {
            kind: AttachmentKind::Signature,
            manifest: Digest::of("signature"),
            tag: Some("sha256-x.sig".into()),
        }],
        reproduction: Reproduction::NotReproduced {
            first_difference: "/when".into(),
        },
        yanked: false,
    }
}

/// Every row, straight from the table.
fn all(queue: &Queue) -> Vec<Submission> {
    let count = i64::try_from(queue.counts().unwrap().total()).unwrap();
    (1..=count)
        .map(|id| queue.submission(SubmissionId(id)).unwrap())
        .collect()
}

fn state(queue: &Queue, row: &Submission) -> State {
    queue.submission(row.id).unwrap().state
}
