//! One reading of a text: its words, looked up ahead, and the places in patterns that they have led to.

use super::graph::{Graph, Here, Node, Rough};
use super::lexicon::{ALONE, Known, NEEDED, Symbol, TRIGGER};
use super::matcher::{Hit, Matcher, REACH};
use super::needs::{Need, Present};
use super::pairs::NEVER;
use super::words::{Gap, Kind, Tokens, kind};
use std::ops::Range;

/// How many bytes of a text are looked up at a time, so that a long text takes no more room than a short one.
const STRETCH: usize = 4096;
/// How many bytes share one note of what their words belong to. No match reaches further than into the next ones.
const BLOCK: usize = 512;
const _: () = assert!(REACH <= BLOCK);
/// The symbol that no word has: what follows by it follows by any word.
const UNKNOWN: Symbol = 0;

/// A place that a reading has reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thread {
    node: Node,
    /// How many words of any kind may still come.
    left: u8,
    /// The symbols that lead on.
    words: Rough,
    start: usize,
}

impl Thread {
    pub(super) fn at(node: Node, here: &Here<'_>, start: usize) -> Self {
        Self { node, left: here.any, words: here.rough, start }
    }

    /// Whether a word of that symbol leads on from here, or any word does.
    pub(super) fn leads_by(&self, graph: &Graph, symbol: Symbol) -> bool {
        self.left > 0 || graph.words(self.node).iter().any(|(s, _)| *s == symbol)
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
}

/// A word of a text, looked up.
#[derive(Clone, Copy, Debug, Default)]
struct Word {
    start: usize,
    end: usize,
    gap: Gap,
    known: Known,
}

/// The next words of a text.
#[derive(Debug, Default)]
struct Ahead {
    words: Vec<Word>,
    /// The symbols of words that only begin like one of the rules'.
    gathered: Vec<Symbol>,
    /// Where the first word starts.
    at: usize,
    /// By block from there on: the sets that its words belong to.
    blocks: Vec<Present>,
    /// Whether the text has no further words.
    ended: bool,
    /// From where on starts are followed whatever the text has: more of it is to come.
    unsure: usize,
}

impl Ahead {
    /// Looks up the next words from `at` on. No word starts at `floor` where it goes on from before it.
    fn fill(&mut self, matcher: &Matcher, text: &str, at: usize, floor: usize) {
        self.words.clear();
        self.gathered.clear();
        self.blocks.clear();
        let most = text.len().saturating_sub(at).min(STRETCH + REACH);
        self.words.reserve(most / 5 + 4);
        self.blocks.resize(most / BLOCK + 2, Present::default());
        let inside = continues(text, floor);
        for token in Tokens::new(text, at) {
            if self.words.is_empty() {
                self.at = token.start;
            }
            let whole = token.spaced && !(inside && token.start == floor);
            let mut known = Known::default();
            if whole {
                known = matcher.lexicon.look_up(text.as_bytes(), &token, &mut self.gathered);
            }
            if !whole || token.gap == Gap::None {
                known.pair.column = NEVER;
            }
            if known.ways & NEEDED != 0
                && let Some(block) = self.blocks.get_mut((token.start - self.at) / BLOCK)
            {
                matcher.needs.note(matcher.lexicon.symbols(known, &self.gathered), block);
            }
            self.words.push(Word { start: token.start, end: token.end, gap: token.gap, known });
            if token.start > self.at + STRETCH + REACH {
                return;
            }
        }
        self.ended = true;
    }

    /// How many words can be read: those whose reach is looked up, or all that there are.
    fn sure(&self) -> usize {
        let last = self.words.last().map_or(0, |w| w.start);
        if self.ended { self.words.len() } else { self.words.partition_point(|w| w.start + REACH <= last) }
    }

