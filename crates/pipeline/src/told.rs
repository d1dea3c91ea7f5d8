//! What a model was told, by whom: the array of messages of one request, for the flow of information.
//!
//! What always holds: the request had been read strictly before it comes here (no key twice, no field unknown), so
//! that there is one way to read it; what cannot be placed is told by nobody that can be trusted. What it
//! deliberately does not do: judge or forward anything; it is read only where an answer calls a tool.

use cordon_types::Operation;
use serde_json::Value;
use std::collections::HashMap;

/// A piece of what a model was told.
#[derive(Debug)]
pub(crate) enum Told<'a> {
    /// In a message of role `user`: the user's words, or asserted to be.
    User(&'a str),
    /// What a tool returned. `tool`: as it was called in this array, where it was.
    Result {
        /// The tool's name.
        tool: Option<&'a str>,
        /// What it returned: a text, or blocks.
        content: &'a Value,
    },
    /// The model called a tool with these arguments: what it made up is its own.
    Called(Value),
    /// A document or the like, wherever it stands.
    Other(&'a Value),
}

/// Calls `each` for all that the model was told, in order. Instructions of the application and the model's own words
/// are left out: they supply nothing. Linear in the body.
pub(crate) fn told<'a>(op: Operation, body: &'a Value, mut each: impl FnMut(Told<'a>)) {
    let messages = body.get("messages").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut calls: HashMap<&str, &str> = HashMap::new();
    for message in messages {
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
        note_calls(message, &mut calls, &mut each);
        let Some(content) = message.get("content") else { continue };
        match (op, role) {
            (_, "assistant") => foreign(content, &mut each),
            (_, "system" | "developer") => {}
            (Operation::ChatCompletions, "tool" | "function") => {
                let by_id = message.get("tool_call_id").and_then(Value::as_str);
                let named = message.get("name").and_then(Value::as_str);
                let tool = by_id.and_then(|id| calls.get(id).copied()).or(named.filter(|_| by_id.is_none()));
                each(Told::Result { tool, content });
            }
            (_, "user") => user(content, &calls, &mut each),
            _ => each(Told::Other(content)),
        }
    }
}

/// Which id was given to a call of which tool.
fn note_calls<'a>(
    message: &'a Value,
    calls: &mut HashMap<&'a str, &'a str>,
    each: &mut impl FnMut(Told<'a>),
) {
    let text = |v: &'a Value, key: &str| v.get(key).and_then(Value::as_str);
    for call in message.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
        let function = call.get("function");
        let name = function.and_then(|f| text(f, "name"));
        let arguments = function.and_then(|f| text(f, "arguments")).unwrap_or_default();
        each(Told::Called(serde_json::from_str(arguments).unwrap_or_else(|_| arguments.into())));
        if let (Some(id), Some(name)) = (text(call, "id"), name) {
            calls.insert(id, name);
        }
    }
    for block in message.get("content").and_then(Value::as_array).into_iter().flatten() {
        if text(block, "type") == Some("tool_use")
            && let (Some(id), Some(name)) = (text(block, "id"), text(block, "name"))
        {
            each(Told::Called(block.get("input").cloned().unwrap_or_default()));
            calls.insert(id, name);
        }
    }
}

/// What stands in a model's turn and is not its own: what tools of the provider's own side returned.
fn foreign<'a>(content: &'a Value, each: &mut impl FnMut(Told<'a>)) {
    const OWN: [&str; 4] = ["text", "tool_use", "thinking", "redacted_thinking"];
    for block in content.as_array().into_iter().flatten() {
        if !block.get("type").and_then(Value::as_str).is_some_and(|kind| OWN.contains(&kind)) {
            each(Told::Other(block));
        }
    }
}

fn user<'a>(content: &'a Value, calls: &HashMap<&str, &'a str>, each: &mut impl FnMut(Told<'a>)) {
    let Some(blocks) = content.as_array() else {
        return match content.as_str() {
            Some(text) => each(Told::User(text)),
            None => each(Told::Other(content)),
        };
    };
    for block in blocks {
        match block.get("type").and_then(Value::as_str) {
            Some("text") => {
                if let Some(text) = block.get("text").and_then(Value::as_str) {
                    each(Told::User(text));
                }
            }
            Some("tool_result") => {
                let id = block.get("tool_use_id").and_then(Value::as_str);
                let tool = id.and_then(|id| calls.get(id).copied());
                if let Some(content) = block.get("content") {
                    each(Told::Result { tool, content });
                }
            }
            _ => each(Told::Other(block)),
        }
    }
}

/// Every string below a value.
pub(crate) fn leaves<'a>(value: &'a Value, each: &mut impl FnMut(&'a str)) {
    match value {
        Value::String(text) => each(text),
        Value::Array(items) => items.iter().for_each(|v| leaves(v, each)),
        Value::Object(map) => map.values().for_each(|v| leaves(v, each)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(op: Operation, body: &Value, expected: &[(&str, &str)]) {
        let mut found: Vec<(String, String)> = Vec::new();
        told(op, body, |t| match t {
            Told::User(text) => found.push(("user".into(), text.into())),
            Told::Result { tool, content } => {
                leaves(content, &mut |text: &str| found.push((tool.unwrap_or("?").into(), text.into())));
            }
            Told::Called(v) => found.push(("called".into(), v.to_string())),
            Told::Other(v) => leaves(v, &mut |text: &str| found.push(("other".into(), text.into()))),
        });
        let found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn of_chat_completions() {
        let body = json!({"messages": [
            {"role": "system", "content": "be good"},
            {"role": "user", "content": [{"type": "text", "text": "pay ann"}]},
            {"role": "assistant", "content": "sure", "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "read_page", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "a page"},
            {"role": "tool", "tool_call_id": "c9", "name": "read_page", "content": [{"type": "text", "text": "b"}]},
        ]});
        let expected =
            [("user", "pay ann"), ("called", "{}"), ("read_page", "a page"), ("?", "text"), ("?", "b")];
        check(Operation::ChatCompletions, &body, &expected);
    }

    #[test]
    fn of_messages() {
        let body = json!({"system": "be good", "messages": [
            {"role": "user", "content": "pay ann"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "read", "input": {}},
                {"type": "text", "text": "its own"},
                {"type": "web_search_tool_result", "content": "w"}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "x"},
                    {"type": "search_result", "source": "s", "content": [{"type": "text", "text": "y"}]}]},
                {"type": "document", "source": {"type": "text", "data": "z"}},
                {"type": "text", "text": "go on"}]},
        ]});
        let expected = [
            ("user", "pay ann"),
            ("called", "{}"),
            ("other", "web_search_tool_result"),
            ("other", "w"),
            ("read", "text"),
            ("read", "x"),
            ("read", "search_result"),
            ("read", "s"),
            ("read", "text"),
            ("read", "y"),
            ("other", "document"),
            ("other", "text"),
            ("other", "z"),
            ("user", "go on"),
        ];
        check(Operation::Messages, &body, &expected);
    }
}
