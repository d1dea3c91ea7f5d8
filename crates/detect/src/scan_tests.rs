//! Layers, operator's terms and patterns, and settings' problems, through the public door.

use crate::view::decode::substitute;
use crate::view::fold;
use crate::{Detectors, Guards, Pattern, Settings, Term, catalogue};
use cordon_types::{FindingKind, Guard, Layer, SpanKind};
use proptest::prelude::*;

fn with(terms: &[(&str, bool)], patterns: &[(&str, usize)]) -> Result<Detectors, cordon_types::Problems> {
    let term = |(t, c): &(&str, bool)| Term { name: (*t).into(), text: (*t).into(), case_sensitive: *c };
    let pattern = |(r, m): &(&str, usize)| Pattern { name: (*r).into(), regex: (*r).into(), max_len: *m };
    Detectors::new(&Settings {
        terms: terms.iter().map(term).collect(),
        patterns: patterns.iter().map(pattern).collect(),
        ..Settings::default()
    })
}

fn found<'t>(d: &Detectors, text: &'t str) -> Vec<(Option<u16>, &'t str)> {
    let report = d.scan(text, SpanKind::User, Guards::NONE.with(Guard::Terms));
    report.findings.into_iter().map(|f| (f.term, text.get(f.range).unwrap())).collect()
}

#[test]
fn terms_and_patterns() {
    let d = with(
        &[("Project Falcon", false), ("ACME", true), ("Müller", false)],
        &[(r"TCK-\d{3,8}", 12), ("a+", 4)],
    )
    .unwrap();
    for (text, expected) in [
        ("about project FALCON.", vec![(Some(0), "project FALCON")]),
        ("Prоject Fаlcon in Cyrillic", vec![(Some(0), "Prоject Fаlcon")]),
        ("Project Falcons, subProject Falcon", vec![(Some(4), "a"), (Some(4), "a")]),
        ("ACME not acme", vec![(Some(1), "ACME"), (Some(4), "a")]),
        ("Herr MÜLLER", vec![(Some(2), "MÜLLER")]),
        ("see TCK-12345.", vec![(Some(3), "TCK-12345")]),
        ("éTCK-123é", vec![(Some(3), "TCK-123")]),
    ] {
        let got: Vec<_> = found(&d, text).into_iter().filter(|(_, v)| !v.is_empty()).collect();
        let got: Vec<_> = if expected.iter().all(|(t, _)| *t != Some(4)) {
            got.into_iter().filter(|(t, _)| *t != Some(4)).collect()
        } else {
            got
        };
        assert_eq!(got, expected, "{text:?}");
    }
    assert_eq!(
        found(&d, &"a".repeat(100_000)).len(),
        25_000,
        "a match is at most `max_len` long, and the search stays linear"
    );
}

#[test]
fn every_problem_is_named() {
    let problems =
        with(&[("", false), (" ", true)], &[("(", 8), ("a*", 8), ("abc", 2), ("a", 0), (r"\p{L}", 8)])
            .unwrap_err();
    let paths: Vec<&str> = problems.0.iter().map(|p| p.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "terms[0].text",
            "terms[1].text",
            "patterns[0].regex",
            "patterns[1].regex",
            "patterns[2].max_len",
            "patterns[3].max_len",
            "patterns[4].regex"
        ]
    );
    assert!(problems.0.iter().all(|p| !p.hint.is_empty()));
}

#[test]
fn layers_nest_and_map_to_the_run() {
    let d = Detectors::new(&Settings::default()).unwrap();
    // base64 of base64 of "mail jane.doe@example.com today"
    let text = "see YldGcGJDQnFZVzVsTG1SdlpVQmxlR0Z0Y0d4bExtTnZiU0IwYjJSaGVRPT0= there";
    let report = d.scan(text, SpanKind::ToolResult, Guards::ALL);
    let f = report.findings.iter().find(|f| f.kind == FindingKind::Email).unwrap();
    assert_eq!(
        (f.layer, text.get(f.range.clone())),
        (Layer::Decoded, text.strip_prefix("see ").and_then(|t| t.strip_suffix(" there")))
    );
    let d = Detectors::new(&Settings { max_layers: 1, ..Settings::default() }).unwrap();
    assert!(d.scan(text, SpanKind::ToolResult, Guards::ALL).findings.is_empty());
    let d = Detectors::new(&Settings { max_decoded_bytes: 24, ..Settings::default() }).unwrap();
    assert!(d.scan(text, SpanKind::ToolResult, Guards::ALL).truncated);
}

#[test]
fn the_catalogue_names_each_rule_once() {
    let mut rules: Vec<_> = catalogue().into_iter().map(|(k, r, _)| (k, r)).collect();
    let all = rules.len();
    rules.sort_unstable();
    rules.dedup();
    assert_eq!(rules.len(), all);
}

proptest! {
    #[test]
    fn maps_stay_on_boundaries(text in any::<String>(), a in any::<usize>(), b in any::<usize>()) {
        let folded = fold(&text);
        let (decoded, map) = substitute(&folded.text).unwrap_or((folded.text.clone(), crate::view::map::Map::default()));
        let full = map.through(&folded.map);
        let floor = |n: usize| (0..=n % (decoded.len() + 1)).rev().find(|i| decoded.is_char_boundary(*i)).unwrap();
        let (a, b) = (floor(a).min(floor(b)), floor(a).max(floor(b)));
        let range = full.range(&(a..b));
        prop_assert!(text.get(range).is_some());
    }
}
