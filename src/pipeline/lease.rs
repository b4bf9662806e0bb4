//! A worker's hold on a row: renewed while it works, and the work is stopped if the hold is lost.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::holder::Holder;
use crate::model::SubmissionId;
use crate::model::event::Cancel;
use crate::store::{Queue, StoreError};

/// How long a worker's word is good. Whoever finds a lapsed one takes the row: within 30 seconds, as the design asks.
pub const LEASE: Duration = Duration::from_secs(20);
const RENEW_EVERY: Duration = Duration::from_secs(5);
/// How often it is looked whether somebody wants the work to end.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// Renews a lease from a thread of its own until it is dropped.
pub struct Hold {
    done: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
    stop: Cancel,
    unwanted: Cancel,
}

impl Hold {
    /// Begins to renew. The work has to watch [`stop`](Self::stop): it is asked for when `outer` is, and when another
    /// worker has the row.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn on(
        queue: &Queue,
        id: SubmissionId,
        holder: &Holder,
        outer: &Cancel,
    ) -> std::io::Result<Self> {
        let done = Arc::new((Mutex::new(false), Condvar::new()));
        let (stop, unwanted) = (Cancel::default(), Cancel::default());
        let renewer = {
            let unwanted = unwanted.clone();
            let (queue, holder, done, stop, outer) = (
                queue.clone(),
                holder.clone(),
                done.clone(),
                stop.clone(),
                outer.clone(),
            );
            move || {
                let (flag, wake) = &*done;
                let (mut since_renewal, mut since_asked) = (Duration::ZERO, ASK_EVERY);
                // Looked at often so that a signal stops the work at once; renewed seldom.
                let step = Duration::from_millis(100);
                let mut ended = flag.lock().unwrap_or_else(PoisonError::into_inner);
                while !*ended {
                    (ended, _) = wake
                        .wait_timeout(ended, step)
                        .unwrap_or_else(PoisonError::into_inner);
                    if outer.is_cancelled() {
                        stop.cancel();
                    }
                    since_renewal += step;
                    since_asked += step;
                    if !*ended && since_asked >= ASK_EVERY {
                        since_asked = Duration::ZERO;
                        if matches!(queue.cancelled(id), Ok(Some(_))) {
                            unwanted.cancel();
                            stop.cancel();
                        }
                    }
                    if !*ended && since_renewal >= RENEW_EVERY {
                        since_renewal = Duration::ZERO;
                        if let Err(StoreError::NotYours { .. }) =
                            queue.renew_work(id, holder.as_str(), LEASE)
                        {
                            stop.cancel();
                        }
                    }
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("lease".into())
            .spawn(renewer)?;
        Ok(Self {
            done,
            thread: Some(thread),
            stop,
            unwanted,
        })
    }

    /// Whether somebody has cancelled the build.
    pub fn is_unwanted(&self) -> bool {
        self.unwanted.is_cancelled()
    }

    /// Asked for when the work must stop.
    pub const fn stop(&self) -> &Cancel {
        &self.stop
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        *self.done.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.done.1.notify_all();
        if let Some(thread) = self.thread.take() {
            // A renewer that panicked has stopped renewing; the lease lapses and the next worker takes over.
            let _ = thread.join();
        }
    }
}
