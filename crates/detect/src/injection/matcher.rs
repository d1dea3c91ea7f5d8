//! Finds where rules of languages with spaces match: one pass over the words of a text, with the places in patterns
//! that are reached so far.
//!
//! ```text
//! word -> symbols -> (does a pattern start with the word before this one, and may this one follow?) -> threads
//! ```
//!
//! What always holds:
//! - Whether a pattern matches from a start on depends on the text from there on, at most [`REACH`] bytes; of two
//!   threads at the same place the one that started later stays. So a stream can be cut anywhere.
//! - Work is one step of each thread for each word; there is at most one thread for a place in a pattern.

use super::graph::{Builder, Graph, Here, Node, Rough};
use super::lexicon::{Gap, Lexicon, Symbol, TRIGGER, Token, Tokens, Words, room};
use super::template::Item;

/// The longest match, in bytes of the view. Long enough for the longest phrase of any rule with its gaps.
pub(super) const REACH: usize = 320;

/// All patterns, compiled.
#[derive(Debug)]
pub(super) struct Matcher {
    lexicon: Lexicon,
    graph: Graph,
    /// By symbol: whether patterns start with it, and how.
    ways: Vec<u8>,
    /// By symbol: where patterns that start with it go on.
    starts: Vec<Start>,
    /// For each symbol that patterns start with, the symbols that may come next, as bits.
    followers: Vec<u64>,
    /// Words of bits for one symbol.
    stride: usize,
}

/// Patterns go on after a symbol.
const GOES_ON: u8 = 1;
/// A symbol is all of a pattern.
const WHOLE: u8 = 2;

/// What starts with a symbol.
#[derive(Clone, Debug, Default)]
struct Start {
    /// Places after it, not yet with a start.
    places: Vec<Thread>,
    /// Patterns that it is all of.
    whole: Vec<u16>,
    /// Whether any word may come next.
    anything: bool,
    /// Which row of `followers` is its.
    row: Option<usize>,
}

/// One match of one pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) pattern: u16,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A place that a reading has reached.
#[derive(Clone, Copy, Debug)]
struct Thread {
    node: Node,
    /// How many words of any kind may still come.
    left: u8,
    /// The symbols that lead on.
    words: Rough,
    start: usize,
}

impl Thread {
    fn at(node: Node, here: &Here<'_>, start: usize) -> Self {
        Self { node, left: here.any, words: here.rough, start }
    }
}

/// What a reading of a text showed.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) hits: Vec<Hit>,
    /// Words that give away another reading: where, and their symbol.
    pub(super) triggers: Vec<(usize, Symbol)>,
    /// The earliest start that the end of an unfinished text leaves undecided.
    pub(super) open: Option<usize>,
    /// Whether a word of a script without spaces was met.
    pub(super) dense: bool,
}

impl Matcher {
    /// Compiles patterns, each with its number.
    pub(super) fn new(patterns: &[(Vec<Item>, u16)]) -> Self {
        let (mut words, mut builder) = (Words::default(), Builder::default());
        let mut roots = Vec::new();
        for (row, number) in patterns {
            roots.push(builder.add(row, *number, &mut |text, open| words.symbol(text, open)));
        }
        let graph = builder.build();
        let stride = words.len().div_ceil(64);
        let mut made = Self {
            ways: vec![0; words.len()],
            starts: vec![Start::default(); words.len()],
            followers: Vec::new(),
            stride,
            lexicon: words.build(),
            graph,
        };
        for root in roots {
            for node in made.graph.closure(root).to_vec() {
                for (symbol, next) in made.graph.words(node).to_vec() {
                    made.start(symbol, next);
                }
            }
        }
        for (way, start) in made.ways.iter_mut().zip(&made.starts) {
            *way |= if start.places.is_empty() { 0 } else { GOES_ON };
            *way |= if start.whole.is_empty() { 0 } else { WHOLE };
        }
        made
    }

    fn start(&mut self, symbol: Symbol, next: Node) {
        let Some(start) = self.starts.get_mut(usize::from(symbol)) else { return };
        let row = *start.row.get_or_insert_with(|| {
            self.followers.resize(self.followers.len() + self.stride, 0);
            self.followers.len() / self.stride - 1
        });
        for node in self.graph.closure(next) {
            let here = self.graph.here(*node);
            start.whole.extend(here.accepts);
            if here.any == 0 && here.words.is_empty() {
                continue;
            }
            start.anything |= here.any > 0;
            start.places.push(Thread::at(*node, &here, 0));
            for (follower, _) in here.words {
                let bit = usize::from(*follower);
                if let Some(word) = self.followers.get_mut(row * self.stride + bit / 64) {
                    *word |= 1 << (bit % 64);
                }
            }
        }
    }

