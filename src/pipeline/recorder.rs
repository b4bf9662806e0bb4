//! Writes what happens to a submission into its spool, and hands it on to whoever watches.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::Site;
use crate::logs::Spool;
use crate::model::event::{Happening, Stream};
use crate::model::{Clock, Event, EventSink, Slug, Submission, SubmissionId};

/// Sees every event of every submission that a worker works on: the stream of `--batch`.
pub trait Watcher: Send + Sync {
    /// Something happened.
    fn see(&self, event: &Event);
}

impl<F: Fn(&Event) + Send + Sync> Watcher for F {
    fn see(&self, event: &Event) {
        self(event);
    }
}

/// The sink of one submission's attempt, or of a local build.
pub struct Recorder<'a> {
    clock: Arc<dyn Clock>,
    steady: bool,
    of: Option<(SubmissionId, Slug)>,
    spool: Option<Spool>,
    spool_lost: AtomicBool,
    /// Of a steady site: what the steps have said so far. They run side by side, so it comes in another order each time.
    said: Mutex<Vec<Happening>>,
    watcher: &'a dyn Watcher,
}

impl<'a> Recorder<'a> {
    /// Records an attempt at a submission.
    pub fn of(site: &Site, row: &Submission, spool: Spool, watcher: &'a dyn Watcher) -> Self {
        Self {
            of: Some((row.id, row.slug.clone())),
            spool: Some(spool),
            ..Self::live(site, watcher)
        }
    }

    /// Only hands on: a local build belongs to no submission.
    pub fn live(site: &Site, watcher: &'a dyn Watcher) -> Self {
        Self {
            clock: site.clock().clone(),
            steady: site.steady(),
            of: None,
            spool: None,
            spool_lost: AtomicBool::new(false),
            said: Mutex::default(),
            watcher,
        }
    }
}

/// Where a step's event stands among all of them: step by step, each stream of its log in one piece.
fn place(what: &Happening) -> Option<(u32, u8)> {
    Some(match what {
        Happening::Step { step, .. }
        | Happening::Again {
            step: Some(step), ..
        } => (*step, 0),
        // What the engine says of the network comes on a way of its own, and stands last.
        Happening::Log { step, text, .. } if text.starts_with("network disabled") => (*step, 3),
        Happening::Log { step, stream, .. } => match stream {
            Stream::Stdout => (*step, 1),
            Stream::Stderr => (*step, 2),
        },
        Happening::Connection(connection) => (connection.step, 3),
        Happening::StepEnd { step, .. } => (*step, 4),
        _ => return None,
    })
}

impl EventSink for Recorder<'_> {
    fn emit(&self, what: Happening) {
        if !self.steady {
            self.record(what);
            return;
        }
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        match what {
            // What was measured differs from run to run too: it is left out.
            Happening::Usage(_) => {}
            Happening::StepEnd {
                step,
                outcome,
                layer_bytes,
                ..
            } => said.push(Happening::StepEnd {
                step,
                outcome,
                took_ms: 0,
                layer_bytes,
            }),
            what if place(&what).is_some() => said.push(what),
            what => {
                said.sort_by_key(place);
                for what in said.drain(..) {
                    self.record(what);
                }
                self.record(what);
            }
        }
    }
}

impl Recorder<'_> {
    fn record(&self, what: Happening) {
        let (id, slug) = self.of.clone().unzip();
        let event = Event {
            at: self.clock.now(),
            id,
            slug,
            what,
        };
        if let Some(spool) = &self.spool
            && let Err(error) = spool.append(&event)
            && !self.spool_lost.swap(true, Ordering::Relaxed)
        {
            // The build goes on without its log: a full disk will stop it with words of its own.
            tracing::warn!("{error}");
        }
        self.watcher.see(&event);
    }
}
