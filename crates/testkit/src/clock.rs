//! A clock that moves only when told to.

use cordon_types::{Clock, Millis, Nanos};
use std::sync::atomic::{AtomicU64, Ordering};

/// Both clocks, in step: advancing one advances the other.
#[derive(Debug)]
pub struct FakeClock {
    start: Millis,
    passed: AtomicU64,
    stepped: AtomicU64,
}

impl FakeClock {
    /// A clock that stands at `start` (milliseconds since the epoch).
    #[must_use]
    pub const fn new(start: Millis) -> Self {
        Self { start, passed: AtomicU64::new(0), stepped: AtomicU64::new(0) }
    }

    /// Lets time pass.
    pub fn advance_ms(&self, ms: u64) {
        self.passed.fetch_add(ms.wrapping_mul(1_000_000), Ordering::SeqCst);
    }

    /// Lets nanoseconds pass.
    pub fn advance_ns(&self, ns: u64) {
        self.passed.fetch_add(ns, Ordering::SeqCst);
    }

    /// Steps the wall clock alone to `now`, also backwards.
    pub fn step_to(&self, now: Millis) {
        let natural = self.start.wrapping_add(self.ticks() / 1_000_000);
        self.stepped.store(now.wrapping_sub(natural), Ordering::SeqCst);
    }
}

impl Default for FakeClock {
    /// 2026-01-01T00:00:00Z.
    fn default() -> Self {
        Self::new(1_767_225_600_000)
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Millis {
        self.start.wrapping_add(self.ticks() / 1_000_000).wrapping_add(self.stepped.load(Ordering::SeqCst))
    }

    fn ticks(&self) -> Nanos {
        self.passed.load(Ordering::SeqCst)
    }
}
