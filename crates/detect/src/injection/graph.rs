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

/// A place as it is read.
#[derive(Clone, Debug, Default)]
struct Place {
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

impl Graph {
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

    /// Where `symbol` leads from `node`.
    pub(super) fn step(&self, node: Node, symbol: Symbol) -> impl Iterator<Item = Node> + '_ {
        let words = self.words(node);
        let from = words.partition_point(|(s, _)| *s < symbol);
        words.get(from..).unwrap_or(&[]).iter().take_while(move |(s, _)| *s == symbol).map(|(_, n)| *n)
    }

    /// The places that stand for `node` when it is reached.
    pub(super) fn closure(&self, node: Node) -> &[Node] {
        self.place(node)
            .and_then(|p| self.closures.get(p.closure.start as usize..p.closure.end as usize))
            .unwrap_or(&[])
    }
}
