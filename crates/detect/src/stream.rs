//! One running text, piece by piece, with the findings of the whole.
//!
//! ```text
//! ... let go | context (256 bytes and a bit) | held: from `clear` to the end
//!                                            ^ a token starts here, nothing is open across it
//! ```
//!
//! What always holds: `clear` stands at the start of a token, inside no finding and before every candidate that
//! later text could decide. Since a candidate is judged from its start on with a bounded look-behind, scanning on
//! from there gives what scanning the whole gives.

use crate::scan::{Raw, Score, resolve};
use crate::view::{BEHIND_ORIGINAL, breaks};
use crate::{Detectors, Guards};
use cordon_types::{Finding, SpanKind};
use std::sync::Arc;

/// What is kept before `clear`: the look-behind, and what an escape or a line of base64 may need at its edge.
const CONTEXT: usize = BEHIND_ORIGINAL + 320;
/// From how much held text on a scan waits until the text has grown by an eighth: keeps the cost linear however
/// small the pieces are.
const PATIENCE: usize = 2048;

/// A stream held back more than the cap: it must be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {cap} bytes would have to be held back to inspect this stream; it is refused")]
pub struct HoldCap {
    /// The cap, in bytes.
    pub cap: usize,
}

/// What one piece of a stream settled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// Everything before this offset of the whole running text is final.
    pub clear: usize,
    /// New findings, with offsets in the whole running text; each is handed out once, in order.
    pub findings: Vec<Finding>,
    /// The injection score of what was settled so far.
    pub injection_score: f32,
    /// Whether that score passes the threshold.
    pub injection_flagged: bool,
}

/// The scan of one running text.
#[derive(Debug)]
pub struct StreamScan {
    detectors: Arc<Detectors>,
    kind: SpanKind,
    guards: Guards,
    /// Context and held text.
    buffer: String,
    /// Offset of the buffer's start in the running text.
    base: usize,
    /// Everything before this offset of the running text is final.
    clear: usize,
    /// The buffer's length when it was last scanned.
    scanned: usize,
    score: Score,
}

impl StreamScan {
    /// A scan that has seen nothing yet.
    #[must_use]
    pub fn new(d: Arc<Detectors>, kind: SpanKind, guards: Guards) -> Self {
        Self {
            detectors: d,
            kind,
            guards,
            buffer: String::new(),
            base: 0,
            clear: 0,
            scanned: 0,
            score: Score::default(),
        }
    }

    /// Adds text. Everything before [`Step::clear`] is final: no finding can begin before it any more, and all
    /// findings that touch it have been handed out. Errors when more than the cap would be held back.
    pub fn push(&mut self, text: &str) -> Result<Step, HoldCap> {
        self.buffer.push_str(text);
        if self.guards == Guards::NONE {
            self.clear = self.base + self.buffer.len();
            return Ok(self.release(Vec::new()));
        }
        let held = self.base + self.buffer.len() - self.clear;
        let grown = self.buffer.len() - self.scanned.min(self.buffer.len());
        let cap = self.detectors.settings.hold_cap;
        if held <= cap && (grown == 0 || (held > PATIENCE && grown < held / 8)) {
            return Ok(self.step(Vec::new()));
        }
        let step = self.settle(false);
        if self.base + self.buffer.len() - self.clear > cap {
            return Err(HoldCap { cap });
        }
        Ok(step)
    }

    /// The text has ended: everything is settled.
    pub fn finish(&mut self) -> Result<Step, HoldCap> {
        if self.guards == Guards::NONE {
            return self.push("");
        }
        Ok(self.settle(true))
    }

    fn settle(&mut self, closed: bool) -> Step {
        let floor = self.clear - self.base;
        let seen = self.detectors.window(&self.buffer, self.kind, self.guards, floor, closed);
        let safe = if closed { self.buffer.len() } else { self.safe(seen.open_from, floor, &seen.raw) };
        let all = resolve(seen.raw.clone());
        let settled: Vec<Raw> = seen.raw.into_iter().filter(|r| r.finding.range.start < safe).collect();
        self.score.add(&settled);
        let base = self.base;
        let findings = all
            .into_iter()
            .filter(|f| f.range.start < safe || closed)
            .map(|mut f| {
                f.range = f.range.start + base..f.range.end + base;
                f
            })
            .collect();
        self.clear = base + safe;
        self.release(findings)
    }

    /// The furthest place that nothing is open across: a token's start, inside no match. The matches are those
    /// before [`resolve`]: one that gives way to what the last token looks like now is a finding after all when the
    /// token grows into something else.
    fn safe(&self, open_from: usize, floor: usize, raw: &[Raw]) -> usize {
        let mut safe = self.token_start(self.buffer.len().min(open_from), floor);
        loop {
            let ranges = raw.iter().filter(|r| !r.silent).map(|r| &r.finding.range);
            match ranges.filter(|r| r.start < safe && safe < r.end).map(|r| r.start).min() {
                Some(start) => safe = self.token_start(start, floor),
                None => return safe,
            }
            if safe <= floor {
                return floor;
            }
        }
    }

    /// The start of the token that holds `at`, not before `floor`.
    fn token_start(&self, at: usize, floor: usize) -> usize {
        let mut start = at.max(floor);
        let held = self.buffer.get(floor..start).unwrap_or("");
        for c in held.chars().rev() {
            if breaks(c) {
                return start;
            }
            start -= c.len_utf8();
        }
        floor
    }

    /// Forgets what is final and no longer needed as context.
    fn release(&mut self, findings: Vec<Finding>) -> Step {
        let mut cut = (self.clear - self.base).saturating_sub(CONTEXT);
        while !self.buffer.is_char_boundary(cut) {
            cut -= 1;
        }
        if cut >= CONTEXT {
            self.buffer.drain(..cut);
            self.base += cut;
        }
        self.scanned = self.buffer.len();
        self.step(findings)
    }

    fn step(&self, findings: Vec<Finding>) -> Step {
        let injection_score = self.score.value();
        let injection_flagged = self.detectors.flagged(injection_score);
        Step { clear: self.clear, findings, injection_score, injection_flagged }
    }
}
