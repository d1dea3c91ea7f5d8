//! Counting by name, in bounded memory.
//!
//! What always holds: at most [`Tally::NAMES`] names; what comes after is counted together, and said so. The names kept
//! are those that came first in the log, so that the same log gives the same table.

use std::collections::BTreeMap;

/// Counts by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    counts: BTreeMap<String, u64>,
    beyond: u64,
}

impl Tally {
    /// Most names that are counted one by one: more than an operator's files hold, and a page can show.
    pub const NAMES: usize = 500;
    /// Under which name the others are shown.
    pub const BEYOND: &'static str = "(others)";

    /// Counts `n` more.
    pub fn add(&mut self, name: &str, n: u64) {
        if n == 0 {
            return;
        }
        if let Some(count) = self.counts.get_mut(name) {
            *count = count.saturating_add(n);
        } else if self.counts.len() < Self::NAMES {
            self.counts.insert(name.to_owned(), n);
        } else {
            self.beyond = self.beyond.saturating_add(n);
        }
    }

    /// One more.
    pub fn one(&mut self, name: &str) {
        self.add(name, 1);
    }

    /// How many of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or(0)
    }

    /// How many in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().fold(self.beyond, |sum, n| sum.saturating_add(*n))
    }

    /// Of the names that `wanted` takes.
    pub fn sum(&self, wanted: impl Fn(&str) -> bool) -> u64 {
        self.counts.iter().filter(|(name, _)| wanted(name)).map(|(_, n)| *n).sum()
    }

    /// Names and counts, most first, then by name.
    #[must_use]
    pub fn rows(&self) -> Vec<(&str, u64)> {
        let mut rows: Vec<(&str, u64)> = self.counts.iter().map(|(name, n)| (name.as_str(), *n)).collect();
        rows.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        if self.beyond > 0 {
            rows.push((Self::BEYOND, self.beyond));
        }
        rows
    }
}

/// Counts by name and, under each, by a second name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grid {
    rows: BTreeMap<String, Tally>,
    beyond: Tally,
}

impl Grid {
    /// Counts `n` more.
    pub fn add(&mut self, name: &str, under: &str, n: u64) {
        if n == 0 {
            return;
        }
        if let Some(row) = self.rows.get_mut(name) {
            row.add(under, n);
        } else if self.rows.len() < Tally::NAMES {
            self.rows.entry(name.to_owned()).or_default().add(under, n);
        } else {
            self.beyond.add(under, n);
        }
    }

    /// By name; what was counted together comes last.
    pub fn rows(&self) -> impl Iterator<Item = (&str, &Tally)> {
        let beyond = (self.beyond.total() > 0).then_some((Tally::BEYOND, &self.beyond));
        self.rows.iter().map(|(name, row)| (name.as_str(), row)).chain(beyond)
    }

    /// How many in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.rows().map(|(_, row)| row.total()).fold(0, u64::saturating_add)
    }

    /// How many names.
    #[must_use]
    pub fn names(&self) -> u64 {
        self.rows.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_none_is_lost() {
        let (mut tally, mut grid) = (Tally::default(), Grid::default());
        for n in 0..Tally::NAMES + 7 {
            tally.one(&format!("{n:05}"));
            grid.add(&format!("{n:05}"), "a", 2);
        }
        tally.add("00003", 4);
        assert_eq!((tally.total(), tally.rows().len()), (Tally::NAMES as u64 + 11, Tally::NAMES + 1));
        assert_eq!(tally.rows()[0], ("00003", 5));
        assert_eq!(tally.rows().last(), Some(&(Tally::BEYOND, 7)));
        assert_eq!((grid.total(), grid.rows().count()), (2 * (Tally::NAMES as u64 + 7), Tally::NAMES + 1));
    }

    #[test]
    fn sums_do_not_overflow() {
        let mut tally = Tally::default();
        tally.add("a", u64::MAX);
        tally.add("a", 1);
        tally.add("b", u64::MAX);
        assert_eq!(tally.total(), u64::MAX);
    }
}
