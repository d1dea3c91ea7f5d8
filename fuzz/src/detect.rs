//! The detectors: ranges are on character boundaries and in order; a stream finds what the whole text has.

use crate::led;
use cordon_detect::{Detectors, Guards, Pattern, Settings, StreamScan, Term};
use cordon_types::{Finding, SpanKind};
use std::sync::{Arc, OnceLock};

/// Detectors with terms and patterns of an operator.
pub(crate) fn detectors() -> Arc<Detectors> {
    static ONE: OnceLock<Arc<Detectors>> = OnceLock::new();
    ONE.get_or_init(|| {
        let settings = Settings {
            terms: vec![Term { name: "t".into(), text: "Project Falcon".into(), case_sensitive: false }],
            patterns: vec![Pattern { name: "p".into(), regex: r"TCK-\d{3,8}".into(), max_len: 12 }],
            ..Settings::default()
        };
        Arc::new(Detectors::new(&settings).unwrap_or_else(|p| panic!("{p}")))
    })
    .clone()
}

fn kind(at: usize) -> SpanKind {
    SpanKind::ALL.get(at % SpanKind::ALL.len()).copied().unwrap_or(SpanKind::User)
}

/// One whole text.
pub fn detect_scan(data: &[u8]) {
    let (lead, text) = led(data);
    let text = String::from_utf8_lossy(text);
    let report = detectors().scan(&text, kind(lead), Guards::ALL);
    for finding in &report.findings {
        assert!(
            text.get(finding.range.clone()).is_some_and(|t| !t.is_empty()),
            "a range is off: {finding:?}"
        );
    }
    let key = |f: &Finding| (f.range.start, f.range.end, f.kind);
    assert!(report.findings.windows(2).all(|w| matches!(w, [a, b] if key(a) <= key(b))), "not sorted");
    assert!((0.0..=1.0).contains(&report.injection_score));
}

/// A running text, cut as the first bytes say.
pub fn detect_stream(data: &[u8]) {
    let (lead, data) = led(data);
    let (cuts, text) = data.split_at_checked(4).unwrap_or((b"", data));
    let text = String::from_utf8_lossy(text);
    let mut scan = StreamScan::new(detectors(), kind(lead), Guards::ALL);
    let mut findings: Vec<Finding> = Vec::new();
    let (mut at, mut turn, mut clear) = (0, 0, 0);
    while at < text.len() {
        let step = cuts.get(turn % 4).map_or(text.len(), |c| usize::from(*c) + 1);
        let mut end = (at + step).min(text.len());
        while !text.is_char_boundary(end) {
            end += 1;
        }
        let Ok(step) = scan.push(text.get(at..end).unwrap_or("")) else { return };
        assert!(step.clear >= clear && step.clear <= end, "what was clear is not any more");
        assert!(step.findings.iter().all(|f| f.range.start >= clear), "a finding in what had left");
        (clear, at, turn) = (step.clear, end, turn + 1);
        findings.extend(step.findings);
    }
    let Ok(step) = scan.finish() else { return };
    assert!(step.findings.iter().all(|f| f.range.start >= clear), "a finding in what had left");
    findings.extend(step.findings);
    findings.sort_by_key(|f| (f.range.start, f.range.end, f.kind));
    let whole = detectors().scan(&text, kind(lead), Guards::ALL).findings;
    assert_eq!(findings, whole, "a stream finds other things than the whole");
}
