//! Errors, in each dialect's own form: those Cordon writes, and those an upstream sent.
//!
//! What always holds: what Cordon writes has the shape that the official clients turn into their typed exceptions;
//! of what an upstream sent, only words of a fixed list are taken as they are. Its message is text like any other,
//! for the pipeline to inspect. What it does not do: choose a status.

use crate::json::{Doc, Kind, escape_into, scan};
use crate::limits::Limits;
use crate::mcp;
use bytes::Bytes;
use cordon_types::{Dialect, RequestId};

/// Longest error body of an upstream that is looked into, in bytes.
const MAX_BODY: usize = 64 << 10;
/// Longest message of an upstream's that is kept, in bytes.
const MAX_MESSAGE: usize = 2 << 10;

/// An error for the caller.
#[derive(Clone, Copy, Debug)]
pub struct ApiError<'a> {
    /// The HTTP status that goes with it.
    pub status: u16,
    /// The dialect's error type; see [`error_kind`].
    pub kind: &'a str,
    /// Cordon's own word for the reason (`code`; OpenAI only, Anthropic has no such field).
    pub code: &'a str,
    /// What went wrong and what to do, for the developer.
    pub message: &'a str,
    /// Which field of the request, when one is to blame (OpenAI only).
    pub param: Option<&'a str>,
    /// Names the request in answers, logs and records.
    pub request_id: RequestId,
}

/// The body of an error answer.
#[must_use]
pub fn error_body(dialect: Dialect, e: &ApiError<'_>) -> Bytes {
    body(dialect, e).into()
}

/// The event that ends a stream with an error.
#[must_use]
pub fn error_event(dialect: Dialect, e: &ApiError<'_>) -> Bytes {
    let body = body(dialect, e);
    match dialect {
        Dialect::OpenaiChat => format!("data: {body}\n\n").into(),
        Dialect::AnthropicMessages => format!("event: error\ndata: {body}\n\n").into(),
        Dialect::Mcp => format!("event: message\ndata: {body}\n\n").into(),
    }
}

fn body(dialect: Dialect, e: &ApiError<'_>) -> String {
    let mut out = String::with_capacity(e.message.len() + 160);
    match dialect {
        Dialect::OpenaiChat => {
            member(&mut out, "{\"error\":{\"message\":", e.message);
            member(&mut out, ",\"type\":", e.kind);
            match e.param {
                Some(param) => member(&mut out, ",\"param\":", param),
                None => out.push_str(",\"param\":null"),
            }
            member(&mut out, ",\"code\":", e.code);
            out.push_str("}}");
        }
        Dialect::AnthropicMessages => {
            member(&mut out, "{\"type\":\"error\",\"error\":{\"type\":", e.kind);
            member(&mut out, ",\"message\":", e.message);
            member(&mut out, "},\"request_id\":", &e.request_id.to_string());
            out.push('}');
        }
        // An answer to no request that could be read: one whose id is known is composed by `mcp`.
        Dialect::Mcp => {
            out.push_str("{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":");
            out.push_str(&mcp::refusal_code(e.code).number().to_string());
            member(&mut out, ",\"message\":", e.message);
            member(&mut out, ",\"data\":{\"code\":", e.code);
            member(&mut out, ",\"requestId\":", &e.request_id.to_string());
            out.push_str("}}}");
        }
    }
    out
}

fn member(out: &mut String, head: &str, text: &str) {
    out.push_str(head);
    out.push('"');
    escape_into(text, out);
    out.push('"');
}

/// The dialect's own error type for a status.
#[must_use]
pub fn error_kind(dialect: Dialect, status: u16) -> &'static str {
    match (dialect, status) {
        (_, 401) => "authentication_error",
        (_, 403) => "permission_error",
        (_, 429) => "rate_limit_error",
        (Dialect::AnthropicMessages, 402) => "billing_error",
        (Dialect::AnthropicMessages, 404) => "not_found_error",
        (Dialect::AnthropicMessages, 413) => "request_too_large",
        (Dialect::AnthropicMessages, 408 | 504) => "timeout_error",
        (Dialect::AnthropicMessages, 503 | 529) => "overloaded_error",
        (Dialect::AnthropicMessages, 500..) => "api_error",
        (Dialect::OpenaiChat, 408) => "timeout_error",
        (Dialect::OpenaiChat, 500..) => "server_error",
        _ => "invalid_request_error",
    }
}

