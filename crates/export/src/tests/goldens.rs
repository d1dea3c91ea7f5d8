//! One golden a format: what receivers will see. A change here is a change for them.

use super::{leaf, lines, made};
use crate::{Format, Leaf};
use cordon_ledger::{Control, ControlKind, Reason};
use serde_json::Value;
use std::collections::BTreeMap;

fn leaves() -> Vec<Leaf> {
    let refusal = Control {
        reason: Some(Reason::Unauthenticated),
        count: Some(3),
        ..made::control(ControlKind::Refusal)
    };
    vec![
        leaf(7, made::intent().encode()),
        leaf(8, made::outcome().encode()),
        leaf(9, made::kill().encode()),
        leaf(10, refusal.encode()),
    ]
}

/// With sorted keys: whether serde_json keeps their order depends on what else is built.
fn pretty(line: &str) -> String {
    fn sorted(value: Value) -> Value {
        match value {
            Value::Object(map) => {
                let ordered: BTreeMap<String, Value> = map.into_iter().map(|(k, v)| (k, sorted(v))).collect();
                Value::Object(ordered.into_iter().collect())
            }
            Value::Array(all) => all.into_iter().map(sorted).collect(),
            other => other,
        }
    }
    serde_json::to_string_pretty(&sorted(serde_json::from_str(line).unwrap())).unwrap()
}

#[test]
fn ocsf() {
    let events: Vec<String> = lines(Format::Ocsf, &leaves()).iter().map(|l| pretty(l)).collect();
    insta::assert_snapshot!("ocsf", events.join("\n"));
}

#[test]
fn otlp() {
    let all = lines(Format::Otlp, &leaves());
    assert_eq!(all.len(), 1);
    insta::assert_snapshot!("otlp", pretty(&all[0]));
    assert!(lines(Format::Otlp, &[]).is_empty());
}

#[test]
fn csv() {
    let head = String::from_utf8(Format::Csv.head().unwrap()).unwrap();
    insta::assert_snapshot!("csv", format!("{head}\n{}", lines(Format::Csv, &leaves()).join("\n")));
}

#[test]
fn syslog() {
    insta::assert_snapshot!("syslog", lines(Format::Syslog, &leaves()).join("\n"));
}

#[test]
fn jsonl() {
    insta::assert_snapshot!("jsonl", lines(Format::Jsonl, &leaves()).join("\n"));
}
