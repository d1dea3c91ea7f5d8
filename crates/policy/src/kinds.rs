//! Small sets of findings: which kinds, and which kind in which span.
//!
//! What always holds: a `FindingSet` is sorted and without doubles, so equal sets hash alike however they were
//! filled. What it deliberately does not do: count, locate or hold what was found.

use cordon_types::{FindingKind, SpanKind};
use smallvec::SmallVec;

/// A set of finding kinds, one bit a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct KindSet(u32);

// INVARIANT: every kind has a bit of its own.
const _: () = assert!(FindingKind::ALL.len() <= 32, "KindSet holds at most 32 kinds");

impl KindSet {
    /// The empty set.
    pub const EMPTY: KindSet = KindSet(0);

    const fn bit(kind: FindingKind) -> u32 {
        1 << (kind as u8)
    }

    /// The set of one kind.
    #[must_use]
    pub const fn of(kind: FindingKind) -> Self {
        Self(Self::bit(kind))
    }

    /// Whether `kind` is in the set.
    #[must_use]
    pub const fn contains(self, kind: FindingKind) -> bool {
        self.0 & Self::bit(kind) != 0
    }

    /// Puts `kind` into the set.
    pub const fn insert(&mut self, kind: FindingKind) {
        self.0 |= Self::bit(kind);
    }

    /// Takes `kind` out of the set.
    pub const fn remove(&mut self, kind: FindingKind) {
        self.0 &= !Self::bit(kind);
    }

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this and not in `other`.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many kinds are in the set.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// The kinds, in the fixed order of `FindingKind::ALL`.
    pub fn iter(self) -> impl Iterator<Item = FindingKind> {
        FindingKind::ALL.iter().copied().filter(move |k| self.contains(*k))
    }
}

impl FromIterator<FindingKind> for KindSet {
    fn from_iter<I: IntoIterator<Item = FindingKind>>(kinds: I) -> Self {
        kinds.into_iter().fold(Self::EMPTY, |mut set, kind| {
            set.insert(kind);
            set
        })
    }
}

/// Which kinds were found in which kinds of span.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FindingSet(SmallVec<[(FindingKind, SpanKind); 4]>);

impl FindingSet {
    /// The empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a finding in; true when it was not there yet.
    pub fn insert(&mut self, kind: FindingKind, span: SpanKind) -> bool {
        match self.0.binary_search(&(kind, span)) {
            Ok(_) => false,
            Err(at) => {
                self.0.insert(at, (kind, span));
                true
            }
        }
    }

    /// Whether that kind was found in that kind of span.
    #[must_use]
    pub fn contains(&self, kind: FindingKind, span: SpanKind) -> bool {
        self.0.binary_search(&(kind, span)).is_ok()
    }

    /// The findings, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (FindingKind, SpanKind)> + '_ {
        self.0.iter().copied()
    }

    /// The kinds alone.
    #[must_use]
    pub fn kinds(&self) -> KindSet {
        self.0.iter().map(|(kind, _)| *kind).collect()
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many pairs of kind and span.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Puts all of `other` in.
    pub fn extend(&mut self, other: &FindingSet) {
        for (kind, span) in other.iter() {
            self.insert(kind, span);
        }
    }
}

impl FromIterator<(FindingKind, SpanKind)> for FindingSet {
    fn from_iter<I: IntoIterator<Item = (FindingKind, SpanKind)>>(pairs: I) -> Self {
        let mut set = Self::default();
        for (kind, span) in pairs {
            set.insert(kind, span);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_sets_hold_every_kind_apart() {
        let mut set = KindSet::EMPTY;
        for (n, kind) in FindingKind::ALL.iter().enumerate() {
            assert!(!set.contains(*kind));
            set.insert(*kind);
            assert!(set.contains(*kind));
            assert_eq!(set.len() as usize, n + 1);
        }
        assert_eq!(set.iter().collect::<Vec<_>>(), FindingKind::ALL);
        set.remove(FindingKind::Jwt);
        assert!(!set.contains(FindingKind::Jwt));
        assert_eq!(set.union(KindSet::of(FindingKind::Jwt)).len() as usize, FindingKind::ALL.len());
        assert!(set.intersection(KindSet::of(FindingKind::Jwt)).is_empty());
        assert_eq!(set.difference(set), KindSet::EMPTY);
    }

    #[test]
    fn finding_sets_are_equal_however_filled() {
        let pairs = [
            (FindingKind::Injection, SpanKind::User),
            (FindingKind::Email, SpanKind::System),
            (FindingKind::Injection, SpanKind::User),
            (FindingKind::Email, SpanKind::Assistant),
        ];
        let forth: FindingSet = pairs.into_iter().collect();
        let back: FindingSet = pairs.into_iter().rev().collect();
        assert_eq!(forth, back);
        assert_eq!(forth.len(), 3);
        assert_eq!(forth.kinds().len(), 2);
    }
}
