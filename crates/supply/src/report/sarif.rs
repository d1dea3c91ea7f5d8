//! SARIF 2.1.0 (OASIS): one run, its rules, a result a finding.

use super::{Entry, Rule, place};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Most places told of one finding.
const MAX_PLACES: usize = 20;

/// The log. `version` is this program's.
#[must_use]
pub fn sarif(entries: &[Entry], version: &str) -> Value {
    let rules: Vec<&Rule> = entries.iter().map(|e| &e.rule).collect::<BTreeSet<_>>().into_iter().collect();
    // One id is one rule, whatever titles it came with.
    let mut unique: Vec<&Rule> = Vec::new();
    for rule in rules {
        if unique.last().is_none_or(|last| last.id != rule.id) {
            unique.push(rule);
        }
    }
    let results: Vec<Value> = entries.iter().map(|e| result(e, &unique)).collect();
    let rules: Vec<Value> = unique.iter().map(|r| descriptor(r, entries)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "cordon", "semanticVersion": version, "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn descriptor(rule: &Rule, entries: &[Entry]) -> Value {
    let tenths =
        entries.iter().filter(|e| e.rule.id == rule.id).filter_map(|e| e.severity.as_ref()?.tenths).max();
    let mut properties = json!({"tags": ["security"]});
    if let (Some(tenths), Some(map)) = (tenths, properties.as_object_mut()) {
        // As code hosts read it: a score, as text.
        map.insert("security-severity".to_owned(), json!(format!("{}.{}", tenths / 10, tenths % 10)));
    }
    json!({"id": rule.id, "shortDescription": {"text": shown(&rule.title)}, "properties": properties})
}

fn result(entry: &Entry, rules: &[&Rule]) -> Value {
    let locations: Vec<Value> = entry.places.iter().take(MAX_PLACES).map(|p| location(p)).collect();
    json!({
        "ruleId": entry.rule.id,
        "ruleIndex": rules.iter().position(|r| r.id == entry.rule.id),
        "level": entry.weight.name(),
        "message": {"text": format!("{}: {}", shown(&entry.subject), shown(&entry.message))},
        "locations": locations,
        // The same finding in the next run, though its line has moved.
        "partialFingerprints": {"cordon/v1": format!("{} {}", entry.rule.id, entry.subject)},
    })
}

fn location(text: &str) -> Value {
    let (file, line) = place(text);
    let mut physical = json!({"artifactLocation": {"uri": uri(file)}});
    if let (Some(line), Some(map)) = (line, physical.as_object_mut()) {
        map.insert("region".to_owned(), json!({"startLine": line}));
    }
    json!({"physicalLocation": physical})
}

/// A path as a relative or `file` URI reference (RFC 3986): what is no part of one is percent-encoded.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    if path.starts_with('/') {
        out.push_str("file://");
    }
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                out.push(char::from(byte))
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn shown(text: &str) -> String {
    let text = cordon_inventory::asset::legible(text);
    if text.trim().is_empty() { "(nothing said)".to_owned() } else { text }
}
