//! The events of a Chat Completions stream, with what real servers add.
//!
//! ```text
//! data: {"choices":[{"index":0,"delta":{"content":".."},"finish_reason":null}]}   any number of choices
//! data: [DONE]
//! ```
//!
//! A denied call's element leaves `delta.tool_calls`; its notice goes to the end of `delta.content`.

use super::answer::{AUDIO, FINISH, TOKENS, USAGE, usage};
use crate::fault::WireError;
use crate::json::splice::Patch;
use crate::json::{Doc, Kind, escape_into};
use crate::request::{bytes_of, quoted, remove};
use crate::span::Splice;
use crate::stream::{At, CallKey, Channel, Part, Parts, Plan, Rendered, broken, index_of, plain_patches};
use crate::table::{Rule, Table, opt, req};
use cordon_types::SpanKind;
use std::sync::LazyLock;

/// The event's table, unrolled.
pub(crate) static TABLE: LazyLock<Table> = LazyLock::new(|| Table::build(&CHUNK, SpanKind::Metadata));

const CHUNK: Rule = Rule::Object(&[
    opt("id", Rule::Id),
    // Azure's first event, which has filter results only, has an empty one.
    opt("object", Rule::Enum(&["chat.completion.chunk", ""])),
    opt("created", Rule::Number),
    opt("model", Rule::Id),
    req("choices", Rule::Array(&CHOICE)),
    opt("usage", USAGE),
    opt("system_fingerprint", Rule::Id),
    opt("service_tier", Rule::Id),
    opt("obfuscation", Rule::Id),
    opt("error", Rule::Null),
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
    opt("prompt_token_ids", Rule::Array(&Rule::Number)),
]);

const CHOICE: Rule = Rule::Object(&[
    req("index", Rule::Number),
    opt("delta", Rule::As(SpanKind::Assistant, &DELTA)),
    opt("finish_reason", FINISH),
    opt("logprobs", TOKENS),
    opt("content_filter_results", Rule::Open),
    opt("content_filter_result", Rule::Open),
    opt("content_filter_offsets", Rule::Counters(&[])),
    opt("provider_specific_fields", Rule::Open),
    opt("native_finish_reason", Rule::Id),
    opt("stop_reason", Rule::Either(&[Rule::Text, Rule::Number])),
    opt("token_ids", Rule::Array(&Rule::Number)),
]);

const DELTA: Rule = Rule::Object(&[
    opt("role", Rule::Enum(&["assistant"])),
    opt("content", Rule::Text),
    opt("refusal", Rule::As(SpanKind::Refusal, &Rule::Text)),
    opt("reasoning_content", Rule::As(SpanKind::Reasoning, &Rule::Text)),
    opt("reasoning", Rule::As(SpanKind::Reasoning, &Rule::Text)),
    opt("tool_calls", Rule::As(SpanKind::ToolCall, &Rule::Array(&CALL))),
    opt("annotations", Rule::As(SpanKind::ToolResult, &Rule::Open)),
    opt("audio", AUDIO),
    opt("function_call", Rule::Refused("the upstream answered with a deprecated `function_call`")),
    opt("provider_specific_fields", Rule::Open),
    opt("context", Rule::As(SpanKind::ToolResult, &Rule::Open)),
]);

const CALL: Rule = Rule::Object(&[
    req("index", Rule::Number),
    opt("id", Rule::Id),
    opt("type", Rule::Enum(&["function"])),
    opt("function", Rule::Object(&[opt("name", Rule::Fixed("name")), opt("arguments", Rule::Text)])),
]);

/// Running texts of a delta: key, kind, and which text of that kind.
const TEXTS: &[(&str, SpanKind, u32)] = &[
    ("reasoning_content", SpanKind::Reasoning, 0),
    ("reasoning", SpanKind::Reasoning, 1),
    ("content", SpanKind::Assistant, 0),
    ("refusal", SpanKind::Refusal, 0),
];

