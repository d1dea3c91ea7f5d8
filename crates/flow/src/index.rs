//! What a session has seen: digest to the one who brought it first. Bounded; digests only.
//!
//! ```text
//! enter(digest, who) -> known: the first one stays (a good one may rise from trusted to user)
//!                    -> new:   good and bad stand in two queues, each with its own bound; the oldest go
//! ```
//! INVARIANT: what was bad once is never good later, also when its entry had to go: what leaves the queue of the bad
//! falls into a shadow (a Bloom filter), and what the shadow may hold is entered as untrusted. Strangers cannot push
//! out what the user said: the queues are apart.

use cordon_types::Provenance;
use rustc_hash::FxBuildHasher;
use std::collections::{HashMap, VecDeque};

/// Bits of the shadow: 128 KiB, made when the first bad entry has to go. At 100,000 that went one new value in a
/// hundred is wrongly thought bad; at a million nine in ten are: worse, never better.
const SHADOW_BITS: u64 = 1 << 20;
/// Bits that one digest sets.
const SHADOW_PROBES: u64 = 4;

/// How many entries a session may have, of what the user and trusted tools brought, and of the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Of good provenance. Beyond it the oldest become unknown.
    pub good: usize,
    /// Of bad provenance. Beyond it the oldest become unknown, and can never become good.
    pub bad: usize,
}

impl Default for Bounds {
    /// A session that is full takes about 15 MB.
    fn default() -> Self {
        Self { good: 65_536, bad: 262_144 }
    }
}

/// The index.
pub(crate) struct Index {
    entries: HashMap<u64, Provenance, FxBuildHasher>,
    good: VecDeque<u64>,
    bad: VecDeque<u64>,
    shadow: Option<Box<[u64]>>,
    bounds: Bounds,
}

