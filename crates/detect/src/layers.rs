//! The layers of a window: the folded text, what its escapes say, what its encoded runs say, and so on down.
//!
//! ```text
//! window --fold--> view --escapes--> view --escapes--> ...        (whole, mapped range by range)
//!                   |                 |
//!                   +--runs, tags-----+--> a text of its own      (closed, mapped to the whole run)
//!                   +--rot13, reversed (from a trigger word on)   (injection rules only)
//! ```
//!
//! What always holds: depth is at most `max_layers`; one run decodes to at most `max_decoded_bytes` over all that is
//! below it. Every layer is a function of the text near it, never of what else the window holds.

use crate::injection::Trigger;
use crate::scan::{Detectors, Raw, finding};
use crate::settings::Guards;
use crate::view::decode::{rot13, runs, substitute};
use crate::view::map::Map;
use crate::view::tokens::{Token, tokens};
use crate::view::{HiddenRun, RawMatch, Sink, ViewText, fold, lower};
use cordon_types::{FindingKind, Guard, Layer, SpanKind};
use std::borrow::Cow;
use std::ops::Range;

/// How far a rot13 or reversed reading goes from its trigger word.
const TRIGGERED: usize = 160;

/// What was seen in a window, in bytes of the window.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub raw: Vec<Raw>,
    /// The earliest candidate that the window's end left undecided; `usize::MAX` when there is none.
    pub open_from: usize,
    /// Some run was decoded only in part.
    pub truncated: bool,
}

/// Where findings of a layer lie in the window.
#[derive(Clone)]
enum Back<'a> {
    /// Range by range.
    Mapped(&'a Map),
    /// All of it stands for this.
    Whole(Range<usize>),
}

impl Back<'_> {
    fn range(&self, r: &Range<usize>) -> Range<usize> {
        match self {
            Back::Mapped(map) => map.range(r),
            Back::Whole(whole) => whole.clone(),
        }
    }
}

/// One layer's text and how it stands to the window.
struct Level<'a> {
    text: &'a str,
    map: &'a Map,
    back: Back<'a>,
    layer: Layer,
    floor: usize,
    closed: bool,
    depth: u8,
}

/// Gathers what the layers of one window show.
pub(crate) struct Acc<'d> {
    detectors: &'d Detectors,
    kind: SpanKind,
    guards: Guards,
    floor: usize,
    pub(crate) seen: Seen,
}

impl<'d> Acc<'d> {
    pub(crate) fn new(detectors: &'d Detectors, kind: SpanKind, guards: Guards) -> Self {
        let seen = Seen { open_from: usize::MAX, ..Seen::default() };
        Self { detectors, kind, guards, floor: 0, seen }
    }

    /// The window itself.
    pub(crate) fn top(&mut self, text: &str, floor: usize, closed: bool) {
        self.floor = floor;
        let mut budget = usize::MAX;
        let identity = Map::default();
        if text.is_ascii() {
            let back = Back::Mapped(&identity);
            self.level(
                Level { text, map: &identity, back, layer: Layer::Plain, floor, closed, depth: 0 },
                &mut budget,
            );
            return;
        }
        let folded = fold(text);
        let back = Back::Mapped(&folded.map);
        let view_floor = folded.map.view_at(floor);
        self.hidden(&folded.hidden, closed, None);
        let level = Level {
            text: &folded.text,
            map: &folded.map,
            back,
            layer: Layer::Plain,
            floor: view_floor,
            closed,
            depth: 0,
        };
        self.level(level, &mut budget);
    }

    /// One layer: its detectors, then the layers below it.
    fn level(&mut self, l: Level<'_>, budget: &mut usize) {
        let lower = lower(l.text);
        let view = ViewText {
            text: l.text,
            lower: &lower,
            layer: l.layer,
            floor: l.floor,
            closed: l.closed,
            map: l.map,
        };
        let tokens = tokens(l.text);
        let mut sink = Sink::new();
        let d = self.detectors;
        if self.guards.contains(Guard::Pii) {
            crate::pii::scan(&view, &tokens, &mut sink);
        }
        if self.guards.contains(Guard::Secrets) {
            d.secrets.scan(&view, &tokens, &mut sink);
        }
        let mut triggers = Vec::new();
        if self.guards.contains(Guard::Injection) {
            triggers = d.injection.scan(&view, self.kind, &mut sink);
        }
        if self.guards.contains(Guard::Exfiltration) {
            d.exfil.scan(&view, self.kind, &mut sink);
        }
        if self.guards.contains(Guard::Terms) {
            d.terms.scan(&view, &mut sink);
        }
        self.take(sink, &l.back, l.layer, l.closed);
        if l.depth < d.settings.max_layers {
            self.triggered(&triggers, &view, &l.back);
            self.below(&l, &tokens, budget);
        }
    }

    /// Adds a layer's matches, mapped to the window.
    fn take(&mut self, sink: Sink, back: &Back<'_>, layer: Layer, closed: bool) {
        for m in &sink.matches {
            let range = back.range(&m.range);
            if range.start >= self.floor && !range.is_empty() {
                self.seen.raw.push(Raw { finding: finding(m, range, layer), silent: m.silent });
            }
        }
        if !closed && sink.open_from != usize::MAX {
            self.open(back.range(&(sink.open_from..sink.open_from)).start);
        }
    }

