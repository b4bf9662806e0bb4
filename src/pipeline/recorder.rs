//! Writes what happens to a submission into its spool, and hands it on to whoever watches.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Site;
use crate::logs::Spool;
use crate::model::event::Happening;
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
            watcher,
        }
    }
}

impl EventSink for Recorder<'_> {
    fn emit(&self, what: Happening) {
        let what = match what {
            // What was measured differs from run to run: a steady site leaves it out.
            Happening::Usage(_) if self.steady => return,
            Happening::StepEnd {
                step,
                outcome,
                layer_bytes,
                ..
            } if self.steady => Happening::StepEnd {
                step,
                outcome,
                took_ms: 0,
                layer_bytes,
            },
            what => what,
        };
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
