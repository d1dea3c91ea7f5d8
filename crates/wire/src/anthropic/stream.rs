//! The events of a Messages stream.
//!
//! ```text
//! message_start (content_block_start content_block_delta* content_block_stop)* message_delta message_stop
//!                                   ping and error anywhere
//! ```
//!
//! A denied call becomes a text block: its start an empty one, followed by a `text_delta` with the notice (clients
//! that print text as it comes look at deltas only); the pieces of its input go; its stop stays.

use super::answer::{CONTAINER, STOP_DETAILS, STOP_REASON, USAGE, usage};
use super::blocks::{CITATION, START_BLOCK};
use crate::fault::WireError;
use crate::json::splice::Patch;
use crate::json::{Doc, Kind, escape_into};
use crate::request::{bytes_of, quoted};
use crate::span::Splice;
use crate::stream::{At, CallKey, Channel, Part, Parts, Plan, Rendered, broken, index_of, plain_patches};
use crate::table::{Rule, Table, opt, req};
use cordon_types::SpanKind;
use std::sync::LazyLock;

/// The table of all events, unrolled.
pub(crate) static TABLE: LazyLock<Table> = LazyLock::new(|| Table::build(&EVENT, SpanKind::Metadata));

const EVENT: Rule = Rule::Tagged {
    by: "type",
    default: None,
    variants: &[
        ("message_start", Rule::Object(&[req("message", MESSAGE)])),
        (
            "content_block_start",
            Rule::Object(&[
                req("index", Rule::Number),
                req("content_block", Rule::As(SpanKind::Assistant, &START_BLOCK)),
            ]),
        ),
        (
            "content_block_delta",
            Rule::Object(&[req("index", Rule::Number), req("delta", Rule::As(SpanKind::Assistant, &DELTA))]),
        ),
        ("content_block_stop", Rule::Object(&[req("index", Rule::Number)])),
        (
            "message_delta",
            Rule::Object(&[
                req(
                    "delta",
                    Rule::Object(&[
                        opt("stop_reason", STOP_REASON),
                        opt("stop_sequence", Rule::Text),
                        opt("stop_details", STOP_DETAILS),
                        opt("container", CONTAINER),
                    ]),
                ),
                opt("usage", USAGE),
                opt("context_management", Rule::Open),
                opt("input_transformations", Rule::Open),
            ]),
        ),
        ("message_stop", Rule::Object(&[])),
        ("ping", Rule::Object(&[])),
        ("error", Rule::Object(&[req("error", Rule::Open), opt("request_id", Rule::Id)])),
    ],
};

/// The message as it begins: without content.
const MESSAGE: Rule = Rule::Object(&[
    req("id", Rule::Id),
    req("type", Rule::Enum(&["message"])),
    req("role", Rule::Enum(&["assistant"])),
    req("model", Rule::Id),
    opt("content", Rule::Array(&Rule::Refused("a streamed message begins with content"))),
    opt("stop_reason", STOP_REASON),
    opt("stop_sequence", Rule::Text),
    opt("stop_details", STOP_DETAILS),
    opt("usage", USAGE),
    opt("container", CONTAINER),
    opt("diagnostics", Rule::Open),
    opt("context_management", Rule::Open),
    opt("input_transformations", Rule::Open),
]);

const DELTA: Rule = Rule::Tagged {
    by: "type",
    default: None,
    variants: &[
        ("text_delta", Rule::Object(&[req("text", Rule::Text)])),
        ("input_json_delta", Rule::As(SpanKind::ToolCall, &Rule::Object(&[req("partial_json", Rule::Text)]))),
        ("citations_delta", Rule::Object(&[req("citation", CITATION)])),
        (
            "thinking_delta",
            Rule::As(
                SpanKind::Reasoning,
                &Rule::Object(&[
                    req("thinking", Rule::Fixed("signed")),
                    opt("estimated_tokens", Rule::Number),
                ]),
            ),
        ),
        ("signature_delta", Rule::Object(&[req("signature", Rule::Issued)])),
        ("compaction_delta", Rule::Refused("this beta block is not supported")),
    ],
};

/// The parts of an event that the table has taken. Whether it is about something the provider runs.
pub(crate) fn parts(doc: Doc<'_>, out: &mut Parts) -> Result<bool, WireError> {
    let kind = doc.get(0, "type").map(|t| doc.text(t)).unwrap_or_default();
    match kind.as_ref() {
        "message_start" => {
            if let Some(node) = doc.given(0, "message").and_then(|m| doc.given(m, "usage")) {
                out.push(Part::Usage(usage(doc, node)), At::default());
            }
        }
        "content_block_start" => return start(doc, out),
        "content_block_delta" => delta(doc, out)?,
        "content_block_stop" => {
            index_of(doc, 0)?;
        }
        "message_delta" => {
            let reason = doc.given(0, "delta").and_then(|d| doc.given(d, "stop_reason"));
            if let Some(node) = reason {
                let tool_use = doc.text(node) == "tool_use";
                out.push(Part::Finish { choice: 0, tool_use }, At { text: node, ..At::default() });
            }
            if let Some(node) = doc.given(0, "usage") {
                out.push(Part::Usage(usage(doc, node)), At::default());
            }
        }
        "message_stop" => out.push(Part::Terminal, At::default()),
        _ => {}
    }
    Ok(false)
}

