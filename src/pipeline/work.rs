//! The worker: takes what is approved, and carries each row to its end.

use std::time::Duration;

use super::cancel::cancelled;
use super::holder::{self, Holder};
use super::lease::{Hold, LEASE};
use super::presence::{self, Presence};
use super::recorder::{Recorder, Watcher};
use super::stages::Stop;
use super::{Site, SiteError};
use crate::logs::Spool;
use crate::model::event::{Cancel, EventSink, Happening};
use crate::model::{Actor, Failure, State, Submission};
use crate::notify;
use crate::store::{Move, StoreError, Transition};

/// How often an idle worker looks for work: well under the 30 seconds of R21.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long a worker waits after the host failed it.
const AFTER_TROUBLE: Duration = Duration::from_secs(15);

/// After how many attempts that the host spoiled a row fails instead of being tried again.
const ATTEMPTS: u32 = 5;

/// What one pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pass {
    /// Rows that came into the catalog.
    pub published: u32,
    /// Rows that failed by a rule, a gate or their build.
    pub failed: u32,
    /// Approvals that no longer held.
    pub voided: u32,
}

impl Site {
    /// Works on whatever is approved or was left behind, one row after the other, until nothing is left.
    ///
    /// # Errors
    /// If the host fails; rows that were begun are left for the next worker.
    pub fn work_pass(&self, watcher: &dyn Watcher, cancel: &Cancel) -> Result<Pass, SiteError> {
        let _there = self.attend()?;
        self.pass_while(&|| true, watcher, cancel)
    }

    fn pass_while(
        &self,
        current: &dyn Fn() -> bool,
        watcher: &dyn Watcher,
        cancel: &Cancel,
    ) -> Result<Pass, SiteError> {
        let holder = Holder::this("worker");
        let mut pass = Pass::default();
        while !cancel.is_cancelled() {
            if !current() {
                return Ok(pass);
            }
            let Some(row) = self
                .queue()
                .take_work(holder.as_str(), LEASE, &holder::is_dead)?
            else {
                return Ok(pass);
            };
            match self
                .carry(row, &holder, watcher, cancel)?
                .map(|row| row.state)
            {
                Some(State::Published) => pass.published += 1,
                Some(State::Failed) => pass.failed += 1,
                Some(State::Pending) => pass.voided += 1,
                _ => {}
            }
        }
        Err(SiteError::interrupted())
    }

    /// Works until `cancel`, and waits for more when nothing is left (R21). Ends between two rows when `current` says
    /// that this site's policy is no longer that of the file: by the old one, what is approved by the new one would be
    /// void again and again.
    ///
    /// # Errors
    /// If the queue can't be used. What the host spoils for one row does not end the worker.
    pub fn work(
        &self,
        current: &dyn Fn() -> bool,
        watcher: &dyn Watcher,
        cancel: &Cancel,
    ) -> Result<(), SiteError> {
        let _there = self.attend()?;
        while !cancel.is_cancelled() && current() {
            if let Err(error) = self.pass_while(current, watcher, cancel)
                && !cancel.is_cancelled()
            {
                tracing::error!("{error}");
                wait(AFTER_TROUBLE, cancel);
            }
            wait(LOOK_EVERY, cancel);
        }
        Ok(())
    }

    /// Counts the caller as a worker, as long as it holds what it gets.
    ///
    /// # Errors
    /// If the state folder can't be written.
    pub fn attend(&self) -> Result<Presence, SiteError> {
        Presence::show(&self.paths().workers()).map_err(SiteError::host)
    }

    /// How many workers are alive, also those that wait for work.
    pub fn workers(&self) -> u32 {
        presence::count(&self.paths().workers())
    }

