//! The words of the rules, and the words of a text looked up in them.
//!
//! What always holds: a word of a text is a maximal run of letters and digits of scripts with spaces, or of one
//! without; what it means to the rules (its symbols) depends on its characters alone.

use super::pairs::Pair;
use super::words::Token;
use crate::view::decode::rot13;
use crate::view::eight;
use std::collections::BTreeMap;

/// A word of the rules: exactly so, or as the beginning of a longer one.
pub(super) type Symbol = u16;
/// From this symbol on a word is none of a rule's, but one that gives away another reading of the text.
pub(super) const TRIGGER: Symbol = 0xFF00;
/// From this symbol on the other reading is the reversed one; before it, the rotated one.
pub(super) const REVERSED: Symbol = 0xFF80;

/// Words that injections have near their start, read as rot13.
const FIRST: &[&str] = &[
    "ignore",
    "disregard",
    "forget",
    "override",
    "reveal",
    "pretend",
    "bypass",
    "system",
    "instruct",
    "you are",
    "do anything",
    "print",
    "previous",
    "prompt",
    "jailbreak",
    "developer mode",
    "act as",
    "send the",
];
/// Words that injections have near their end: reversed, they come first.
const LAST: &[&str] = &[
    "instructions",
    "instruction",
    "prompt",
    "rules",
    "guidelines",
    "safety",
    "filters",
    "secrets",
    "password",
    "above",
    "restrictions",
    "before",
];

/// A symbol is all of a pattern, or gives away another reading.
pub(super) const ALONE: u8 = 1;
/// A symbol is in what some pattern cannot match without.
pub(super) const NEEDED: u8 = 2;
/// The symbols stand among those that were gathered, not in the lexicon.
const GATHERED: u8 = 4;

/// What the rules know of a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// Its symbols: from where on, and how many.
    from: u32,
    count: u8,
    /// What they are good for.
    pub(super) ways: u8,
    /// What it may follow, and what may follow it.
    pub(super) pair: Pair,
}

/// One entry of the table of exact words. Small, and what most words need is in it: the tables are read at random
/// places, so what a word costs is the lines of memory that it touches.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    head: u64,
    tail: u64,
    known: Known,
    len: u16,
    /// Its text, in `long`, where head and tail are not all of it.
    long: u16,
}

/// One beginning of longer words.
#[derive(Clone, Copy, Debug)]
struct Beginning {
    /// Its first eight bytes, and where they are set.
    head: u64,
    mask: u64,
    symbol: Symbol,
    /// What is known of a word that begins so.
    ways: u8,
    pair: Pair,
    /// Where its text stands in `long`, unless the head is all of it.
    long: Option<u32>,
}

/// The words of all rules.
#[derive(Debug, Default)]
pub(super) struct Lexicon {
    /// Open addressing; entry 0 stands for an empty place.
    slots: Vec<u16>,
    entries: Vec<Entry>,
    /// The symbols of all entries, one entry's after another's.
    symbols: Vec<Symbol>,
    /// The texts of words and beginnings that are longer than what is compared at once.
    long: Vec<String>,
    /// By a hash of three bytes, a bit: whether any beginning has it. Small enough to stay near the processor.
    begin: Vec<u64>,
    /// By the same hash: which list of beginnings to look through; 0 for none.
    keys: Vec<u16>,
    /// Where lists begin; each ends where the next one begins.
    lists: Vec<u32>,
    beginnings: Vec<Beginning>,
    /// Exact words and beginnings, sorted by text.
    sorted: Vec<(String, Symbol)>,
}

/// Gathers words for a lexicon.
#[derive(Debug, Default)]
pub(super) struct Words {
    symbols: BTreeMap<(String, bool), Symbol>,
}

impl Words {
    /// The symbol of a word.
    pub(super) fn symbol(&mut self, text: &str, open_end: bool) -> Symbol {
        let next = Symbol::try_from(self.symbols.len() + 1).unwrap_or(Symbol::MAX).min(TRIGGER - 1);
        *self.symbols.entry((text.to_owned(), open_end)).or_insert(next)
    }

    /// How many symbols there are, the unused 0 included.
    pub(super) fn len(&self) -> usize {
        self.symbols.len() + 1
    }