    fn symbols<'a>(&'a self, matcher: &'a Matcher, i: usize) -> &'a [Symbol] {
        let known = self.words.get(i).map_or(Known::default(), |w| w.known);
        matcher.lexicon.symbols(known, &self.gathered)
    }

    /// Whether the text within reach of `start` may have what is asked for.
    fn has(&self, need: Need, start: usize) -> bool {
        let block = (start - self.at) / BLOCK;
        let [Some(here), Some(next)] = [self.blocks.get(block), self.blocks.get(block + 1)] else {
            return true;
        };
        start >= self.unsure || here.meets(next, need)
    }
}

/// Whether the word at `floor` goes on from before it: no word starts there.
fn continues(text: &str, floor: usize) -> bool {
    let letter = |c: char| kind(c) == Kind::Spaced;
    text.get(..floor).and_then(|t| t.chars().next_back()).is_some_and(letter)
}

/// One reading of a text.
pub(super) struct Reading<'m> {
    matcher: &'m Matcher,
    threads: Vec<Thread>,
    spare: Vec<Thread>,
    found: Found,
}

impl<'m> Reading<'m> {
    pub(super) fn new(matcher: &'m Matcher) -> Self {
        Self { matcher, threads: Vec::new(), spare: Vec::new(), found: Found::default() }
    }

    /// Reads `text` from `floor` on. `closed` says that it ends here.
    pub(super) fn all(mut self, text: &str, floor: usize, closed: bool) -> Found {
        let unsure = if closed { usize::MAX } else { text.len().saturating_sub(REACH) };
        let mut ahead = Ahead { unsure, ..Ahead::default() };
        let (mut at, mut from) = (floor, 0);
        while !ahead.ended {
            ahead.fill(self.matcher, text, at, floor);
            let mut sure = ahead.sure();
            // The last word of a text that goes on may become another.
            let unfinished =
                !closed && ahead.ended && ahead.words.last().is_some_and(|w| w.end == text.len());
            sure -= usize::from(unfinished);
            self.read(&ahead, from..sure);
            if unfinished {
                self.last(&ahead, text, sure);
            } else if ahead.ended && !closed {
                self.leave_open(&ahead, sure);
            }
            // The word that was read last is looked up again, since a match may start with it. Where it is the only
            // one, the next one is out of reach.
            let last =
                sure.checked_sub(1).and_then(|last| ahead.words.get(last)).copied().unwrap_or_default();
            (at, from) = if sure > 1 { (last.start, 1) } else { (last.end, 0) };
        }
        self.found
    }

    /// Reads the matches that start with the first word of a short text.
    pub(super) fn first(mut self, text: &str) -> Vec<Hit> {
        let mut ahead = Ahead { unsure: usize::MAX, ..Ahead::default() };
        ahead.fill(self.matcher, text, 0, 0);
        self.read(&ahead, 0..1);
        if let [first, word, ..] = ahead.words.as_slice()
            && self.matcher.pairs.may(first.known.pair.row, word.known.pair.column)
        {
            self.spawn(&ahead, 1);
        }
        for (i, word) in ahead.words.iter().enumerate().skip(1) {
            if self.threads.is_empty() {
                break;
            }
            self.advance(word, ahead.symbols(self.matcher, i));
        }
        self.found.hits
    }

    /// Reads some words.
    fn read(&mut self, ahead: &Ahead, range: Range<usize>) {
        let before = range.start.checked_sub(1).and_then(|i| ahead.words.get(i));
        let mut row = before.map_or(0, |word| word.known.pair.row);
        let from = range.start;
        for (n, word) in ahead.words.get(range).unwrap_or_default().iter().enumerate() {
            let Known { pair, ways, .. } = word.known;
            // Most words are no match's second one, stand for nothing alone, and nothing is under way.
            if row != 0 && self.matcher.pairs.may(row, pair.column) {
                self.spawn(ahead, from + n);
            }
            if !self.threads.is_empty() {
                self.advance(word, ahead.symbols(self.matcher, from + n));
            }
            if ways & ALONE != 0 {
                self.alone(word, ahead.symbols(self.matcher, from + n));
            }
            row = pair.row;
        }
    }

