//! Reading streams in tests, and merging them as the official clients do.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use cordon_types::Operation;
use cordon_wire::{Event, EventEdit, Frame, Limits, SseReader};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub fn frames(stream: &str) -> Vec<Frame> {
    let mut reader = SseReader::new(1 << 20);
    reader.push(stream.as_bytes());
    let mut frames = Vec::new();
    while let Some(frame) = reader.next().unwrap() {
        frames.push(frame);
    }
    reader.finish().unwrap();
    frames
}

pub fn events(op: Operation, stream: &str) -> Vec<Event> {
    let parse = |f| cordon_wire::parse_event(op, f, &Limits::default()).unwrap();
    frames(stream).into_iter().map(parse).collect()
}

pub fn parse(op: Operation, frame: &str) -> Event {
    let mut all = events(op, frame);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

pub fn render(event: &Event, edits: &[EventEdit]) -> String {
    String::from_utf8(event.render(edits).unwrap().unwrap().to_vec()).unwrap()
}

fn data(stream: &str) -> Vec<Value> {
    frames(stream).iter().filter_map(|f| serde_json::from_slice(&f.data).ok()).collect()
}

/// Choices by index: strings are added to each other, calls are merged by their index.
pub fn merge_openai(stream: &str) -> BTreeMap<u64, Value> {
    let mut choices: BTreeMap<u64, Value> = BTreeMap::new();
    for chunk in data(stream) {
        for choice in chunk["choices"].as_array().into_iter().flatten() {
            let into = choices.entry(choice["index"].as_u64().unwrap()).or_insert_with(|| json!({}));
            add(into, &choice["delta"]);
            if !choice["finish_reason"].is_null() {
                into["finish_reason"] = choice["finish_reason"].clone();
            }
        }
    }
    choices
}

fn add(into: &mut Value, delta: &Value) {
    match delta {
        Value::Object(members) => {
            if !into.is_object() {
                *into = Value::Object(Map::new());
            }
            for (key, value) in members.iter().filter(|(k, _)| !matches!(k.as_str(), "index" | "type")) {
                add(&mut into[key], value);
            }
        }
        Value::Array(items) => {
            if !into.is_object() {
                *into = Value::Object(Map::new());
            }
            for item in items {
                add(&mut into[item["index"].to_string()], item);
            }
        }
        Value::String(text) => *into = json!(into.as_str().unwrap_or("").to_owned() + text),
        Value::Null => {}
        other => *into = other.clone(),
    }
}

/// The message that a Messages stream adds up to; what a client prints as it comes stands under `printed`.
pub fn merge_anthropic(stream: &str) -> Value {
    let mut message = Value::Null;
    let mut printed = String::new();
    for event in data(stream) {
        match event["type"].as_str().unwrap() {
            "message_start" => message = event["message"].clone(),
            "content_block_start" => {
                let content = message["content"].as_array_mut().unwrap();
                assert_eq!(event["index"], json!(content.len()));
                content.push(event["content_block"].clone());
            }
            "content_block_delta" => {
                let index = usize::try_from(event["index"].as_u64().unwrap()).unwrap();
                let block = &mut message["content"][index];
                let delta = &event["delta"];
                let (of, key, from) = match delta["type"].as_str().unwrap() {
                    "text_delta" => ("text", "text", "text"),
                    "thinking_delta" => ("thinking", "thinking", "thinking"),
                    "signature_delta" => ("thinking", "signature", "signature"),
                    "input_json_delta" => ("tool_use", "json", "partial_json"),
                    _ => continue,
                };
                assert_eq!(block["type"], json!(of));
                let piece = delta[from].as_str().unwrap();
                if of == "text" {
                    printed.push_str(piece);
                }
                block[key] = json!(block[key].as_str().unwrap_or("").to_owned() + piece);
            }
            "message_delta" => message["stop_reason"] = event["delta"]["stop_reason"].clone(),
            _ => {}
        }
    }
    message["printed"] = json!(printed);
    message
}
