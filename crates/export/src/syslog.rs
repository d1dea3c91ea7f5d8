//! Syslog (RFC 5424): one message a leaf, all of it structured data, no free text.
//!
//! ```text
//! <108>1 2026-11-25T13:00:00.123Z cordon.local cordon - intent [cordon@32473 index="7" type="intent" ...]
//! ```
//! Facility 13 (log audit). What it does not do: cut. A leaf is at most 64 KiB, and most are under 1 KiB; a receiver
//! must take 2,048 bytes (RFC 5424 section 6.1).

use crate::{
    Leaf, Log,
    fields::{Row, Value},
};
use cordon_ledger::{ControlKind, Decision, Finish, Record};
use cordon_types::time;

/// Log audit (RFC 5424, table 1).
const FACILITY: u8 = 13;

/// RFC 5424, table 2: 1 alert, 3 error, 4 warning, 5 notice, 6 informational.
pub(crate) fn severity(record: Option<&Record>) -> u8 {
    let Some(record) = record else { return 4 };
    if let Record::Control(r) = record {
        return match r.kind {
            ControlKind::Kill => 1,
            ControlKind::ReloadRefused | ControlKind::TornTail => 3,
            ControlKind::Refusal => 4,
            _ => 5,
        };
    }
    if matches!(record, Record::Outcome(r) if r.finish == Finish::Killed) {
        return 1;
    }
    match record.decision() {
        Some(Decision::Denied) => 4,
        Some(Decision::Error) => 3,
        Some(Decision::Observed) => 5,
        Some(Decision::Allowed) | None => 6,
    }
}

/// One leaf.
pub(crate) fn message(log: &Log, leaf: &Leaf) -> Vec<u8> {
    let record = leaf.record.as_ref();
    let priority = FACILITY * 8 + severity(record);
    let at = record.map(|r| time::rfc3339(r.at())).filter(|t| !t.is_empty());
    let host = log.origin.split('/').next().unwrap_or_default();
    let mut text = format!(
        "<{priority}>1 {} {} cordon - {} [cordon@{}",
        at.as_deref().unwrap_or("-"),
        header(host, 255),
        record.map_or("unknown", kind),
        log.enterprise
    );
    parameter(&mut text, "log", &log.origin);
    for (column, value) in Row::of(leaf).columns() {
        match value {
            None => {}
            Some(Value::Text(value)) => parameter(&mut text, column.name, value),
            Some(Value::Number(value)) => parameter(&mut text, column.name, &value.to_string()),
            Some(Value::List(values)) => parameter(&mut text, column.name, &values.join("|")),
        }
    }
    text.push(']');
    text.into_bytes()
}

/// A message behind its length, for a stream (RFC 6587 section 3.4.1).
#[must_use]
pub fn counted(message: &[u8]) -> Vec<u8> {
    let mut framed = format!("{} ", message.len()).into_bytes();
    framed.extend_from_slice(message);
    framed
}

pub(crate) const fn kind(record: &Record) -> &'static str {
    match record {
        Record::Intent(_) => "intent",
        Record::Outcome(_) => "outcome",
        Record::Control(r) => r.kind.name(),
    }
}

/// A header's part is printable ASCII, or `-`.
fn header(text: &str, most: usize) -> String {
    let text: String = text.chars().filter(char::is_ascii_graphic).take(most).collect();
    if text.is_empty() { "-".to_owned() } else { text }
}

/// ` name="value"`, escaped (RFC 5424 section 6.3.3); control characters become `?`.
fn parameter(text: &mut String, name: &str, value: &str) {
    text.push(' ');
    text.push_str(name);
    text.push_str("=\"");
    for c in value.chars() {
        match c {
            '"' | '\\' | ']' => text.extend(['\\', c]),
            c if c.is_control() => text.push('?'),
            c => text.push(c),
        }
    }
    text.push('"');
}