/// What an upstream said when it refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamError {
    /// A word of a fixed list, by the upstream's `code` or `type`, else by its status; else `upstream_error`.
    pub kind: &'static str,
    /// The request's field it blames, when that is a field of ours.
    pub param: Option<&'static str>,
    /// Its message, at most 2 KiB: a stranger's text, to be inspected before anyone sees it.
    pub message: Option<String>,
}

/// Words of `code` and `type` that pass as they are.
const KINDS: &[&str] = &[
    "api_error",
    "authentication_error",
    "billing_error",
    "billing_hard_limit_reached",
    "content_filter",
    "content_policy_violation",
    "context_length_exceeded",
    "exceed_context_size_error",
    "insufficient_quota",
    "internal_server_error",
    "invalid_api_key",
    "invalid_prompt",
    "invalid_request_error",
    "invalid_value",
    "model_not_found",
    "not_found_error",
    "overloaded_error",
    "permission_error",
    "rate_limit_error",
    "rate_limit_exceeded",
    "request_too_large",
    "server_error",
    "service_unavailable_error",
    "string_above_max_length",
    "timeout_error",
    "unavailable_error",
    "unsupported_country_region_territory",
    "unsupported_parameter",
    "unsupported_value",
];

/// Fields of a request that an upstream may blame, by their first step.
const PARAMS: &[&str] = &[
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "reasoning_effort",
    "response_format",
    "seed",
    "service_tier",
    "stop",
    "stop_sequences",
    "store",
    "stream",
    "stream_options",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
];

/// Reads the body of an answer that is no success. Any bytes are taken; what cannot be read says nothing.
#[must_use]
pub fn parse_upstream_error(dialect: Dialect, status: u16, body: &[u8]) -> UpstreamError {
    let by_status = by_status(dialect, status);
    let unread = UpstreamError { kind: by_status, param: None, message: None };
    if body.len() > MAX_BODY {
        return unread;
    }
    let Ok(tape) = scan(body, &Limits::default()) else { return unread };
    let doc = tape.over(body);
    // Some servers put the one error in a list.
    let root = if doc.kind(0) == Kind::Array { doc.items(0).next().unwrap_or(0) } else { 0 };
    read_error(doc, root, by_status)
}

fn by_status(dialect: Dialect, status: u16) -> &'static str {
    match status {
        400..=599 => error_kind(dialect, status),
        _ => "upstream_error",
    }
}

/// Reads the error in `root`: `{"error": {..}}`, `{"error": ".."}`, or its fields at the top.
pub(crate) fn read_error(doc: Doc<'_>, root: u32, otherwise: &'static str) -> UpstreamError {
    let error = doc.given(root, "error").unwrap_or(root);
    let text = |key: &str| doc.given(error, key).and_then(|n| doc.string(n));
    let known = |word: &str| KINDS.iter().copied().find(|k| *k == word);
    let kind = ["code", "type"].iter().find_map(|key| known(&text(key)?)).unwrap_or(otherwise);
    let param = text("param").and_then(|p| {
        let head = p.split(['[', '.']).next().unwrap_or("");
        PARAMS.iter().copied().find(|known| *known == head)
    });
    let message = doc.string(error).or_else(|| text("message")).or_else(|| text("detail"));
    UpstreamError { kind, param, message: message.map(|m| capped(&m)).filter(|m| !m.is_empty()) }
}

/// At most [`MAX_MESSAGE`] bytes of a text, on one line.
fn capped(text: &str) -> String {
    let mut end = text.len().min(MAX_MESSAGE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text.get(..end).unwrap_or("");
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}
