//! One text through every detector: layers, mapping back, and what becomes of overlapping matches.
//!
//! A *window* is a whole text, or the part of a running text that a stream still holds with a bit of context before
//! it. Both are scanned by the same code; a whole text is the window that starts at 0 and is closed.

use crate::exfil::Exfil;
use crate::injection::Injection;
use crate::layers::{Acc, Seen};
use crate::secrets::Secrets;
use crate::settings::{Guards, Settings};
use crate::terms::Terms;
use cordon_types::{Confidence, Finding, FindingKind, Guard, Layer, Problem, Problems, Report, SpanKind};
use std::collections::BTreeMap;

/// Every detector, compiled once.
#[derive(Debug)]
pub struct Detectors {
    pub(crate) injection: Injection,
    pub(crate) exfil: Exfil,
    pub(crate) secrets: Secrets,
    pub(crate) terms: Terms,
    pub(crate) settings: Settings,
}

impl Detectors {
    /// Compiles the detectors. Errors name every term, pattern or host that cannot be used.
    pub fn new(s: &Settings) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let exfil = Exfil::new(s, &mut problems);
        let terms = Terms::new(s, &mut problems);
        let secrets = Secrets::new();
        let injection = Injection::new(s);
        for fault in injection.as_ref().err().into_iter().flatten() {
            problems.push(Problem::new(
                "",
                format!("an injection rule cannot be compiled: {fault}"),
                "this is a fault of the program",
            ));
        }
        if !secrets.ready() {
            problems.push(Problem::new(
                "",
                "the detectors' literals cannot be compiled",
                "this is a fault of the program",
            ));
        }
        if !(0.0..=1.0).contains(&s.injection_threshold) {
            problems.push(Problem::new(
                "injection_threshold",
                "is not between 0 and 1",
                "0.5 is the default",
            ));
        }
        if s.hold_cap < 4096 {
            problems.push(Problem::new(
                "hold_cap",
                "is too small to hold a key block",
                "give at least 4096 bytes",
            ));
        }
        match injection {
            Ok(injection) if problems.is_empty() => {
                Ok(Self { injection, exfil, secrets, terms, settings: s.clone() })
            }
            _ => Err(Problems(problems)),
        }
    }

    /// Everything found in a whole text.
    #[must_use]
    pub fn scan(&self, text: &str, kind: SpanKind, guards: Guards) -> Report {
        if guards == Guards::NONE || text.is_empty() {
            return Report::default();
        }
        let seen = self.window(text, kind, guards, 0, true);
        let mut score = Score::default();
        score.add(&seen.raw);
        let injection_score = score.value();
        Report {
            findings: resolve(seen.raw),
            injection_score,
            injection_flagged: self.flagged(injection_score),
            truncated: seen.truncated,
        }
    }

    /// Whether a score passes the threshold.
    pub(crate) fn flagged(&self, score: f32) -> bool {
        score > 0.0 && score >= self.settings.injection_threshold
    }

    /// Scans a window: matches start at or after `floor`; `closed` says that the text ends here.
    pub(crate) fn window(
        &self,
        text: &str,
        kind: SpanKind,
        guards: Guards,
        floor: usize,
        closed: bool,
    ) -> Seen {
        let mut acc = Acc::new(self, kind, guards);
        acc.top(text, floor, closed);
        acc.seen
    }
}

/// A match with its range in the window's own text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Raw {
    pub finding: Finding,
    /// Counts for the score only.
    pub silent: bool,
}

/// The score: 1 minus the product of what each rule leaves open, each rule once with its greatest weight. It depends
/// on the set of rules that matched, not on their order, so cutting cannot move it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Score {
    weights: BTreeMap<&'static str, u16>,
}

impl Score {
    pub(crate) fn add(&mut self, raw: &[Raw]) {
        for r in raw.iter().filter(|r| r.finding.kind.guard() == Guard::Injection) {
            let weight = self.weights.entry(r.finding.rule).or_default();
            *weight = (*weight).max(r.finding.confidence.0.min(1000));
        }
    }

