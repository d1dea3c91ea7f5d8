//! How long entries gather before a sync, where many come.
//!
//! A sync costs the processor about as much as a small exchange, and the waiters' threads a switch each. Where entries
//! come fast, to wait for a few more makes all of that cheaper by the number that share it. What a wait costs is the
//! time of those who wait; the more exchanges are under way, the longer each of them takes anyway.
//!
//! What always holds: an entry waits at most [`LONGEST`] for others, at most [`EACH`] for each exchange under way, and
//! not at all where so few come that little would be gained: one caller alone, or a slow trickle, is never held up.

use cordon_types::Nanos;
use std::time::Duration;

/// Longest wait for more entries, however many exchanges are under way.
const LONGEST: u64 = 1_000_000;
/// Longest wait for each exchange under way: about what one keeps the processor busy.
const EACH: u64 = 30_000;
/// A batch of so large a share of what is under way is enough: the others are busy elsewhere.
const SHARE: u64 = 3;
/// Fewer than so many expected in the longest wait are not worth it.
const WORTH: u64 = 6;

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

    /// How long to wait for more, where `have` entries stand ready and `crowd` exchanges are under way.
    pub(super) fn wait(&self, have: u64, crowd: u64) -> Option<Duration> {
        let longest = crowd.saturating_mul(EACH).min(LONGEST);
        let missing = (crowd / SHARE).saturating_sub(have);
        (missing > 0 && self.gap.saturating_mul(WORTH) <= longest)
            .then(|| Duration::from_nanos(self.gap.saturating_mul(missing).min(longest)))
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
        assert_eq!(Pace::new(0).wait(1, 1_000), None);
        // One caller: an entry every 300 microseconds, or every 50 from one that is very fast.
        assert_eq!(paced(300_000, 1, 100).wait(1, 1), None);
        assert_eq!(paced(50_000, 1, 100).wait(1, 1), None);
        // Two thousand exchanges a second, two entries each: never, even where their upstreams take long.
        assert_eq!(paced(500_000, 2, 100).wait(1, 4), None);
        assert_eq!(paced(500_000, 2, 100).wait(1, 1_000), None);
    }

    #[test]
    fn a_stream_gathers_and_no_longer_than_it_must() {
        // Twenty thousand entries a second: a third of sixteen are there soon.
        let pace = paced(150_000, 3, 100);
        let wait = pace.wait(3, 16).unwrap();
        assert!(wait > Duration::from_micros(90) && wait < Duration::from_micros(110), "{wait:?}");
        assert_eq!(pace.wait(5, 16), None);
        // The more are under way the longer, up to the longest wait.
        assert!(pace.wait(3, 64).unwrap() > wait);
        assert_eq!(pace.wait(3, 10_000), Some(Duration::from_nanos(LONGEST)));
        // And never for longer than those who are under way can bear: ten more would take 1.2 ms to come.
        assert_eq!(paced(360_000, 3, 100).wait(0, 30), Some(Duration::from_nanos(30 * EACH)));
    }

    #[test]
    fn after_a_pause_it_starts_anew_and_learns_soon() {
        let mut pace = paced(150_000, 6, 100);
        let mut now = 100 * 150_000;
        for _ in 0..20 {
            now += 3_600_000_000_000;
            pace.took(1, now);
        }
        assert_eq!(pace.wait(1, 64), None);
        for _ in 0..10 {
            now += 150_000;
            pace.took(6, now);
        }
        assert!(pace.wait(6, 64).is_some());
    }
}
