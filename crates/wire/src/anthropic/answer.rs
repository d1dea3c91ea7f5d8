//! The answers of Messages and of token counting.

use super::blocks::ANSWER_BLOCK;
use crate::answer::{Call, Found};
use crate::json::{Doc, Kind};
use crate::span::Usage;
use crate::table::{Rule, Table, opt, req};
use cordon_types::{Feature, SpanKind};
use std::sync::LazyLock;

/// The table of `messages`, unrolled.
pub(crate) static TABLE: LazyLock<Table> = LazyLock::new(|| Table::build(&ANSWER, SpanKind::Metadata));
/// The table of `messages/count_tokens`, unrolled.
pub(crate) static COUNT_TABLE: LazyLock<Table> = LazyLock::new(|| Table::build(&COUNT, SpanKind::Metadata));

const ANSWER: Rule = Rule::Object(&[
    req("id", Rule::Id),
    req("type", Rule::Enum(&["message"])),
    req("role", Rule::Enum(&["assistant"])),
    req("model", Rule::Id),
    req("content", Rule::As(SpanKind::Assistant, &Rule::Array(&ANSWER_BLOCK))),
    opt("stop_reason", STOP_REASON),
    opt("stop_sequence", Rule::Text),
    opt("stop_details", STOP_DETAILS),
    opt("usage", USAGE),
    opt("container", CONTAINER),
    opt("diagnostics", Rule::Open),
    opt("context_management", Rule::Open),
    opt("input_transformations", Rule::Open),
]);

/// Why the model stopped.
pub(crate) const STOP_REASON: Rule = Rule::Enum(&[
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
    "compaction",
]);
/// Why it refused, in words.
pub(crate) const STOP_DETAILS: Rule = Rule::As(
    SpanKind::Refusal,
    &Rule::Object(&[
        req("type", Rule::Enum(&["refusal"])),
        opt("category", Rule::Id),
        opt("explanation", Rule::Text),
        opt("recommended_model", Rule::Id),
        opt("fallback_credit_token", Rule::Issued),
        opt("fallback_has_prefill_claim", Rule::Bool),
    ]),
);
/// Tokens, and where they were spent.
pub(crate) const USAGE: Rule = Rule::Counters(&[
    opt("service_tier", Rule::Id),
    opt("speed", Rule::Id),
    opt("inference_geo", Rule::Id),
    opt("iterations", Rule::Open),
    opt("fallback_credit", Rule::Open),
]);
/// The sandbox the provider held.
pub(crate) const CONTAINER: Rule = Rule::Use(
    Feature::ProviderState,
    &Rule::Object(&[req("id", Rule::Issued), opt("expires_at", Rule::Id), opt("skills", Rule::Open)]),
);

const COUNT: Rule =
    Rule::Counters(&[req("input_tokens", Rule::Number), opt("context_management", Rule::Open)]);

/// Calls and usage of an answer that the table has taken.
pub(crate) fn found(doc: Doc<'_>) -> Found {
    let mut found = Found::default();
    for (index, block) in doc.get(0, "content").into_iter().flat_map(|c| doc.items(c)).enumerate() {
        found.calls.extend(call(doc, block, u32::try_from(index).unwrap_or(u32::MAX)));
    }
    found.usage = match doc.given(0, "usage") {
        Some(u) => usage(doc, u),
        None => {
            Usage { input: doc.given(0, "input_tokens").and_then(|n| doc.unsigned(n)), ..Usage::default() }
        }
    };
    found
}

/// Reads a `usage` object.
pub(crate) fn usage(doc: Doc<'_>, node: u32) -> Usage {
    let number = |key: &str| doc.given(node, key).and_then(|n| doc.unsigned(n));
    let (cached, written) = (number("cache_read_input_tokens"), number("cache_creation_input_tokens"));
    let extra = cached.unwrap_or(0).saturating_add(written.unwrap_or(0));
    Usage {
        input: number("input_tokens").map(|n| n.saturating_add(extra)),
        output: number("output_tokens"),
        cached,
    }
}

fn call(doc: Doc<'_>, block: u32, index: u32) -> Option<Call> {
    let kind = doc.text(doc.get(block, "type")?);
    let name = doc.get(block, "name").map(|n| doc.text(n).into_owned()).unwrap_or_default();
    let provider_side = match kind.as_ref() {
        "tool_use" => None,
        "mcp_tool_use" => Some(Feature::RemoteMcp),
        "server_tool_use" => Some(server_feature(&name)),
        _ => return None,
    };
    let input = doc.get(block, "input")?;
    Some(Call {
        choice: 0,
        index,
        name,
        arguments: String::from_utf8_lossy(doc.raw(input)).into_owned(),
        arguments_ok: doc.kind(input) == Kind::Object,
        spans: 0..0,
        provider_side,
        node: block,
        arguments_node: input,
        holder: 0,
    })
}

/// The feature of a provider-side call, by the tool's name.
pub(crate) fn server_feature(name: &str) -> Feature {
    match name {
        "web_search" | "web_fetch" => Feature::WebSearch,
        "code_execution" | "bash_code_execution" | "text_editor_code_execution" => Feature::CodeExecution,
        _ => Feature::Beta,
    }
}
