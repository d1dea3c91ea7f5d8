//! OpenTelemetry logs: an `ExportLogsServiceRequest` in OTLP's JSON form (OTLP specification, "OTLP/HTTP", JSON
//! Protobuf Encoding: 64-bit numbers as strings).
//!
//! What it does not do: give trace ids. Cordon starts no trace, and a request id posing as one would lead nowhere.

use crate::{
    Leaf, Log,
    fields::{Row, Value},
    syslog,
};
use cordon_ledger::Record;
use serde_json::{Value as Json, json};

/// One request for all leaves.
pub(crate) fn request(log: &Log, leaves: &[Leaf]) -> Vec<u8> {
    let resource = [
        ("service.name", json!({"stringValue": "cordon"})),
        ("service.version", json!({"stringValue": log.version})),
        ("service.instance.id", json!({"stringValue": log.origin})),
    ];
    let records: Vec<Json> = leaves.iter().map(record).collect();
    let request = json!({"resourceLogs": [{
        "resource": {"attributes": resource.map(|(key, value)| json!({"key": key, "value": value}))},
        "scopeLogs": [{"scope": {"name": "cordon.audit", "version": log.version}, "logRecords": records}],
    }]});
    request.to_string().into_bytes()
}

fn record(leaf: &Leaf) -> Json {
    let known = leaf.record.as_ref();
    let kind = known.map_or("unknown", syslog::kind);
    let (number, text) = severity(syslog::severity(known));
    let body = match known.and_then(Record::decision) {
        Some(decision) => format!("{kind} {}", decision.name()),
        None => kind.to_owned(),
    };
    let nanos = known.map_or(0, Record::at).saturating_mul(1_000_000).to_string();
    let attributes: Vec<Json> = Row::of(leaf)
        .columns()
        .filter(|(column, _)| column.name != "time")
        .filter_map(|(column, value)| Some(json!({"key": column.otlp, "value": any(value?)})))
        .collect();
    json!({
        "timeUnixNano": nanos,
        "observedTimeUnixNano": nanos,
        "severityNumber": number,
        "severityText": text,
        "eventName": format!("cordon.{kind}"),
        "body": {"stringValue": body},
        "attributes": attributes,
    })
}

fn any(value: &Value) -> Json {
    match value {
        Value::Text(text) => json!({"stringValue": text}),
        Value::Number(number) => json!({"intValue": i64::try_from(*number).unwrap_or(i64::MAX).to_string()}),
        Value::List(texts) => {
            let values: Vec<Json> = texts.iter().map(|t| json!({"stringValue": t})).collect();
            json!({"arrayValue": {"values": values}})
        }
    }
}

/// OpenTelemetry's severity for syslog's (logs data model, appendix B).
const fn severity(syslog: u8) -> (u8, &'static str) {
    match syslog {
        0 | 1 => (19, "ERROR3"),
        2 | 3 => (17, "ERROR"),
        4 => (13, "WARN"),
        5 => (10, "INFO2"),
        _ => (9, "INFO"),
    }
}
