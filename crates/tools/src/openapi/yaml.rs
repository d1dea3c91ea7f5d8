//! YAML to the same values as JSON, strictly: one document, no aliases, no tags, each key once.
//!
//! Plain scalars are what YAML 1.2's core schema says (10.3.2); what YAML 1.1 took for a boolean is a string.
//! What always holds: aliases are refused (a few lines could stand for gigabytes); depth and number of values are
//! bounded.

use crate::json::Bounds;
use cordon_types::Problem;
use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Number, Value};

fn bad(message: &str) -> Problem {
    Problem::new(
        "",
        format!("not accepted as YAML: {message}"),
        "send one document, without aliases and tags",
    )
}

enum Open {
    List(Vec<Value>),
    Map(Map<String, Value>, Option<String>),
}

/// Reads one YAML document.
pub(super) fn read(text: &[u8], bounds: &Bounds) -> Result<Value, Problem> {
    if text.len() > bounds.bytes {
        return Err(bad("it is too long"));
    }
    let text = std::str::from_utf8(text).map_err(|_| bad("it is not UTF-8"))?;
    let mut open: Vec<Open> = Vec::new();
    let mut done: Option<Value> = None;
    let mut left = bounds.nodes;
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|e| {
            let at = e.marker();
            let path = format!("line {}, column {}", at.line(), at.col() + 1);
            Problem { path, ..bad("it is no YAML") }
        })?;
        let value = match event {
            Event::Scalar(text, style, anchor, tag) => {
                if anchor != 0 || tag.is_some() {
                    return Err(bad("it has an anchor or a tag"));
                }
                left = left.checked_sub(1).ok_or_else(|| bad("it has too many values"))?;
                // A key is what is written, whatever it could mean.
                if let Some(Open::Map(members, key @ None)) = open.last_mut() {
                    if members.contains_key(text.as_ref()) {
                        return Err(bad("a key stands twice"));
                    }
                    *key = Some(text.into_owned());
                    continue;
                }
                if style == ScalarStyle::Plain { plain(&text)? } else { Value::String(text.into_owned()) }
            }
            Event::SequenceStart(0, None) => {
                deeper(&mut open, Open::List(Vec::new()), bounds)?;
                continue;
            }
            Event::MappingStart(0, None) => {
                deeper(&mut open, Open::Map(Map::new(), None), bounds)?;
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(items)) => Value::Array(items),
                Some(Open::Map(members, None)) => Value::Object(members),
                _ => return Err(bad("it ends before it should")),
            },
            Event::DocumentStart(_) if done.is_some() => return Err(bad("it has a second document")),
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::Nothing => {
                continue;
            }
            Event::Alias(_) | Event::SequenceStart(..) | Event::MappingStart(..) => {
                return Err(bad("it has an alias, an anchor or a tag"));
            }
        };
        match open.last_mut() {
            None => done = Some(value),
            Some(Open::List(items)) => items.push(value),
            Some(Open::Map(members, key)) => {
                let key = key.take().ok_or_else(|| bad("a key is no text"))?;
                members.insert(key, value);
            }
        }
    }
    done.ok_or_else(|| bad("it is empty"))
}

fn deeper(open: &mut Vec<Open>, it: Open, bounds: &Bounds) -> Result<(), Problem> {
    if matches!(open.last(), Some(Open::Map(_, None))) {
        return Err(bad("a key is no text"));
    }
    if open.len() >= bounds.depth {
        return Err(bad("it is nested too deep"));
    }
    open.push(it);
    Ok(())
}

/// YAML 1.2.2, section 10.3.2.
fn plain(text: &str) -> Result<Value, Problem> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b))
            && text.bytes().any(|b| b.is_ascii_digit()) =>
        {
            number(text)
        }
        _ => Value::String(text.to_owned()),
    })
}

fn number(text: &str) -> Value {
    if let Ok(n) = text.parse::<i64>() {
        return Value::Number(n.into());
    }
    let float = text.parse::<f64>().ok().and_then(Number::from_f64);
    // `1.2.3` is a version, and dates are texts.
    float.map_or_else(|| Value::String(text.to_owned()), Value::Number)
}
