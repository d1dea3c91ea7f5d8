//! JSON with comments, TOML and YAML to one kind of tree, within bounds.
//!
//! What always holds: aliases of YAML are not expanded (a few lines could stand for gigabytes); depth and number of
//! nodes are bounded.

use saphyr_parser::{Event, Parser};
use serde_json::{Map, Value};

/// Deepest nesting of a YAML file; the JSON and TOML readers have their own bounds.
const MAX_DEPTH: usize = 64;
/// Most nodes of a YAML file.
const MAX_NODES: usize = 200_000;

/// The tree of a configuration file, by its name's ending: JSON (with comments), TOML or YAML (whose scalars are all
/// strings here).
#[must_use]
pub fn parse(path: &str, text: &str) -> Option<Value> {
    if path.ends_with(".toml") {
        let table: toml::Table = text.parse().ok()?;
        return serde_json::to_value(table).ok();
    }
    if path.ends_with(".yaml") || path.ends_with(".yml") {
        return yaml(text);
    }
    serde_json::from_str(text).or_else(|_| serde_json::from_str(&plain(text))).ok()
}

/// JSON without comments and without commas before a closing bracket; every line stays where it was.
fn plain(text: &str) -> String {
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    let mut bytes = text.bytes().peekable();
    let mut in_string = false;
    // Where the last comma stands, if only space has come since.
    let mut comma: Option<usize> = None;
    while let Some(b) = bytes.next() {
        if in_string {
            out.push(b);
            match b {
                b'\\' => out.extend(bytes.next()),
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match (b, bytes.peek()) {
            (b'/', Some(b'/')) => {
                while bytes.peek().is_some_and(|n| *n != b'\n') {
                    bytes.next();
                }
            }
            (b'/', Some(b'*')) => {
                bytes.next();
                let mut last = 0;
                for n in bytes.by_ref() {
                    if n == b'\n' {
                        out.push(n);
                    }
                    if last == b'*' && n == b'/' {
                        break;
                    }
                    last = n;
                }
            }
            (b'}' | b']', _) => {
                if let Some(slot) = comma.take().and_then(|at| out.get_mut(at)) {
                    *slot = b' ';
                }
                out.push(b);
            }
            _ => {
                match b {
                    b',' => comma = Some(out.len()),
                    b' ' | b'\t' | b'\r' | b'\n' => {}
                    _ => comma = None,
                }
                in_string = b == b'"';
                out.push(b);
            }
        }
    }
    String::from_utf8(out).unwrap_or_default()
}

enum Open {
    List(Vec<Value>),
    Map(Map<String, Value>, Option<String>),
}

/// The first document of a YAML file; scalars are strings.
fn yaml(text: &str) -> Option<Value> {
    let mut stack: Vec<Open> = Vec::new();
    for (nodes, event) in Parser::new_from_str(text).enumerate() {
        if nodes > MAX_NODES || stack.len() > MAX_DEPTH {
            return None;
        }
        let done = match event.ok()?.0 {
            Event::MappingStart(..) => {
                stack.push(Open::Map(Map::new(), None));
                continue;
            }
            Event::SequenceStart(..) => {
                stack.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingEnd | Event::SequenceEnd => match stack.pop()? {
                Open::List(list) => Value::Array(list),
                Open::Map(map, _) => Value::Object(map),
            },
            Event::Scalar(value, ..) => Value::String(value.into_owned()),
            Event::Alias(_) => Value::Null,
            Event::DocumentEnd | Event::StreamEnd => return None,
            _ => continue,
        };
        match stack.last_mut() {
            None => return Some(done),
            Some(Open::List(list)) => list.push(done),
            Some(Open::Map(map, key)) => match key.take() {
                Some(key) => {
                    map.insert(key, done);
                }
                None => *key = Some(done.as_str().unwrap_or_default().to_owned()),
            },
        }
    }
    None
}
