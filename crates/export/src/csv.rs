//! Comma-separated values (RFC 4180): one leaf a line, the columns of the one table, several texts in a field
//! behind `|`.
//!
//! A name of the operator's can begin with a sign that a spreadsheet takes for a formula (`=`, `+`, `-`, `@`): such a
//! field gets an apostrophe before it, which spreadsheets do not show.

use crate::{
    Leaf,
    fields::{COLUMNS, Row, Value},
};

/// The line of column names.
pub(crate) fn head() -> Vec<u8> {
    write(COLUMNS.iter().map(|c| c.name.to_owned()))
}

/// One leaf.
pub(crate) fn line(leaf: &Leaf) -> Vec<u8> {
    write(Row::of(leaf).columns().map(|(_, value)| match value {
        None => String::new(),
        Some(Value::Text(text)) => inert(text.clone()),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::List(texts)) => inert(texts.join("|")),
    }))
}

fn inert(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text }
}

fn write(fields: impl Iterator<Item = String>) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    // A writer to memory does not fail.
    let _ = writer.write_record(fields);
    let mut line = writer.into_inner().unwrap_or_default();
    while line.last().is_some_and(|b| matches!(b, b'\n' | b'\r')) {
        line.pop();
    }
    line
}