    /// The finished lexicon.
    pub(super) fn build(self) -> Lexicon {
        let mut open: Vec<(String, Symbol)> = Vec::new();
        let mut exact: BTreeMap<String, Vec<Symbol>> = BTreeMap::new();
        for ((text, open_end), symbol) in &self.symbols {
            if *open_end {
                open.push((text.clone(), *symbol));
            } else {
                exact.entry(text.clone()).or_default().push(*symbol);
            }
        }
        let sorted = self.symbols.into_iter().map(|((t, _), s)| (t, s)).collect();
        for (i, words) in [FIRST, LAST].into_iter().enumerate() {
            for word in words {
                let word = if i == 0 { rot13(word) } else { word.chars().rev().collect() };
                let base = if i == 0 { TRIGGER } else { REVERSED };
                open.push((word.split(' ').next().unwrap_or("").to_owned(), base));
            }
        }
        for (text, symbols) in &mut exact {
            symbols.extend(open.iter().filter(|(b, _)| text.starts_with(b.as_str())).map(|(_, s)| *s));
        }
        let mut made = Lexicon { sorted, ..Lexicon::default() };
        made.fill(exact);
        made.index(open);
        made
    }
}

impl Lexicon {
    fn fill(&mut self, exact: BTreeMap<String, Vec<Symbol>>) {
        self.slots = vec![0; (exact.len() * 4).next_power_of_two().max(16)];
        self.entries.push(Entry::default());
        for (text, symbols) in exact {
            let bytes = text.as_bytes();
            let head = eight::load(bytes, 0);
            let tail = tail(bytes, bytes.len(), bytes.len());
            let Ok(number) = u16::try_from(self.entries.len()) else { return };
            let mut slot = self.place(head, tail, text.len());
            while self.slots.get(slot).is_some_and(|s| *s != 0) {
                slot = (slot + 1) & (self.slots.len() - 1);
            }
            if let Some(s) = self.slots.get_mut(slot) {
                *s = number;
            }
            let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            let tiny = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
            let count = u8::try_from(symbols.len()).unwrap_or(u8::MAX);
            let known = Known { from: small(self.symbols.len()), count, ..Known::default() };
            let (len, long) = (tiny(text.len()), tiny(self.long.len()));
            self.entries.push(Entry { head, tail, known, len, long });
            self.symbols.extend(symbols);
            if text.len() > ENDS {
                self.long.push(text);
            }
        }
    }

    fn index(&mut self, open: Vec<(String, Symbol)>) {
        let mut lists = vec![Vec::new()];
        self.keys = vec![0; KEYS];
        self.begin = vec![0; KEYS / 64];
        for (text, symbol) in open {
            let bytes = text.as_bytes();
            let keys: Vec<usize> = match bytes {
                [a, b, c, ..] => vec![key(*a, *b, *c)],
                [a, b] => (0..=u8::MAX).map(|c| key(*a, *b, c)).collect(),
                _ => (0..=u16::MAX)
                    .map(|n| n.to_be_bytes())
                    .map(|[b, c]| key(bytes.first().copied().unwrap_or(0), b, c))
                    .collect(),
            };
            let (head, mask) = (eight::load(bytes, 0), eight::low(bytes.len()));
            let long = (bytes.len() > 8).then(|| u32::try_from(self.long.len()).unwrap_or(u32::MAX));
            for key in keys {
                let Some(slot) = self.keys.get_mut(key) else { continue };
                if *slot == 0 {
                    *slot = u16::try_from(lists.len()).unwrap_or(0);
                    lists.push(Vec::new());
                }
                if let Some(list) = lists.get_mut(usize::from(*slot)) {
                    list.push(Beginning { head, mask, symbol, ways: 0, pair: Pair::default(), long });
                }
                if let Some(word) = self.begin.get_mut(key / 64) {
                    *word |= 1 << (key % 64);
                }
            }
            if long.is_some() {
                self.long.push(text);
            }
        }
        for list in lists {
            self.lists.push(u32::try_from(self.beginnings.len()).unwrap_or(u32::MAX));
            self.beginnings.extend(list);
        }
        self.lists.push(u32::try_from(self.beginnings.len()).unwrap_or(u32::MAX));
    }

