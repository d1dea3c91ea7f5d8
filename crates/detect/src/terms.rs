//! The operator's own terms and patterns, over the folded view.
//!
//! Terms are literals in one automaton, at word boundaries where their edge is a letter or digit. Patterns are
//! automata without backtracking, so that none can make matching slow; a match is bounded by its pattern's
//! `max_len`. Each pattern's matches are taken from left to right, the next from where the last ended.

use crate::settings::Settings;
use crate::view::literals::PACKED;
use crate::view::{RawMatch, Sink, ViewText, fold_str, lower};
use aho_corasick::automaton::Automaton;
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::packed::Searcher;
use aho_corasick::{AhoCorasick, Anchored, BuildError, MatchKind};
use cordon_types::{FindingKind, Problem};
use regex_automata::meta::Regex;
use regex_automata::{Input, util::syntax};
use regex_syntax::hir::literal::Extractor;
use std::ops::Range;

/// Most terms, and the most patterns: their index is 16 bits, and a config of this size is a mistake.
const MOST: usize = 10_000;
/// The longest match that a pattern may declare: a stream holds that much back.
const LONGEST: usize = 4096;
/// The longest term.
const LONGEST_TERM: usize = 1024;
/// Most bytes that one compiled pattern may take.
const COMPILED_MAX: usize = 1 << 20;
/// How much text, besides twice a pattern's longest match, is searched at a time.
const STRETCH: usize = 256;

/// Rules for the catalogue: kind, rule, description.
pub(crate) const CATALOGUE: &[(FindingKind, &str, &str)] = &[
    (FindingKind::OperatorTerm, "operator.term", "one of the operator's own terms"),
    (FindingKind::OperatorPattern, "operator.pattern", "one of the operator's own patterns"),
];

#[derive(Debug)]
struct Term {
    /// Exactly as it must stand, where case counts.
    exact: Option<String>,
    word_start: bool,
    word_end: bool,
}

#[derive(Debug)]
struct Pattern {
    regex: Regex,
    max_len: usize,
    index: u16,
    prefixes: Prefixes,
}

/// What every match begins with, one of these; none where that is not known.
type Prefixes = Option<Vec<Vec<u8>>>;

impl Pattern {
    /// Whether a match may start with this text, or with more behind it.
    fn may_begin(&self, tail: &[u8]) -> bool {
        let fits = |p: &Vec<u8>| tail.starts_with(p) || p.starts_with(tail);
        self.prefixes.as_ref().is_none_or(|all| all.iter().any(fits))
    }

    /// Where the first match that an unfinished text leaves open may start.
    fn open(&self, text: &str, floor: usize) -> Option<usize> {
        // A match may begin inside a character; what is held begins with it.
        let from = text.len().saturating_sub(self.max_len + 4).max(floor);
        let bytes = text.as_bytes();
        let mut start = (from..text.len()).find(|s| bytes.get(*s..).is_some_and(|t| self.may_begin(t)))?;
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        Some(start)
    }
}

/// Finds the first place of any term.
#[derive(Debug)]
enum First {
    /// Of a few: many bytes at a time, where the processor can.
    Packed(Searcher),
    Any(AhoCorasick),
}

impl First {
    fn new(literals: &[String]) -> Result<Self, BuildError> {
        let packed = if literals.len() <= PACKED { Searcher::new(literals) } else { None };
        if let Some(packed) = packed {
            return Ok(Self::Packed(packed));
        }
        AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(literals).map(Self::Any)
    }

    fn place(&self, text: &str) -> Option<usize> {
        match self {
            Self::Packed(packed) => packed.find(text),
            Self::Any(automaton) => automaton.find(text),
        }
        .map(|found| found.start())
    }
}

/// The compiled terms and patterns.
#[derive(Debug)]
pub(crate) struct Terms {
    /// What finds the first term, and what finds all from there on; none where there are no terms.
    literals: Option<(First, NFA)>,
    terms: Vec<Term>,
    longest: usize,
    patterns: Vec<Pattern>,
}

