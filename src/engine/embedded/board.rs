//! Where stages leave what they made and wait for what they need.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::stage::Done;
use crate::engine::BuildError;
use crate::engine::fault::Fault;
use crate::engine::traced::TracedStep;
use crate::engine::watch::Watch;

/// How soon a waiting stage sees that the build must end.
const TICK: Duration = Duration::from_millis(50);

/// The stages of a build and what became of them.
#[derive(Debug)]
pub struct Board {
    state: Mutex<State>,
    changed: Condvar,
    next: AtomicUsize,
}

#[derive(Debug)]
struct State {
    done: Vec<Option<Arc<Done>>>,
    error: Option<BuildError>,
    cached_steps: u32,
    traced: Vec<TracedStep>,
    running: usize,
    workers: usize,
}

/// A worker is at the board as long as this lives.
#[derive(Debug)]
pub struct Presence<'a>(&'a Board);

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        self.0.lock().workers -= 1;
        self.0.changed.notify_all();
    }
}

/// The right to run a process tree, given back when dropped.
#[derive(Debug)]
pub struct Turn<'a>(&'a Board);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().running -= 1;
        self.0.changed.notify_all();
    }
}

impl Board {
    /// A board for so many stages.
    pub fn new(stages: usize) -> Self {
        Self {
            state: Mutex::new(State {
                done: vec![None; stages],
                error: None,
                cached_steps: 0,
                traced: Vec::new(),
                running: 0,
                workers: 0,
            }),
            changed: Condvar::new(),
            next: AtomicUsize::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next stage that nobody works on. Stages are given out in order and need earlier ones only, so the first that
    /// is not done never waits for one that nobody works on.
    pub fn take(&self) -> Option<usize> {
        let stage = self.next.fetch_add(1, Ordering::Relaxed);
        (stage < self.lock().done.len()).then_some(stage)
    }

    /// What a stage made, as soon as it is there.
    ///
    /// # Errors
    /// If the build must end before.
    pub fn wait(&self, stage: usize, watch: &Watch) -> Result<Arc<Done>, Fault> {
        let mut state = self.lock();
        loop {
            if let Some(Some(done)) = state.done.get(stage) {
                return Ok(Arc::clone(done));
            }
            watch.check()?;
            state = self.sleep(state);
        }
    }

    /// Waits until fewer than `most` process trees run.
    ///
    /// # Errors
    /// If the build must end before.
    pub fn turn(&self, most: usize, watch: &Watch) -> Result<Turn<'_>, Fault> {
        let mut state = self.lock();
        while state.running >= most.max(1) {
            watch.check()?;
            state = self.sleep(state);
        }
        state.running += 1;
        Ok(Turn(self))
    }

    /// A worker comes.
    pub fn enter(&self) -> Presence<'_> {
        self.lock().workers += 1;
        Presence(self)
    }

    /// Waits a moment, or until something has changed; false as soon as no worker is there.
    pub fn is_busy(&self) -> bool {
        let state = self.lock();
        state.workers > 0 && self.sleep(state).workers > 0
    }

    fn sleep<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed
            .wait_timeout(state, TICK)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    /// A stage is done.
    pub fn finish(&self, stage: usize, done: Done) {
        if let Some(slot) = self.lock().done.get_mut(stage) {
            *slot = Some(Arc::new(done));
        }
        self.changed.notify_all();
    }

    /// The cache answered a step.
    pub fn count_cached(&self) {
        self.lock().cached_steps += 1;
    }

    /// A step that could make a layer is done.
    pub fn trace(&self, step: TracedStep) {
        self.lock().traced.push(step);
    }

    /// What such steps came to, by their numbers.
    pub fn traced(&self) -> Vec<TracedStep> {
        let mut traced = std::mem::take(&mut self.lock().traced);
        traced.sort_by_key(|step| step.number);
        traced
    }

    /// A stage failed. The first that did so for a reason of its own is the one that is told.
    pub fn fail(&self, error: BuildError, watch: &Watch) {
        let mut state = self.lock();
        let stopped = matches!(error, BuildError::Cancelled) && !watch.is_cancelled();
        if state.error.is_none() && !stopped {
            state.error = Some(error);
        }
        watch.stop_all();
        drop(state);
        self.changed.notify_all();
    }

    /// What the last stage made, and how many steps the cache answered.
    ///
    /// # Errors
    /// What the first stage that failed said.
    pub fn outcome(&self) -> Result<(Arc<Done>, u32), BuildError> {
        let mut state = self.lock();
        if let Some(error) = state.error.take() {
            return Err(error);
        }
        let last = state.done.last().cloned().flatten();
        let last = last.ok_or_else(|| BuildError::Host("a stage ended without a result".into()))?;
        Ok((last, state.cached_steps))
    }
}
