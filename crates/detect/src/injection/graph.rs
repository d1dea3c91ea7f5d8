//! Patterns as one graph: from a place in a pattern, by a word, to the places after it.
//!
//! What always holds: the graph is built once and only read; places of different patterns are different.

use super::lexicon::Symbol;
use super::template::{Item, Repeat};
use std::collections::BTreeSet;
use std::ops::Range;

/// A place in a pattern.
pub(super) type Node = u32;

#[derive(Debug, Default)]
struct Raw {
    words: Vec<(Symbol, Node)>,
    any: u8,
    free: Vec<Node>,
    accepts: Option<u16>,
}

/// Some symbols, roughly: one that has been put in is in it, and some others too.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rough(u64);

impl Rough {
    pub(super) fn of(symbols: impl IntoIterator<Item = Symbol>) -> Self {
        Self(symbols.into_iter().fold(0, |bits, s| bits | 1 << (s % 64)))
    }

    /// False where they surely have no symbol in common.
    pub(super) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// A place as it is read.
#[derive(Clone, Debug, Default)]
struct Place {
    rough: Rough,
    words: Range<u32>,
    closure: Range<u32>,
    any: u8,
    accepts: Option<u16>,
}

/// The graph of all patterns.
#[derive(Debug, Default)]
pub(super) struct Graph {
    places: Vec<Place>,
    words: Vec<(Symbol, Node)>,
    closures: Vec<Node>,
}

/// A graph that is being built.
#[derive(Debug, Default)]
pub(super) struct Builder {
    raw: Vec<Raw>,
}

impl Builder {
    fn node(&mut self) -> Node {
        self.raw.push(Raw::default());
        Node::try_from(self.raw.len() - 1).unwrap_or(Node::MAX)
    }

    fn at(&mut self, node: Node) -> Option<&mut Raw> {
        self.raw.get_mut(node as usize)
    }

    fn free(&mut self, from: Node, to: Node) {
        if from != to
            && let Some(raw) = self.at(from)
        {
            raw.free.push(to);
        }
    }

    /// Adds a pattern; its number is `accepts`, its first place is returned.
    pub(super) fn add(
        &mut self,
        row: &[Item],
        accepts: u16,
        symbol: &mut dyn FnMut(&str, bool) -> Symbol,
    ) -> Node {
        let root = self.node();
        let end = self.row(row, root, None, symbol);
        if let Some(raw) = self.at(end) {
            raw.accepts = Some(accepts);
        }
        root
    }

    /// Adds a row from `from` on, and gives the place after it: `to`, if that is asked for.
    fn row(
        &mut self,
        row: &[Item],
        from: Node,
        to: Option<Node>,
        symbol: &mut dyn FnMut(&str, bool) -> Symbol,
    ) -> Node {
        let mut current = from;
        for (i, item) in row.iter().enumerate() {
            let aim = if i + 1 == row.len() { to } else { None };
            match item {
                Item::Word { text, open_end } => {
                    let next = aim.unwrap_or_else(|| self.node());
                    let symbol = symbol(text, *open_end);
                    if let Some(raw) = self.at(current) {
                        raw.words.push((symbol, next));
                    }
                    current = next;
                }
                Item::Any(n) => {
                    let next = self.node();
                    self.free(current, next);
                    if let Some(raw) = self.at(next) {
                        raw.any = *n;
                    }
                    current = next;
                }
                Item::Group { rows, repeat: Repeat::Any } => {
                    let hub = self.node();
                    self.free(current, hub);
                    for r in rows {
                        let end = self.row(r, hub, Some(hub), symbol);
                        self.free(end, hub);
                    }
                    current = hub;
                }
                Item::Group { rows, repeat } => {
                    let exit = self.node();
                    for r in rows {
                        let end = self.row(r, current, Some(exit), symbol);
                        self.free(end, exit);
                    }
                    if *repeat == Repeat::Maybe {
                        self.free(current, exit);
                    }
                    current = exit;
                }
            }
        }
        if let Some(to) = to {
            self.free(current, to);
            return to;
        }
        current
    }

