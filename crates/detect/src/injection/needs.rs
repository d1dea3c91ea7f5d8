//! What a pattern cannot match without: a set of words of which each match holds one, besides its first word.
//!
//! What always holds: what is asked for stands in every match of the pattern. So where its set has no word within the
//! reach of a start, no reading need begin there, and the matches are the same.

use super::lexicon::Symbol;
use super::template::{Item, Repeat};
use std::collections::{BTreeMap, BTreeSet};

/// How many numbers there are for sets. Where there are more sets, several share one: then more starts are followed
/// than need be.
const SETS: usize = 256;

/// The number of a set of which a match holds a word; 0 asks for nothing.
pub(super) type Need = u8;

/// Which sets some words belong to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Present([u64; SETS / 64]);

impl Present {
    /// Whether what is asked for is here or there.
    pub(super) fn meets(&self, other: &Self, need: Need) -> bool {
        let (at, bit) = (usize::from(need / 64), need % 64);
        let bits = |of: &Self| of.0.get(at).map_or(0, |bits| bits >> bit);
        need == 0 || (bits(self) | bits(other)) & 1 == 1
    }
}

/// The sets of all patterns.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// By symbol: where its sets begin in `sets`; they end where the next one's begin.
    from: Vec<u32>,
    sets: Vec<Need>,
}

impl Needs {
    /// Whether a symbol belongs to any set.
    pub(super) fn has(&self, symbol: Symbol) -> bool {
        !self.of(symbol).is_empty()
    }

    fn of(&self, symbol: Symbol) -> &[Need] {
        let at = |n: usize| self.from.get(n).map_or(0, |from| *from as usize);
        self.sets.get(at(usize::from(symbol))..at(usize::from(symbol) + 1)).unwrap_or_default()
    }

    /// Notes the sets that a word with these symbols belongs to.
    pub(super) fn note(&self, symbols: &[Symbol], present: &mut Present) {
        for symbol in symbols {
            for set in self.of(*symbol) {
                let set = usize::from(*set);
                if let Some(bits) = present.0.get_mut(set / 64) {
                    *bits |= 1 << (set % 64);
                }
            }
        }
    }
}

/// Gathers the sets.
#[derive(Debug, Default)]
pub(super) struct Gatherer {
    numbers: BTreeMap<BTreeSet<Symbol>, Need>,
}

impl Gatherer {
    /// What a pattern asks for: the set that ordinary text is least likely to hold, of all items but the first.
    pub(super) fn need(&mut self, row: &[Item], symbol: &mut dyn FnMut(&str, bool) -> Symbol) -> Need {
        let sets = row.iter().skip(1).filter_map(|item| required(item, symbol));
        let Some(rarest) = sets.min_by(|a, b| a.common.total_cmp(&b.common)) else { return 0 };
        let next = Need::try_from(self.numbers.len() % (SETS - 1) + 1).unwrap_or(0);
        *self.numbers.entry(rarest.symbols).or_insert(next)
    }

    /// The finished table for so many symbols.
    pub(super) fn build(self, symbols: usize) -> Needs {
        let mut of = vec![BTreeSet::new(); symbols];
        for (set, number) in self.numbers {
            for symbol in set {
                if let Some(sets) = of.get_mut(usize::from(symbol)) {
                    sets.insert(number);
                }
            }
        }
        let mut needs = Needs::default();
        for sets in of.into_iter().chain([BTreeSet::new()]) {
            needs.from.push(u32::try_from(needs.sets.len()).unwrap_or(u32::MAX));
            needs.sets.extend(sets);
        }
        needs
    }
}

/// Words one of which stands in every match.
#[derive(Default)]
struct Set {
    symbols: BTreeSet<Symbol>,
    /// How common they are together.
    common: f32,
}

/// The words of which one stands wherever `item` does; none where it may be absent, or be any word.
fn required(item: &Item, symbol: &mut dyn FnMut(&str, bool) -> Symbol) -> Option<Set> {
    match item {
        Item::Word { text, open_end } => {
            let symbols = BTreeSet::from([symbol(text, *open_end)]);
            Some(Set { symbols, common: common(text) })
        }
        Item::Group { rows, repeat: Repeat::Once } => {
            let mut all = Set::default();
            for row in rows {
                let sets = row.iter().filter_map(|item| required(item, symbol));
                let rarest = sets.min_by(|a, b| a.common.total_cmp(&b.common))?;
                all.symbols.extend(rarest.symbols);
                all.common += rarest.common;
            }
            Some(all)
        }
        Item::Group { .. } | Item::Any(_) => None,
    }
}

/// The words of English that any text is full of, sorted.
const COMMON: &[&str] = &[
    "a", "about", "after", "all", "also", "an", "and", "any", "are", "as", "at", "back", "be", "because",
    "been", "before", "but", "by", "can", "code", "come", "could", "day", "do", "even", "file", "first",
    "for", "from", "get", "give", "go", "good", "had", "has", "have", "he", "her", "him", "how", "if", "in",
    "into", "is", "it", "its", "just", "know", "last", "like", "look", "made", "make", "may", "me", "more",
    "most", "much", "must", "my", "need", "new", "no", "not", "now", "of", "on", "one", "only", "open", "or",
    "other", "our", "out", "over", "please", "say", "see", "she", "should", "so", "some", "take", "than",
    "that", "the", "their", "them", "then", "there", "these", "they", "think", "this", "time", "to", "two",
    "until", "up", "us", "use", "very", "want", "was", "way", "we", "well", "were", "what", "when", "which",
    "who", "will", "with", "work", "would", "year", "you", "your",
];

/// How common a word is, very roughly.
fn common(word: &str) -> f32 {
    match word.len() {
        _ if COMMON.binary_search(&word).is_ok() => 1.0,
        0..=3 => 0.3,
        4 => 0.1,
        5 => 0.03,
        _ => 0.01,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_words_are_found() {
        assert!(COMMON.is_sorted());
        assert!(common("the") > common("instructions"));
        assert!(common("please") > common("prompt"));
    }
}