impl Terms {
    /// Compiles them; every problem goes to `problems`.
    pub(crate) fn new(settings: &Settings, problems: &mut Vec<Problem>) -> Self {
        let mut literals = Vec::new();
        let mut terms = Vec::new();
        if settings.terms.len() > MOST || settings.patterns.len() > MOST {
            problems.push(Problem::new(
                "terms",
                "too many terms or patterns",
                format!("keep each list to {MOST}"),
            ));
        }
        for (i, t) in settings.terms.iter().enumerate() {
            let folded = fold_str(&t.text);
            if folded.trim().is_empty() || folded.len() > LONGEST_TERM {
                let hint = format!("give 1 to {LONGEST_TERM} bytes with at least one visible character");
                problems.push(Problem::new(
                    format!("terms[{i}].text"),
                    "the term is empty or too long",
                    hint,
                ));
            }
            literals.push(lower(&folded));
            terms.push(Term {
                word_start: folded.chars().next().is_some_and(char::is_alphanumeric),
                word_end: folded.chars().next_back().is_some_and(char::is_alphanumeric),
                exact: t.case_sensitive.then_some(folded),
            });
        }
        let longest = literals.iter().map(String::len).max().unwrap_or(0);
        let literals = if literals.is_empty() || !problems.is_empty() {
            None
        } else {
            let automaton = NFA::builder().match_kind(MatchKind::Standard).prefilter(false).build(&literals);
            match automaton.and_then(|automaton| Ok((First::new(&literals)?, automaton))) {
                Ok(both) => Some(both),
                Err(e) => {
                    problems.push(Problem::new(
                        "terms",
                        format!("cannot be compiled: {e}"),
                        "use fewer or shorter terms",
                    ));
                    None
                }
            }
        };
        let mut patterns = Vec::new();
        for (i, p) in settings.patterns.iter().enumerate() {
            match compile(&p.regex, p.max_len) {
                Ok((regex, prefixes)) => patterns.push(Pattern {
                    regex,
                    prefixes,
                    max_len: p.max_len,
                    index: u16::try_from(settings.terms.len() + i).unwrap_or(u16::MAX),
                }),
                Err((field, message, hint)) => {
                    problems.push(Problem::new(format!("patterns[{i}].{field}"), message, hint));
                }
            }
        }
        Self { literals, terms, longest, patterns }
    }

    /// Finds terms and patterns in one view.
    pub(crate) fn scan(&self, view: &ViewText<'_>, sink: &mut Sink) {
        if let Some((first, automaton)) = &self.literals {
            self.scan_terms(first, automaton, view, sink);
            if !view.closed {
                self.hold_terms(automaton, view, sink);
            }
        }
        for p in &self.patterns {
            scan_pattern(p, view, sink);
        }
    }

    fn scan_terms(&self, first: &First, automaton: &NFA, view: &ViewText<'_>, sink: &mut Sink) {
        // No other one starts before the leftmost.
        let Some(first) = first.place(view.lower) else { return };
        let input = aho_corasick::Input::new(view.lower).range(first..);
        let mut state = aho_corasick::automaton::OverlappingState::start();
        while automaton.try_find_overlapping(&input, &mut state).is_ok() {
            let Some(m) = state.get_match() else { break };
            let index = m.pattern().as_usize();
            let (Some(term), range) = (self.terms.get(index), m.start()..m.end()) else { continue };
            if range.start < view.floor {
                continue;
            }
            let Some(found) = view.text.get(range.clone()) else { continue };
            if term.exact.as_deref().is_some_and(|e| e != found) {
                continue;
            }
            let before = view.text.get(..range.start).and_then(|t| t.chars().next_back());
            let after = view.text.get(range.end..).and_then(|t| t.chars().next());
            if after.is_none() && !view.closed {
                sink.open(range.start);
            }
            let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
            if (term.word_start && inside(before)) || (term.word_end && inside(after)) {
                continue;
            }
            sink.matches.push(RawMatch {
                range,
                kind: FindingKind::OperatorTerm,
                confidence: 1000,
                rule: "operator.term",
                silent: false,
                term: u16::try_from(index).ok(),
            });
        }
    }

    /// Holds from the first place from which the text's end is the beginning of a term.
    fn hold_terms(&self, automaton: &NFA, view: &ViewText<'_>, sink: &mut Sink) {
        let bytes = view.lower.as_bytes();
        let from = bytes.len().saturating_sub(self.longest).max(view.floor);
        let Ok(first) = automaton.start_state(Anchored::Yes) else { return };
        for start in from..bytes.len() {
            let mut state = first;
            for b in bytes.get(start..).unwrap_or(&[]) {
                state = automaton.next_state(Anchored::Yes, state, *b);
                if automaton.is_dead(state) {
                    break;
                }
            }
            if !automaton.is_dead(state) {
                sink.open(start);
                return;
            }
        }
    }
}