fn start(doc: Doc<'_>, out: &mut Parts) -> Result<bool, WireError> {
    let (index, number) = index_of(doc, 0)?;
    let Some(block) = doc.given(0, "content_block") else { return Err(broken("a block is missing")) };
    let kind = doc.get(block, "type").map(|t| doc.text(t)).unwrap_or_default();
    match kind.as_ref() {
        "text" => text(doc, doc.given(block, "text"), (SpanKind::Assistant, index), Splice::Free, out),
        "thinking" => {
            text(
                doc,
                doc.given(block, "thinking"),
                (SpanKind::Reasoning, index),
                Splice::Refuse("signed"),
                out,
            );
        }
        "tool_use" => {
            let input = doc.given(block, "input");
            if input.is_some_and(|i| doc.kind(i) != Kind::Object || doc.members(i).next().is_some()) {
                return Err(broken("a call begins with its input, which must follow"));
            }
            let Some(node) = doc.given(block, "name") else { return Err(broken("a call has no name")) };
            out.take(node);
            let part =
                Part::CallName { call: CallKey { choice: 0, index }, name: doc.text(node).into_owned() };
            out.push(part, At { element: block, index: number, ..At::default() });
        }
        kind => return Ok(kind != "redacted_thinking"),
    }
    Ok(false)
}

fn delta(doc: Doc<'_>, out: &mut Parts) -> Result<(), WireError> {
    let (index, number) = index_of(doc, 0)?;
    let Some(delta) = doc.given(0, "delta") else { return Err(broken("a delta is missing")) };
    let kind = doc.get(delta, "type").map(|t| doc.text(t)).unwrap_or_default();
    match kind.as_ref() {
        "text_delta" => text(doc, doc.given(delta, "text"), (SpanKind::Assistant, index), Splice::Free, out),
        "thinking_delta" => {
            text(
                doc,
                doc.given(delta, "thinking"),
                (SpanKind::Reasoning, index),
                Splice::Refuse("signed"),
                out,
            );
        }
        "input_json_delta" => {
            if let Some(node) = doc.given(delta, "partial_json") {
                let call = CallKey { choice: 0, index };
                let at = At { text: node, element: delta, index: number, holder: 0 };
                out.push(Part::CallArgs { call, text: doc.text(node).into_owned() }, at);
            }
        }
        _ => {}
    }
    Ok(())
}

fn text(doc: Doc<'_>, node: Option<u32>, (kind, block): (SpanKind, u32), splice: Splice, out: &mut Parts) {
    if let Some(node) = node {
        let channel = Channel { choice: 0, kind, block };
        let part = Part::Text { channel, text: doc.text(node).into_owned(), splice };
        out.push(part, At { text: node, ..At::default() });
    }
}

/// The event with edits.
pub(crate) fn render(doc: Doc<'_>, plan: &Plan<'_>) -> Rendered {
    let within =
        |node: u32| plan.denied.iter().any(|(at, _)| (at.element..doc.node(at.element).next).contains(&node));
    let mut patches = plain_patches(doc, plan, "end_turn", &within);
    let notice: String = plan.denied.iter().filter_map(|(_, notice)| *notice).collect();
    let mut rendered = Rendered { before: String::new(), patches: None, after: String::new() };
    let Some((at, _)) = plan.denied.first() else {
        return Rendered { patches: Some(patches), ..rendered };
    };
    let index = doc.unsigned(at.index).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    let block = plan.numbers.iter().find(|(node, _)| *node == at.index).map_or(index, |(_, n)| *n);
    if doc.get(0, "content_block") == Some(at.element) {
        let range = bytes_of(doc, at.element, at.element);
        patches.push(Patch { range, with: "{\"type\":\"text\",\"text\":\"\"}".to_owned() });
        if !notice.is_empty() {
            rendered.after = text_event(Channel { choice: 0, kind: SpanKind::Assistant, block }, &notice);
        }
        rendered.patches = Some(patches);
    } else if !notice.is_empty() {
        let with = format!("{{\"type\":\"text_delta\",\"text\":{}}}", quoted(&notice));
        patches.push(Patch { range: bytes_of(doc, at.element, at.element), with });
        rendered.patches = Some(patches);
    }
    rendered
}

/// An event that adds `text` to a channel.
pub(crate) fn text_event(channel: Channel, text: &str) -> String {
    let (kind, key) = match channel.kind {
        SpanKind::Reasoning => ("thinking_delta", "thinking"),
        _ => ("text_delta", "text"),
    };
    let mut out = format!(
        "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":{},\"delta\":{{\"type\":\"{kind}\",\"{key}\":\"",
        channel.block
    );
    escape_into(text, &mut out);
    out.push_str("\"}}\n\n");
    out
}