/// The parts of an event that the table has taken.
pub(crate) fn parts(doc: Doc<'_>, out: &mut Parts) -> Result<(), WireError> {
    let mut seen = Vec::new();
    for choice in doc.get(0, "choices").into_iter().flat_map(|c| doc.items(c)) {
        let (index, _) = index_of(doc, choice)?;
        if seen.contains(&index) {
            return Err(broken("a choice stands twice in one event"));
        }
        seen.push(index);
        if let Some(delta) = doc.given(choice, "delta") {
            delta_parts(doc, delta, index, out)?;
        }
        if let Some(reason) = doc.given(choice, "finish_reason") {
            let tool_use = doc.text(reason) == "tool_calls";
            out.push(Part::Finish { choice: index, tool_use }, At { text: reason, ..At::default() });
        }
    }
    if let Some(node) = doc.given(0, "usage") {
        out.push(Part::Usage(usage(doc, node)), At::default());
    }
    Ok(())
}

fn delta_parts(doc: Doc<'_>, delta: u32, choice: u32, out: &mut Parts) -> Result<(), WireError> {
    let mut text = |node: u32, kind: SpanKind, block: u32| {
        let channel = Channel { choice, kind, block };
        let part = Part::Text { channel, text: doc.text(node).into_owned(), splice: Splice::Free };
        out.push(part, At { text: node, holder: delta, ..At::default() });
    };
    for &(key, kind, block) in TEXTS {
        if let Some(node) = doc.given(delta, key) {
            text(node, kind, block);
        }
    }
    if let Some(node) = doc.given(delta, "audio").and_then(|a| doc.given(a, "transcript")) {
        text(node, SpanKind::Assistant, 1);
    }
    for element in doc.given(delta, "tool_calls").into_iter().flat_map(|c| doc.items(c)) {
        let (index, number) = index_of(doc, element)?;
        let call = CallKey { choice, index };
        let at = At { text: 0, element, index: number, holder: delta };
        let before = out.parts.len();
        let function = doc.given(element, "function");
        if let Some(node) = function.and_then(|f| doc.given(f, "name")) {
            out.take(node);
            let name = doc.text(node).into_owned();
            // Some servers repeat the key with nothing in it.
            if !name.is_empty() {
                out.push(Part::CallName { call, name }, at);
            }
        }
        if let Some(node) = function.and_then(|f| doc.given(f, "arguments")) {
            out.push(Part::CallArgs { call, text: doc.text(node).into_owned() }, At { text: node, ..at });
        }
        if out.parts.len() == before {
            out.push(Part::CallRest { call }, at);
        }
    }
    Ok(())
}

/// The event with edits.
pub(crate) fn render(doc: Doc<'_>, plan: &Plan<'_>) -> Rendered {
    let within =
        |node: u32| plan.denied.iter().any(|(at, _)| (at.element..doc.node(at.element).next).contains(&node));
    let mut holders: Vec<u32> = plan.denied.iter().map(|(at, _)| at.holder).collect();
    holders.sort_unstable();
    holders.dedup();
    let said = |delta: u32| {
        plan.denied
            .iter()
            .filter(|(at, _)| at.holder == delta)
            .filter_map(|(_, notice)| *notice)
            .collect::<String>()
    };
    // Where a notice joins a content, one patch makes both changes.
    let joined: Vec<u32> =
        holders.iter().filter(|d| !said(**d).is_empty()).filter_map(|d| doc.get(*d, "content")).collect();
    let mut patches = plain_patches(doc, plan, "stop", &|node| within(node) || joined.contains(&node));
    for &delta in &holders {
        deny(doc, plan, delta, &said(delta), &mut patches);
    }
    let left = holders.is_empty() || something_left(doc, plan, &holders, &said);
    Rendered { before: String::new(), patches: left.then_some(patches), after: String::new() }
}

