//! Which word may come second in a match, by the word that comes first: one bit for each two kinds of words.
//!
//! What always holds: where some pattern starts with the first word and takes the second after it, the bit is set.

use super::lexicon::Symbol;
use std::collections::{BTreeMap, BTreeSet};

/// The row of words that no pattern starts with.
const NONE: u16 = 0;
/// The row of words that several patterns start with in ways that have no row together.
const MANY: u16 = 1;
/// The column of words that no rule has as a second one.
const OTHER: u16 = 0;
/// The column of what comes second in no match, not even as one of any words.
pub(super) const NEVER: u16 = 1;
/// The column of words that rules have as a second one in ways that have no column together.
const SEVERAL: u16 = 2;

/// Which row and which column a word has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) row: u16,
    pub(super) column: u16,
}

impl Pair {
    /// That of a word which is two things at once.
    pub(super) fn and(self, other: Self) -> Self {
        let joined = |a: u16, b: u16, nothing: u16, both: u16| match (a, b) {
            _ if a == b || b == nothing => a,
            _ if a == nothing => b,
            _ => both,
        };
        Self {
            row: joined(self.row, other.row, NONE, MANY),
            column: joined(self.column, other.column, OTHER, SEVERAL),
        }
    }
}

/// The bits, row by row.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    bits: Vec<u64>,
    stride: usize,
}

impl Pairs {
    /// Whether a match may start with a word of that row and go on with one of that column.
    #[inline]
    pub(super) fn may(&self, row: u16, column: u16) -> bool {
        let (row, column) = (usize::from(row), usize::from(column));
        let bits = self.bits.get(row * self.stride + column / 64);
        bits.is_some_and(|bits| bits >> (column % 64) & 1 == 1)
    }

    fn set(&mut self, row: usize, column: usize) {
        if let Some(bits) = self.bits.get_mut(row * self.stride + column / 64) {
            *bits |= 1 << (column % 64);
        }
    }
}

/// What may follow the symbols that patterns start with.
#[derive(Debug, Default)]
pub(super) struct Following {
    /// By first symbol: the second ones.
    pub(super) seconds: BTreeMap<Symbol, BTreeSet<Symbol>>,
    /// The first symbols after which any word may come.
    pub(super) before_any: BTreeSet<Symbol>,
}

/// Gives out rows and columns.
#[derive(Debug)]
pub(super) struct Gatherer<'f> {
    following: &'f Following,
    /// The symbols that come second in some pattern.
    seconds: BTreeSet<Symbol>,
    rows: BTreeMap<Vec<Symbol>, u16>,
    columns: BTreeMap<Vec<Symbol>, u16>,
}

impl<'f> Gatherer<'f> {
    pub(super) fn new(following: &'f Following) -> Self {
        let seconds = following.seconds.values().flatten().copied().collect();
        Self { following, seconds, rows: BTreeMap::new(), columns: BTreeMap::new() }
    }

    /// The row and the column of a word with these symbols.
    pub(super) fn pair(&mut self, symbols: &[Symbol]) -> Pair {
        let of = |keep: &dyn Fn(&Symbol) -> bool| {
            let mut some: Vec<Symbol> = symbols.iter().copied().filter(keep).collect();
            some.sort_unstable();
            some
        };
        let (firsts, seconds) =
            (of(&|s| self.following.seconds.contains_key(s)), of(&|s| self.seconds.contains(s)));
        let number = |numbers: &mut BTreeMap<Vec<Symbol>, u16>, key: Vec<Symbol>, from: u16| {
            let next = u16::try_from(numbers.len()).unwrap_or(u16::MAX).saturating_add(from);
            if key.is_empty() { 0 } else { *numbers.entry(key).or_insert(next) }
        };
        Pair {
            row: number(&mut self.rows, firsts, MANY + 1),
            column: number(&mut self.columns, seconds, SEVERAL + 1),
        }
    }

    /// The finished table.
    pub(super) fn build(self) -> Pairs {
        let width = self.columns.len() + usize::from(SEVERAL) + 1;
        let height = self.rows.len() + usize::from(MANY) + 1;
        let stride = width.div_ceil(64);
        let mut pairs = Pairs { bits: vec![0; stride * height], stride };
        // By symbol: the columns of words that have it.
        let mut columns: BTreeMap<Symbol, Vec<usize>> = BTreeMap::new();
        for (seconds, column) in &self.columns {
            for second in seconds {
                columns.entry(*second).or_default().push(usize::from(*column));
            }
        }
        (0..width)
            .filter(|c| *c != usize::from(NEVER))
            .for_each(|column| pairs.set(usize::from(MANY), column));
        for (firsts, row) in &self.rows {
            let row = usize::from(*row);
            if firsts.iter().any(|s| self.following.before_any.contains(s)) {
                (0..width).filter(|c| *c != usize::from(NEVER)).for_each(|column| pairs.set(row, column));
            }
            pairs.set(row, usize::from(SEVERAL));
            for second in firsts.iter().filter_map(|first| self.following.seconds.get(first)).flatten() {
                columns.get(second).into_iter().flatten().for_each(|column| pairs.set(row, *column));
            }
        }
        pairs
    }
}
