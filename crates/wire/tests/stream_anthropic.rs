//! Messages streams: parts, edits, and what a client makes of the result.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod streams;

use cordon_types::{Feature, Operation, SpanKind};
use cordon_wire::{Channel, EventEdit, Limits, Part, Splice, WireCode};
use serde_json::json;
use streams::{events, merge_anthropic, parse, render};

const OP: Operation = Operation::Messages;

fn event(name: &str, rest: &str) -> String {
    format!("event: {name}\ndata: {{\"type\":\"{name}\"{rest}}}\n\n")
}

fn start(block: &str) -> String {
    event("content_block_start", &format!(",\"index\":2,\"content_block\":{block}"))
}

fn delta(delta: &str) -> String {
    event("content_block_delta", &format!(",\"index\":2,\"delta\":{delta}"))
}

fn no(part: usize, notice: Option<&str>) -> EventEdit {
    EventEdit::DenyCall { part, notice: notice.map(str::to_owned) }
}

fn refused(stream: &str, code: WireCode) {
    let frame = streams::frames(stream).remove(0);
    let error = cordon_wire::parse_event(OP, frame, &Limits::default()).unwrap_err();
    assert_eq!(error.code, code, "{stream}");
}

#[test]
fn golden() {
    let stream = include_str!("golden/anthropic_stream.txt");
    let parts: Vec<_> = events(OP, stream).into_iter().map(|e| e.parts).collect();
    insta::assert_debug_snapshot!(parts);
}

#[test]
fn what_is_not_known_or_at_odds_is_refused() {
    refused("event: ping\ndata: {\"type\":\"message_stop\"}\n\n", WireCode::BadStream);
    refused("data: {\"type\":\"message_stop\"}\n\n", WireCode::BadStream);
    refused("event: ping\n\n", WireCode::InvalidJson);
    refused(&event("message_pause", ""), WireCode::UnknownVariant);
    refused(&event("ping", ",\"note\":\"x\""), WireCode::UnknownField);
    refused(&start(r#"{"type":"image_out","data":"x"}"#), WireCode::UnknownVariant);
    refused(&delta(r#"{"type":"audio_delta","data":"x"}"#), WireCode::UnknownVariant);
    refused(&delta(r#"{"type":"text_delta","text":"x","more":"y"}"#), WireCode::UnknownField);
    refused(&start(r#"{"type":"tool_use","id":"t","name":"f","input":{"a":"b"}}"#), WireCode::BadStream);
    let message = r#","message":{"id":"m","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"x"}]}"#;
    refused(&event("message_start", message), WireCode::Unsupported);
    refused("data: [DONE]\n\n", WireCode::InvalidJson);
}

#[test]
fn a_provider_run_tool_is_told() {
    let parsed = parse(OP, &start(r#"{"type":"server_tool_use","id":"s","name":"web_search","input":{}}"#));
    assert!(parsed.parts.contains(&Part::ProviderCall { feature: Feature::WebSearch }));
    let result = r#"{"type":"web_search_tool_result","tool_use_id":"s","content":[{"type":"web_search_result","title":"T","url":"https://a.example","encrypted_content":"e"}]}"#;
    let parts = parse(OP, &start(result)).parts;
    assert!(parts.contains(&Part::ProviderCall { feature: Feature::WebSearch }));
    assert!(
        parts
            .iter()
            .any(|p| matches!(p, Part::Whole { text, kind: SpanKind::ToolResult, .. } if text == "T"))
    );
    assert!(parts.iter().any(|p| matches!(p, Part::Issued(i) if i.digest_input == b"e")));
}

#[test]
fn the_first_text_of_a_block_is_text() {
    let parsed = parse(OP, &start(r#"{"type":"text","text":"early"}"#));
    let channel = Channel { choice: 0, kind: SpanKind::Assistant, block: 2 };
    assert_eq!(parsed.parts, [Part::Text { channel, text: "early".into(), splice: Splice::Free }]);
    let out = render(&parsed, &[EventEdit::Text { part: 0, new: "late".into() }]);
    assert_eq!(out, start(r#"{"type":"text","text":"late"}"#));
}

#[test]
fn signed_text_does_not_change() {
    let parsed = parse(OP, &delta(r#"{"type":"thinking_delta","thinking":"x"}"#));
    let error = parsed.render(&[EventEdit::Text { part: 0, new: String::new() }]).unwrap_err();
    assert_eq!(error.code, WireCode::BadEdit);
}

#[test]
fn an_error_is_told_by_known_words() {
    let body = r#","error":{"type":"overloaded_error","message":"m"},"request_id":"req_1""#;
    let parsed = parse(OP, &event("error", body));
    assert_eq!(parsed.parts, [Part::Error { kind: "overloaded_error", message: "m".into() }]);
}

#[test]
fn a_denied_call_becomes_a_text_block() {
    let call = parse(OP, &start(r#"{"type":"tool_use","id":"t","name":"f","input":{}}"#));
    let empty = start(r#"{"type":"text","text":""}"#);
    assert_eq!(render(&call, &[no(0, None)]), empty);
    let notice = delta(r#"{"type":"text_delta","text":"no"}"#);
    assert_eq!(render(&call, &[no(0, Some("no"))]), format!("{empty}{notice}"));
    let piece = parse(OP, &delta(r#"{"type":"input_json_delta","partial_json":"{}"}"#));
    assert_eq!(piece.render(&[no(0, None)]).unwrap(), None);
    assert_eq!(render(&piece, &[no(0, Some("no")), EventEdit::Text { part: 0, new: "x".into() }]), notice);
    let new = EventEdit::Text { part: 0, new: r#"{"a":1}"#.into() };
    assert_eq!(render(&piece, &[new]), delta(r#"{"type":"input_json_delta","partial_json":"{\"a\":1}"}"#));
}

#[test]
fn an_extra_text_event_parses() {
    let like = parse(OP, &event("message_stop", ""));
    for (kind, splice) in
        [(SpanKind::Assistant, Splice::Free), (SpanKind::Reasoning, Splice::Refuse("signed"))]
    {
        let channel = Channel { choice: 0, kind, block: 7 };
        let bytes = cordon_wire::text_event(OP, &like, channel, "x\"y");
        let parsed = parse(OP, std::str::from_utf8(&bytes).unwrap());
        assert_eq!(parsed.parts, [Part::Text { channel, text: "x\"y".into(), splice }]);
    }
}

#[test]
fn a_stream_with_a_denied_call_accumulates() {
    let stream = include_str!("golden/anthropic_stream.txt");
    let mut out = String::new();
    for event in events(OP, stream) {
        let mut edits = Vec::new();
        for (part, is) in event.parts.iter().enumerate() {
            match is {
                Part::CallName { .. } => edits.push(no(part, Some("[denied]"))),
                Part::CallArgs { .. } => edits.push(no(part, None)),
                Part::Finish { .. } => edits.push(EventEdit::FinishAsStop { part }),
                _ => {}
            }
        }
        if let Some(bytes) = event.render(&edits).unwrap() {
            out.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }
    let (before, after) = (merge_anthropic(stream), merge_anthropic(&out));
    assert_eq!(before["content"][2]["json"], json!("{\"city\":\"Rome\"}"));
    assert_eq!(after["content"][2], json!({"type": "text", "text": "[denied]"}));
    assert_eq!(after["printed"], json!("Hello é\n[denied]"));
    assert_eq!(after["stop_reason"], json!("end_turn"));
    for kept in [0, 1, 3] {
        assert_eq!(after["content"][kept], before["content"][kept]);
    }
}