    /// Whether `next` may follow `first` in some pattern that starts with `first`.
    fn follows(&self, first: Symbol, next: Symbol) -> bool {
        let Some(start) = self.starts.get(usize::from(first)) else { return false };
        let bit = usize::from(next);
        let known = start.row.and_then(|row| self.followers.get(row * self.stride + bit / 64));
        next < TRIGGER && known.is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }

    fn begins(&self, symbol: Symbol) -> Option<&Start> {
        self.starts.get(usize::from(symbol)).filter(|s| s.row.is_some())
    }

    /// Reads `text` from `floor` on. `closed` says that it ends here.
    pub(super) fn find(&self, text: &str, floor: usize, closed: bool) -> Found {
        let mut reading = Reading::new(self);
        for token in Tokens::new(text, floor) {
            let inside = token.start == floor && continues(text, floor);
            if token.end == text.len() && !closed {
                reading.last(text, token);
                return reading.found;
            }
            if token.spaced && !inside {
                reading.step(text, token);
            } else {
                reading.skip(token);
            }
        }
        if !closed {
            reading.leave_open();
        }
        reading.found
    }

    /// The matches that start with the first word of `text`.
    pub(super) fn find_first(&self, text: &str) -> Vec<Hit> {
        let mut reading = Reading::new(self);
        for token in Tokens::new(text, 0) {
            reading.step(text, token);
            reading.sterile = true;
            if reading.threads.is_empty() && reading.before.is_none() {
                break;
            }
        }
        reading.found.hits
    }
}

/// Whether the word at `floor` goes on from before it: no word starts there.
fn continues(text: &str, floor: usize) -> bool {
    let letter = |c: char| super::lexicon::kind(c) == super::lexicon::Kind::Spaced;
    text.get(..floor).and_then(|t| t.chars().next_back()).is_some_and(letter)
}

/// The word before, if patterns may start with it: where it starts, and its symbols.
#[derive(Clone, Copy, Debug)]
struct Before {
    start: usize,
    symbols: [Symbol; 4],
}

/// One reading of a text.
struct Reading<'m> {
    matcher: &'m Matcher,
    threads: Vec<Thread>,
    spare: Vec<Thread>,
    before: Option<Before>,
    /// No further matches start.
    sterile: bool,
    found: Found,
}

impl<'m> Reading<'m> {
    fn new(matcher: &'m Matcher) -> Self {
        Self {
            matcher,
            threads: Vec::new(),
            spare: Vec::new(),
            before: None,
            sterile: false,
            found: Found::default(),
        }
    }

    /// A word that no pattern knows.
    fn skip(&mut self, token: Token) {
        self.found.dense |= !token.spaced;
        self.before = None;
        if !self.threads.is_empty() {
            self.advance(token, &[]);
        }
    }

    #[inline]
    fn step(&mut self, text: &str, token: Token) {
        self.found.dense |= !token.spaced;
        let mut room = room();
        let symbols = self.matcher.lexicon.symbols(text.as_bytes(), token.start, token.end, &mut room);
        // Most words are no rule's, and nothing is under way.
        if !symbols.is_empty() || self.before.is_some() || !self.threads.is_empty() {
            self.meet(token, symbols);
        }
    }

    #[inline(never)]
    fn meet(&mut self, token: Token, symbols: &[Symbol]) {
        if let Some(before) = self.before.take()
            && token.gap != Gap::None
        {
            self.spawn(before, symbols);
        }
        if !self.threads.is_empty() {
            self.advance(token, symbols);
        }
        if !symbols.is_empty() && !self.sterile {
            self.begin(token, symbols);
        }
    }

    /// Threads for the patterns that start with the word before, where this one may follow it.
    fn spawn(&mut self, before: Before, symbols: &[Symbol]) {
        let from = self.threads.len();
        let now = Rough::of(symbols.iter().copied());
        for first in before.symbols.into_iter().filter(|s| *s != 0) {
            let Some(start) = self.matcher.begins(first) else { continue };
            if start.anything || symbols.iter().any(|s| self.matcher.follows(first, *s)) {
                // The others would end with this word.
                let may = |t: &&Thread| t.left > 0 || t.words.meets(now);
                let from_here = |t: &Thread| Thread { start: before.start, ..*t };
                self.threads.extend(start.places.iter().filter(may).map(from_here));
            }
        }
        // The latest start comes first: it is the one that stays where two threads meet.
        let new = self.threads.len() - from;
        self.threads.rotate_right(new);
    }

