//! Chat Completions streams: parts, edits, and what a client makes of the result.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod streams;

use cordon_types::{Operation, SpanKind};
use cordon_wire::{CallKey, Channel, EventEdit, Limits, Part, Splice, WireCode};
use serde_json::{Value, json};
use streams::{events, merge_openai, parse, render};

const OP: Operation = Operation::ChatCompletions;

fn chunk(choices: &str) -> String {
    format!(
        "data: {{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":{choices}}}\n\n"
    )
}

fn delta(delta: &str) -> String {
    chunk(&format!("[{{\"index\":0,\"delta\":{delta},\"finish_reason\":null}}]"))
}

fn refused(data: &str, code: WireCode) {
    let frame = streams::frames(&format!("data: {data}\n\n")).remove(0);
    let error = cordon_wire::parse_event(OP, frame, &Limits::default()).unwrap_err();
    assert_eq!(error.code, code, "{data}");
}

#[test]
fn golden() {
    let stream = include_str!("golden/openai_stream.txt");
    let parts: Vec<_> = events(OP, stream).into_iter().map(|e| e.parts).collect();
    insta::assert_debug_snapshot!(parts);
}

#[test]
fn what_is_not_known_is_refused() {
    refused(r#"{"choices":[],"x_groq":{}}"#, WireCode::UnknownField);
    refused(r#"{"choices":[{"index":0,"delta":{"thought":"x"}}]}"#, WireCode::UnknownField);
    refused(r#"{"choices":[{"index":0,"delta":{"content":["x"]}}]}"#, WireCode::WrongType);
    refused(r#"{"choices":[{"index":0,"delta":{"function_call":{"name":"x"}}}]}"#, WireCode::Unsupported);
    refused(
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"type":"custom"}]}}]}"#,
        WireCode::UnknownVariant,
    );
    refused(r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"id":"x"}]}}]}"#, WireCode::MissingField);
    refused(r#"{"choices":[{"index":0},{"index":0}]}"#, WireCode::BadStream);
    refused(r#"{"choices":[{"index":-1}]}"#, WireCode::BadStream);
    refused(r#"{"choices":[{"index":0,"delta":{"content":"a","Content":"b"}}]}"#, WireCode::CaseCollision);
    refused("[DONE] ", WireCode::InvalidJson);
    refused("", WireCode::InvalidJson);
    let named = streams::frames("event: thread.x\ndata: {\"choices\":[]}\n\n").remove(0);
    assert_eq!(
        cordon_wire::parse_event(OP, named, &Limits::default()).unwrap_err().code,
        WireCode::BadStream
    );
}

#[test]
fn texts_have_their_channels() {
    let event = parse(OP, &delta(r#"{"reasoning_content":"a","reasoning":"b","content":"c","refusal":"d"}"#));
    let channels: Vec<_> = event
        .parts
        .iter()
        .filter_map(|p| match p {
            Part::Text { channel, text, splice: Splice::Free } => {
                Some((channel.kind, channel.block, text.as_str()))
            }
            Part::Whole { splice: Splice::Refuse("id"), .. } => None,
            other => panic!("{other:?}"),
        })
        .collect();
    let (r, a) = (SpanKind::Reasoning, SpanKind::Assistant);
    assert_eq!(channels, [(r, 0, "a"), (r, 1, "b"), (a, 0, "c"), (SpanKind::Refusal, 0, "d")]);
}

#[test]
fn an_error_is_told_by_known_words() {
    let event = parse(
        OP,
        "data: {\"error\":{\"message\":\"m\",\"type\":\"x\",\"code\":\"rate_limit_exceeded\"}}\n\n",
    );
    assert_eq!(event.parts, [Part::Error { kind: "rate_limit_exceeded", message: "m".into() }]);
}

#[test]
fn a_text_is_replaced_in_place() {
    let event = parse(OP, &delta(r#"{ "role":"assistant" , "content" : "my \u0041" }"#));
    let out = render(&event, &[EventEdit::Text { part: 0, new: "say \"hi\"\n".into() }]);
    assert_eq!(out, delta(r#"{ "role":"assistant" , "content" : "say \"hi\"\n" }"#));
}

#[test]
fn a_frame_of_several_data_lines_is_written_anew() {
    let event = parse(OP, "data: {\"choices\":[{\"index\":0,\ndata: \"delta\":{\"content\":\"a\"}}]}\n\n");
    assert_eq!(
        render(&event, &[]),
        "data: {\"choices\":[{\"index\":0,\ndata: \"delta\":{\"content\":\"a\"}}]}\n\n"
    );
    let out = render(&event, &[EventEdit::Text { part: 0, new: "b".into() }]);
    assert_eq!(out, "data: {\"choices\":[{\"index\":0,\ndata: \"delta\":{\"content\":\"b\"}}]}\n\n");
}

fn deny(event: &str, edits: &[EventEdit], expected: Option<&str>) {
    let parsed = parse(OP, event);
    let out = parsed.render(edits).unwrap();
    let out = out.as_deref().map(|b| std::str::from_utf8(b).unwrap());
    assert_eq!(out, expected.map(delta).as_deref());
}

fn no(part: usize, notice: Option<&str>) -> EventEdit {
    EventEdit::DenyCall { part, notice: notice.map(str::to_owned) }
}

#[test]
fn a_denied_call_becomes_text_or_nothing() {
    let call = r#"{"index":0,"id":"x","type":"function","function":{"name":"f","arguments":"{}"}}"#;
    let other = r#"{"index":1,"function":{"name":"g","arguments":""}}"#;
    let alone = delta(&format!(r#"{{"tool_calls":[{call}]}}"#));
    deny(&alone, &[no(0, None), no(1, None)], None);
    deny(&alone, &[no(0, Some("no")), no(1, None)], Some(r#"{"content":"no"}"#));
    let text = EventEdit::Text { part: 1, new: "gone".into() };
    deny(&alone, &[no(0, None), text], None);
    let role = delta(&format!(r#"{{"role":"assistant","content":null,"tool_calls":[{call}]}}"#));
    deny(&role, &[no(0, None)], Some(r#"{"role":"assistant","content":null}"#));
    deny(&role, &[no(0, Some("no"))], Some(r#"{"role":"assistant","content":"no"}"#));
    let said = delta(&format!(r#"{{"tool_calls":[{call}],"content":"hi "}}"#));
    let edit = EventEdit::Text { part: 0, new: "ho ".into() };
    deny(&said, &[no(1, Some("no"))], Some(r#"{"content":"hi no"}"#));
    deny(&said, &[edit, no(1, Some("no"))], Some(r#"{"content":"ho no"}"#));
    let two = delta(&format!(r#"{{"tool_calls":[{call},{other}]}}"#));
    let up = |part| EventEdit::Renumber { part, index: 0 };
    let left = r#"{"tool_calls":[{"index":0,"function":{"name":"g","arguments":""}}]}"#;
    deny(&two, &[no(0, None), no(1, None), up(2), up(3)], Some(left));
    let left = format!(r#"{{"content":"no","tool_calls":[{call}]}}"#);
    deny(&two, &[no(2, Some("no")), no(3, None)], Some(&left));
    deny(&two, &[no(0, None), no(2, None)], None);
}

#[test]
fn an_event_that_says_more_stays() {
    let call = r#"{"tool_calls":[{"index":0,"function":{"name":"f"}}]}"#;
    let event = parse(OP, &chunk(&format!(r#"[{{"index":0,"delta":{call},"finish_reason":"tool_calls"}}]"#)));
    let out = render(&event, &[no(0, None), EventEdit::FinishAsStop { part: 1 }]);
    assert_eq!(out, chunk(r#"[{"index":0,"delta":{},"finish_reason":"stop"}]"#));
    let event = parse(
        OP,
        &format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{call}}}],\"usage\":{{\"prompt_tokens\":1}}}}\n\n"
        ),
    );
    assert!(event.render(&[no(0, None)]).unwrap().is_some());
}

#[test]
fn an_edit_must_fit_its_part() {
    let event = parse(OP, &delta(r#"{"content":"a","tool_calls":[{"index":0,"function":{"name":"f"}}]}"#));
    let text = |part| EventEdit::Text { part, new: String::new() };
    for edits in [
        vec![text(9)],
        vec![text(1)],
        vec![no(0, None)],
        vec![EventEdit::FinishAsStop { part: 0 }],
        vec![text(0), text(0)],
        vec![EventEdit::Renumber { part: 1, index: 0 }, EventEdit::Renumber { part: 1, index: 2 }],
    ] {
        assert_eq!(event.render(&edits).unwrap_err().code, WireCode::BadEdit, "{edits:?}");
    }
    let done = parse(OP, "data: [DONE]\n\n");
    assert_eq!(done.parts, [Part::Terminal]);
    assert!(done.render(&[text(0)]).is_err());
}

#[test]
fn an_extra_text_event_is_like_its_neighbour() {
    let like = parse(OP, &delta(r#"{"content":"a"}"#));
    for (kind, block) in [
        (SpanKind::Assistant, 0),
        (SpanKind::Assistant, 1),
        (SpanKind::Reasoning, 0),
        (SpanKind::Reasoning, 1),
        (SpanKind::Refusal, 0),
    ] {
        let channel = Channel { choice: 3, kind, block };
        let bytes = cordon_wire::text_event(OP, &like, channel, "x\"y");
        let text = std::str::from_utf8(&bytes).unwrap();
        let event = parse(OP, text);
        let expected = Part::Text { channel, text: "x\"y".into(), splice: Splice::Free };
        assert_eq!(event.parts.first(), Some(&expected));
        assert!(text.starts_with(
            r#"data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices""#
        ));
    }
}

/// Every call of the golden stream is denied: the client sees the notices and no call.
#[test]
fn a_stream_of_denied_calls_accumulates() {
    let stream = include_str!("golden/openai_stream.txt");
    let mut told: Vec<CallKey> = Vec::new();
    let mut out = String::new();
    for event in events(OP, stream) {
        let mut edits = Vec::new();
        for (part, is) in event.parts.iter().enumerate() {
            match is {
                Part::CallName { call, .. } | Part::CallArgs { call, .. } => {
                    let first = !told.contains(call);
                    told.push(*call);
                    edits.push(no(part, first.then_some("[denied]")));
                }
                Part::Finish { tool_use: true, .. } => edits.push(EventEdit::FinishAsStop { part }),
                _ => {}
            }
        }
        if let Some(bytes) = event.render(&edits).unwrap() {
            out.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }
    let before = merge_openai(stream);
    let after = merge_openai(&out);
    assert_eq!(before[&1]["tool_calls"][&"1".to_owned()]["function"]["name"], json!("get_time"));
    assert_eq!(after[&1]["tool_calls"], Value::Null);
    let content = after[&1]["content"].as_str().unwrap();
    assert_eq!(content.matches("[denied]").count(), 2);
    assert_eq!(after[&1]["finish_reason"], json!("stop"));
    assert_eq!(after[&0], before[&0]);
}

/// An id is a text that a caller can read; a call's element with nothing but its id belongs to the call.
#[test]
fn ids_are_texts_too() {
    let event = parse(
        OP,
        "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"x1\"}]}}]}\n\n",
    );
    let rest = |p: &&Part| matches!(p, Part::CallRest { .. });
    assert_eq!(event.parts.iter().filter(rest).count(), 1);
    for id in ["c1", "x1"] {
        assert!(event.parts.iter().any(|p| matches!(p, Part::Whole { text, .. } if text == id)), "{id}");
    }
    let part = event.parts.iter().position(|p| rest(&p)).unwrap();
    let gone = event.render(&[EventEdit::DenyCall { part, notice: None }]).unwrap();
    assert!(gone.is_none(), "{gone:?}");
}