type Fault = (&'static str, String, String);

fn compile(regex: &str, max_len: usize) -> Result<(Regex, Prefixes), Fault> {
    if max_len == 0 || max_len > LONGEST {
        let hint = format!("give the longest match in bytes, 1 to {LONGEST}");
        return Err(("max_len", format!("{max_len} is not a usable length"), hint));
    }
    let folded = fold_str(regex);
    let fault = |why: String| {
        let hint =
            "use a plain expression; Unicode classes, look-around and back-references are not available";
        ("regex", format!("cannot be compiled: {why}"), hint.to_owned())
    };
    // SECURITY: Unicode classes and boundaries would make matching many times slower on accented text.
    let config = syntax::Config::new().unicode(false).utf8(false);
    let hir = syntax::parse_with(&folded, &config).map_err(|e| fault(e.to_string()))?;
    let shortest = hir.properties().minimum_len();
    if shortest.is_none_or(|n| n == 0) {
        return Err((
            "regex",
            "matches the empty string".to_owned(),
            "make at least one character required".to_owned(),
        ));
    }
    if shortest > Some(max_len) {
        let hint = "raise max_len to the longest match in bytes".to_owned();
        return Err(("max_len", "is shorter than the pattern's shortest match".to_owned(), hint));
    }
    let prefixes = Extractor::new().extract(&hir);
    let prefixes = prefixes.literals().map(|all| all.iter().map(|l| l.as_bytes().to_vec()).collect());
    Regex::builder()
        .syntax(config)
        .configure(Regex::config().nfa_size_limit(Some(COMPILED_MAX)).hybrid_cache_capacity(COMPILED_MAX))
        .build_from_hir(&hir)
        .map(|regex| (regex, prefixes))
        .map_err(|e| fault(e.to_string()))
}

/// The first match that starts at or after `at`, each start looking no further than `max_len` bytes. Reads the text
/// in stretches, so that a pattern that would run to the end of the text costs no more than one that does not.
fn next_match(p: &Pattern, text: &str, mut at: usize) -> Option<Range<usize>> {
    while at < text.len() {
        let stop = text.len().min(at + 2 * p.max_len + STRETCH);
        let Some(m) = p.regex.search(&Input::new(text).span(at..stop)) else {
            if stop == text.len() {
                return None;
            }
            at = stop - p.max_len;
            continue;
        };
        let own_stop = text.len().min(m.start() + p.max_len);
        if own_stop > stop {
            at = m.start();
            continue;
        }
        let own = Input::new(text).span(m.start()..own_stop).anchored(regex_automata::Anchored::Yes);
        if let Some(own) = p.regex.search(&own).filter(|o| !o.is_empty()) {
            return Some(own.start()..own.end());
        }
        at = m.start() + 1;
    }
    None
}

fn scan_pattern(p: &Pattern, view: &ViewText<'_>, sink: &mut Sink) {
    let text = view.text;
    let mut at = view.floor;
    while let Some(mut range) = next_match(p, text, at) {
        // A byte class may have matched part of a character.
        while !text.is_char_boundary(range.start) {
            range.start -= 1;
        }
        while !text.is_char_boundary(range.end) {
            range.end += 1;
        }
        at = range.end;
        sink.matches.push(RawMatch {
            range,
            kind: FindingKind::OperatorPattern,
            confidence: 1000,
            rule: "operator.pattern",
            silent: false,
            term: Some(p.index),
        });
    }
    if !view.closed
        && let Some(open) = p.open(text, view.floor)
    {
        sink.open(open);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_place_is_that_of_the_leftmost_term(
            terms in prop::collection::vec("[abé]{1,6}", 1..60),
            text in "[abcdé]{0,80}",
        ) {
            let leftmost = terms.iter().filter_map(|term| text.find(term.as_str())).min();
            prop_assert_eq!(First::new(&terms).unwrap().place(&text), leftmost);
        }
    }
}
