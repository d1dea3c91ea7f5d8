//! Requests in both dialects, from the same words.

use cordon_types::Dialect;
use serde_json::{Map, Value, json};

/// A request in the making.
pub(super) struct Prompt {
    pub(super) dialect: Dialect,
    pub(super) stream: bool,
    model: &'static str,
    system: Option<&'static str>,
    tools: Vec<Value>,
    messages: Vec<Value>,
}

impl Prompt {
    pub(super) const fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            stream: false,
            model: "gullible",
            system: None,
            tools: Vec::new(),
            messages: Vec::new(),
        }
    }

    pub(super) const fn stream(mut self) -> Self {
        self.stream = true;
        self
    }

    pub(super) const fn model(mut self, model: &'static str) -> Self {
        self.model = model;
        self
    }

    pub(super) const fn system(mut self, text: &'static str) -> Self {
        self.system = Some(text);
        self
    }

    pub(super) fn user(mut self, text: &str) -> Self {
        self.messages.push(json!({"role": "user", "content": text}));
        self
    }

    /// Offers a tool.
    pub(super) fn tool(self, name: &str) -> Self {
        let (about, schema) = ("a tool of the demo's", json!({"type": "object", "properties": {}}));
        let tool = match self.dialect {
            Dialect::OpenaiChat | Dialect::Mcp => json!({
                "type": "function",
                "function": {"name": name, "description": about, "parameters": schema},
            }),
            Dialect::AnthropicMessages => {
                json!({"name": name, "description": about, "input_schema": schema})
            }
        };
        self.raw_tool(tool)
    }

    pub(super) fn raw_tool(mut self, tool: Value) -> Self {
        self.tools.push(tool);
        self
    }

    /// The user asked for a page, the model called `read_page`, and this is what the tool gave.
    pub(super) fn result(self, text: &str) -> Self {
        let mut prompt = self.user("Read the page and tell me what it says.");
        match prompt.dialect {
            Dialect::OpenaiChat | Dialect::Mcp => prompt.messages.extend([
                json!({"role": "assistant", "content": null, "tool_calls": [
                    {"id": "call_1", "type": "function",
                     "function": {"name": "read_page", "arguments": "{\"page\":\"7\"}"}},
                ]}),
                json!({"role": "tool", "tool_call_id": "call_1", "content": text}),
            ]),
            Dialect::AnthropicMessages => prompt.messages.extend([
                json!({"role": "assistant", "content": [
                    {"type": "tool_use", "id": "call_1", "name": "read_page", "input": {"page": "7"}},
                ]}),
                json!({"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "call_1", "content": text},
                ]}),
            ]),
        }
        prompt
    }

    /// The request's body.
    pub(super) fn body(self) -> Value {
        let mut messages = self.messages;
        let mut body = Map::new();
        body.insert("model".to_owned(), json!(self.model));
        body.insert("stream".to_owned(), json!(self.stream));
        match (self.dialect, self.system) {
            (Dialect::OpenaiChat | Dialect::Mcp, Some(text)) => {
                messages.insert(0, json!({"role": "system", "content": text}));
            }
            (Dialect::AnthropicMessages, Some(text)) => {
                body.insert("system".to_owned(), json!(text));
            }
            (_, None) => {}
        }
        if self.dialect == Dialect::AnthropicMessages {
            body.insert("max_tokens".to_owned(), json!(500));
        }
        if !self.tools.is_empty() {
            body.insert("tools".to_owned(), Value::Array(self.tools));
        }
        body.insert("messages".to_owned(), Value::Array(messages));
        Value::Object(body)
    }
}

/// A text in Unicode's tag characters, which no terminal shows.
pub(super) fn tag(text: &str) -> String {
    text.bytes().filter_map(|b| char::from_u32(0xE_0000 + u32::from(b))).collect()
}
