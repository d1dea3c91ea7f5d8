//! An answer as an agent's code would see it: text, tool calls, an error. Whole or streamed, in both dialects.

use cordon_types::Dialect;
use http::response::Parts;
use serde_json::Value;

/// One answer.
#[derive(Debug, Default, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The exchange's number, from `x-request-id`.
    pub(super) request: Option<u128>,
    pub(super) retry_after: Option<u64>,
    /// All text that it says.
    pub(super) text: String,
    /// Tool calls: name and arguments, as JSON text.
    pub(super) calls: Vec<(String, String)>,
    /// Kind and message, where it is an error or ends with one.
    pub(super) error: Option<(String, String)>,
    /// It came to its proper end.
    pub(super) complete: bool,
    /// Everything as it came, to look for what must not be in it.
    pub(super) raw: String,
}

impl Answer {
    pub(super) fn read(dialect: Dialect, head: &Parts, bytes: &[u8], broken: bool) -> Self {
        let header = |name: &str| head.headers.get(name).and_then(|v| v.to_str().ok());
        let raw = String::from_utf8_lossy(bytes).into_owned();
        let mut answer = Self {
            status: head.status.as_u16(),
            request: header("x-request-id")
                .and_then(|id| u128::from_str_radix(id.strip_prefix("req_").unwrap_or(id), 16).ok()),
            retry_after: header("retry-after").and_then(|s| s.parse().ok()),
            ..Self::default()
        };
        if header("content-type").is_some_and(|t| t.starts_with("text/event-stream")) {
            for data in raw.lines().filter_map(|l| l.strip_prefix("data:")) {
                answer.event(dialect, data.trim());
            }
        } else if let Ok(body) = serde_json::from_str::<Value>(&raw) {
            answer.whole(dialect, &body);
            answer.complete = true;
        }
        answer.complete &= !broken;
        answer.raw = raw;
        answer
    }

    fn fail(&mut self, body: &Value) {
        let error = at(body, "/error");
        if error.is_object() {
            let kind = at(error, "/code").as_str().or_else(|| at(error, "/type").as_str()).unwrap_or("error");
            self.error = Some((kind.to_owned(), text(at(error, "/message")).to_owned()));
        }
    }

    fn whole(&mut self, dialect: Dialect, body: &Value) {
        self.fail(body);
        match dialect {
            Dialect::OpenaiChat | Dialect::Mcp => {
                let message = at(body, "/choices/0/message");
                self.text.push_str(text(at(message, "/content")));
                for call in list(at(message, "/tool_calls")) {
                    let call = at(call, "/function");
                    self.calls
                        .push((text(at(call, "/name")).to_owned(), text(at(call, "/arguments")).to_owned()));
                }
            }
            Dialect::AnthropicMessages => {
                for block in list(at(body, "/content")) {
                    self.text.push_str(text(at(block, "/text")));
                    if at(block, "/type") == "tool_use" {
                        self.calls
                            .push((text(at(block, "/name")).to_owned(), at(block, "/input").to_string()));
                    }
                }
            }
        }
    }

    fn event(&mut self, dialect: Dialect, data: &str) {
        if data == "[DONE]" {
            self.complete = true;
            return;
        }
        let Ok(event) = serde_json::from_str::<Value>(data) else { return };
        self.fail(&event);
        match dialect {
            Dialect::OpenaiChat | Dialect::Mcp => {
                let delta = at(&event, "/choices/0/delta");
                self.text.push_str(text(&delta["content"]));
                for call in list(&delta["tool_calls"]) {
                    self.call(text(at(call, "/function/name")), text(at(call, "/function/arguments")));
                }
            }
            Dialect::AnthropicMessages => {
                self.complete |= at(&event, "/type") == "message_stop";
                let block = at(&event, "/content_block");
                if at(block, "/type") == "tool_use" {
                    self.call(text(at(block, "/name")), "");
                }
                self.text.push_str(text(at(block, "/text")));
                self.text.push_str(text(at(&event, "/delta/text")));
                self.call("", text(at(&event, "/delta/partial_json")));
            }
        }
    }

    /// A new call where there is a name; else more of the last one's arguments.
    fn call(&mut self, name: &str, arguments: &str) {
        if !name.is_empty() {
            self.calls.push((name.to_owned(), arguments.to_owned()));
        } else if let Some(last) = self.calls.last_mut() {
            last.1.push_str(arguments);
        }
    }
}

/// The value at a JSON pointer; null where there is none.
pub(super) fn at<'v>(value: &'v Value, pointer: &str) -> &'v Value {
    static NULL: Value = Value::Null;
    value.pointer(pointer).unwrap_or(&NULL)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
