//! The answer of Chat Completions, with what real servers add: Azure's filter results, the reasoning of vLLM and
//! others, llama.cpp's timings.

use super::request::TOOL_CALL;
use crate::answer::{Call, Found};
use crate::json::Doc;
use crate::limits::Limits;
use crate::span::Usage;
use crate::table::{Rule, Table, inner_spans, opt, req};
use cordon_types::{Feature, SpanKind};
use std::sync::LazyLock;

/// The answer's table, unrolled.
pub(crate) static TABLE: LazyLock<Table> = LazyLock::new(|| Table::build(&ANSWER, SpanKind::Metadata));

/// A second copy of the text, token by token: named, not inspected.
pub(crate) const TOKENS: Rule = Rule::Use(Feature::Logprobs, &Rule::Opaque);

const ANSWER: Rule = Rule::Object(&[
    req("id", Rule::Id),
    opt("object", Rule::Enum(&["chat.completion"])),
    opt("created", Rule::Number),
    req("model", Rule::Id),
    req("choices", Rule::Array(&CHOICE)),
    opt("usage", USAGE),
    opt("system_fingerprint", Rule::Id),
    opt("service_tier", Rule::Id),
    opt("metadata", Rule::Map(&Rule::Text)),
    opt("moderation", Rule::Open),
    opt("provider", Rule::Id),
    opt("provider_specific_fields", Rule::Open),
    opt("prompt_filter_results", Rule::Open),
    opt("citations", Rule::As(SpanKind::ToolResult, &Rule::Open)),
    opt("search_results", Rule::As(SpanKind::ToolResult, &Rule::Open)),
    opt("timings", Rule::Counters(&[])),
    opt("kv_transfer_params", Rule::Open),
    opt("prompt_logprobs", TOKENS),
    opt("prompt_token_ids", Rule::Counters(&[])),
]);

/// Tokens.
pub(crate) const USAGE: Rule = Rule::Counters(&[opt("cost_details", Rule::Open)]);

/// Why a choice ended.
pub(crate) const FINISH: Rule =
    Rule::Enum(&["stop", "length", "tool_calls", "content_filter", "function_call"]);

const CHOICE: Rule = Rule::Object(&[
    req("index", Rule::Number),
    req("message", Rule::As(SpanKind::Assistant, &MESSAGE)),
    opt("finish_reason", FINISH),
    opt("logprobs", TOKENS),
    opt("content_filter_results", Rule::Open),
    opt("content_filter_result", Rule::Open),
    opt("provider_specific_fields", Rule::Open),
    opt("native_finish_reason", Rule::Id),
    opt("stop_reason", Rule::Either(&[Rule::Text, Rule::Number])),
    opt("token_ids", Rule::Array(&Rule::Number)),
]);

const MESSAGE: Rule = Rule::Object(&[
    opt("role", Rule::Enum(&["assistant"])),
    opt("content", Rule::Text),
    opt("refusal", Rule::As(SpanKind::Refusal, &Rule::Text)),
    opt("reasoning_content", Rule::As(SpanKind::Reasoning, &Rule::Text)),
    opt("reasoning", Rule::As(SpanKind::Reasoning, &Rule::Text)),
    opt("tool_calls", Rule::As(SpanKind::ToolCall, &Rule::Array(&TOOL_CALL))),
    opt("annotations", Rule::As(SpanKind::ToolResult, &Rule::Open)),
    opt("audio", AUDIO),
    opt("function_call", Rule::Refused("the upstream answered with a deprecated `function_call`")),
    opt("provider_specific_fields", Rule::Open),
    opt("context", Rule::As(SpanKind::ToolResult, &Rule::Open)),
]);

/// Spoken words; their transcript is text like any other.
pub(crate) const AUDIO: Rule = Rule::Use(
    Feature::Audio,
    &Rule::Object(&[
        opt("id", Rule::Issued),
        opt("data", Rule::Opaque),
        opt("expires_at", Rule::Number),
        opt("transcript", Rule::Text),
    ]),
);

/// Calls, usage and choices of an answer that the table has taken.
pub(crate) fn found(doc: Doc<'_>, limits: &Limits) -> Found {
    let mut found = Found::default();
    for choice in doc.get(0, "choices").into_iter().flat_map(|c| doc.items(c)) {
        let index = doc.get(choice, "index").and_then(|i| doc.unsigned(i)).unwrap_or(0);
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        found.choices.push((choice, index));
        let calls = doc.get(choice, "message").and_then(|m| doc.given(m, "tool_calls"));
        for (i, node) in calls.into_iter().flat_map(|c| doc.items(c)).enumerate() {
            let at = u32::try_from(i).unwrap_or(u32::MAX);
            found.calls.extend(call(doc, node, (index, at, choice), limits));
        }
    }
    found.usage = doc.given(0, "usage").map(|u| usage(doc, u)).unwrap_or_default();
    found
}

/// Reads a `usage` object.
pub(crate) fn usage(doc: Doc<'_>, node: u32) -> Usage {
    let number = |at: u32, key: &str| doc.given(at, key).and_then(|n| doc.unsigned(n));
    let details = doc.given(node, "prompt_tokens_details");
    Usage {
        input: number(node, "prompt_tokens"),
        output: number(node, "completion_tokens"),
        cached: details.and_then(|d| number(d, "cached_tokens")),
    }
}

fn call(doc: Doc<'_>, node: u32, (choice, index, holder): (u32, u32, u32), limits: &Limits) -> Option<Call> {
    let custom = doc.get(node, "custom");
    let inner = custom.or_else(|| doc.get(node, "function"))?;
    let arguments_node = doc.get(inner, if custom.is_some() { "input" } else { "arguments" })?;
    let arguments = doc.text(arguments_node).into_owned();
    let readable = || arguments.trim_ascii().is_empty() || inner_spans(&arguments, limits).is_some();
    Some(Call {
        choice,
        index,
        name: doc.get(inner, "name").map(|n| doc.text(n).into_owned()).unwrap_or_default(),
        arguments_ok: custom.is_none() && readable(),
        arguments,
        spans: 0..0,
        provider_side: None,
        node,
        arguments_node,
        holder,
    })
}