    pub(crate) fn value(&self) -> f32 {
        1.0 - self.weights.values().map(|w| 1.0 - f32::from(*w) / 1000.0).product::<f32>()
    }
}

/// Sorted findings: of one kind (and term), overlapping ones become one; a telephone number gives way to whatever
/// more exact it overlaps. Both look only at what overlaps, so that a stream can decide them piece by piece.
pub(crate) fn resolve(raw: Vec<Raw>) -> Vec<Finding> {
    let mut all: Vec<Finding> = raw.into_iter().filter(|r| !r.silent).map(|r| r.finding).collect();
    if all.is_empty() {
        return all;
    }
    drop_outranked(&mut all);
    all.sort_by(|a, b| {
        (a.kind, a.term, a.range.start, a.range.end, a.rule, a.confidence).cmp(&(
            b.kind,
            b.term,
            b.range.start,
            b.range.end,
            b.rule,
            b.confidence,
        ))
    });
    let mut merged: Vec<Finding> = Vec::with_capacity(all.len());
    for f in all {
        match merged.last_mut() {
            Some(last) if last.kind == f.kind && last.term == f.term && f.range.start < last.range.end => {
                last.range.end = last.range.end.max(f.range.end);
                if f.confidence > last.confidence {
                    (last.confidence, last.rule) = (f.confidence, f.rule);
                }
                if f.layer == Layer::Plain {
                    last.layer = Layer::Plain;
                }
            }
            _ => merged.push(f),
        }
    }
    merged.sort_by_key(|f| (f.range.start, f.range.end, f.kind, f.term));
    merged
}

/// Takes out the telephone numbers that overlap something more exact.
fn drop_outranked(all: &mut Vec<Finding>) {
    if !all.iter().any(|f| f.kind == FindingKind::Phone) {
        return;
    }
    let mut exact: Vec<std::ops::Range<usize>> =
        all.iter().filter(|f| outranks_phone(f.kind)).map(|f| f.range.clone()).collect();
    exact.sort_by_key(|r| r.start);
    // Each one's end becomes the furthest end so far, so that one look-up tells whether anything reaches in.
    let mut furthest = 0;
    for r in &mut exact {
        furthest = furthest.max(r.end);
        r.end = furthest;
    }
    all.retain(|f| {
        let before = exact.partition_point(|e| e.start < f.range.end);
        let reaches = before.checked_sub(1).and_then(|i| exact.get(i)).is_some_and(|e| e.end > f.range.start);
        f.kind != FindingKind::Phone || !reaches
    });
}

fn outranks_phone(kind: FindingKind) -> bool {
    matches!(
        kind,
        FindingKind::PaymentCard
            | FindingKind::Iban
            | FindingKind::UsSsn
            | FindingKind::IpAddress
            | FindingKind::Email
            | FindingKind::ApiKey
            | FindingKind::PrivateKey
            | FindingKind::Jwt
            | FindingKind::ConnectionString
    )
}

/// A match as a finding.
pub(crate) fn finding(m: &crate::view::RawMatch, range: std::ops::Range<usize>, layer: Layer) -> Finding {
    Finding { kind: m.kind, confidence: Confidence(m.confidence), range, layer, rule: m.rule, term: m.term }
}

/// Every rule: its kind, its stable name, what it finds.
#[must_use]
pub fn catalogue() -> Vec<(FindingKind, &'static str, &'static str)> {
    let mut all = Vec::new();
    all.extend_from_slice(crate::pii::CATALOGUE);
    all.extend_from_slice(crate::secrets::CATALOGUE);
    all.extend(crate::secrets::known_rules());
    all.extend_from_slice(crate::injection::CATALOGUE);
    all.extend_from_slice(crate::exfil::CATALOGUE);
    all.extend_from_slice(crate::terms::CATALOGUE);
    all
}
