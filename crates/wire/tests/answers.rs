//! Whole answers of both dialects: goldens, refusals, edits, denied calls; the rows.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

use bytes::Bytes;
use cordon_types::{Direction, Operation};
use cordon_wire::{
    Answer, AnswerEdit, Is, Limits, Splice, WireCode, WireError, parse_answer, parse_arguments, rows,
    rows_json,
};
use serde_json::{Value, json};
use std::fmt::Write as _;

const OPENAI: &str = include_str!("golden/openai_answer.json");
const ANTHROPIC: &str = include_str!("golden/anthropic_answer.json");

fn parse(op: Operation, body: impl Into<Bytes>) -> Result<Answer, WireError> {
    parse_answer(op, body.into(), &Limits::default())
}

fn shown(a: &Answer) -> String {
    let mut out = format!("{:?}\n", a.usage);
    for s in &a.spans {
        let splice = if let Splice::Refuse(why) = s.splice { why } else { "" };
        writeln!(out, "{} {:12} {:8} {:?}  {}", s.choice, s.kind.name(), splice, s.text, s.path).unwrap();
    }
    for c in &a.calls {
        let texts: Vec<_> = a.spans[c.spans.clone()].iter().map(|s| s.text.as_str()).collect();
        let side = c.provider_side.map(cordon_types::Feature::name);
        writeln!(
            out,
            "call {}.{} {} ok={} {:?} {:?} {}",
            c.choice, c.index, c.name, c.arguments_ok, side, texts, c.arguments
        )
        .unwrap();
    }
    a.opaque.iter().for_each(|f| writeln!(out, "uses {} at {}", f.feature.name(), f.path).unwrap());
    a.issued.iter().for_each(|i| writeln!(out, "issued {} at {}", i.digest_input.len(), i.path).unwrap());
    out
}

#[test]
fn openai_golden() {
    insta::assert_snapshot!(shown(&parse(Operation::ChatCompletions, OPENAI).unwrap()));
}

#[test]
fn anthropic_golden() {
    insta::assert_snapshot!(shown(&parse(Operation::Messages, ANTHROPIC).unwrap()));
}

