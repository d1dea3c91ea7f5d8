//! The built-in credulous model: it answers like a provider, and obeys whatever text tells it.
//!
//! ```text
//! body → asked (one shape for both dialects) → obey (what the text tells it to do) → openai | anthropic
//! ```
//!
//! What always holds: the same request gives the same bytes (ids and times come from a hash of the body);
//! no I/O, no clock, no randomness. `docs/gullible.md` lists what it obeys.
//!
//! What it does not do: know anything. It exists so that Cordon can be tried and tested without a provider.

mod anthropic;
mod asked;
mod invent;
mod obey;
mod openai;
mod plan;
#[cfg(test)]
mod tests;

pub use bytes::Bytes;

use asked::Asked;
use plan::{Fault, Plan};
use serde_json::{Value, json};

/// The names under which `GET /v1/models` lists the model. It answers to any name.
pub const MODELS: [&str; 2] = ["gullible", "gullible-mini"];

/// What the model answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body's content type.
    pub content_type: &'static str,
    /// Further headers, in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body: one SSE event each, or one piece.
    pub chunks: Vec<Bytes>,
    /// How the body ends after them.
    pub end: End,
}

/// How an answer's body ends. All but `Clean` are faults that were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As it should.
    Clean,
    /// The connection breaks.
    Break,
    /// Nothing comes any more, and the connection stays open.
    Stall,
    /// The body is this many bytes shorter than its head says.
    Short(u64),
}

/// Which provider's API is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speech {
    Openai,
    Anthropic,
}

/// Answers one request. `path` may carry a query, and a prefix `/anthropic`, which chooses Anthropic's shape
/// where a path alone does not say (`/anthropic/v1/models`).
#[must_use]
pub fn answer(method: &str, path: &str, body: &[u8]) -> Answer {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let (hint, path) = match path.strip_prefix("/anthropic/") {
        Some(rest) => (Speech::Anthropic, format!("/{rest}")),
        None => (Speech::Openai, path.to_owned()),
    };
    match (method, path.as_str()) {
        ("POST", "/v1/chat/completions") => converse(Speech::Openai, body),
        ("POST", "/v1/messages") => converse(Speech::Anthropic, body),
        ("POST", "/v1/messages/count_tokens") => match asked(Speech::Anthropic, body) {
            Ok(asked) => whole(200, &json!({ "input_tokens": asked.input_tokens() })),
            Err(refused) => refused,
        },
        ("GET", "/v1/models") => whole(200, &list(hint)),
        ("GET", one) if one.starts_with("/v1/models/") => {
            let name = one.trim_start_matches("/v1/models/");
            if MODELS.contains(&name) {
                whole(200, &model(hint, name))
            } else {
                error(hint, 404, "there is no such model")
            }
        }
        _ => error(hint, 404, "there is nothing at this path"),
    }
}

fn converse(speech: Speech, body: &[u8]) -> Answer {
    let asked = match asked(speech, body) {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    let plan = obey::plan(&asked);
    if let Some(status) = plan.fail {
        return error(speech, status, &format!("the model was told to fail with status {status}"));
    }
    if plan.fault == Some(Fault::Redirect) {
        let headers = vec![("location", "https://example.com/elsewhere".to_owned())];
        return Answer { headers, ..whole(302, &json!({})) };
    }
    let answer = match (speech, asked.stream) {
        (Speech::Openai, false) => whole(200, &openai::whole(&asked, &plan)),
        (Speech::Openai, true) => streamed(openai::events(&asked, &plan)),
        (Speech::Anthropic, false) => whole(200, &anthropic::whole(&asked, &plan)),
        (Speech::Anthropic, true) => streamed(anthropic::events(&asked, &plan)),
    };
    with_fault(answer, &plan, speech, asked.stream)
}

fn asked(speech: Speech, body: &[u8]) -> Result<Asked, Answer> {
    let value: Value =
        serde_json::from_slice(body).map_err(|_| error(speech, 400, "the body is not valid JSON"))?;
    let read = match speech {
        Speech::Openai => asked::openai(&value, body),
        Speech::Anthropic => asked::anthropic(&value, body),
    };
    read.map_err(|what| error(speech, 400, what))
}

/// Spoils an answer in the way that was asked for.
fn with_fault(mut answer: Answer, plan: &Plan, speech: Speech, stream: bool) -> Answer {
    let Some(fault) = plan.fault else { return answer };
    if !stream {
        // One body: it is cut in the middle, so that there is something to break off.
        let one = answer.chunks.concat();
        let (head, tail) = one.split_at(one.len() / 2);
        answer.chunks = vec![Bytes::copy_from_slice(head), Bytes::copy_from_slice(tail)];
    }
    let half = answer.chunks.len() / 2;
    match fault {
        Fault::Break | Fault::Stall => {
            answer.chunks.truncate(half);
            answer.end = if fault == Fault::Break { End::Break } else { End::Stall };
        }
        Fault::Short => {
            let missing: usize = answer.chunks.drain(half..).map(|c| c.len()).sum();
            answer.end = End::Short(u64::try_from(missing).unwrap_or(u64::MAX).max(1));
        }
        Fault::Garbage => {
            let garbage: &'static [u8] = if stream { b"data: {\"broken\": \n\n" } else { b"\x00{" };
            answer.chunks.insert(half, Bytes::from_static(garbage));
        }
        Fault::Error if stream => {
            answer.chunks.truncate(half);
            let body = error_value(speech, 529, "the model was told to fail in the middle");
            answer.chunks.push(match speech {
                Speech::Openai => openai::frame(&body),
                Speech::Anthropic => anthropic::frame("error", &body),
            });
        }
        Fault::NoTerminal if stream => {
            answer.chunks.pop();
        }
        Fault::Encoded => answer.headers.push(("content-encoding", "gzip".to_owned())),
        Fault::Error | Fault::NoTerminal | Fault::Redirect => {}
    }
    answer
}

fn whole(status: u16, value: &Value) -> Answer {
    Answer {
        status,
        content_type: "application/json",
        headers: Vec::new(),
        chunks: vec![Bytes::from(value.to_string())],
        end: End::Clean,
    }
}

fn streamed(chunks: Vec<Bytes>) -> Answer {
    Answer {
        status: 200,
        content_type: "text/event-stream; charset=utf-8",
        headers: vec![("cache-control", "no-cache".to_owned())],
        chunks,
        end: End::Clean,
    }
}

fn error(speech: Speech, status: u16, message: &str) -> Answer {
    let mut answer = whole(status, &error_value(speech, status, message));
    if matches!(status, 429 | 503 | 529) {
        answer.headers.push(("retry-after", "1".to_owned()));
    }
    answer
}

fn error_value(speech: Speech, status: u16, message: &str) -> Value {
    match speech {
        Speech::Openai => openai::error(status, message),
        Speech::Anthropic => anthropic::error(status, message),
    }
}

fn list(speech: Speech) -> Value {
    let data: Vec<Value> = MODELS.iter().map(|m| model(speech, m)).collect();
    match speech {
        Speech::Openai => json!({ "object": "list", "data": data }),
        Speech::Anthropic => {
            json!({ "data": data, "has_more": false, "first_id": MODELS.first(), "last_id": MODELS.last() })
        }
    }
}

fn model(speech: Speech, name: &str) -> Value {
    match speech {
        Speech::Openai => {
            json!({ "id": name, "object": "model", "created": 1_735_689_600, "owned_by": "cordon" })
        }
        Speech::Anthropic => json!({
            "type": "model", "id": name, "display_name": name, "created_at": "2025-01-01T00:00:00Z",
        }),
    }
}