    fn place(&self, head: u64, tail: u64, len: usize) -> usize {
        let mixed = (head ^ tail.rotate_left(23) ^ ((len as u64) << 57)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        usize::try_from(mixed >> 40).unwrap_or(0) & self.slots.len().wrapping_sub(1)
    }

    /// Notes what symbols are good for: `ways` says it of one, `pair` of a word's all.
    pub(super) fn mark(&mut self, ways: &dyn Fn(Symbol) -> u8, pair: &mut dyn FnMut(&[Symbol]) -> Pair) {
        for entry in &mut self.entries {
            let from = entry.known.from as usize;
            let symbols = self.symbols.get(from..from + usize::from(entry.known.count)).unwrap_or_default();
            entry.known.ways = symbols.iter().fold(0, |all, s| all | ways(*s));
            entry.known.pair = pair(symbols);
        }
        for beginning in &mut self.beginnings {
            beginning.ways = ways(beginning.symbol);
            beginning.pair = pair(&[beginning.symbol]);
        }
    }

    /// What the rules know of a word of `text`. The symbols of one that is none of the rules' exactly, but begins
    /// like one, are added to `gathered`.
    #[expect(
        clippy::indexing_slicing,
        reason = "tables filled above; the word lies in the text; every word costs this"
    )]
    #[inline]
    pub(super) fn look_up(&self, text: &[u8], token: &Token, gathered: &mut Vec<Symbol>) -> Known {
        let len = token.end - token.start;
        let (head, tail) = (token.head, tail(text, token.end, len));
        let mut slot = self.place(head, tail, len);
        loop {
            let number = self.slots[slot];
            if number == 0 {
                break;
            }
            let entry = &self.entries[usize::from(number)];
            if entry.head == head
                && entry.tail == tail
                && usize::from(entry.len) == len
                && (len <= ENDS
                    || self.long[usize::from(entry.long)].as_bytes() == &text[token.start..token.end])
            {
                return entry.known;
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        let [a, b, c, ..] = head.to_le_bytes();
        let key = key(a, b, c);
        if self.begin[key / 64] >> (key % 64) & 1 == 0 {
            return Known::default();
        }
        self.begun_with(key, head, &text[token.start..token.end], gathered)
    }

    /// What is known of `word` by how it begins.
    #[inline(never)]
    fn begun_with(&self, key: usize, head: u64, word: &[u8], gathered: &mut Vec<Symbol>) -> Known {
        let list = self.keys.get(key).map_or(0, |list| usize::from(*list));
        let limit = |at: usize| self.lists.get(at).map_or(0, |n| *n as usize);
        let from = u32::try_from(gathered.len()).unwrap_or(u32::MAX);
        let mut known = Known { from, ways: GATHERED, ..Known::default() };
        for beginning in self.beginnings.get(limit(list)..limit(list + 1)).unwrap_or(&[]) {
            if head & beginning.mask == beginning.head
                && beginning.long.is_none_or(|at| {
                    self.long.get(at as usize).is_some_and(|long| word.starts_with(long.as_bytes()))
                })
                && known.count < u8::MAX
            {
                gathered.push(beginning.symbol);
                known.count += 1;
                known.ways |= beginning.ways;
                known.pair = known.pair.and(beginning.pair);
            }
        }
        known
    }

    /// The symbols of a word.
    #[inline]
    pub(super) fn symbols<'a>(&'a self, known: Known, gathered: &'a [Symbol]) -> &'a [Symbol] {
        let all = if known.ways & GATHERED == 0 { &self.symbols } else { gathered };
        let from = known.from as usize;
        all.get(from..from + usize::from(known.count)).unwrap_or_default()
    }

    /// The symbols that a word which begins with `part` may turn out to be. None when they are too many to tell.
    pub(super) fn begun(&self, part: &str) -> Option<&[(String, Symbol)]> {
        let from = self.sorted.partition_point(|(t, _)| t.as_str() < part);
        let rest = self.sorted.get(from..).unwrap_or(&[]);
        let n = rest.iter().take(65).take_while(|(t, _)| t.starts_with(part)).count();
        (n <= 64).then(|| rest.get(..n).unwrap_or(&[]))
    }
}

/// How many bytes of a word are compared at once: its first and its last eight.
const ENDS: usize = 16;
/// How many values [`key`] has.
const KEYS: usize = 1 << 16;

fn key(a: u8, b: u8, c: u8) -> usize {
    (usize::from(u16::from_be_bytes([a, b])) ^ (usize::from(c) << 5).wrapping_mul(7)) & 0xffff
}

/// The last eight bytes of a word that is longer.
#[inline]
fn tail(text: &[u8], end: usize, len: usize) -> u64 {
    if len > 8 { eight::load(text, end - 8) } else { 0 }
}
