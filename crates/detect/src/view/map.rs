//! From offsets in a view back to offsets in the original text, run by run.
//!
//! What always holds: a range that lies on character boundaries of the view maps to one that lies on character
//! boundaries of the original. A map without runs is the identity.

use std::ops::Range;

/// A stretch of the view. Linear: byte for byte. Not linear: all of it stands for all of the original stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    view: usize,
    view_len: usize,
    original: usize,
    original_len: usize,
    linear: bool,
}

/// A map back. Identity when it has no runs.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Map {
    runs: Vec<Run>,
}

impl Map {
    /// Adds a stretch that stands unchanged.
    pub(crate) fn push_linear(&mut self, view: usize, original: usize, len: usize) {
        if len == 0 {
            return;
        }
        if let Some(last) = self.runs.last_mut()
            && last.linear
            && last.view + last.view_len == view
            && last.original + last.original_len == original
        {
            last.view_len += len;
            last.original_len += len;
            return;
        }
        self.runs.push(Run { view, view_len: len, original, original_len: len, linear: true });
    }

    /// Adds a stretch that stands for another.
    pub(crate) fn push_replaced(
        &mut self,
        view: usize,
        view_len: usize,
        original: usize,
        original_len: usize,
    ) {
        if view_len > 0 {
            self.runs.push(Run { view, view_len, original, original_len, linear: false });
        }
    }

    fn at(&self, view: usize) -> Option<&Run> {
        let next = self.runs.partition_point(|r| r.view <= view);
        self.runs.get(next.checked_sub(1)?)
    }

    /// Where the character at `view` begins in the original.
    pub(crate) fn start(&self, view: usize) -> usize {
        match self.at(view) {
            None => view,
            Some(r) if r.linear => r.original + (view - r.view).min(r.original_len),
            Some(r) if view < r.view + r.view_len => r.original,
            Some(r) => r.original + r.original_len,
        }
    }

    /// Where the character that ends at `view` ends in the original.
    pub(crate) fn end(&self, view: usize) -> usize {
        match view.checked_sub(1).and_then(|v| self.at(v)) {
            None => self.start(view),
            Some(r) if r.linear => r.original + (view - r.view).min(r.original_len),
            Some(r) => r.original + r.original_len,
        }
    }

    /// The original range of a range of the view.
    pub(crate) fn range(&self, view: &Range<usize>) -> Range<usize> {
        let start = self.start(view.start);
        start..self.end(view.end).max(start)
    }

    /// The first offset of the view whose original offset is at or after `original`.
    pub(crate) fn view_at(&self, original: usize) -> usize {
        if self.runs.is_empty() {
            return original;
        }
        let next = self.runs.partition_point(|r| r.original + r.original_len <= original);
        match self.runs.get(next) {
            Some(r) if r.linear => r.view + original.saturating_sub(r.original),
            Some(r) if original <= r.original => r.view,
            Some(r) => r.view + r.view_len,
            None => self.runs.last().map_or(0, |r| r.view + r.view_len),
        }
    }

    /// The map from this view through `inner` (the map of the text that this view was made of).
    pub(crate) fn through(&self, inner: &Map) -> Map {
        if inner.runs.is_empty() {
            return self.clone();
        }
        if self.runs.is_empty() {
            return inner.clone();
        }
        let mut out = Map::default();
        for r in &self.runs {
            if !r.linear {
                let o = inner.range(&(r.original..r.original + r.original_len));
                out.push_replaced(r.view, r.view_len, o.start, o.len());
                continue;
            }
            let (mut at, end) = (r.original, r.original + r.original_len);
            while at < end {
                let Some(i) = inner.at(at) else { break };
                let stop = (i.view + i.view_len).min(end).max(at + 1);
                let view = r.view + (at - r.original);
                if i.linear {
                    out.push_linear(view, i.original + (at - i.view), stop - at);
                } else {
                    out.push_replaced(view, stop - at, i.original, i.original_len);
                }
                at = stop;
            }
        }
        out
    }
}
