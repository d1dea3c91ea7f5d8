//! Credentials in files: what and where, never the value. The detectors are `cordon-detect`'s.

use crate::asset::{AssetKind, Attribute, Sink, Source};
use cordon_detect::{Detectors, Guards, Settings};
use cordon_types::{Finding, Guard, SpanKind};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The detectors, with no terms of an operator.
pub(crate) fn detectors() -> Option<&'static Detectors> {
    static ONE: OnceLock<Option<Detectors>> = OnceLock::new();
    ONE.get_or_init(|| Detectors::new(&Settings::default()).ok()).as_ref()
}

/// Least confidence that is reported: below, a variable with a long value would do.
const LEAST: u16 = 700;
/// Most rules of one file that are told apart.
const MAX_RULES: usize = 64;

/// Secrets of one file, by rule: where the first stands, and how many there are.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    rules: BTreeMap<&'static str, (u64, u64, u16)>,
}

impl Secrets {
    /// Looks into a piece of a file that begins in `line`.
    pub(crate) fn look(&mut self, piece: &str, line: u64) {
        let Some(detectors) = detectors() else { return };
        let guards = Guards::NONE.with(Guard::Secrets);
        for finding in detectors.scan(piece, SpanKind::User, guards).findings {
            self.note(&finding, piece, line);
        }
    }

    fn note(&mut self, finding: &Finding, piece: &str, line: u64) {
        let confidence = finding.confidence.0;
        if confidence < LEAST || finding.kind.guard() != Guard::Secrets || self.rules.len() >= MAX_RULES {
            return;
        }
        let at = line + super::line_at(piece, finding.range.start) - 1;
        let entry = self.rules.entry(finding.rule).or_insert((at, 0, 0));
        entry.1 += 1;
        entry.2 = entry.2.max(confidence);
    }

    /// One sighting a rule.
    pub(crate) fn tell(self, source: Source, sink: &mut Sink) {
        for (rule, (line, count, confidence)) in self.rules {
            let key = format!("{}#{rule}", sink.place());
            let mut sighting = sink.at(AssetKind::Secret, &key, source, line).with(Attribute::Rule, rule);
            if count > 1 {
                sighting = sighting.with(Attribute::Size, count.to_string());
            }
            sighting.name = format!("{rule} in {}", sink.place());
            sighting.confidence = confidence;
            sink.push(sighting);
        }
    }
}
