//! What a session has seen: no text makes a value better than the one who brought it first.

use cordon_flow::{Bounds, Fields, Session};
use cordon_types::{Class, Integrity, Provenance};
use serde_json::Value;

/// `bounds text 0xff other 0xff asked`: texts that are seen, and a value that is asked about.
pub fn provenance(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let mut parts = rest.splitn(3, |b| *b == 0xff).map(String::from_utf8_lossy);
    let mut part = || parts.next().unwrap_or_default().into_owned();
    let (text, other, asked) = (part(), part(), part());
    // Also so small that most has to go.
    let size = if *first % 2 == 0 { 1 << 16 } else { usize::from(*first) };
    let bounds = Bounds { good: size, bad: size };
    let mut values: Vec<&str> = text.split_whitespace().take(40).collect();
    values.extend(other.split_whitespace().take(40));
    values.extend([text.as_str(), other.as_str(), asked.as_str()]);
    strangers_first(bounds, &text, &values);
    user_first(bounds, &text, &other, &values);
    as_json(bounds, &text, &asked);
}

/// Whatever strangers said stays theirs, also when the user repeats all of it.
fn strangers_first(bounds: Bounds, text: &str, values: &[&str]) {
    let mut session = Session::new(&[7; 16], bounds);
    session.saw(Provenance::Untrusted, Class::Public, text);
    session.saw(Provenance::User, Class::Public, text);
    assert_eq!(session.labels().integrity, Integrity::Untrusted);
    for value in values.iter().filter(|v| !v.trim().is_empty()) {
        assert!(!session.provenance(value).is_good(), "made good: {value:?} of {text:?}");
        assert!(!session.provenance_whole(value).is_good(), "made good: {value:?} of {text:?}");
    }
    assert!(session.entries() <= bounds.good.max(1) + bounds.bad.max(1), "not bounded");
}

/// What is good stays what it is or gets worse, whatever strangers add and a trusted tool repeats.
fn user_first(bounds: Bounds, text: &str, other: &str, values: &[&str]) {
    let mut session = Session::new(&[7; 16], bounds);
    session.saw(Provenance::User, Class::Public, text);
    let before: Vec<Provenance> = values.iter().map(|v| session.provenance(v)).collect();
    session.called(&Value::String(other.to_owned()));
    session.saw(Provenance::Untrusted, Class::Confidential, other);
    session.saw(Provenance::Trusted, Class::Public, other);
    assert_eq!(session.labels().class, Class::Confidential);
    for (value, before) in values.iter().zip(before) {
        let now = session.provenance(value);
        assert!(!now.is_good() || now <= before, "made better: {value:?}, {before} then {now}");
        let whole = session.provenance_whole(value);
        assert!(!whole.is_good() || whole == now, "whole is better than joined: {value:?}");
    }
}

fn as_json(bounds: Bounds, text: &str, asked: &str) {
    let Ok(result) = serde_json::from_str::<Value>(text) else { return };
    let mut session = Session::new(&[7; 16], bounds);
    let fields = Fields::all(Provenance::Untrusted);
    session.saw_json(
        &fields.clone().with(asked, Provenance::Trusted).unwrap_or(fields),
        Class::Public,
        &result,
    );
    let asked = Value::String(asked.to_owned());
    let all = [&result, &asked].map(|v| session.provenance_json(v, true, &|_| false));
    assert!(all.iter().all(|p| *p != Provenance::User), "the user said nothing");
}