    fn begin(&mut self, token: Token, symbols: &[Symbol]) {
        let mut first = [0; 4];
        let mut n = 0;
        for symbol in symbols {
            if *symbol >= TRIGGER {
                self.found.triggers.push((token.start, *symbol));
                continue;
            }
            let way = self.matcher.ways.get(usize::from(*symbol)).copied().unwrap_or(0);
            if way & WHOLE != 0
                && let Some(start) = self.matcher.begins(*symbol)
            {
                for pattern in &start.whole {
                    self.found.hits.push(Hit { pattern: *pattern, start: token.start, end: token.end });
                }
            }
            if way & GOES_ON != 0
                && let Some(slot) = first.get_mut(n)
            {
                *slot = *symbol;
                n += 1;
            }
        }
        if n > 0 {
            self.before = Some(Before { start: token.start, symbols: first });
        }
    }

    /// Takes every thread over one word.
    fn advance(&mut self, token: Token, symbols: &[Symbol]) {
        let (threads, mut next) = (std::mem::take(&mut self.threads), std::mem::take(&mut self.spare));
        next.clear();
        let mut met = Met::default();
        let graph = &self.matcher.graph;
        let now = Rough::of(symbols.iter().copied());
        for t in &threads {
            let stays = t.left > 0 || t.words.meets(now) || token.gap == Gap::None;
            if !stays || token.end - t.start > REACH {
                continue;
            }
            let here = graph.here(t.node);
            let between = t.left < here.any;
            if token.gap == Gap::None {
                // The script changed inside a word of any kind: still the same word.
                if between {
                    met.push(&mut next, *t);
                }
                continue;
            }
            if between && token.gap == Gap::Hard {
                continue;
            }
            for symbol in symbols.iter().filter(|_| t.words.meets(now)) {
                for target in here.step(*symbol) {
                    self.reach(target, t.start, token.end, &mut next, &mut met);
                }
            }
            if t.left > 0 {
                met.push(&mut next, Thread { left: t.left - 1, ..*t });
                for node in here.closure.iter().filter(|n| **n != t.node) {
                    met.push(&mut next, Thread::at(*node, &graph.here(*node), t.start));
                }
            }
        }
        (self.spare, self.threads) = (threads, next);
    }

    fn reach(&mut self, target: Node, start: usize, end: usize, next: &mut Vec<Thread>, met: &mut Met) {
        let graph = &self.matcher.graph;
        for node in graph.closure(target) {
            let here = graph.here(*node);
            if let Some(pattern) = here.accepts {
                let hit = Hit { pattern, start, end };
                if self.found.hits.iter().rev().take(8).all(|h| *h != hit) {
                    self.found.hits.push(hit);
                }
            }
            if here.any > 0 || !here.words.is_empty() {
                met.push(next, Thread::at(*node, &here, start));
            }
        }
    }

    /// The last word of a text that goes on: it may become another.
    fn last(&mut self, text: &str, token: Token) {
        self.found.dense |= !token.spaced;
        if let Some(before) = self.before.take()
            && token.gap != Gap::None
        {
            let part = text.get(token.start..token.end).unwrap_or("");
            let mut room = room();
            let matcher = self.matcher;
            let now = matcher.lexicon.symbols(text.as_bytes(), token.start, token.end, &mut room);
            let later = matcher.lexicon.begun(part);
            for first in before.symbols.into_iter().filter(|s| *s != 0) {
                let start = matcher.begins(first);
                if start.is_some_and(|s| s.anything)
                    || now.iter().any(|s| matcher.follows(first, *s))
                    || later.is_none_or(|l| l.iter().any(|(_, s)| matcher.follows(first, *s)))
                {
                    self.open(before.start);
                }
            }
        }
        self.leave_open();
    }

    /// Everything that more text could still decide.
    fn leave_open(&mut self) {
        if let Some(before) = self.before {
            self.open(before.start);
        }
        if let Some(earliest) = self.threads.iter().map(|t| t.start).min() {
            self.open(earliest);
        }
    }

    fn open(&mut self, at: usize) {
        self.found.open = Some(self.found.open.map_or(at, |o| o.min(at)));
    }
}

/// Which places a step has reached already.
#[derive(Debug, Default)]
struct Met {
    bits: [u64; 8],
}

impl Met {
    fn push(&mut self, next: &mut Vec<Thread>, t: Thread) {
        let at = (t.node.wrapping_mul(0x9E37_79B1) ^ u32::from(t.left) << 23) >> 23;
        let Some(word) = self.bits.get_mut((at / 64) as usize) else { return };
        let bit = 1 << (at % 64);
        if *word & bit == 0 || !next.iter().any(|n| n.node == t.node && n.left == t.left) {
            *word |= bit;
            next.push(t);
        }
    }
}
