//! Words of injections as rot13 and reversing write them. Prose has none of them, so a text pays one pass of an
//! automaton, and only a text that has one is read the other way round from there on.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

/// Words that injections have near their start, in rot13 below.
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

/// The automaton over both.
#[derive(Debug)]
pub(crate) struct Triggers {
    automaton: Option<AhoCorasick>,
}

impl Triggers {
    pub(crate) fn new() -> Self {
        let rotated = FIRST.iter().map(|w| crate::view::decode::rot13(w));
        let reversed = LAST.iter().map(|w| w.chars().rev().collect());
        let words: Vec<String> = rotated.chain(reversed).collect();
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(AhoCorasickKind::DFA))
            .build(&words)
            .ok();
        Self { automaton }
    }

    /// False when the words could not be compiled: the caller refuses to start.
    pub(crate) fn ready(&self) -> bool {
        self.automaton.is_some()
    }

    /// Where a trigger word starts in a lower-cased view, and whether it is a reversed one.
    pub(crate) fn find<'t>(&'t self, lower: &'t str) -> impl Iterator<Item = (usize, bool)> + 't {
        let found = self.automaton.iter().flat_map(move |a| a.find_iter(lower));
        found.map(|m| (m.start(), m.pattern().as_usize() >= FIRST.len())).filter(move |(start, _)| {
            let before = start.checked_sub(1).and_then(|p| lower.as_bytes().get(p));
            !before.is_some_and(u8::is_ascii_alphanumeric)
        })
    }
}
