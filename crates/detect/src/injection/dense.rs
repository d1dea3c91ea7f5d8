//! Finds where rules of languages without spaces match: their words as literals, then the patterns over those.
//!
//! What always holds:
//! - Whether a pattern matches from a start on depends on the text from there on, at most [`REACH`] bytes, and on
//!   the character before; so a stream can be cut anywhere.
//! - A text without any of the words costs one pass; between two words of a pattern stand at most as many
//!   characters as it allows, so that few readings are under way at a time.

use super::graph::{Builder, Graph, Node};
use super::lexicon::Symbol;
use super::matcher::{Hit, REACH};
use super::template::Item;
use super::words::{Kind, is_gap, kind};
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::collections::BTreeMap;

/// All patterns, compiled.
#[derive(Debug)]
pub(super) struct Dense {
    automaton: AhoCorasick,
    graph: Graph,
    /// By symbol: the word.
    words: Vec<String>,
    /// By symbol: where patterns that start with it go on.
    starts: Vec<Vec<Node>>,
    /// The longest word that patterns start with, in bytes.
    longest: usize,
}

#[derive(Clone, Copy, Debug)]
struct Thread {
    node: Node,
    /// Where its last word ends.
    at: usize,
    start: usize,
}

/// Whether what stands between two words lets them belong together.
enum Between {
    Fits,
    Never,
}

impl Dense {
    /// Compiles patterns, each with its number.
    pub(super) fn new(patterns: &[(Vec<Item>, u16)]) -> Result<Self, String> {
        let mut symbols: BTreeMap<String, Symbol> = BTreeMap::new();
        let mut builder = Builder::default();
        let mut roots = Vec::new();
        for (row, number) in patterns {
            roots.push(builder.add(row, *number, &mut |text, _| {
                let next = Symbol::try_from(symbols.len()).unwrap_or(Symbol::MAX);
                *symbols.entry(text.to_owned()).or_insert(next)
            }));
        }
        let graph = builder.build();
        let mut words = vec![String::new(); symbols.len()];
        for (text, symbol) in symbols {
            if let Some(slot) = words.get_mut(usize::from(symbol)) {
                *slot = text;
            }
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&words)
            .map_err(|e| e.to_string())?;
        let mut starts = vec![Vec::new(); words.len()];
        let mut longest = 0;
        for node in roots.iter().flat_map(|root| graph.closure(*root)) {
            for (symbol, next) in graph.words(*node) {
                if let Some(list) = starts.get_mut(usize::from(*symbol)) {
                    list.push(*next);
                    longest = longest.max(words.get(usize::from(*symbol)).map_or(0, String::len));
                }
            }
        }
        Ok(Self { automaton, graph, words, starts, longest })
    }

    /// Calls `hit` with every match from `floor` on; gives the earliest start that an unfinished text leaves open.
    pub(super) fn find(
        &self,
        text: &str,
        floor: usize,
        closed: bool,
        mut hit: impl FnMut(Hit),
    ) -> Option<usize> {
        let mut words: Vec<(usize, usize, Symbol)> = Vec::new();
        let rest = text.get(floor..).unwrap_or("");
        for m in self.automaton.find_overlapping_iter(rest) {
            let symbol = Symbol::try_from(m.pattern().as_usize()).unwrap_or(Symbol::MAX);
            words.push((floor + m.start(), floor + m.end(), symbol));
        }
        words.sort_unstable();
        let mut threads: Vec<Thread> = Vec::new();
        let mut open = None;
        for (from, to, symbol) in words {
            let mut i = 0;
            while let Some(t) = threads.get(i).copied() {
                if to > t.start + REACH {
                    threads.swap_remove(i);
                    continue;
                }
                if from >= t.at {
                    match self.between(text, t, from) {
                        Between::Never => {
                            threads.swap_remove(i);
                            continue;
                        }
                        Between::Fits => {
                            for target in self.graph.here(t.node).step(symbol) {
                                self.reach(target, t.start, to, &mut threads, &mut hit);
                            }
                        }
                    }
                }
                i += 1;
            }
            if self.starts.get(usize::from(symbol)).is_some_and(|s| !s.is_empty()) && !joined(text, from) {
                for target in self.starts.get(usize::from(symbol)).into_iter().flatten() {
                    self.reach(*target, from, to, &mut threads, &mut hit);
                }
            }
        }
        if !closed {
            open = threads.iter().filter(|t| self.alive(text, t)).map(|t| t.start).min();
            let begun = self.begun(text, floor);
            open = [open, begun].into_iter().flatten().min();
        }
        open
    }

    fn reach(
        &self,
        target: Node,
        start: usize,
        at: usize,
        threads: &mut Vec<Thread>,
        hit: &mut impl FnMut(Hit),
    ) {
        for node in self.graph.closure(target) {
            if let Some(pattern) = self.graph.accepts(*node) {
                hit(Hit { pattern, start, end: at });
            }
            if !self.graph.words(*node).is_empty()
                && let Some(same) = threads.iter_mut().find(|t| t.node == *node && t.at == at)
            {
                same.start = same.start.max(start);
            } else if !self.graph.words(*node).is_empty() {
                threads.push(Thread { node: *node, at, start });
            }
        }
    }

    /// What stands between a thread's last word and a word at `from`.
    fn between(&self, text: &str, t: Thread, from: usize) -> Between {
        let between = text.get(t.at..from).unwrap_or("").trim_start_matches(is_gap);
        let n = usize::from(self.graph.any(t.node));
        let mut count = 0;
        for c in between.chars() {
            count += 1;
            if count > n || ends_sentence(c) {
                return Between::Never;
            }
        }
        Between::Fits
    }

    /// Whether more text could take a thread further.
    fn alive(&self, text: &str, t: &Thread) -> bool {
        if text.len() >= t.start + REACH {
            return false;
        }
        let mut at = t.at;
        loop {
            if matches!(self.between(text, *t, at), Between::Never) {
                return false;
            }
            let Some(rest) = text.get(at..).filter(|r| !r.is_empty()) else { return true };
            let words = self.graph.words(t.node).iter();
            if words.filter_map(|(s, _)| self.words.get(usize::from(*s))).any(|w| w.starts_with(rest)) {
                return true;
            }
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }

    /// Where a word that a pattern starts with may have begun at the end of an unfinished text.
    fn begun(&self, text: &str, floor: usize) -> Option<usize> {
        let mut from = text.len().saturating_sub(self.longest).max(floor);
        while from < text.len() {
            if let Some(tail) = text.get(from..) {
                let mut words = self.words.iter().zip(&self.starts).filter(|(_, s)| !s.is_empty());
                if words.any(|(w, _)| w.starts_with(tail)) && !joined(text, from) {
                    return Some(from);
                }
            }
            from += 1;
        }
        None
    }
}

fn ends_sentence(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '\n' | '\u{3002}')
}

/// Whether a letter or digit of a script with spaces stands directly before `at`, so that no word starts there.
fn joined(text: &str, at: usize) -> bool {
    let spaced = |c: char| c.is_alphanumeric() && kind(c) == Kind::Spaced;
    let Some(next) = text.get(at..).and_then(|t| t.chars().next()) else { return true };
    let Some(before) = text.get(..at).and_then(|t| t.chars().next_back()) else { return false };
    spaced(next) && spaced(before)
}
