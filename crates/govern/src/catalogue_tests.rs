use super::*;
use std::collections::BTreeSet;

fn natural(id: &str) -> Vec<(bool, u64, String)> {
    let mut parts: Vec<String> = Vec::new();
    for c in id.chars() {
        match parts.last_mut() {
            Some(last) if last.ends_with(|l: char| l.is_ascii_digit() == c.is_ascii_digit()) => last.push(c),
            _ => parts.push(c.to_string()),
        }
    }
    parts.into_iter().map(|p| p.parse().map_or((true, 0, p.clone()), |n| (false, n, String::new()))).collect()
}

#[test]
fn the_data_hold_together() {
    let catalogue = Catalogue::embedded().unwrap();
    assert_eq!(catalogue.frameworks.len(), 11);
    assert_eq!(catalogue.frameworks.iter().map(|f| f.controls.len()).sum::<usize>(), 313);
    assert!(catalogue.frameworks.is_sorted_by(|a, b| a.slug < b.slug));
    for framework in &catalogue.frameworks {
        assert!(!framework.source.is_empty() && framework.licence.ends_with('.'), "{}", framework.slug);
        assert_ne!(framework.slug, "all");
        let ids: Vec<_> = framework.controls.iter().map(|c| natural(&c.id)).collect();
        assert!(ids.is_sorted_by(|a, b| a < b), "{}: sorted, each once", framework.slug);
        let slugs: BTreeSet<_> = framework.controls.iter().map(Control::slug).collect();
        assert_eq!(
            slugs.len(),
            framework.controls.len(),
            "{}: each page has a name of its own",
            framework.slug
        );
        for control in &framework.controls {
            let named: BTreeSet<_> = control.evidence.iter().map(|e| e.name()).collect();
            assert!(!named.is_empty() && named.len() == control.evidence.len(), "{}", control.id);
            assert!(!control.asks.is_empty() && !control.looks_for.is_empty() && !control.title.is_empty());
            assert!(!control.asks.to_lowercase().contains("compliant"), "{}", control.id);
        }
    }
}

#[test]
fn every_evidence_type_is_described_once() {
    let catalogue = Catalogue::embedded().unwrap();
    let ids: Vec<_> = catalogue.evidence.iter().map(|e| e.id).collect();
    assert_eq!(ids, EvidenceId::ALL, "sorted and complete");
    assert!(EvidenceId::ALL.is_sorted_by(|a, b| a.name() < b.name()));
    let asked: BTreeSet<_> =
        catalogue.frameworks.iter().flat_map(|f| &f.controls).flat_map(|c| &c.evidence).collect();
    assert_eq!(asked.len(), 27, "each is asked for by some control");
    assert_eq!(EvidenceId::from_name("EV-DLP"), Some(EvidenceId::Dlp));
    assert_eq!(EvidenceId::from_name("EV-NONE"), None);
}

#[test]
fn clocks_belong_to_frameworks() {
    let catalogue = Catalogue::embedded().unwrap();
    assert!(catalogue.clocks.is_sorted_by(|a, b| a.id < b.id));
    for clock in &catalogue.clocks {
        assert!(clock.framework.as_ref().is_none_or(|f| catalogue.framework(f).is_some()), "{}", clock.id);
    }
    assert!(catalogue.clocks.iter().any(|c| !c.verified), "what was not checked says so");
}

#[test]
fn slugs() {
    let slug = |id: &str| {
        let catalogue = Catalogue::embedded().unwrap();
        Control { id: id.to_owned(), ..catalogue.frameworks[0].controls[0].clone() }.slug()
    };
    for (id, expected) in [
        ("GOVERN 1.1", "govern-1.1"),
        ("164.312(a)(2)(iii)", "c-164.312-a-2-iii"),
        ("A&A", "a-a"),
        ("AML.T0051.000", "aml.t0051.000"),
        ("LLM01:2025", "llm01-2025"),
        ("../../etc", "c-..-..-etc"),
    ] {
        assert_eq!(slug(id), expected);
    }
}
