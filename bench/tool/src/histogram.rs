//! Latencies in buckets of under one per cent: fixed memory, merged across threads.

/// Buckets for each doubling.
const STEPS: u64 = 128;
/// Doublings: up to 2^40 nanoseconds, 18 minutes.
const DOUBLINGS: u64 = 40;

/// Counts of latencies in nanoseconds.
#[derive(Clone)]
pub(crate) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; usize::try_from(STEPS * DOUBLINGS).unwrap_or(0)], count: 0 }
    }
}

fn bucket(ns: u64) -> u64 {
    let ns = ns.max(STEPS);
    let exponent = u64::from(63 - ns.leading_zeros());
    let within = (ns >> (exponent - 7)) - STEPS;
    ((exponent - 7) * STEPS + within).min(STEPS * DOUBLINGS - 1)
}

fn value(bucket: u64) -> u64 {
    let (exponent, within) = (bucket / STEPS, bucket % STEPS);
    ((STEPS + within) << exponent) + (1 << exponent) / 2
}

impl Histogram {
    /// Counts one.
    pub(crate) fn add(&mut self, ns: u64) {
        let at = usize::try_from(bucket(ns)).unwrap_or(0);
        if let Some(b) = self.buckets.get_mut(at) {
            *b += 1;
            self.count += 1;
        }
    }

    /// Adds another's counts.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.count += other.count;
    }

    /// How many were counted.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// The value that so many thousandths are at or below, in milliseconds; 0 for an empty one.
    pub(crate) fn at(&self, thousandths: u64) -> f64 {
        let rank = (self.count * thousandths).div_ceil(1000).max(1);
        let mut seen = 0;
        for (i, n) in (0_u64..).zip(&self.buckets) {
            seen += n;
            if seen >= rank {
                #[allow(clippy::cast_precision_loss, reason = "a report needs no nanosecond")]
                return value(i) as f64 / 1e6;
            }
        }
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_within_a_hundredth() {
        for ns in [1_000, 12_345, 999_999, 5_000_000, 77_777_777, 30_000_000_000_u64] {
            let back = value(bucket(ns));
            assert!(back.abs_diff(ns) * 100 <= ns, "{ns} became {back}");
        }
    }

    #[test]
    fn ranks() {
        let mut h = Histogram::default();
        assert_eq!(h.at(500), 0.0);
        for ms in 1..=100_u64 {
            h.add(ms * 1_000_000);
        }
        let check = |thousandths: u64, expected: f64| {
            let got = h.at(thousandths);
            assert!((got - expected).abs() < expected / 100.0, "{thousandths}: {got}");
        };
        check(500, 50.0);
        check(990, 99.0);
        check(1000, 100.0);
        let mut twice = h.clone();
        twice.merge(&h);
        assert_eq!(twice.count(), 200);
        assert_eq!(twice.at(500), h.at(500));
    }
}
