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

/// Values by sort and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<V> {
    by: BTreeMap<&'static str, BTreeMap<String, V>>,
}

impl<V> Default for Named<V> {
    fn default() -> Self {
        Self { by: BTreeMap::new() }
    }
}

impl<V: Default> Named<V> {
    /// Changes the value of a name; once a sort has [`Tally::NAMES`], that of all others together.
    pub fn update(&mut self, sort: &'static str, name: &str, change: impl FnOnce(&mut V)) {
        let names = self.by.entry(sort).or_default();
        if let Some(value) = names.get_mut(name) {
            return change(value);
        }
        let name = if names.len() < Tally::NAMES { name } else { Tally::BEYOND };
        change(names.entry(name.to_owned()).or_default());
    }

    /// Whether the name has a value of its own.
    #[must_use]
    pub fn has(&self, sort: &str, name: &str) -> bool {
        self.by.get(sort).is_some_and(|names| names.contains_key(name))
    }

    /// Sort, name and value.
    pub fn rows(&self) -> impl Iterator<Item = (&'static str, &str, &V)> {
        self.by
            .iter()
            .flat_map(|(sort, names)| names.iter().map(|(name, value)| (*sort, name.as_str(), value)))
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
    fn named_values_are_bounded_by_sort() {
        let mut named = Named::<u64>::default();
        for n in 0..Tally::NAMES + 7 {
            named.update("a", &n.to_string(), |v| *v += 1);
        }
        named.update("b", "x", |v| *v += 1);
        assert!(named.has("a", "3") && named.has("b", "x") && !named.has("b", "3"));
        assert_eq!(named.rows().filter(|(sort, ..)| *sort == "a").count(), Tally::NAMES + 1);
        assert!(named.rows().any(|row| row == ("a", Tally::BEYOND, &7)));
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
