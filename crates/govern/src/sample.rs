//! Which records stand for many: the first, the last, and those with the smallest leaf hashes between.
//!
//! What always holds: the choice depends on the records alone, so that anybody who has the log makes the same one, and
//! nobody can choose what suits them. Memory is bounded.

use cordon_ledger::tree::Hash;
use std::collections::{BTreeMap, BTreeSet};

/// How many between the first and the last.
const BETWEEN: usize = 3;

/// Chooses among the records of one evidence type.
#[derive(Clone, Debug, Default)]
pub struct Sampler {
    count: u64,
    first: Option<u64>,
    last: Option<u64>,
    smallest: BTreeMap<Hash, u64>,
}

impl Sampler {
    /// Looks at one record; indexes come in order.
    pub fn take(&mut self, index: u64, leaf: &Hash) {
        self.count += 1;
        self.first.get_or_insert(index);
        self.last = Some(index);
        if self.smallest.len() < BETWEEN || self.smallest.last_key_value().is_some_and(|(h, _)| leaf < h) {
            self.smallest.entry(*leaf).or_insert(index);
            if self.smallest.len() > BETWEEN {
                self.smallest.pop_last();
            }
        }
    }

    /// How many records there were.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The chosen ones, in order.
    #[must_use]
    pub fn chosen(&self) -> Vec<u64> {
        let all: BTreeSet<u64> =
            self.first.into_iter().chain(self.last).chain(self.smallest.values().copied()).collect();
        all.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_last_and_smallest() {
        let mut sampler = Sampler::default();
        assert!(sampler.chosen().is_empty());
        for (index, byte) in [(4, 9), (5, 3), (6, 8), (7, 1), (8, 2), (9, 7)] {
            sampler.take(index, &[byte; 32]);
        }
        assert_eq!((sampler.count(), sampler.chosen()), (6, vec![4, 5, 7, 8, 9]));
        let mut one = Sampler::default();
        one.take(3, &[0; 32]);
        assert_eq!(one.chosen(), [3]);
    }
}