impl Index {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            entries: HashMap::default(),
            good: VecDeque::new(),
            bad: VecDeque::new(),
            shadow: None,
            bounds: Bounds { good: bounds.good.max(1), bad: bounds.bad.max(1) },
        }
    }

    /// Who brought it first, if anybody did.
    pub(crate) fn get(&self, digest: u64) -> Option<Provenance> {
        self.entries.get(&digest).copied()
    }

    /// `source` brings it. `Unknown` is the model itself, in the arguments of a call.
    pub(crate) fn enter(&mut self, digest: u64, source: Provenance) {
        if let Some(known) = self.entries.get_mut(&digest) {
            match (*known, source) {
                // The user may say what the model made up; a tool that echoes it may not.
                (Provenance::Unknown, Provenance::User) => {
                    *known = source;
                    self.good.push_back(digest);
                    self.trim_good();
                }
                (Provenance::Unknown, Provenance::Untrusted) | (Provenance::Trusted, Provenance::User) => {
                    *known = source;
                }
                // The first one stays.
                _ => {}
            }
            return;
        }
        let shadowed = source.is_good() && self.shadowed(digest);
        let source = if shadowed { Provenance::Untrusted } else { source };
        self.entries.insert(digest, source);
        if source.is_good() {
            self.good.push_back(digest);
            self.trim_good();
        } else {
            self.bad.push_back(digest);
            self.trim_bad();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes that the entries take, about: the table's slots are a power of two, 16 bytes and one of control each.
    pub(crate) fn bytes(&self) -> usize {
        let capacity = self.entries.capacity();
        let slots = if capacity == 0 { 0 } else { (capacity * 8 / 7).next_power_of_two() };
        let shadow = self.shadow.as_ref().map_or(0, |s| s.len() * 8);
        slots * 17 + (self.good.capacity() + self.bad.capacity()) * 8 + shadow
    }

    fn trim_good(&mut self) {
        while self.good.len() > self.bounds.good {
            let Some(oldest) = self.good.pop_front() else { return };
            if self.get(oldest).is_some_and(Provenance::is_good) {
                self.entries.remove(&oldest);
            }
        }
    }

    fn trim_bad(&mut self) {
        while self.bad.len() > self.bounds.bad {
            let Some(oldest) = self.bad.pop_front() else { return };
            // The user may have taken it over since.
            if self.get(oldest).is_some_and(|p| !p.is_good()) {
                self.entries.remove(&oldest);
                self.cast(oldest);
            }
        }
    }

    fn cast(&mut self, digest: u64) {
        let words = usize::try_from(SHADOW_BITS / 64).unwrap_or(1);
        let shadow = self.shadow.get_or_insert_with(|| vec![0; words].into_boxed_slice());
        for (word, bit) in probes(digest) {
            if let Some(w) = shadow.get_mut(word) {
                *w |= bit;
            }
        }
    }

    fn shadowed(&self, digest: u64) -> bool {
        let Some(shadow) = &self.shadow else { return false };
        probes(digest).all(|(word, bit)| shadow.get(word).is_some_and(|w| w & bit != 0))
    }
}

/// Places in the shadow, two hashes giving all (the digest is already a keyed hash).
fn probes(digest: u64) -> impl Iterator<Item = (usize, u64)> {
    let step = digest.rotate_left(32) | 1;
    (0..SHADOW_PROBES).map(move |i| {
        let at = digest.wrapping_add(step.wrapping_mul(i)) % SHADOW_BITS;
        (usize::try_from(at / 64).unwrap_or(usize::MAX), 1 << (at % 64))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Provenance::{Trusted, Unknown, Untrusted, User};

    fn spread(n: u64) -> u64 {
        n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17).wrapping_mul(0xd134_2543_de82_ef95)
    }

    #[test]
    fn the_first_one_stays() {
        for (first, second, then) in [
            (User, Untrusted, User),
            (User, Trusted, User),
            (Trusted, User, User),
            (Trusted, Untrusted, Trusted),
            (Untrusted, User, Untrusted),
            (Untrusted, Trusted, Untrusted),
            (Untrusted, Unknown, Untrusted),
            (Unknown, Trusted, Unknown),
            (Unknown, User, User),
            (Unknown, Untrusted, Untrusted),
            (User, Unknown, User),
        ] {
            let mut index = Index::new(Bounds::default());
            index.enter(7, first);
            index.enter(7, second);
            assert_eq!(index.get(7), Some(then), "{first} then {second}");
        }
    }

    #[test]
    fn what_was_bad_is_never_good_later() {
        let mut index = Index::new(Bounds { good: 1_000, bad: 10 });
        for n in 0..1_000 {
            index.enter(spread(n), Untrusted);
        }
        assert_eq!(index.get(spread(3)), None);
        for n in 0..1_000 {
            index.enter(spread(n), User);
        }
        assert!((0..1_000).all(|n| index.get(spread(n)) != Some(User)));
        assert_eq!(index.len(), 10);
        let fresh = (5_000..6_000).filter(|n| {
            index.enter(spread(*n), User);
            index.get(spread(*n)) == Some(User)
        });
        assert!(fresh.count() > 990);
    }

    #[test]
    fn strangers_do_not_push_out_the_user() {
        let mut index = Index::new(Bounds { good: 10, bad: 10 });
        index.enter(1, User);
        (100..1_000).for_each(|n| index.enter(spread(n), Untrusted));
        assert_eq!(index.get(1), Some(User));
        (2_000..2_010).for_each(|n| index.enter(spread(n), Trusted));
        assert_eq!(index.get(1), None);
        assert_eq!(index.len(), 20);
    }

    #[test]
    fn one_that_changed_queues_goes_once() {
        let mut index = Index::new(Bounds { good: 2, bad: 2 });
        index.enter(1, Unknown);
        index.enter(1, User);
        (100..110).for_each(|n| index.enter(spread(n), Untrusted));
        assert_eq!(index.get(1), Some(User));
        (200..202).for_each(|n| index.enter(spread(n), User));
        assert_eq!(index.get(1), None);
    }
}