    fn open(&mut self, at: usize) {
        if at >= self.floor {
            self.seen.open_from = self.seen.open_from.min(at);
        }
    }

    /// The layers below one: escapes replaced, and each encoded run by itself.
    fn below(&mut self, l: &Level<'_>, tokens: &[Token], budget: &mut usize) {
        let max = self.detectors.settings.max_decoded_bytes;
        let top = matches!(l.back, Back::Mapped(_));
        let (found, open) = runs(l.text, tokens, l.floor, if top { max } else { *budget });
        if !l.closed && open != usize::MAX {
            self.open(l.back.range(&(open..open)).start);
        }
        for run in found {
            let mut own = max;
            let left = if top { &mut own } else { &mut *budget };
            self.seen.truncated |= run.truncated || run.text.len() > *left;
            if run.text.len() > *left {
                continue;
            }
            *left -= run.text.len();
            let whole = l.back.range(&run.range);
            self.whole(&run.text, whole, l.depth + 1, left);
        }
        let Some((text, map)) = substitute(l.text) else { return };
        if !top {
            if text.len() > *budget {
                self.seen.truncated = true;
                return;
            }
            *budget -= text.len();
        }
        let folded = if text.is_ascii() { None } else { Some(fold(&text)) };
        let (text, step): (Cow<'_, str>, Map) = match folded {
            None => (text.into(), map),
            Some(f) => {
                let step = f.map.through(&map);
                (f.text.into(), step)
            }
        };
        let full = step.through(l.map);
        let floor = step.view_at(l.floor);
        let back = match &l.back {
            Back::Mapped(_) => Back::Mapped(&full),
            Back::Whole(whole) => Back::Whole(whole.clone()),
        };
        let level = Level {
            text: &text,
            map: &full,
            back,
            layer: Layer::Decoded,
            floor,
            closed: l.closed,
            depth: l.depth + 1,
        };
        self.level(level, budget);
    }

    /// A decoded text of its own: all of it stands for one range of the window.
    fn whole(&mut self, text: &str, whole: Range<usize>, depth: u8, budget: &mut usize) {
        let identity = Map::default();
        let folded;
        let text = if text.is_ascii() {
            text
        } else {
            folded = fold(text);
            self.hidden(&folded.hidden, true, Some((&whole, depth)));
            &folded.text
        };
        let back = Back::Whole(whole);
        let level =
            Level { text, map: &identity, back, layer: Layer::Decoded, floor: 0, closed: true, depth };
        self.level(level, budget);
    }

    /// Runs of invisible characters: what they amount to, and what they spell.
    fn hidden(&mut self, hidden: &[HiddenRun], closed: bool, within: Option<(&Range<usize>, u8)>) {
        if !self.guards.contains(Guard::Injection) && hidden.iter().all(|h| h.decoded.is_empty()) {
            return;
        }
        for run in hidden {
            let range = within.map_or_else(|| run.range.clone(), |(whole, _)| whole.clone());
            if range.start < self.floor {
                continue;
            }
            if run.after.is_none() && !closed {
                self.open(range.start);
            }
            let layer = if within.is_some() { Layer::Decoded } else { Layer::Plain };
            if self.guards.contains(Guard::Injection)
                && let Some((confidence, rule)) = self.detectors.injection.hidden(run, self.kind)
            {
                let kind = FindingKind::HiddenText;
                let m = RawMatch { range: range.clone(), kind, confidence, rule, silent: false, term: None };
                self.seen.raw.push(Raw { finding: finding(&m, range.clone(), layer), silent: false });
            }
            let depth = within.map_or(1, |(_, d)| d + 1);
            if run.decoded.len() >= 4 && depth <= self.detectors.settings.max_layers {
                let mut budget = self.detectors.settings.max_decoded_bytes;
                self.whole(&run.decoded, range, depth, &mut budget);
            }
        }
    }

    /// Readings that only the injection rules need, from a trigger word on: rot13 and reversed. What begins at the
    /// trigger word in the one, or ends there in the other, counts.
    fn triggered(&mut self, triggers: &[Trigger], view: &ViewText<'_>, back: &Back<'_>) {
        for trigger in triggers {
            let start = trigger.start;
            let rest = view.text.get(start..).unwrap_or("");
            let mut len = rest.len().min(TRIGGERED);
            let line = rest.bytes().take(TRIGGERED).position(|b| b == b'\n');
            while !rest.is_char_boundary(len) {
                len -= 1;
            }
            if line.is_none() && rest.len() <= TRIGGERED + 4 && !view.closed {
                self.open(back.range(&(start..start)).start);
            }
            let unit = rest.get(..line.unwrap_or(len)).unwrap_or("");
            let text: String = if trigger.reversed { unit.chars().rev().collect() } else { rot13(unit) };
            let lower = lower(&text);
            let map = Map::default();
            let decoded = ViewText {
                text: &text,
                lower: &lower,
                layer: Layer::Decoded,
                floor: 0,
                closed: true,
                map: &map,
            };
            let mut sink = Sink::new();
            if trigger.reversed {
                self.detectors.injection.scan(&decoded, self.kind, &mut sink);
                sink.matches.retain(|m| m.range.end == text.len());
            } else {
                self.detectors.injection.scan_first(&decoded, self.kind, &mut sink);
            }
            for m in &mut sink.matches {
                let len = m.range.len();
                m.range = start..start + len;
            }
            self.take(sink, back, Layer::Decoded, true);
        }
    }
}