/// Takes the denied calls out of one delta and says so.
fn deny(doc: Doc<'_>, plan: &Plan<'_>, delta: u32, notice: &str, patches: &mut Vec<Patch>) {
    let denied = |element: u32| plan.denied.iter().any(|(at, _)| at.element == element);
    let elements: Vec<u32> = doc.given(delta, "tool_calls").into_iter().flat_map(|c| doc.items(c)).collect();
    let gone: Vec<bool> = elements.iter().map(|e| denied(*e)).collect();
    let none_left = !gone.contains(&false);
    if none_left {
        let members: Vec<_> = doc.members(delta).collect();
        let ranges: Vec<_> = members.iter().map(|&(k, v)| bytes_of(doc, k, v)).collect();
        let gone: Vec<_> = members.iter().map(|&(k, _)| doc.text(k) == "tool_calls").collect();
        patches.extend(remove(&ranges, &gone));
    } else {
        let ranges: Vec<_> = elements.iter().map(|&e| bytes_of(doc, e, e)).collect();
        patches.extend(remove(&ranges, &gone));
    }
    if notice.is_empty() {
        return;
    }
    match doc.get(delta, "content") {
        Some(content) => {
            let edited =
                plan.texts.iter().find(|(node, _)| *node == content).map(|(_, new)| (*new).to_owned());
            let text = edited.unwrap_or_else(|| doc.text(content).into_owned()) + notice;
            patches.push(Patch { range: bytes_of(doc, content, content), with: quoted(&text) });
        }
        None => {
            // At the front of the object; a comma only where another member stays.
            let start = doc.node(delta).start as usize + 1;
            let stays = doc.members(delta).any(|(k, _)| !(none_left && doc.text(k) == "tool_calls"));
            let comma = if stays { "," } else { "" };
            patches
                .push(Patch { range: start..start, with: format!("\"content\":{}{comma}", quoted(notice)) });
        }
    }
}

/// Whether the event still says something once the denied calls are out.
fn something_left(doc: Doc<'_>, plan: &Plan<'_>, holders: &[u32], said: &dyn Fn(u32) -> String) -> bool {
    let denied = |element: u32| plan.denied.iter().any(|(at, _)| at.element == element);
    let speaks = |node: u32| match doc.kind(node) {
        Kind::Null => false,
        Kind::String => match plan.texts.iter().find(|(n, _)| *n == node) {
            Some((_, new)) => !new.is_empty(),
            None => !doc.text(node).is_empty(),
        },
        _ => true,
    };
    let delta_speaks = |delta: u32| {
        holders.contains(&delta) && !said(delta).is_empty()
            || doc.members(delta).any(|(key, value)| match doc.text(key).as_ref() {
                "tool_calls" => doc.items(value).any(|e| !denied(e)),
                _ => speaks(value),
            })
    };
    let choice_speaks = |choice: u32| {
        doc.members(choice).any(|(key, value)| match doc.text(key).as_ref() {
            "index" => false,
            "delta" => delta_speaks(value),
            _ => speaks(value),
        })
    };
    doc.members(0).any(|(key, value)| match doc.text(key).as_ref() {
        "id" | "object" | "created" | "model" | "system_fingerprint" | "service_tier" | "obfuscation"
        | "provider" => false,
        "choices" => doc.items(value).any(choice_speaks),
        _ => speaks(value),
    })
}

/// An event that adds `text` to a channel.
pub(crate) fn text_event(like: Option<Doc<'_>>, channel: Channel, text: &str) -> String {
    let mut out = String::from("data: {");
    for key in ["id", "object", "created", "model", "system_fingerprint", "service_tier"] {
        let value = like.and_then(|doc| Some(doc.raw(doc.get(0, key)?)));
        if let Some(value) =
            value.and_then(|raw| std::str::from_utf8(raw).ok()).filter(|v| !v.contains(['\n', '\r']))
        {
            out.push_str(&format!("\"{key}\":{value},"));
        }
    }
    let (head, tail) = match (channel.kind, channel.block) {
        (SpanKind::Reasoning, 0) => ("{\"reasoning_content\":\"", "\"}"),
        (SpanKind::Reasoning, _) => ("{\"reasoning\":\"", "\"}"),
        (SpanKind::Refusal, _) => ("{\"refusal\":\"", "\"}"),
        (_, 1) => ("{\"audio\":{\"transcript\":\"", "\"}}"),
        _ => ("{\"content\":\"", "\"}"),
    };
    out.push_str(&format!("\"choices\":[{{\"index\":{},\"delta\":{head}", channel.choice));
    escape_into(text, &mut out);
    out.push_str(tail);
    out.push_str(",\"finish_reason\":null}]}\n\n");
    out
}
