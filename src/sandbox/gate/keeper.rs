//! What all connections of one build have in common: what is allowed, and what is left of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::resolve::{Resolve, SystemResolver};
use crate::model::Clock;
use crate::model::network::Allowance;

/// The most connections that one build is let have, and that its ledger lists.
const LISTED: u32 = 10_000;

/// How long the gate waits.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a whole request, and then for a whole ClientHello.
    pub greeting: Duration,
    /// For the resolver.
    pub resolving: Duration,
    /// For a host to answer.
    pub connecting: Duration,
    /// For the next byte of a connection.
    pub idle: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            greeting: Duration::from_secs(10),
            resolving: Duration::from_secs(15),
            connecting: Duration::from_secs(15),
            idle: Duration::from_secs(120),
        }
    }
}

/// Keeps the gate of one build; its steps share it.
pub struct Keeper {
    allowance: Allowance,
    clock: Arc<dyn Clock>,
    resolver: Arc<dyn Resolve>,
    patience: Patience,
    open: AtomicU32,
    seen: AtomicU32,
    bytes_left: AtomicU64,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper")
            .field("allowance", &self.allowance)
            .finish_non_exhaustive()
    }
}

/// Whether a connection may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may; whoever lets it in tells when it has left.
    Come,
    /// Too many are open.
    Crowded,
    /// The build has had all that it may.
    Last,
    /// As [`Last`](Self::Last), and said before.
    Silent,
}

impl Keeper {
    /// For one build.
    pub fn new(allowance: Allowance, clock: Arc<dyn Clock>) -> Self {
        Self {
            open: AtomicU32::new(0),
            seen: AtomicU32::new(0),
            bytes_left: AtomicU64::new(allowance.bytes),
            allowance,
            clock,
            resolver: Arc::new(SystemResolver),
            patience: Patience::default(),
        }
    }

    /// With another resolver.
    #[must_use]
    pub fn resolver(mut self, resolver: Arc<dyn Resolve>) -> Self {
        self.resolver = resolver;
        self
    }

    /// With other times to wait.
    #[must_use]
    pub const fn patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// What is allowed.
    pub const fn allowance(&self) -> &Allowance {
        &self.allowance
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(super) fn resolver_handle(&self) -> Arc<dyn Resolve> {
        self.resolver.clone()
    }

    pub(super) const fn waits(&self) -> Patience {
        self.patience
    }

    /// Asks for a place.
    pub(super) fn admit(&self) -> Admission {
        let seen = self.seen.fetch_add(1, Ordering::Relaxed);
        if seen >= LISTED {
            // Not to come round to 0 again.
            self.seen.store(LISTED + 1, Ordering::Relaxed);
            return if seen == LISTED {
                Admission::Last
            } else {
                Admission::Silent
            };
        }
        if self.open.fetch_add(1, Ordering::Relaxed) >= self.allowance.connections {
            self.leave();
            return Admission::Crowded;
        }
        Admission::Come
    }

    /// Gives a place back.
    pub(super) fn leave(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Takes bytes off what is left; false if that is not enough.
    pub(super) fn spend(&self, bytes: u64) -> bool {
        self.bytes_left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(bytes)
            })
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SystemClock;
    use crate::model::network::NetworkPolicy;

    fn keeper(connections: u32, bytes: u64) -> Keeper {
        let policy = NetworkPolicy {
            connections,
            bytes,
            ..NetworkPolicy::default()
        };
        Keeper::new(policy.allow(&[], "local").unwrap(), Arc::new(SystemClock))
    }

    #[test]
    fn places_are_given_and_given_back() {
        let keeper = keeper(2, 1);
        assert_eq!(
            [keeper.admit(), keeper.admit(), keeper.admit()],
            [Admission::Come, Admission::Come, Admission::Crowded]
        );
        keeper.leave();
        assert_eq!(keeper.admit(), Admission::Come);
    }

    #[test]
    fn a_build_has_no_more_connections_than_its_ledger_lists() {
        let keeper = keeper(1, 1);
        for _ in 0..LISTED {
            if keeper.admit() == Admission::Come {
                keeper.leave();
            }
        }
        assert_eq!(
            [keeper.admit(), keeper.admit(), keeper.admit()],
            [Admission::Last, Admission::Silent, Admission::Silent]
        );
    }

    #[test]
    fn bytes_are_spent_once() {
        let keeper = keeper(1, 10);
        assert!(keeper.spend(6));
        assert!(!keeper.spend(5));
        assert!(keeper.spend(4));
        assert!(!keeper.spend(1));
    }
}
