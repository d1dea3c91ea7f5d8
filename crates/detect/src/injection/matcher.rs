//! Finds where rules of languages with spaces match: one pass over the words of a text, with the places in patterns
//! that are reached so far.
//!
//! ```text
//! words --> what the rules know of each --> may a match start with two in a row? --> has the text what else it takes?
//!             threads: places in patterns <-------------------------------------------------------- yes
//! ```
//!
//! What always holds:
//! - Whether a pattern matches from a start on depends on the text from there on, at most [`REACH`] bytes; of two
//!   threads at the same place the one that started later stays. So a stream can be cut anywhere.
//! - Work is one step of each thread for each word; there is at most one thread for a place in a pattern.
//! - Words are looked up ahead of the reading, so that a start is followed only where the text within its reach has
//!   the other words that its pattern cannot do without. That spares work; it changes no match.

use super::graph::{Builder, Graph, Node};
use super::lexicon::{ALONE, Lexicon, NEEDED, Symbol, TRIGGER, Words};
use super::needs::{self, Need, Needs};
use super::pairs::{self, Following, Pairs};
use super::reading::{Found, Reading, Thread};
use super::template::Item;

/// The longest match, in bytes of the view. Long enough for the longest phrase of any rule with its gaps.
pub(super) const REACH: usize = 320;

/// All patterns, compiled.
#[derive(Debug)]
pub(super) struct Matcher {
    pub(super) lexicon: Lexicon,
    pub(super) graph: Graph,
    pub(super) needs: Needs,
    pub(super) pairs: Pairs,
    /// By symbol: where patterns that start with it go on.
    starts: Vec<Start>,
}

/// A place after the first word of a pattern.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Not yet with a start.
    pub(super) thread: Thread,
    /// What the pattern cannot match without.
    pub(super) need: Need,
}

/// What starts with a symbol.
#[derive(Clone, Debug, Default)]
struct Start {
    /// Places after it.
    places: Vec<Place>,
    /// Patterns that it is all of.
    whole: Vec<u16>,
}

/// One match of one pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) pattern: u16,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Matcher {
    /// Compiles patterns, each with its number.
    pub(super) fn new(patterns: &[(Vec<Item>, u16)]) -> Self {
        let (mut words, mut builder, mut needs) =
            (Words::default(), Builder::default(), needs::Gatherer::default());
        let mut roots = Vec::new();
        for (row, number) in patterns {
            let symbol = &mut |text: &str, open: bool| words.symbol(text, open);
            roots.push((builder.add(row, *number, symbol), needs.need(row, symbol)));
        }
        let mut made = Self {
            starts: vec![Start::default(); words.len()],
            needs: needs.build(words.len()),
            lexicon: words.build(),
            graph: builder.build(),
            pairs: Pairs::default(),
        };
        let mut following = Following::default();
        for (root, need) in roots {
            for node in made.graph.closure(root).to_vec() {
                for (symbol, next) in made.graph.words(node).to_vec() {
                    made.start(symbol, next, need, &mut following);
                }
            }
        }
        let mut pairs = pairs::Gatherer::new(&following);
        let Self { lexicon, starts, needs, .. } = &mut made;
        let alone =
            |s: Symbol| s >= TRIGGER || starts.get(usize::from(s)).is_some_and(|s| !s.whole.is_empty());
        let ways = |s: Symbol| if alone(s) { ALONE } else { 0 } | if needs.has(s) { NEEDED } else { 0 };
        lexicon.mark(&ways, &mut |symbols| pairs.pair(symbols));
        made.pairs = pairs.build();
        made
    }

    fn start(&mut self, symbol: Symbol, next: Node, need: Need, following: &mut Following) {
        let Some(start) = self.starts.get_mut(usize::from(symbol)) else { return };
        for node in self.graph.closure(next) {
            let here = self.graph.here(*node);
            start.whole.extend(here.accepts);
            if here.any == 0 && here.words.is_empty() {
                continue;
            }
            start.places.push(Place { thread: Thread::at(*node, &here, 0), need });
            if here.any > 0 {
                following.before_any.insert(symbol);
            }
            following.seconds.entry(symbol).or_default().extend(here.words.iter().map(|(second, _)| *second));
        }
    }

    /// Whether `next` may follow `first` in some pattern that starts with `first`.
    pub(super) fn follows(&self, first: Symbol, next: Symbol) -> bool {
        let leads = |p: &Place| p.thread.leads_by(&self.graph, next);
        self.places(first).iter().any(leads)
    }

    /// Where patterns that start with a symbol go on.
    pub(super) fn places(&self, first: Symbol) -> &[Place] {
        self.starts.get(usize::from(first)).map_or(&[], |s| &s.places)
    }

    /// Patterns that a symbol is all of.
    pub(super) fn whole(&self, symbol: Symbol) -> &[u16] {
        self.starts.get(usize::from(symbol)).map_or(&[], |s| &s.whole)
    }

    /// Follows every start, whatever the text holds.
    #[cfg(test)]
    pub(super) fn needs_nothing(&mut self) {
        for place in self.starts.iter_mut().flat_map(|start| &mut start.places) {
            place.need = 0;
        }
    }

    /// Reads `text` from `floor` on. `closed` says that it ends here.
    pub(super) fn find(&self, text: &str, floor: usize, closed: bool) -> Found {
        Reading::new(self).all(text, floor, closed)
    }

    /// The matches that start with the first word of `text`.
    pub(super) fn find_first(&self, text: &str) -> Vec<Hit> {
        Reading::new(self).first(text)
    }
}
