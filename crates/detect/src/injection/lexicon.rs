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

/// One entry of the table of exact words.
#[derive(Clone, Debug, Default)]
struct Entry {
    head: u64,
    tail: u64,
    len: usize,
    text: String,
    symbols: Vec<Symbol>,
}

/// The words of all rules.
#[derive(Debug, Default)]
pub(super) struct Lexicon {
    /// Open addressing; entry 0 stands for an empty place.
    slots: Vec<u16>,
    entries: Vec<Entry>,
    /// By a hash of three bytes: which list of beginnings to look through; 0 for none.
    keys: Vec<u16>,
    beginnings: Vec<Vec<(String, Symbol)>>,
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
            self.entries.push(Entry { head, tail, len: text.len(), text, symbols });
        }
    }

    fn index(&mut self, open: Vec<(String, Symbol)>) {
        self.keys = vec![0; 1 << 16];
        self.beginnings.push(Vec::new());
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
            for key in keys {
                let Some(slot) = self.keys.get_mut(key) else { continue };
                if *slot == 0 {
                    *slot = u16::try_from(self.beginnings.len()).unwrap_or(0);
                    self.beginnings.push(Vec::new());
                }
                if let Some(list) = self.beginnings.get_mut(usize::from(*slot)) {
                    list.push((text.clone(), symbol));
                }
            }
        }
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
                && entry.len == len
                && (len <= 16 || entry.text.as_bytes() == &text[start..end])
            {
                return &entry.symbols;
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        let [a, b, c, ..] = head.to_le_bytes();
        let list = self.keys[key(a, b, c)];
        if list == 0 {
            return &[];
        }
        let mut n = 0;
        for (beginning, symbol) in &self.beginnings[usize::from(list)] {
            if text[start..end].starts_with(beginning.as_bytes()) && n < BEGINNINGS {
                room[n] = *symbol;
                n += 1;
            }
        }
        &room[..n]
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

fn key(a: u8, b: u8, c: u8) -> usize {
    (usize::from(u16::from_be_bytes([a, b])) ^ (usize::from(c) << 5).wrapping_mul(7)) & 0xffff
}

/// The first and the last eight bytes of a word, as far as they do not overlap.
#[expect(clippy::indexing_slicing, reason = "start + len lies in the text")]
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
        let mask = if len == 8 { u64::MAX } else { (1u64 << (len * 8)) - 1 };
        return (word & mask, 0);
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
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    #[expect(
        clippy::indexing_slicing,
        reason = "a table of 256 indexed by a byte, and offsets below the length"
    )]
    fn next(&mut self) -> Option<Token> {
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
