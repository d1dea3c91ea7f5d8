//! Rows of the dialects' tables as JSON: for docs, and for the test that holds them against the official clients.

use cordon_wire::{Is, Row};
use serde_json::{Value, json};

/// One row.
pub(crate) fn to_json(row: &Row) -> Value {
    let (is, detail) = match &row.is {
        Is::Span(kind) => ("span", kind.name().to_owned()),
        Is::Feature(feature) => ("feature", feature.name().to_owned()),
        Is::Enum(words) => ("enum", words.join("|")),
        Is::Scalar => ("scalar", String::new()),
        Is::Refused => ("refused", String::new()),
        Is::Structure => ("structure", String::new()),
        Is::Counters => ("counters", String::new()),
        Is::Opaque => ("opaque", String::new()),
        Is::Open => ("open", String::new()),
        Is::Issued => ("issued", String::new()),
    };
    json!({
        "operation": row.op.name(),
        "direction": match row.direction {
            cordon_types::Direction::Prompt => "prompt",
            cordon_types::Direction::Answer => "answer",
        },
        "stream": row.stream,
        "path": row.path,
        "is": is,
        "detail": detail,
    })
}
