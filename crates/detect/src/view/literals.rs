//! Finds many literals in a text; at most places one look is enough.
//!
//! ```text
//! where may one start?                                             --> all literals that do, read from here on
//!   few literals: many bytes at a time, where the processor can
//!   else: three bytes --hash--> a bit
//! ```
//!
//! What always holds: every occurrence of every literal is told, overlapping ones too, by start, then by length. A
//! place costs at most as many steps as the longest literal has bytes.

use aho_corasick::automaton::OverlappingState;
use aho_corasick::packed::Searcher;
use aho_corasick::{AhoCorasick, AhoCorasickKind, Anchored, Input, MatchKind, Span, StartKind};
use std::ops::Range;

/// How many bytes are hashed, and the least that a literal may have.
pub(crate) const LOOK: usize = 3;
/// Up to so many literals are looked for many bytes at a time.
pub(crate) const PACKED: usize = 48;
/// How many hashes there are: 8 KB of bits, which stay near the processor.
const HASHES: usize = 1 << 16;

/// Some literals, compiled.
#[derive(Debug)]
pub(crate) struct Literals {
    starts: Vec<u64>,
    packed: Option<Searcher>,
    automaton: AhoCorasick,
}

impl Literals {
    /// Compiles literals; `None` where one is too short or all of them are too many.
    pub(crate) fn new(literals: &[String]) -> Option<Self> {
        let mut starts = vec![0; HASHES / 64];
        for literal in literals {
            let hash = hash(*literal.as_bytes().first_chunk::<LOOK>()?);
            *starts.get_mut(hash / 64)? |= 1 << (hash % 64);
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .start_kind(StartKind::Anchored)
            .kind(Some(AhoCorasickKind::DFA))
            .build(literals)
            .ok()?;
        // With more of them, too many places look like the start of one.
        let packed = if literals.len() <= PACKED { Searcher::new(literals) } else { None };
        Some(Self { starts, packed, automaton })
    }

    /// Tells every occurrence: which literal, and where.
    pub(crate) fn each(&self, text: &str, mut tell: impl FnMut(usize, Range<usize>)) {
        let bytes = text.as_bytes();
        if let Some(packed) = &self.packed {
            let mut rest = Span::from(0..bytes.len());
            while let Some(found) = packed.find_in(bytes, rest) {
                self.from(text, found.start(), &mut tell);
                rest.start = found.start() + 1;
            }
            return;
        }
        let mut look = |at, hash: usize| {
            if self.starts.get(hash / 64).is_some_and(|bits| bits >> (hash % 64) & 1 == 1) {
                self.from(text, at, &mut tell);
            }
        };
        // Four bytes are read in one step, three are not.
        for (at, four) in bytes.array_windows::<{ LOOK + 1 }>().enumerate() {
            look(at, mixed(u32::from_le_bytes(*four) << 8));
        }
        if let Some(last) = bytes.last_chunk::<LOOK>() {
            look(bytes.len() - LOOK, hash(*last));
        }
    }

    #[inline(never)]
    fn from(&self, text: &str, at: usize, tell: &mut impl FnMut(usize, Range<usize>)) {
        let input = Input::new(text).span(at..text.len()).anchored(Anchored::Yes);
        let mut state = OverlappingState::start();
        // It errs only where the automaton was built for other searches than this one.
        while self.automaton.try_find_overlapping(input.clone(), &mut state).is_ok()
            && let Some(found) = state.get_match()
        {
            // A literal that ends another one is told with it, and again from its own start.
            if found.start() == at {
                tell(found.pattern().as_usize(), found.range());
            }
        }
    }
}

fn hash([a, b, c]: [u8; LOOK]) -> usize {
    mixed(u32::from_le_bytes([0, a, b, c]))
}

fn mixed(look: u32) -> usize {
    usize::try_from(look.wrapping_mul(0x9E37_79B1) >> 16).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(literals: &[String], text: &str) -> Vec<(usize, Range<usize>)> {
        let mut compiled = Literals::new(literals).unwrap();
        let mut both = [true, false].map(|packed| {
            let mut out = Vec::new();
            if !packed {
                compiled.packed = None;
            }
            compiled.each(text, |which, range| out.push((which, range)));
            out
        });
        assert_eq!(both[0], both[1], "as many at a time as one by one");
        std::mem::take(&mut both[0])
    }

    #[test]
    fn overlapping_ones_and_those_at_the_ends_are_told() {
        let literals = ["aba", "abab", "token", "access_token"].map(str::to_owned);
        assert_eq!(told(&literals, "ababa"), [(0, 0..3), (1, 0..4), (0, 2..5)]);
        assert_eq!(told(&literals, "access_token"), [(3, 0..12), (2, 7..12)]);
        assert_eq!(told(&literals, "éaba"), [(0, 2..5)]);
        assert_eq!(told(&literals, "ab"), []);
        assert_eq!(told(&literals, ""), []);
    }

    #[test]
    fn a_literal_that_is_too_short_is_refused() {
        assert!(Literals::new(&["ab".to_owned()]).is_none());
    }

    proptest! {
        #[test]
        fn they_are_found_where_they_stand(
            mut literals in prop::collection::btree_set("[abé]{3,5}", 1..6),
            text in "[abcé]{0,40}",
        ) {
            let literals: Vec<_> = std::mem::take(&mut literals).into_iter().collect();
            let mut wanted: Vec<_> = literals
                .iter()
                .enumerate()
                .flat_map(|(n, l)| (0..text.len()).map(move |at| (n, at..at + l.len())))
                .filter(|(n, range)| text.as_bytes().get(range.clone()) == literals.get(*n).map(String::as_bytes))
                .collect();
            wanted.sort_by_key(|(_, range)| (range.start, range.end));
            prop_assert_eq!(told(&literals, &text), wanted);
        }
    }
}