#[test]
fn other_answers() {
    let count = parse(Operation::CountTokens, r#"{"input_tokens":12}"#).unwrap();
    assert_eq!(count.usage.input, Some(12));
    assert!(parse(Operation::Models, r#"{"object":"list","data":[{"id":"m"}]}"#).is_ok());
    let ollama = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"llama3:8b","system_fingerprint":"fp_ollama","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;
    assert!(parse(Operation::ChatCompletions, ollama).is_ok());
    let vllm = r#"{"id":"c","object":"chat.completion","created":1,"model":"org/m","choices":[{"index":0,"message":{"role":"assistant","content":"hi","refusal":null,"annotations":null,"audio":null,"function_call":null,"tool_calls":[],"reasoning_content":null},"logprobs":null,"finish_reason":"stop","stop_reason":null,"token_ids":null}],"service_tier":null,"system_fingerprint":null,"usage":{"prompt_tokens":1,"total_tokens":2,"completion_tokens":1,"prompt_tokens_details":null},"prompt_logprobs":null,"prompt_token_ids":null,"kv_transfer_params":null}"#;
    assert!(parse(Operation::ChatCompletions, vllm).is_ok());
}

#[test]
fn refusals() {
    let message = |extra: &str| {
        format!(
            r#"{{"id":"c","model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":"x"{extra}}}}}]}}"#
        )
    };
    let check = |body: String, code: WireCode, path: &str| {
        let e = parse(Operation::ChatCompletions, body).unwrap_err();
        assert_eq!((e.code, e.path.as_str()), (code, path));
    };
    check(message(r#","new_text":"x""#), WireCode::UnknownField, "choices[0].message.<unknown>");
    check(
        message(r#","function_call":{"name":"f","arguments":"{}"}"#),
        WireCode::Unsupported,
        "choices[0].message.function_call",
    );
    check(message(r#","content":"y""#), WireCode::DuplicateKey, "");
    let twice = r#"{"id":"c","model":"m","choices":[{"index":0,"message":{}},{"index":0,"message":{}}]}"#;
    check(twice.into(), WireCode::Unsupported, "choices");
}

fn deny(a: &Answer, calls: &[usize]) -> Value {
    let edits: Vec<_> =
        calls.iter().map(|&call| AnswerEdit::DenyCall { call, notice: format!("no \"{call}\"") }).collect();
    serde_json::from_slice(&a.render(&edits).unwrap()).unwrap()
}

#[test]
fn openai_calls_are_denied() {
    let a = parse(Operation::ChatCompletions, OPENAI).unwrap();
    let v = deny(&a, &[0]);
    let choice = &v["choices"][1];
    assert_eq!(choice["message"]["tool_calls"].as_array().unwrap().len(), 1);
    assert_eq!(choice["message"]["tool_calls"][0]["id"], "c2");
    assert_eq!(
        (&choice["message"]["content"], &choice["finish_reason"]),
        (&json!("no \"0\""), &json!("tool_calls"))
    );
    let v = deny(&a, &[1, 0]);
    let choice = &v["choices"][1];
    assert!(choice["message"].get("tool_calls").is_none());
    assert_eq!(
        (&choice["message"]["content"], &choice["finish_reason"]),
        (&json!("no \"0\"\nno \"1\""), &json!("stop"))
    );
    assert_eq!(v["choices"][0], serde_json::from_str::<Value>(OPENAI).unwrap()["choices"][0]);
}

#[test]
fn a_notice_finds_its_place() {
    let check = |message: &str, expected: Value| {
        let body = format!(
            r#"{{"id":"c","model":"m","choices":[{{"index":0,"message":{{{message}}},"finish_reason":"tool_calls"}}]}}"#
        );
        let a = parse(Operation::ChatCompletions, body).unwrap();
        assert_eq!(deny(&a, &[0])["choices"][0]["message"], expected, "{message}");
    };
    let call = r#""tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]"#;
    check(call, json!({"content": "no \"0\""}));
    check(&format!(r#"{call},"role":"assistant""#), json!({"content": "no \"0\"", "role": "assistant"}));
    check(
        &format!(r#""content":"","role":"assistant",{call}"#),
        json!({"content": "no \"0\"", "role": "assistant"}),
    );
    check(&format!(r#"{call},"content":"a""#), json!({"content": "a\n\nno \"0\""}));
}

#[test]
fn anthropic_calls_are_denied() {
    let a = parse(Operation::Messages, ANTHROPIC).unwrap();
    let v = deny(&a, &[0]);
    assert_eq!(v["content"][2], json!({"type": "text", "text": "no \"0\""}));
    assert_eq!(v["stop_reason"], "end_turn");
    assert_eq!(v["content"][3]["type"], "server_tool_use");
}

#[test]
fn text_and_denial_together() {
    let a = parse(Operation::ChatCompletions, OPENAI).unwrap();
    let at = |text: &str| a.spans.iter().position(|s| s.text == text).unwrap();
    let edits = [
        AnswerEdit::Text { span: at("Hello \u{e9}"), edits: vec![(6..8, "[x]".into())] },
        AnswerEdit::Text { span: at("x@evil.example"), edits: vec![(0..1, "y".into())] },
        AnswerEdit::DenyCall { call: 0, notice: "no".into() },
    ];
    let v: Value = serde_json::from_slice(&a.render(&edits).unwrap()).unwrap();
    assert_eq!(v["choices"][0]["message"]["content"], "Hello [x]");
    assert_eq!(a.render(&[]).unwrap(), OPENAI);
}

#[test]
fn arguments_alone() {
    let limits = Limits::default();
    for bad in ["[]", "1", "{", r#"{"a":1,"a":2}"#, "{} {}", r#"{"A":1,"a":2}"#] {
        assert!(parse_arguments(bad, &limits).is_err(), "{bad}");
    }
    assert!(parse_arguments("", &limits).unwrap().spans.is_empty());
    let a = parse_arguments(r#"{"to": "\u0061@b", "n": 1}"#, &limits).unwrap();
    assert_eq!(a.spans.iter().map(|s| s.text.as_str()).collect::<Vec<_>>(), ["to", "a@b", "n"]);
    assert_eq!(a.render(&[(1, vec![(0..1, "\"".into())])]).unwrap(), r#"{"to": "\"@b", "n": 1}"#);
    assert!(a.render(&[(0, vec![(0..1, "x".into())])]).is_err());
}

#[test]
fn rows_list_what_is_done() {
    let rows = rows();
    let is = |op, path: &str| {
        rows.iter()
            .filter(|r| r.op == op && r.direction == Direction::Prompt && r.path == path)
            .map(|r| r.is)
            .collect::<Vec<_>>()
    };
    use cordon_types::{Feature, SpanKind};
    assert_eq!(
        is(Operation::ChatCompletions, "messages[role=user].content[type=text].text"),
        [Is::Span(SpanKind::User)]
    );
    assert_eq!(is(Operation::ChatCompletions, "functions"), [Is::Refused]);
    assert_eq!(
        is(Operation::Messages, "messages[role=assistant].content[type=thinking].signature"),
        [Is::Issued]
    );
    assert!(
        is(Operation::Messages, "tools[type=web_search_20250305]").contains(&Is::Feature(Feature::WebSearch))
    );
    let dump: Value = serde_json::from_str(&rows_json()).unwrap();
    assert_eq!(dump.as_array().unwrap().len(), rows.len());
}
