//! Versions and advisories against what others say: `data/orders.tsv` (two versions, the registry's own comparator) and
//! `data/cases.tsv` (a real advisory's ranges and a version). `data/oracle.py` asks the comparators.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's own functions fail by panicking, as its cases do"
)]

use cordon_supply::Ecosystem;
use cordon_supply::osv::{self, Answer};
use serde_json::{Value, json};
use std::cmp::Ordering;
use std::collections::BTreeSet;

fn rows(text: &'static str) -> Vec<Vec<&'static str>> {
    let lines = text.lines().filter(|l| !l.starts_with('#')).skip(1);
    lines.map(|l| l.split('\t').collect()).collect()
}

#[test]
fn versions_are_ordered_as_their_registries_order_them() {
    let all = rows(include_str!("data/orders.tsv"));
    assert!(all.len() > 400, "{}", all.len());
    let mut wrong = Vec::new();
    for row in &all {
        let [ecosystem, a, b, expected, _] = row[..] else { panic!("{row:?}") };
        let scheme = Ecosystem::from_osv(ecosystem).unwrap().scheme();
        let told = |order| match order {
            Some(Ordering::Less) => "<",
            Some(Ordering::Equal) => "=",
            Some(Ordering::Greater) => ">",
            None => "unread",
        };
        let (there, back) = (told(scheme.compare(a, b)), told(scheme.compare(b, a).map(Ordering::reverse)));
        if there != expected || back != expected {
            wrong.push(format!("{ecosystem}: {a} {there} {b}, backwards {back}; expected {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));
}

/// `introduced=1 fixed=2 | introduced=3`: a range each.
fn record(id: &str, ecosystem: &str, name: &str, kind: &str, events: &str) -> Value {
    let event = |e: &str| {
        let (key, value) = e.split_once('=').unwrap();
        json!({key: value})
    };
    let ranges: Vec<Value> = events
        .split(" | ")
        .map(|r| json!({"type": kind, "events": r.split(' ').map(event).collect::<Vec<_>>()}))
        .collect();
    let package = json!({"ecosystem": ecosystem, "name": name});
    json!({"id": id, "modified": "2026-11-01T00:00:00Z", "affected": [{"package": package, "ranges": ranges}]})
}

#[test]
fn real_advisories_hold_where_they_should() {
    let all = rows(include_str!("data/cases.tsv"));
    let advisories: BTreeSet<&str> = all.iter().map(|r| r[0]).collect();
    assert!(all.len() >= 600 && advisories.len() >= 150, "{} of {}", all.len(), advisories.len());
    let mut sorted = all.clone();
    sorted.sort();
    assert!(all == sorted, "the table is not sorted");
    let mut wrong = Vec::new();
    for row in &all {
        let [id, ecosystem, name, kind, events, version, expected, oracle, source, licence] = row[..] else {
            panic!("{row:?}")
        };
        assert!(!oracle.is_empty() && !source.is_empty() && !licence.is_empty(), "{row:?}");
        let text = record(id, ecosystem, name, kind, events).to_string();
        let advisory = osv::read(text.as_bytes()).unwrap();
        let found = match advisory.affected[0].affects(version) {
            Answer::Affected => "affected",
            Answer::NotAffected => "not",
            Answer::Possible(_) => "possible",
        };
        if found != expected {
            wrong
                .push(format!("{id} {name} {events} at {version}: {found}, expected {expected} by {oracle}"));
        }
        // Written out and read again, it is the same.
        assert_eq!(osv::read(advisory.to_json().to_string().as_bytes()).unwrap(), advisory);
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));
}
