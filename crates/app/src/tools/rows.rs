//! Rows of the dialects' tables as JSON: for docs, and for the test that holds them against the official clients.

use cordon_wire::{Is, Row};
use serde_json::{Value, json};

/// One row.
pub(crate) fn to_json(row: &Row) -> Value {
    let (is, detail) = match &row.is {
        Is::Span(kind) => ("span", kind.name()),
        Is::Feature(feature) => ("feature", feature.name()),
        Is::Scalar => ("scalar", ""),
        Is::Enum => ("enum", ""),
        Is::Refused => ("refused", ""),
        Is::Structure => ("structure", ""),
        Is::Open => ("open", ""),
        Is::Issued => ("issued", ""),
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
