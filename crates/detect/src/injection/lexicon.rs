//! The words of the rules, and the words of a text looked up in them.
//!
//! What always holds: a word of a text is a maximal run of letters and digits of scripts with spaces, or of one
//! without; what it means to the rules (its symbols) depends on its characters alone.

use crate::view::decode::rot13;
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

/// Most symbols that one word of a text can have besides those of its exact form.
const BEGINNINGS: usize = 12;

/// What stands between two words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gap {
    /// Nothing: the script changes.
    None,
    /// White space and punctuation inside a sentence.
    Soft,
    /// The end of a sentence.
    Hard,
}

/// One entry of the table of exact words. Small, and what most words need is in it: the tables are read at random
/// places, so what a word costs is the lines of memory that it touches.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    head: u64,
    tail: u64,
    len: u32,
    /// Its symbols, in `symbols`.
    from: u32,
    count: u32,
    /// Its text, in `long`, where head and tail are not all of it.
    long: u32,
}

/// One beginning of longer words.
#[derive(Clone, Copy, Debug)]
struct Beginning {
    /// Its first eight bytes, and where they are set.
    head: u64,
    mask: u64,
    symbol: Symbol,
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
            let (head, tail) = ends(text.as_bytes(), 0, text.len());
            let Ok(number) = u16::try_from(self.entries.len()) else { return };
            let mut slot = self.place(head, tail, text.len());
            while self.slots.get(slot).is_some_and(|s| *s != 0) {
                slot = (slot + 1) & (self.slots.len() - 1);
            }
            if let Some(s) = self.slots.get_mut(slot) {
                *s = number;
            }
            let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            let (from, count, long) =
                (small(self.symbols.len()), small(symbols.len()), small(self.long.len()));
            self.entries.push(Entry { head, tail, len: small(text.len()), from, count, long });
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
            let mask = low(bytes.len());
            let head = ends(bytes, 0, bytes.len()).0 & mask;
            let long = (bytes.len() > 8).then(|| u32::try_from(self.long.len()).unwrap_or(u32::MAX));
            for key in keys {
                let Some(slot) = self.keys.get_mut(key) else { continue };
                if *slot == 0 {
                    *slot = u16::try_from(lists.len()).unwrap_or(0);
                    lists.push(Vec::new());
                }
                if let Some(list) = lists.get_mut(usize::from(*slot)) {
                    list.push(Beginning { head, mask, symbol, long });
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

    /// The symbols of the word at `start..end`; `room` takes those of a word that is none of the rules' exactly.
    #[expect(
        clippy::indexing_slicing,
        reason = "tables filled above; the word lies in the text; every word costs this"
    )]
    #[inline]
    pub(super) fn symbols<'a>(
        &'a self,
        text: &[u8],
        start: usize,
        end: usize,
        room: &'a mut [Symbol; BEGINNINGS],
    ) -> &'a [Symbol] {
        let len = end - start;
        let (head, tail) = ends(text, start, len);
        let mut slot = self.place(head, tail, len);
        loop {
            let number = self.slots[slot];
            if number == 0 {
                break;
            }
            let entry = &self.entries[usize::from(number)];
            if entry.head == head
                && entry.tail == tail
                && entry.len as usize == len
                && (len <= ENDS || self.long[entry.long as usize].as_bytes() == &text[start..end])
            {
                let from = entry.from as usize;
                return &self.symbols[from..from + entry.count as usize];
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        let [a, b, c, ..] = head.to_le_bytes();
        let key = key(a, b, c);
        if self.begin[key / 64] >> (key % 64) & 1 == 0 {
            return &[];
        }
        let n = self.begun_with(key, head, &text[start..end], room);
        &room[..n]
    }

    /// Puts the symbols of the beginnings that `word` has into `room`. How many.
    #[inline(never)]
    fn begun_with(&self, key: usize, head: u64, word: &[u8], room: &mut [Symbol; BEGINNINGS]) -> usize {
        let list = self.keys.get(key).map_or(0, |list| usize::from(*list));
        let limit = |at: usize| self.lists.get(at).map_or(0, |n| *n as usize);
        let mut n = 0;
        for beginning in self.beginnings.get(limit(list)..limit(list + 1)).unwrap_or(&[]) {
            if head & beginning.mask == beginning.head
                && beginning.long.is_none_or(|at| {
                    self.long.get(at as usize).is_some_and(|long| word.starts_with(long.as_bytes()))
                })
                && let Some(place) = room.get_mut(n)
            {
                *place = beginning.symbol;
                n += 1;
            }
        }
        n
    }

    /// The symbols that a word which begins with `part` may turn out to be. None when they are too many to tell.
    pub(super) fn begun(&self, part: &str) -> Option<&[(String, Symbol)]> {
        let from = self.sorted.partition_point(|(t, _)| t.as_str() < part);
        let rest = self.sorted.get(from..).unwrap_or(&[]);
        let n = rest.iter().take(65).take_while(|(t, _)| t.starts_with(part)).count();
        (n <= 64).then(|| rest.get(..n).unwrap_or(&[]))
    }
}

/// Room for [`Lexicon::symbols`].
pub(super) const fn room() -> [Symbol; BEGINNINGS] {
    [0; BEGINNINGS]
}

/// How many bytes [`ends`] tells of a word.
const ENDS: usize = 16;
/// How many values [`key`] has.
const KEYS: usize = 1 << 16;

/// The first `len` bytes of eight.
const fn low(len: usize) -> u64 {
    if len >= 8 { u64::MAX } else { (1 << (len * 8)) - 1 }
}

