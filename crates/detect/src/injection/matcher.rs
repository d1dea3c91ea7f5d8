//! Finds where rules match: one pass for the words that rules start with, then one walk of a lazy automaton from
//! each such word, for all rules at once.
//!
//! What always holds:
//! - Whether a rule matches at a start depends on the text from there on, at most [`REACH`] bytes, and on the one
//!   character before; so a stream can be cut anywhere.
//! - Work is bounded by `REACH` steps for each starting word; the automaton never goes back.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind as LiteralKind};
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::hybrid::LazyStateID;
use regex_automata::nfa::thompson;
use regex_automata::util::pool::Pool;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchKind};
use std::fmt;

/// The longest match, in bytes of the view. Long enough for the longest phrase of any rule with its gaps.
pub(super) const REACH: usize = 320;
/// Most memory that one lazy automaton's states take; beyond, it starts afresh.
const CACHE: usize = 64 << 20;

type CachePool = Pool<Cache, Box<dyn Fn() -> Cache + Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe>>;

/// All patterns, compiled.
pub(super) struct Matcher {
    starts: AhoCorasick,
    dfa: DFA,
    caches: CachePool,
    /// The words that patterns start with, sorted.
    words: Vec<String>,
    /// For each pattern: whether letters on either side of a match forbid it.
    whole_words: Vec<bool>,
}

#[cfg(test)]
pub(super) static WALKS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
#[cfg(test)]
pub(super) static STEPS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Matcher").field("patterns", &self.whole_words.len()).finish_non_exhaustive()
    }
}

/// One match of one pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) pattern: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What a walk from one start found.
#[derive(Debug, PartialEq, Eq)]
enum Walk {
    Decided,
    /// The text ended while matches were still possible.
    RanOut,
}

