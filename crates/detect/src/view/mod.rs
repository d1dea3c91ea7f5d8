//! The view: one reading of a text, as detectors see it, with a way back to the original bytes.

pub(crate) mod decode;
pub(crate) mod eight;
mod fold;
pub(crate) mod literals;
pub(crate) mod map;
pub(crate) mod tokens;

use cordon_types::Layer;
pub(crate) use fold::{HiddenRun, breaks, fold, fold_str, lower};
use std::ops::Range;

/// How far back, in bytes of the view, a candidate may look for context.
pub(crate) const BEHIND: usize = 48;
/// How far back that may reach in bytes of the original text: invisible characters and escapes can stretch it.
pub(crate) const BEHIND_ORIGINAL: usize = 256;

/// One layer's text, as the detectors of every family see it.
///
/// INVARIANT (streams): whether a candidate at `start` is a match may depend on
/// - `behind(start)`, never on anything before it;
/// - text after `start` as far as the detector likes, if it says [`Sink::open`] whenever its decision for that
///   candidate ran into the end of `text` while `closed` is false (including: the match ends exactly at the end
///   and one more character could lengthen or forbid it);
/// - nothing else: not on other matches, not on how often something occurred before.
///
/// Matches start at or after `floor`; what stands before `floor` was dealt with and is there as context only.
/// The last whitespace-delimited token of a text that is not `closed` is always held by the caller, so a
/// candidate inside one token need not be reported as open.
pub(crate) struct ViewText<'a> {
    /// NFKC-like folded text (accents dropped, look-alikes to Latin, invisible characters gone). Case kept.
    pub text: &'a str,
    /// The same, lower-cased; the same length, the same offsets.
    pub lower: &'a str,
    /// Plain or decoded.
    #[expect(dead_code, reason = "part of what a detector may ask of a view; none does yet")]
    pub layer: Layer,
    /// Where new matches may start.
    pub floor: usize,
    /// Whether the text ends here. False in a stream that goes on.
    pub closed: bool,
    /// From view offsets to original ones; for the look-behind's bound.
    pub map: &'a map::Map,
}

impl<'a> ViewText<'a> {
    /// The bounded context before `at` (from `text`).
    pub(crate) fn behind(&self, at: usize) -> &'a str {
        self.text.get(self.behind_range(at)).unwrap_or("")
    }

    /// The bounded context before `at`, lower-cased.
    pub(crate) fn behind_lower(&self, at: usize) -> &'a str {
        self.lower.get(self.behind_range(at)).unwrap_or("")
    }

    fn behind_range(&self, at: usize) -> Range<usize> {
        let mut from = at.saturating_sub(BEHIND);
        let reach = self.map.start(at).saturating_sub(BEHIND_ORIGINAL);
        if self.map.start(from) < reach {
            from = self.map.view_at(reach).min(at);
        }
        while !self.text.is_char_boundary(from) {
            from += 1;
        }
        from.min(at)..at
    }

    /// Whether `context` (a place before `at`) lies in the bounded look-behind of `at`.
    pub(crate) fn reaches(&self, context: usize, at: usize) -> bool {
        self.behind_range(at).start <= context
    }
}

/// Bytes of a view from some place on, which notice when a decision ran into an end that is not final.
#[derive(Debug)]
pub(crate) struct Ahead<'a> {
    bytes: &'a [u8],
    closed: bool,
    /// Whether the end was read while more may come.
    pub undecided: bool,
}

impl<'a> Ahead<'a> {
    pub(crate) fn new(view: &ViewText<'a>) -> Self {
        Self { bytes: view.text.as_bytes(), closed: view.closed, undecided: false }
    }

    /// The byte at `i`; 0 past the end.
    pub(crate) fn at(&mut self, i: usize) -> u8 {
        match self.bytes.get(i) {
            Some(b) => *b,
            None => {
                self.undecided |= !self.closed;
                0
            }
        }
    }

    /// From `i` on, past every byte that `keep` holds for.
    pub(crate) fn skip(&mut self, mut i: usize, keep: impl Fn(u8) -> bool) -> usize {
        while keep(self.at(i)) && i < self.bytes.len() {
            i += 1;
        }
        i
    }
}

/// White space between tokens.
pub(crate) fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C)
}

/// Whether a character of the view separates tokens: white space, and characters of scripts that put no spaces
/// between words (else a paragraph would be one token, and a stream would hold all of it).
pub(crate) fn is_break(c: char) -> bool {
    match u8::try_from(c) {
        Ok(b) if b.is_ascii() => is_space(b),
        _ => matches!(u32::from(c), 0xE00..=0xEFF | 0x3000..=0xFFFF | 0x1_0000..),
    }
}

/// The byte at `i`; 0 past the end.
pub(crate) fn byte(bytes: &[u8], i: usize) -> u8 {
    bytes.get(i).copied().unwrap_or(0)
}

/// The byte before `i`; 0 at the start.
pub(crate) fn byte_before(bytes: &[u8], i: usize) -> u8 {
    i.checked_sub(1).map_or(0, |p| byte(bytes, p))
}

/// One match, in view offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawMatch {
    /// Where, in bytes of the view.
    pub range: Range<usize>,
    /// What.
    pub kind: cordon_types::FindingKind,
    /// How sure, in thousandths. For injection and jailbreak also the weight in the score.
    pub confidence: u16,
    /// Stable rule name.
    pub rule: &'static str,
    /// Adds to the injection score only; is no finding.
    pub silent: bool,
    /// Index of the operator's term or pattern.
    pub term: Option<u16>,
}

/// Where detectors put what they saw in one view.
#[derive(Debug)]
pub(crate) struct Sink {
    /// What was found.
    pub matches: Vec<RawMatch>,
    /// The earliest candidate that the end of the text left undecided; `usize::MAX` when there is none.
    pub open_from: usize,
}

impl Sink {
    pub(crate) fn new() -> Self {
        Self { matches: Vec::new(), open_from: usize::MAX }
    }

    /// A finding.
    pub(crate) fn found(
        &mut self,
        range: Range<usize>,
        kind: cordon_types::FindingKind,
        confidence: u16,
        rule: &'static str,
    ) {
        self.matches.push(RawMatch { range, kind, confidence, rule, silent: false, term: None });
    }

    /// A weak sign of injection or jailbreak: adds to the score, is no finding.
    pub(crate) fn signal(
        &mut self,
        range: Range<usize>,
        kind: cordon_types::FindingKind,
        weight: u16,
        rule: &'static str,
    ) {
        self.matches.push(RawMatch { range, kind, confidence: weight, rule, silent: true, term: None });
    }

    /// A candidate that starts at `start` cannot be decided before more text comes.
    pub(crate) fn open(&mut self, start: usize) {
        self.open_from = self.open_from.min(start);
    }
}
