//! From a table's path to a message that has something at that place.
//!
//! ```text
//! messages[role=user].content[type=text].text --steps--> {"messages":[{"role":"user","content":[..]}]} --repair--> valid
//! ```
//! What always holds: required fields beside the place are filled in by asking the parser what is missing, so that a
//! new row needs nothing here. What it does not do: choose what stands at the place.

use cordon_wire::{WireCode, WireError};
use serde_json::{Map, Value, json};

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    Item,
    Tag(String, String),
    Any,
}

/// `a.b[type=x]{by=y}.*[]`
fn steps(path: &str) -> Vec<Step> {
    let mut out = Vec::new();
    let mut rest = path;
    while let Some(first) = rest.chars().next() {
        let (head, tail) = match first {
            '[' => rest.strip_prefix('[').and_then(|r| r.split_once(']')).unwrap(),
            '{' => rest.strip_prefix('{').and_then(|r| r.split_once('}')).unwrap(),
            '.' => {
                rest = rest.strip_prefix('.').unwrap();
                continue;
            }
            _ => rest.split_at(rest.find(['.', '[', '{']).unwrap_or(rest.len())),
        };
        if first == '[' {
            out.push(Step::Item);
        }
        match (first, head.split_once('=')) {
            ('[' | '{', Some((by, tag))) => out.push(Step::Tag(by.to_owned(), tag.to_owned())),
            ('[', None) => {}
            _ if head == "*" => out.push(Step::Any),
            _ => out.push(Step::Field(head.to_owned())),
        }
        rest = tail;
    }
    out
}

/// The message with `leaf` at `path`; what else it needs is not there yet.
pub fn build(path: &str, leaf: &Value) -> Value {
    steps(path).into_iter().rev().fold(leaf.clone(), |inner, step| match step {
        Step::Field(name) => json!({ (name): inner }),
        Step::Any => json!({ "k": inner }),
        Step::Item => json!([inner]),
        Step::Tag(by, tag) => {
            let mut object = if inner.is_object() { inner } else { Value::Object(Map::new()) };
            object[by] = Value::String(tag);
            object
        }
    })
}

/// What is tried where a required field is missing, in this order; then words, then any JSON type.
fn named(field: &str) -> Option<Value> {
    Some(match field {
        "model" => json!("m"),
        "name" => json!("t"),
        "index" => json!(0),
        "arguments" => json!("{}"),
        "input" | "input_schema" | "parameters" | "schema" => json!({}),
        "role" => json!("assistant"),
        _ => return None,
    })
}

const WORDS: &[&str] = &[
    "text",
    "function",
    "message",
    "base64",
    "image/png",
    "text/plain",
    "application/pdf",
    "approximate",
    "url",
    "json_schema",
    "object",
    "content",
    "server_tool_use",
    "wav",
    "lark",
    "auto",
    "explicit",
    "custom",
    "document",
    "ephemeral",
    "anthropic",
    "refusal",
];

/// Fills in what the parser says is missing. Errors with the parser's word when that does not lead anywhere.
pub fn repair(mut value: Value, parse: &dyn Fn(&Value) -> Result<(), WireError>) -> Result<Value, WireError> {
    for _ in 0..64 {
        let Err(error) = parse(&value) else { return Ok(value) };
        if error.code != WireCode::MissingField {
            return Err(error);
        }
        let (holder, field) = place(&error.path);
        let words = WORDS.iter().map(|w| json!(w));
        let types = [json!("x"), json!(1), json!([]), json!({}), json!(false)];
        // A type's word is one of a closed set; anything else is best served by a plain value.
        let candidates: Vec<Value> = match field.as_str() {
            "type" | "format" | "media_type" | "syntax" | "mode" => words.chain(types).collect(),
            _ => named(&field).into_iter().chain(types).chain(words).collect(),
        };
        let fits = candidates.into_iter().find_map(|candidate| {
            let mut tried = value.clone();
            tried.pointer_mut(&holder)?.as_object_mut()?.insert(field.clone(), candidate);
            match parse(&tried) {
                Err(e) if e.path.starts_with(&error.path) && e.code != WireCode::MissingField => None,
                Err(e) if e.path == error.path => None,
                _ => Some(tried),
            }
        });
        value = fits.ok_or(error)?;
    }
    parse(&value).map(|()| value)
}

/// `messages[0].content` as a JSON pointer to the object, and the field.
fn place(path: &str) -> (String, String) {
    let pointer = format!("/{}", path.replace(['.', '['], "/").replace(']', ""));
    let (holder, field) = pointer.rsplit_once('/').unwrap();
    (holder.to_owned(), field.to_owned())
}

/// The message with every list on the way to the place begun by harmless items, so that the place is in the n-th
/// choice, message, part or call.
pub fn several(plain: &Value, with: &Value) -> Value {
    match (plain, with) {
        (Value::Object(a), Value::Object(b)) => {
            let inner = |(k, v): (&String, &Value)| {
                let made = a.get(k).map_or_else(|| v.clone(), |p| several(p, v));
                (k.clone(), numbered(k, made))
            };
            Value::Object(b.iter().map(inner).collect())
        }
        (Value::Array(a), Value::Array(b)) => {
            let last = b.iter().zip(a).map(|(v, p)| several(p, v));
            Value::Array(a.iter().chain(a).cloned().chain(last).collect())
        }
        _ => with.clone(),
    }
}

/// Choices carry their own number.
fn numbered(key: &str, mut list: Value) -> Value {
    if key == "choices" || key == "tool_calls" {
        for (n, item) in list.as_array_mut().into_iter().flatten().enumerate() {
            if item.get("index").is_some() {
                item["index"] = json!(n);
            }
        }
    }
    list
}

#[test]
fn paths_become_messages() {
    let check = |path: &str, expected: Value| assert_eq!(build(path, &json!("X")), expected, "{path}");
    check("a.b", json!({"a": {"b": "X"}}));
    check(
        "m[role=user].content[type=text].text",
        json!({"m": [{"role": "user", "content": [{"type": "text", "text": "X"}]}]}),
    );
    check("c[type=s]{name=w}.q", json!({"c": [{"type": "s", "name": "w", "q": "X"}]}));
    check("{type=e}.delta{type=t}.text", json!({"type": "e", "delta": {"type": "t", "text": "X"}}));
    check("metadata.*", json!({"metadata": {"k": "X"}}));
    check("stop[]", json!({"stop": ["X"]}));
}
