//! Finds where rules match: one pass for places where a rule's first word may begin, then one walk of a lazy automaton from
//! each such word, for all rules at once.
//!
//! What always holds:
//! - Whether a rule matches at a start depends on the text from there on, at most [`REACH`] bytes, and on the one
//!   character before; so a stream can be cut anywhere.
//! - Work is bounded by `REACH` steps for each starting word; the automaton never goes back.

use super::template::Start;
use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson;
use regex_automata::util::pool::Pool;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchKind};
use std::fmt;

/// The longest match, in bytes of the view. Long enough for the longest phrase of any rule with its gaps.
pub(super) const REACH: usize = 320;
/// Most memory that one lazy automaton's states take; beyond, it starts afresh.
const CACHE: usize = 64 << 20;

type CachePool =
    Pool<Cache, Box<dyn Fn() -> Cache + Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe>>;

/// All patterns, compiled.
pub(super) struct Matcher {
    starts: Starts,
    dfa: DFA,
    caches: CachePool,
    /// The words that patterns start with, sorted.
    words: Vec<String>,
    /// For each pattern: whether letters on either side of a match forbid it.
    whole_words: Vec<bool>,
}

/// Where a walk may begin: a filter that may say yes too often, never no wrongly.
struct Starts {
    /// By a hash of three bytes: what words begin so. Words of one or two bytes count as whole words.
    table: Vec<u8>,
    /// Words that end where letters end, sorted.
    whole: Vec<String>,
}

/// A word of `whole` begins so.
const WHOLE: u8 = 1;
/// A word that may go on begins so.
const OPEN: u8 = 2;

impl Starts {
    fn new(starts: &[Start]) -> Self {
        let mut made = Self { table: vec![0; 1 << 16], whole: Vec::new() };
        for start in starts {
            let flag = if start.open_end { OPEN } else { WHOLE };
            match start.text.as_bytes() {
                [a, b, c, ..] => made.mark(Self::key(*a, *b, *c), flag),
                [a, b] => (0..=u8::MAX).for_each(|c| made.mark(Self::key(*a, *b, c), flag)),
                [a] => {
                    for b in 0..=u8::MAX {
                        (0..=u8::MAX).for_each(|c| made.mark(Self::key(*a, b, c), flag));
                    }
                }
                [] => {}
            }
            if !start.open_end {
                made.whole.push(start.text.clone());
            }
        }
        made.whole.sort_unstable();
        made.whole.dedup();
        made
    }

    fn may(&self, text: &str, at: usize) -> bool {
        let mut bytes = text.as_bytes().iter().skip(at).copied();
        let (a, b, c) = (bytes.next().unwrap_or(0), bytes.next().unwrap_or(0), bytes.next().unwrap_or(0));
        match self.table.get(Self::key(a, b, c)).copied().unwrap_or(OPEN) {
            0 => false,
            WHOLE if a.is_ascii_alphanumeric() => {
                let rest = text.get(at..).unwrap_or("");
                let end = rest.bytes().position(|b| !b.is_ascii_alphanumeric()).unwrap_or(rest.len());
                let word = rest.get(..end).unwrap_or("");
                // A word of several parts (`e-mail`) is left to the walk.
                let from = self.whole.partition_point(|w| w.as_str() < word);
                self.whole.get(from).is_some_and(|w| {
                    w.strip_prefix(word)
                        .is_some_and(|more| !more.starts_with(|c: char| c.is_ascii_alphanumeric()))
                }) || rest.as_bytes().get(end).is_some_and(|b| *b >= 0x80)
            }
            _ => true,
        }
    }

    fn key(a: u8, b: u8, c: u8) -> usize {
        (usize::from(u16::from_be_bytes([a, b])) ^ (usize::from(c) << 5).wrapping_mul(7)) & 0xffff
    }

    fn mark(&mut self, key: usize, flag: u8) {
        if let Some(entry) = self.table.get_mut(key) {
            *entry |= flag;
        }
    }
}

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
        starts: Vec<Start>,
        whole_words: Vec<bool>,
    ) -> Result<Self, String> {
        let dfa = DFA::builder()
            .configure(
                DFA::config()
                    .match_kind(MatchKind::All)
                    .cache_capacity(CACHE)
                    .skip_cache_capacity_check(true),
            )
            .syntax(syntax::Config::new().unicode(true).utf8(true))
            .thompson(thompson::Config::new().shrink(false))
            .build_many(regexes)
            .map_err(|e| e.to_string())?;
        let exact = Starts::new(&starts);
        let mut words: Vec<String> = starts.into_iter().map(|s| s.text).collect();
        words.sort_unstable();
        words.dedup();
        let starts = exact;
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
        let bytes = text.as_bytes();
        let mut cache = None;
        let mut ends: Vec<Hit> = Vec::new();
        let mut before = floor.checked_sub(1).and_then(|i| bytes.get(i)).copied().unwrap_or(b' ');
        for (start, rest) in bytes.get(floor..).unwrap_or_default().windows(1).enumerate() {
            let start = start + floor;
            let first = rest.first().copied().unwrap_or(0);
            let inside = before.is_ascii_alphanumeric() && first.is_ascii_alphanumeric();
            before = first;
            if inside || !self.starts.may(text, start) || joined_before(text, start) {
                continue;
            }
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
        '\u{e00}'..='\u{eff}'
        | '\u{1100}'..='\u{11ff}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7ff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}' => false,
        _ => c.is_alphanumeric(),
    }
}