impl Matcher {
    /// Compiles expressions (without look-around), the words they start with, and whether each wants whole words.
    pub(super) fn new(
        regexes: &[String],
        starts: &[String],
        whole_words: Vec<bool>,
    ) -> Result<Self, String> {
        let dfa = DFA::builder()
            .configure(
                DFA::config().match_kind(MatchKind::All).cache_capacity(CACHE).skip_cache_capacity_check(true),
            )
            .syntax(syntax::Config::new().unicode(true).utf8(true))
            .thompson(thompson::Config::new().shrink(false))
            .build_many(regexes)
            .map_err(|e| e.to_string())?;
        let mut words = starts.to_vec();
        words.sort_unstable();
        words.dedup();
        let starts = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::DFA))
            .match_kind(LiteralKind::Standard)
            .build(&words)
            .map_err(|e| e.to_string())?;
        let fresh = dfa.clone();
        let caches: CachePool = Pool::new(Box::new(move || fresh.create_cache()));
        Ok(Self { starts, dfa, caches, words, whole_words })
    }

    /// Calls `hit` with every pattern's longest match at every start from `floor` on, and `open` with every start
    /// that the end of an unfinished text leaves undecided.
    pub(super) fn find(
        &self,
        text: &str,
        floor: usize,
        closed: bool,
        mut hit: impl FnMut(Hit),
        mut open: impl FnMut(usize),
    ) {
        let mut cache = None;
        let mut walked = usize::MAX;
        let mut ends: Vec<Hit> = Vec::new();
        for m in self.starts.find_overlapping_iter(text) {
            let start = m.start();
            if start < floor || start == walked || joined_before(text, start) {
                continue;
            }
            walked = start;
            #[cfg(test)]
            WALKS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let cache = cache.get_or_insert_with(|| self.caches.get());
            ends.clear();
            match self.walk(cache, text, start, closed, &mut ends) {
                Walk::Decided => ends.iter().for_each(|h| hit(*h)),
                Walk::RanOut => open(start),
            }
        }
        if !closed && let Some(start) = self.begun(text, floor) {
            open(start);
        }
    }

    #[cfg(test)]
    pub(super) fn stat(&self) -> String {
        let c = self.caches.get();

        format!("walks {} steps {} mem {} clears {} starts {}", WALKS.swap(0, std::sync::atomic::Ordering::Relaxed), STEPS.swap(0, std::sync::atomic::Ordering::Relaxed), c.memory_usage(), c.clear_count(), self.words.len())
    }

    /// Where a word that a pattern starts with may have begun at the end of an unfinished text.
    fn begun(&self, text: &str, floor: usize) -> Option<usize> {
        let longest = self.words.iter().map(String::len).max().unwrap_or(0);
        let mut from = text.len().saturating_sub(longest).max(floor);
        while from < text.len() {
            if let Some(tail) = text.get(from..) {
                let at = self.words.partition_point(|w| w.as_str() < tail);
                if self.words.get(at).is_some_and(|w| w.starts_with(tail)) && !joined_before(text, from) {
                    return Some(from);
                }
            }
            from += 1;
        }
        None
    }

    fn walk(&self, cache: &mut Cache, text: &str, start: usize, closed: bool, ends: &mut Vec<Hit>) -> Walk {
        let bytes = text.as_bytes();
        let stop = bytes.len().min(start.saturating_add(REACH));
        let input = Input::new(text).span(start..stop).anchored(Anchored::Yes);
        // The automaton never gives up: it has no quit bytes and may clear its cache as often as it likes.
        let Ok(mut state) = self.dfa.start_state_forward(cache, &input) else { return Walk::Decided };
        for (i, byte) in bytes.iter().enumerate().take(stop).skip(start) {
            let Ok(next) = self.dfa.next_state(cache, state, *byte) else { return Walk::Decided };
            state = next;
            #[cfg(test)]
            STEPS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if state.is_tagged() {
                if state.is_match() {
                    self.collect(cache, state, text, start, i, ends);
                } else if state.is_dead() || state.is_quit() {
                    return Walk::Decided;
                }
            }
        }
        if stop == bytes.len() && !closed {
            return Walk::RanOut;
        }
        if let Ok(state) = self.dfa.next_eoi_state(cache, state)
            && state.is_match()
        {
            self.collect(cache, state, text, start, stop, ends);
        }
        Walk::Decided
    }

    /// Notes the patterns that match `start..end`; a longer match of a pattern replaces a shorter one.
    fn collect(
        &self,
        cache: &Cache,
        state: LazyStateID,
        text: &str,
        start: usize,
        end: usize,
        ends: &mut Vec<Hit>,
    ) {
        let joined = joined_after(text, end);
        for i in 0..self.dfa.match_len(cache, state) {
            let pattern = self.dfa.match_pattern(cache, state, i).as_usize();
            if joined && self.whole_words.get(pattern).copied().unwrap_or(true) {
                continue;
            }
            match ends.iter_mut().find(|h| h.pattern == pattern) {
                Some(h) => h.end = end,
                None => ends.push(Hit { pattern, start, end }),
            }
        }
    }
}

/// Whether a letter or digit of a script with spaces stands directly before `at`, so that no word starts there.
fn joined_before(text: &str, at: usize) -> bool {
    let Some(next) = text.get(at..).and_then(|t| t.chars().next()) else { return true };
    let Some(prev) = text.get(..at).and_then(|t| t.chars().next_back()) else { return false };
    continues_word(next) && continues_word(prev)
}

fn joined_after(text: &str, at: usize) -> bool {
    text.get(at..).and_then(|t| t.chars().next()).is_some_and(continues_word)
}

/// Letters and digits of scripts that put spaces between words. Chinese, Japanese, Thai and Korean (whose
/// particles join nouns) are not among them.
fn continues_word(c: char) -> bool {
    match c {
        '\0'..='\x7f' => c.is_ascii_alphanumeric(),
        '\u{e00}'..='\u{eff}' | '\u{1100}'..='\u{11ff}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7ff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}' => false,
        _ => c.is_alphanumeric(),
    }
}