    /// Threads for the patterns that start with the word before the one at `i`, where that may follow it.
    #[inline(never)]
    fn spawn(&mut self, ahead: &Ahead, i: usize) {
        let from = self.threads.len();
        let now = Rough::of(ahead.symbols(self.matcher, i).iter().copied());
        let before = i - 1;
        let start = ahead.words.get(before).map_or(0, |w| w.start);
        for first in ahead.symbols(self.matcher, before) {
            for place in self.matcher.places(*first) {
                // The others would end with this word, or before they are matched.
                if (place.thread.left > 0 || place.thread.words.meets(now)) && ahead.has(place.need, start) {
                    self.threads.push(Thread { start, ..place.thread });
                }
            }
        }
        // The latest start comes first: it is the one that stays where two threads meet.
        let new = self.threads.len() - from;
        self.threads.rotate_right(new);
    }

    /// A word that is a match by itself, or gives away another reading.
    fn alone(&mut self, word: &Word, symbols: &[Symbol]) {
        let Word { start, end, .. } = *word;
        for symbol in symbols {
            if *symbol >= TRIGGER {
                self.found.triggers.push((start, *symbol));
            }
            let hits =
                self.matcher.whole(*symbol).iter().map(|pattern| Hit { pattern: *pattern, start, end });
            self.found.hits.extend(hits);
        }
    }

    /// Takes every thread over one word.
    fn advance(&mut self, word: &Word, symbols: &[Symbol]) {
        let (threads, mut next) = (std::mem::take(&mut self.threads), std::mem::take(&mut self.spare));
        next.clear();
        let mut met = Met::default();
        let graph = &self.matcher.graph;
        let now = Rough::of(symbols.iter().copied());
        for t in &threads {
            let stays = t.left > 0 || t.words.meets(now) || word.gap == Gap::None;
            if !stays || word.end - t.start > REACH {
                continue;
            }
            let here = graph.here(t.node);
            let between = t.left < here.any;
            if word.gap == Gap::None {
                // The script changed inside a word of any kind: still the same word.
                if between {
                    met.push(&mut next, *t);
                }
                continue;
            }
            if between && word.gap == Gap::Hard {
                continue;
            }
            for symbol in symbols.iter().filter(|_| t.words.meets(now)) {
                for target in here.step(*symbol) {
                    self.reach(target, t.start, word.end, &mut next, &mut met);
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

    /// The last word of a text that goes on, the one at `i`: it may become another.
    fn last(&mut self, ahead: &Ahead, text: &str, i: usize) {
        let before = i.checked_sub(1).and_then(|i| ahead.words.get(i));
        if let (Some(before), Some(word)) = (before, ahead.words.get(i))
            && before.known.pair.row != 0
            && word.gap != Gap::None
        {
            let later = self.matcher.lexicon.begun(text.get(word.start..word.end).unwrap_or(""));
            let firsts = self.matcher.lexicon.symbols(before.known, &ahead.gathered);
            let follows = |second: Symbol| firsts.iter().any(|first| self.matcher.follows(*first, second));
            if later.is_none_or(|later| later.iter().any(|(_, s)| follows(*s)))
                || ahead.symbols(self.matcher, i).iter().any(|s| follows(*s))
                || follows(UNKNOWN)
            {
                self.open(before.start);
            }
        }
        self.open_threads();
    }

    /// Everything that more text could still decide, after the first `read` words.
    fn leave_open(&mut self, ahead: &Ahead, read: usize) {
        if let Some(before) = read.checked_sub(1).and_then(|i| ahead.words.get(i))
            && before.known.pair.row != 0
        {
            self.open(before.start);
        }
        self.open_threads();
    }

    fn open_threads(&mut self) {
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
