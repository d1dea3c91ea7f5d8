//! One running text of a stream: what was pushed, what is clear, what must be replaced.
//!
//! ```text
//!  pushed   |-------released-------|----clear----|---held back---|
//!                                  ^floor        ^limit          ^pushed
//! ```
//! INVARIANT: nothing at or behind `limit()` leaves; nothing before it changes any more.

use crate::enforce::{Replacement, apply, replacements};
use cordon_detect::{Detectors, Guards, StreamScan};
use cordon_policy::Obligations;
use cordon_types::{Finding, SpanKind};
use std::sync::Arc;

/// A text that had to give way to another before it was clear: it follows with the next event of its channel.
#[derive(Default)]
struct Owed {
    text: String,
    at: usize,
}

/// The state of one channel.
pub(crate) struct Running {
    scan: StreamScan,
    pushed: usize,
    clear: usize,
    released: usize,
    open: Vec<Finding>,
    replacements: Vec<Replacement>,
    owed: Option<Owed>,
    /// Another text of the same choice has begun since: this one no longer blocks the queue.
    pub(crate) left: bool,
    finished: bool,
}

impl Running {
    pub(crate) fn new(detectors: Arc<Detectors>, kind: SpanKind, guards: Guards) -> Self {
        Self {
            scan: StreamScan::new(detectors, kind, guards),
            pushed: 0,
            clear: 0,
            released: 0,
            open: Vec::new(),
            replacements: Vec::new(),
            owed: None,
            left: false,
            finished: false,
        }
    }

    /// Adds a piece; gives its place in the running text and what was found by it.
    pub(crate) fn push(
        &mut self,
        text: &str,
    ) -> Result<(std::ops::Range<usize>, Vec<Finding>, bool), cordon_detect::HoldCap> {
        let start = self.pushed;
        self.pushed += text.len();
        let step = self.scan.push(text)?;
        self.clear = step.clear;
        self.open.extend(step.findings.iter().cloned());
        Ok((start..self.pushed, step.findings, step.injection_flagged))
    }

    /// Says that nothing follows: everything becomes clear. Idempotent.
    pub(crate) fn finish(&mut self) -> Result<(Vec<Finding>, bool), cordon_detect::HoldCap> {
        if self.finished {
            return Ok((Vec::new(), false));
        }
        self.finished = true;
        let step = self.scan.finish()?;
        self.clear = self.pushed;
        self.open.extend(step.findings.iter().cloned());
        Ok((step.findings, step.injection_flagged))
    }

    /// Whether nothing has been said on this channel.
    pub(crate) const fn is_empty(&self) -> bool {
        self.pushed == 0
    }

    pub(crate) const fn is_finished(&self) -> bool {
        self.finished
    }

    /// Applies the duties that hold now to the findings that have not left yet.
    pub(crate) fn obey(&mut self, duties: &Obligations) {
        self.replacements = replacements(&self.open, duties);
    }

    /// Up to where the text may leave.
    pub(crate) fn limit(&self) -> usize {
        self.replacements
            .iter()
            .find(|r| r.range.start < self.clear && r.range.end > self.clear)
            .map_or(self.clear, |r| r.range.start)
    }

    /// The piece at `at` as it may leave now, with what is owed from before in front of it. What is not clear yet
    /// becomes owed.
    pub(crate) fn release(&mut self, piece: &str, at: usize) -> String {
        let mut out = self.settle();
        let end = at + piece.len();
        let cut = self.limit().clamp(at, end);
        let (now, later) = if self.owed.is_some() { ("", piece) } else { piece.split_at(cut - at) };
        out.push_str(&apply(now, at, &self.replacements));
        if !later.is_empty() {
            self.owed
                .get_or_insert_with(|| Owed { text: String::new(), at: at + now.len() })
                .text
                .push_str(later);
        }
        self.mark_released(at + now.len());
        out
    }

    /// What is owed and clear by now.
    pub(crate) fn settle(&mut self) -> String {
        let Some(owed) = self.owed.take() else { return String::new() };
        let cut = self.limit().clamp(owed.at, owed.at + owed.text.len());
        let (now, later) = owed.text.split_at(cut - owed.at);
        let out = apply(now, owed.at, &self.replacements);
        if !later.is_empty() {
            self.owed = Some(Owed { text: later.to_owned(), at: cut });
        }
        self.mark_released(cut);
        out
    }

    /// Findings that lie wholly in what has left can touch nothing any more.
    fn mark_released(&mut self, to: usize) {
        self.released = self.released.max(to);
        let released = self.released;
        self.open.retain(|f| f.range.end > released);
        self.replacements.retain(|r| r.range.end > released);
    }
}
