//! How long entries gather before a sync, where many come.
//!
//! A sync costs the processor about as much as a small exchange, and the waiters' threads a switch each. Where entries
//! come fast, to wait for a few more makes all of that cheaper by the number that share it.
//!
//! What always holds: an entry waits at most [`LONGEST`] for others, and not at all where so few come that little
//! would be gained: one caller alone, or a slow trickle, is never held up.

use cordon_types::Nanos;
use std::time::Duration;

/// Longest wait for more entries: about what two syncs of a good disk take.
const LONGEST: u64 = 300_000;
/// A batch of so many shares its costs widely enough.
const ENOUGH: u64 = 16;
/// Fewer than so many expected in the longest wait are not worth it.
const WORTH: u64 = 4;

/// How fast entries come.
#[derive(Debug)]
pub(super) struct Pace {
    /// Nanoseconds from one entry to the next, smoothed.
    gap: u64,
    last: u64,
}

impl Pace {
    pub(super) const fn new(now: Nanos) -> Self {
        Self { gap: LONGEST, last: now }
    }

    /// How long to wait for more, where `have` entries stand ready.
    pub(super) fn wait(&self, have: u64) -> Option<Duration> {
        let missing = ENOUGH.saturating_sub(have);
        (missing > 0 && self.gap.saturating_mul(WORTH) <= LONGEST)
            .then(|| Duration::from_nanos(self.gap.saturating_mul(missing).min(LONGEST)))
    }

    /// `entries` were taken at `now`.
    pub(super) fn took(&mut self, entries: u64, now: Nanos) {
        // A pause counts as slow and no more, or the first entries after it would seem to be all that come.
        let gap = (now.saturating_sub(self.last) / entries.max(1)).min(LONGEST);
        self.gap = self.gap - self.gap / 4 + gap / 4;
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paced(every: u64, entries: u64, rounds: u64) -> Pace {
        let mut pace = Pace::new(0);
        for round in 1..=rounds {
            pace.took(entries, round * every);
        }
        pace
    }

    #[test]
    fn a_trickle_is_never_held_up() {
        assert_eq!(Pace::new(0).wait(1), None);
        // One caller: an entry every 300 microseconds.
        assert_eq!(paced(300_000, 1, 100).wait(1), None);
        // Two thousand exchanges a second, two entries each.
        assert_eq!(paced(500_000, 2, 100).wait(1), None);
    }

    #[test]
    fn a_stream_gathers_and_no_longer_than_it_must() {
        // Twenty thousand entries a second: about 13 more in 650 microseconds, so the longest wait.
        assert_eq!(paced(150_000, 3, 100).wait(3), Some(Duration::from_nanos(LONGEST)));
        // Ten times as many: 16 are there soon.
        let wait = paced(150_000, 30, 100).wait(8).unwrap();
        assert!(wait < Duration::from_micros(50), "{wait:?}");
        assert_eq!(paced(150_000, 30, 100).wait(ENOUGH), None);
    }

    #[test]
    fn after_a_pause_it_starts_anew_and_learns_soon() {
        let mut pace = paced(150_000, 6, 100);
        let mut now = 100 * 150_000;
        for _ in 0..20 {
            now += 3_600_000_000_000;
            pace.took(1, now);
        }
        assert_eq!(pace.wait(1), None);
        for _ in 0..10 {
            now += 150_000;
            pace.took(6, now);
        }
        assert!(pace.wait(6).is_some());
    }
}