    /// The finished graph.
    pub(super) fn build(self) -> Graph {
        let mut graph = Graph::default();
        let offset = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        for (node, raw) in self.raw.iter().enumerate() {
            let closure = self.closure(node);
            let at = offset(graph.closures.len());
            graph.closures.extend(closure);
            let from = offset(graph.words.len());
            let mut words = raw.words.clone();
            words.sort_unstable();
            words.dedup();
            graph.words.extend(words);
            graph.places.push(Place {
                rough: Rough::of(raw.words.iter().map(|(s, _)| *s)),
                words: from..offset(graph.words.len()),
                closure: at..offset(graph.closures.len()),
                any: raw.any,
                accepts: raw.accepts,
            });
        }
        graph
    }

    /// The places that stand for `node` when it is reached: itself and those reached without a word, as far as
    /// something can happen there.
    fn closure(&self, node: usize) -> BTreeSet<Node> {
        let mut seen = BTreeSet::new();
        let mut todo = vec![Node::try_from(node).unwrap_or(Node::MAX)];
        while let Some(n) = todo.pop() {
            if seen.insert(n)
                && let Some(raw) = self.raw.get(n as usize)
            {
                todo.extend(&raw.free);
            }
        }
        // A place with arbitrary words leads on by itself: what follows it without a word is part of its own step.
        seen.retain(|n| {
            self.raw.get(*n as usize).is_some_and(|r| !r.words.is_empty() || r.any > 0 || r.accepts.is_some())
        });
        seen
    }
}

/// What is known of a place, looked up once.
pub(super) struct Here<'g> {
    /// See [`Graph::any`].
    pub(super) any: u8,
    /// See [`Graph::accepts`].
    pub(super) accepts: Option<u16>,
    /// See [`Graph::words`].
    pub(super) words: &'g [(Symbol, Node)],
    /// Its words' symbols.
    pub(super) rough: Rough,
    /// See [`Graph::closure`].
    pub(super) closure: &'g [Node],
}

impl Here<'_> {
    /// Where `symbol` leads.
    pub(super) fn step(&self, symbol: Symbol) -> impl Iterator<Item = Node> + '_ {
        let from = self.words.partition_point(|(s, _)| *s < symbol);
        let rest = self.words.get(from..).unwrap_or(&[]);
        rest.iter().take_while(move |(s, _)| *s == symbol).map(|(_, n)| *n)
    }
}

impl Graph {
    /// All that is known of `node`.
    pub(super) fn here(&self, node: Node) -> Here<'_> {
        let Some(place) = self.place(node) else {
            return Here { any: 0, accepts: None, words: &[], rough: Rough::default(), closure: &[] };
        };
        Here {
            any: place.any,
            accepts: place.accepts,
            rough: place.rough,
            words: self.words.get(place.words.start as usize..place.words.end as usize).unwrap_or(&[]),
            closure: self
                .closures
                .get(place.closure.start as usize..place.closure.end as usize)
                .unwrap_or(&[]),
        }
    }

    fn place(&self, node: Node) -> Option<&Place> {
        self.places.get(node as usize)
    }

    /// How many words of any kind may stand before the next word at `node`.
    pub(super) fn any(&self, node: Node) -> u8 {
        self.place(node).map_or(0, |p| p.any)
    }

    /// The pattern that is matched at `node`.
    pub(super) fn accepts(&self, node: Node) -> Option<u16> {
        self.place(node).and_then(|p| p.accepts)
    }

    /// All words that lead on from `node`, sorted, with where they lead.
    pub(super) fn words(&self, node: Node) -> &[(Symbol, Node)] {
        self.place(node)
            .and_then(|p| self.words.get(p.words.start as usize..p.words.end as usize))
            .unwrap_or(&[])
    }

    /// The places that stand for `node` when it is reached.
    pub(super) fn closure(&self, node: Node) -> &[Node] {
        self.place(node)
            .and_then(|p| self.closures.get(p.closure.start as usize..p.closure.end as usize))
            .unwrap_or(&[])
    }
}
