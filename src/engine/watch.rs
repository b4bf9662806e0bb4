//! What a whole build may use: its time, its layers, and whether it was told to stop.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::fault::Fault;
use crate::model::Limits;
use crate::model::event::Cancel;

/// The limits of one build, shared by all its stages.
#[derive(Debug)]
pub struct Watch {
    cancel: Cancel,
    stop: Cancel,
    started: Instant,
    limits: Limits,
    layer_bytes: AtomicU64,
    memory_peak: AtomicU64,
}

impl Watch {
    /// The clock starts now.
    pub fn new(limits: Limits, cancel: Cancel) -> Self {
        Self {
            cancel,
            stop: Cancel::default(),
            started: Instant::now(),
            limits,
            layer_bytes: AtomicU64::new(0),
            memory_peak: AtomicU64::new(0),
        }
    }

    /// The limits.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Since the build's start.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// When the time is up.
    pub fn deadline(&self) -> Instant {
        // A limit past the clock's end is no limit.
        self.started
            .checked_add(self.limits.time())
            .unwrap_or_else(|| self.started + Duration::from_secs(u64::from(u32::MAX)))
    }

    /// Whether the work should go on. Cheap; call it in every loop over files and between blocks of one.
    ///
    /// # Errors
    /// If it should not.
    pub fn check(&self) -> Result<(), Fault> {
        if self.cancel.is_cancelled() || self.stop.is_cancelled() {
            return Err(Fault::Cancelled);
        }
        if self.started.elapsed() >= self.limits.time() {
            return Err(self.time_up());
        }
        Ok(())
    }

    /// The error of R17 for the time.
    pub fn time_up(&self) -> Fault {
        Fault::Time {
            seconds: self.limits.time_seconds,
            elapsed: self.elapsed(),
        }
    }

    /// The error of R17 for the layers, when there would be `more` bytes than were counted.
    pub fn layers_full(&self, more: u64) -> Fault {
        Fault::Layers {
            reached: self.layer_bytes().saturating_add(more),
            limit: self.limits.layer_bytes,
        }
    }

    /// Stops all stages: one has failed, or the end was asked for.
    pub fn stop_all(&self) {
        self.stop.cancel();
    }

    /// Whether the end was asked for from outside.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Whether all stages are to stop.
    pub fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// What tells running process trees to stop; [`stop_all`](Self::stop_all) sets it.
    pub const fn stop(&self) -> &Cancel {
        &self.stop
    }

    /// Counts uncompressed bytes of a layer.
    ///
    /// # Errors
    /// If all layers together are past the limit.
    pub fn charge(&self, bytes: u64) -> Result<(), Fault> {
        let before = self.layer_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.limits.layer_bytes {
            return Err(self.layers_full(0));
        }
        Ok(())
    }

    /// Uncompressed layers so far.
    pub fn layer_bytes(&self) -> u64 {
        self.layer_bytes.load(Ordering::Relaxed)
    }

    /// What layers may still grow by.
    pub fn layer_bytes_left(&self) -> u64 {
        self.limits.layer_bytes.saturating_sub(self.layer_bytes())
    }

    /// Notes what a step used, and gives the most that any used.
    pub fn memory_peak(&self, bytes: u64) -> u64 {
        self.memory_peak
            .fetch_max(bytes, Ordering::Relaxed)
            .max(bytes)
    }

    /// `inner`, which stops when the build does.
    pub const fn reader<R: Read>(&self, inner: R) -> Watched<'_, R> {
        Watched { watch: self, inner }
    }
}

/// A reader that stops when the build does.
#[derive(Debug)]
pub struct Watched<'a, R> {
    watch: &'a Watch,
    inner: R,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.watch.check().map_err(Fault::into_io)?;
        self.inner.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layers_of_all_stages_count_together() {
        let limits = Limits {
            layer_bytes: 10,
            ..Limits::default()
        };
        let watch = Watch::new(limits, Cancel::default());
        watch.charge(6).unwrap();
        let error = watch.charge(5).unwrap_err();
        assert_eq!(error.to_string(), "layer size limit exceeded");
        assert_eq!(watch.layer_bytes_left(), 0);
    }

    #[test]
    fn the_time_limit_names_its_minutes() {
        let limits = Limits {
            time_seconds: 0,
            ..Limits::default()
        };
        let watch = Watch::new(limits, Cancel::default());
        assert_eq!(
            watch.check().unwrap_err().to_string(),
            "build exceeded 0-minute time limit"
        );
        let twenty = Limits {
            time_seconds: 1200,
            ..Limits::default()
        };
        let fault = Watch::new(twenty, Cancel::default()).time_up();
        assert_eq!(fault.to_string(), "build exceeded 20-minute time limit");
    }

    #[test]
    fn cancelling_is_seen() {
        let cancel = Cancel::default();
        let watch = Watch::new(Limits::default(), cancel.clone());
        watch.check().unwrap();
        cancel.cancel();
        assert!(matches!(watch.check(), Err(Fault::Cancelled)));
    }
}