    /// Carries one row as far as it goes. None if another worker took it over meanwhile.
    fn carry(
        &self,
        mut row: Submission,
        holder: &Holder,
        watcher: &dyn Watcher,
        cancel: &Cancel,
    ) -> Result<Option<Submission>, SiteError> {
        let spool =
            Spool::open(&self.paths().logs(), row.id, row.attempts).map_err(SiteError::host)?;
        let recorder = Recorder::of(self, &row, spool, watcher);
        let hold = Hold::on(self.queue(), row.id, holder, cancel).map_err(SiteError::host)?;
        recorder.emit(Happening::State { state: row.state });
        while row.state.is_work() {
            let step = match row.state {
                _ if hold.is_unwanted() => Err(Stop::Cancelled),
                State::Approved => self.begin(&row),
                State::Building => self.build_stage(&row, &recorder, hold.stop()),
                State::Scanning => self.scan_stage(&row, &recorder, hold.stop()),
                _ => self.sign_stage(&row, &recorder),
            };
            let (step, spoiled) = match step {
                Ok(step) => (step, None),
                Err(Stop::Failed(failure)) => (failing(&row, &Actor::worker(), failure), None),
                Err(Stop::Host(error)) if row.attempts >= ATTEMPTS => {
                    let failure =
                        Failure::new(format!("{error} (given up after {ATTEMPTS} attempts)"));
                    let failure = failure.help(error.failure.help.clone());
                    (failing(&row, &Actor::worker(), failure), Some(error))
                }
                Err(Stop::Host(error) | Stop::Lacking(error)) => {
                    return self.give_back(&row, holder, error);
                }
                Err(Stop::Cancelled) if cancel.is_cancelled() => {
                    return self.give_back(&row, holder, SiteError::interrupted());
                }
                Err(Stop::Cancelled) if hold.is_unwanted() => {
                    // Whoever asked is on record; a record that can't be read is tried again by the next worker.
                    let Some((by, reason)) = self.queue().cancelled(row.id)? else {
                        return Ok(None);
                    };
                    (failing(&row, &by, cancelled(&by, &reason)), None)
                }
                // Not asked for from outside: another worker has the row, and this one has nothing more to say.
                Err(Stop::Cancelled) => return Ok(None),
            };
            if let Some(error) = spoiled {
                tracing::error!("submission {}: {error}", row.id);
            }
            match self.queue().transition(&step.worker(holder.as_str())) {
                Ok(next) => row = next,
                Err(StoreError::NotYours { .. }) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
            recorder.emit(Happening::State { state: row.state });
        }
        match (row.state, &row.failure) {
            (State::Failed, Some(failure)) => recorder.emit(Happening::failed(failure)),
            (State::Published, _) => {
                let built = self.queue().built(row.id)?;
                recorder.emit(Happening::Result {
                    ok: true,
                    digest: row.image,
                    cached_steps: built.as_ref().map(|b| b.cached_steps),
                    steps: built.as_ref().map(|b| b.steps),
                    error: None,
                    step: None,
                    line: None,
                    help: String::new(),
                });
            }
            _ => {}
        }
        Ok(Some(row))
    }

    /// Leaves a row in its state for the next worker, and tells of `error`.
    fn give_back(
        &self,
        row: &Submission,
        holder: &Holder,
        error: SiteError,
    ) -> Result<Option<Submission>, SiteError> {
        match self.queue().release_work(row.id, holder.as_str()) {
            Ok(()) | Err(StoreError::NotYours { .. }) => Err(error),
            Err(other) => Err(other.into()),
        }
    }
}

/// The step by which a row fails, with the mail that says why.
pub(super) fn failing(row: &Submission, by: &Actor, failure: Failure) -> Transition {
    let mail = notify::failed(row, &failure);
    let step = Transition::new(row, by, Move::Fail(failure));
    match mail {
        Some(mail) => step.mail(mail),
        None => step,
    }
}

fn wait(time: Duration, cancel: &Cancel) {
    let step = Duration::from_millis(100);
    let mut waited = Duration::ZERO;
    while waited < time && !cancel.is_cancelled() {
        std::thread::sleep(step);
        waited += step;
    }
}