fn key(a: u8, b: u8, c: u8) -> usize {
    (usize::from(u16::from_be_bytes([a, b])) ^ (usize::from(c) << 5).wrapping_mul(7)) & 0xffff
}

/// The first and the last eight bytes of a word, as far as they do not overlap.
#[expect(clippy::indexing_slicing, reason = "start + len lies in the text")]
#[inline]
fn ends(text: &[u8], start: usize, len: usize) -> (u64, u64) {
    if len <= 8 {
        let word = match text.get(start..start + 8).and_then(|w| w.try_into().ok()) {
            Some(w) => u64::from_le_bytes(w),
            None => {
                let mut w = [0; 8];
                w[..len].copy_from_slice(&text[start..start + len]);
                u64::from_le_bytes(w)
            }
        };
        return (word & low(len), 0);
    }
    let load = |at: usize| text.get(at..at + 8).and_then(|w| w.try_into().ok()).map_or(0, u64::from_le_bytes);
    (load(start), load(start + len - 8))
}

/// What a character is to the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A letter or digit of a script that puts spaces between words.
    Spaced,
    /// A letter of a script that does not, or whose particles join words.
    Dense,
    /// Between words.
    Gap(Gap),
}

/// What `c` is.
pub(super) fn kind(c: char) -> Kind {
    match c {
        '.' | '!' | ';' | '\u{80}'..='\u{9f}' | '\u{3000}'..='\u{303f}' => Kind::Gap(Gap::Hard),
        'a'..='z' | 'A'..='Z' | '0'..='9' => Kind::Spaced,
        '\0'..='\u{bf}' | '\u{2000}'..='\u{206f}' | '\u{2190}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}' => {
            Kind::Gap(Gap::Soft)
        }
        '\u{e00}'..='\u{eff}'
        | '\u{1100}'..='\u{11ff}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7ff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}' => Kind::Dense,
        _ => Kind::Spaced,
    }
}

/// Whether `c` stands between words.
pub(super) fn is_gap(c: char) -> bool {
    matches!(kind(c), Kind::Gap(_))
}

const LETTER: u8 = 0;
const SOFT: u8 = 1;
const HARD: u8 = 2;
const WIDE: u8 = 3;

const CLASSES: [u8; 256] = classes();

#[expect(clippy::indexing_slicing, reason = "a table of 256, built at compile time")]
const fn classes() -> [u8; 256] {
    let mut table = [SOFT; 256];
    let mut b = 0;
    while b < 256 {
        table[b] = match b {
            0x80.. => WIDE,
            0x30..=0x39 | 0x41..=0x5A | 0x61..=0x7A => LETTER,
            0x2E | 0x21 | 0x3B => HARD,
            _ => SOFT,
        };
        b += 1;
    }
    table
}

/// A word of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) start: usize,
    pub(super) end: usize,
    /// What stands before it.
    pub(super) gap: Gap,
    /// Whether its script puts spaces between words.
    pub(super) spaced: bool,
}

/// The words of a text from some place on, one by one.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str, from: usize) -> Self {
        Self { text, at: from }
    }

    fn wide(&self, at: usize) -> (Kind, usize) {
        self.text
            .get(at..)
            .and_then(|t| t.chars().next())
            .map_or((Kind::Gap(Gap::Hard), 1), |c| (kind(c), c.len_utf8()))
    }

    /// The next word, where other characters than ASCII's may be in it or before it.
    #[expect(
        clippy::indexing_slicing,
        reason = "a table of 256 indexed by a byte, and offsets below the length"
    )]
    fn next_of_any(&mut self) -> Option<Token> {
        let bytes = self.text.as_bytes();
        let mut at = self.at;
        let mut gap = Gap::None;
        let mut spaced = true;
        loop {
            let class = CLASSES[usize::from(*bytes.get(at)?)];
            match class {
                LETTER => break,
                SOFT => gap = gap.max(Gap::Soft),
                HARD => gap = Gap::Hard,
                _ => match self.wide(at) {
                    (Kind::Gap(g), len) => {
                        gap = gap.max(g);
                        at += len;
                        continue;
                    }
                    (kind, _) => {
                        spaced = kind == Kind::Spaced;
                        break;
                    }
                },
            }
            at += 1;
        }
        let start = at;
        while at < bytes.len() {
            match CLASSES[usize::from(bytes[at])] {
                LETTER if spaced => at += 1,
                WIDE => match self.wide(at) {
                    (Kind::Spaced, len) if spaced => at += len,
                    (Kind::Dense, len) if !spaced => at += len,
                    _ => break,
                },
                _ => break,
            }
        }
        self.at = at;
        Some(Token { start, end: at, gap, spaced })
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    #[inline]
    fn next(&mut self) -> Option<Token> {
        let class = |b: &u8| CLASSES.get(usize::from(*b)).copied().unwrap_or(WIDE);
        let bytes = self.text.as_bytes();
        let (mut at, mut gap) = (self.at, Gap::None);
        loop {
            match class(bytes.get(at)?) {
                LETTER => break,
                SOFT => gap = gap.max(Gap::Soft),
                HARD => gap = Gap::Hard,
                _ => return self.next_of_any(),
            }
            at += 1;
        }
        let start = at;
        let rest = bytes.get(start..).unwrap_or_default();
        let end = rest.iter().position(|b| class(b) != LETTER).map_or(bytes.len(), |n| start + n);
        if bytes.get(end).is_some_and(|b| class(b) == WIDE) {
            return self.next_of_any();
        }
        self.at = end;
        Some(Token { start, end, gap, spaced: true })
    }
}
