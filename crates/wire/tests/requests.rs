//! Requests of both dialects: goldens, refusals, edits.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

use bytes::Bytes;
use cordon_types::{Feature, Operation};
use cordon_wire::{
    Forced, Limits, Request, RequestEdit, Span, Splice, ToolKind, WireCode, WireError, parse_request,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::fmt::Write as _;

const OPENAI: &str = include_str!("golden/openai_request.json");
const ANTHROPIC: &str = include_str!("golden/anthropic_request.json");

fn parse(op: Operation, body: impl Into<Bytes>) -> Result<Request, WireError> {
    parse_request(op, body.into(), &Limits::default())
}

fn shown(r: &Request) -> String {
    let mut out = format!(
        "model={} stream={} usage={} n={} max={:?} turns={} store={} strict={} forced={:?}\n",
        r.model,
        r.stream,
        r.include_usage,
        r.choices,
        r.max_output_tokens,
        r.user_turns,
        r.store,
        r.strict_output,
        r.forced_tool
    );
    r.spans.iter().for_each(|s| span(s, &mut out));
    r.tools.iter().for_each(|t| writeln!(out, "tool {} {:?}", t.name, t.kind).unwrap());
    r.features.iter().for_each(|f| writeln!(out, "uses {} at {}", f.feature.name(), f.path).unwrap());
    r.issued.iter().for_each(|i| writeln!(out, "issued {} at {}", i.digest_input.len(), i.path).unwrap());
    out
}

fn span(s: &Span, out: &mut String) {
    let splice = match s.splice {
        Splice::Free => "",
        Splice::Refuse(why) => why,
    };
    writeln!(out, "{:15} {:8} {:?}  {}", s.kind.name(), splice, s.text, s.path).unwrap();
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
fn without_edits_the_bytes_are_the_same() {
    let r = parse(Operation::ChatCompletions, OPENAI).unwrap();
    assert_eq!(r.render(&[]).unwrap().as_ptr(), r.body().as_ptr());
}

fn openai(extra: Value) -> Result<Request, WireError> {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    parse(Operation::ChatCompletions, body.to_string())
}

fn anthropic(extra: Value) -> Result<Request, WireError> {
    let mut body = json!({"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    parse(Operation::Messages, body.to_string())
}

#[test]
fn openai_refusals() {
    use WireCode::{TooMany, UnknownField, UnknownVariant, Unsupported, WrongType};
    let check = |extra: Value, code: WireCode, path: &str| {
        let e = openai(extra.clone()).unwrap_err();
        assert_eq!((e.code, e.path.as_str()), (code, path), "{extra}");
    };
    check(json!({"previous_response_id": "x"}), UnknownField, "<unknown>");
    check(json!({"extra_body": {}}), UnknownField, "<unknown>");
    check(json!({"functions": []}), Unsupported, "functions");
    check(json!({"function_call": "auto"}), Unsupported, "function_call");
    check(json!({"tools": [{"type": "web_search"}]}), UnknownVariant, "tools[0].type");
    check(json!({"tools": [{"type": "mcp"}]}), UnknownVariant, "tools[0].type");
    check(
        json!({"tools": [{"type": "function", "function": {"name": "f", "x": 1}}]}),
        UnknownField,
        "tools[0].function.<unknown>",
    );
    check(json!({"messages": [{"role": "root", "content": "x"}]}), UnknownVariant, "messages[0].role");
    check(
        json!({"messages": [{"role": "user", "content": [{"type": "video", "video": "x"}]}]}),
        UnknownVariant,
        "messages[0].content[0].type",
    );
    check(
        json!({"messages": [{"role": "user", "content": {"text": "x"}}]}),
        WrongType,
        "messages[0].content",
    );
    check(json!({"messages": [{"role": "user", "content": 1}]}), WrongType, "messages[0].content");
    check(json!({"stream": "true"}), WrongType, "stream");
    check(json!({"temperature": "hot"}), WrongType, "temperature");
    check(json!({"service_tier": "new"}), UnknownVariant, "service_tier");
    check(json!({"model": "a b"}), Unsupported, "model");
    check(json!({"messages": vec![json!({"role": "user", "content": "x"}); 2001]}), TooMany, "messages");
    check(json!({"tools": vec![json!({"type": "custom", "custom": {"name": "x"}}); 257]}), TooMany, "tools");
}

#[test]
fn anthropic_refusals() {
    use WireCode::{MissingField, UnknownField, UnknownVariant, Unsupported};
    let check = |extra: Value, code: WireCode, path: &str| {
        let e = anthropic(extra.clone()).unwrap_err();
        assert_eq!((e.code, e.path.as_str()), (code, path), "{extra}");
    };
    check(json!({"n": 2}), UnknownField, "<unknown>");
    check(json!({"fallbacks": []}), Unsupported, "fallbacks");
    check(json!({"thread": {}}), Unsupported, "thread");
    check(json!({"workspace_id": "w"}), Unsupported, "workspace_id");
    check(json!({"tools": [{"type": "new_tool_20990101", "name": "x"}]}), UnknownVariant, "tools[0].type");
    check(json!({"tools": [{"name": "x"}]}), MissingField, "tools[0].input_schema");
    check(
        json!({"messages": [{"role": "user", "content": [{"type": "compaction"}]}]}),
        Unsupported,
        "messages[0].content[0]",
    );
    check(
        json!({"messages": [{"role": "user", "content": [{"type": "new"}]}]}),
        UnknownVariant,
        "messages[0].content[0].type",
    );
    check(json!({"system": [{"type": "image"}]}), UnknownVariant, "system[0].type");
    assert_eq!(parse(Operation::Models, "{}").unwrap_err().code, Unsupported);
    let no_limit = json!({"model": "m", "messages": []}).to_string();
    assert_eq!(parse(Operation::Messages, no_limit.clone()).unwrap_err().path, "max_tokens");
    assert!(parse(Operation::CountTokens, no_limit).is_ok());
}

#[test]
fn features_are_named() {
    let used = |r: Request| r.features.iter().map(|u| u.feature).collect::<Vec<_>>();
    let check = |r: Result<Request, WireError>, expected: &[Feature]| assert_eq!(used(r.unwrap()), expected);
    check(openai(json!({"web_search_options": {}})), &[Feature::WebSearch]);
    check(openai(json!({"web_search_options": null, "prediction": null, "audio": null})), &[]);
    check(openai(json!({"prediction": {"type": "content", "content": "x"}})), &[Feature::Prediction]);
    check(openai(json!({"modalities": ["text", "audio"]})), &[Feature::Audio]);
    check(openai(json!({"service_tier": "priority"})), &[Feature::ServiceTier]);
    check(openai(json!({"logprobs": false})), &[]);
    check(
        anthropic(json!({"tools": [{"type": "code_execution_20250825", "name": "code_execution"}]})),
        &[Feature::CodeExecution],
    );
    check(
        anthropic(json!({"tools": [{"type": "mcp_toolset", "mcp_server_name": "m"}]})),
        &[Feature::RemoteMcp],
    );
    check(anthropic(json!({"container": {"id": "c"}})), &[Feature::ProviderState]);
    check(anthropic(json!({"context_management": {"edits": []}})), &[Feature::Beta]);
}

#[test]
fn tools_and_choices() {
    let r =
        openai(json!({"tools": [{"type": "custom", "custom": {"name": "x"}}], "tool_choice": "required"}))
            .unwrap();
    assert_eq!((r.tools[0].kind, r.forced_tool), (ToolKind::Custom, Some(Forced::Any)));
    let r = openai(json!({"tool_choice": "auto"})).unwrap();
    assert_eq!(r.forced_tool, None);
    let r = anthropic(json!({"tool_choice": {"type": "tool", "name": "x"}})).unwrap();
    assert_eq!(r.forced_tool, Some(Forced::Named("x".into())));
    let r = anthropic(json!({"tools": [{"type": "web_fetch_20250910", "name": "web_fetch"}]})).unwrap();
    assert_eq!(r.tools[0].kind, ToolKind::Provider(Feature::WebSearch));
}

fn rendered(r: &Request, edits: &[RequestEdit]) -> Value {
    serde_json::from_slice(&r.render(edits).unwrap()).unwrap()
}

#[test]
fn edits_reach_into_arguments() {
    let r = parse(Operation::ChatCompletions, OPENAI).unwrap();
    let at = |text: &str| r.spans.iter().position(|s| s.text == text).unwrap();
    let edits = [
        RequestEdit::Text { span: at("a@b.example"), edits: vec![(0..11, "<\"email\">".into())] },
        RequestEdit::Text { span: at("A\n"), edits: vec![(1..2, "\u{1f600}".into())] },
        RequestEdit::Text { span: at("Caf\u{e9} \u{1f600}"), edits: vec![(0..3, "C".into())] },
        RequestEdit::SetModel("other".into()),
        RequestEdit::StoreOff,
    ];
    let out = String::from_utf8(r.render(&edits).unwrap().to_vec()).unwrap();
    assert!(out.contains(r#""C\u00e9 \ud83d\ude00""#), "what is not edited keeps its escapes");
    let v: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&v["model"], &v["store"]), (&json!("other"), &json!(false)));
    let inner = v["messages"][3]["tool_calls"][0]["function"]["arguments"].as_str().unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(inner).unwrap(),
        json!({"to": "<\"email\">", "body": "A\u{1f600}"})
    );
    assert!(inner.contains("\\u0041"));
}

#[test]
fn edits_that_must_not_be() {
    let r = parse(Operation::Messages, ANTHROPIC).unwrap();
    for text in ["secret", "toolu_1", "read", "path", "object"] {
        let span = r.spans.iter().position(|s| s.text == text).unwrap();
        let e = r.render(&[RequestEdit::Text { span, edits: vec![(0..1, "x".into())] }]).unwrap_err();
        assert_eq!(e.code, WireCode::BadEdit, "{text}");
    }
    assert!(r.render(&[RequestEdit::RemoveTool(9)]).is_err());
    assert!(r.render(&[RequestEdit::Text { span: 999, edits: vec![] }]).is_err());
}

#[test]
fn tools_are_removed() {
    let r = parse(Operation::Messages, ANTHROPIC).unwrap();
    for mask in 0..8u8 {
        let gone = (0..3usize).filter(|i| mask & (1 << i) != 0);
        let v = rendered(&r, &gone.map(RequestEdit::RemoveTool).collect::<Vec<_>>());
        let left: Vec<_> =
            v["tools"].as_array().into_iter().flatten().map(|t| t["name"].as_str().unwrap()).collect();
        let names = ["read", "web_search", "bash"];
        let expected: Vec<_> = (0..3).filter(|i| mask & (1 << i) == 0).map(|i| names[i]).collect();
        assert_eq!(left, expected);
        assert_eq!(v.get("tools").is_some(), mask != 7);
        assert_eq!(v.get("tool_choice").is_some(), mask != 7);
    }
    let r = parse(Operation::ChatCompletions, OPENAI).unwrap();
    let v = rendered(&r, &[RequestEdit::RemoveTool(0), RequestEdit::RemoveTool(1)]);
    assert!(
        v.get("tools").is_none() && v.get("tool_choice").is_none() && v.get("parallel_tool_calls").is_none()
    );
}

proptest! {
    #[test]
    fn random_edits_say_what_they_say(
        which in any::<prop::sample::Index>(),
        (a, b) in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        with in any::<String>(),
        anthropic in any::<bool>(),
    ) {
        let (op, body) = if anthropic { (Operation::Messages, ANTHROPIC) } else { (Operation::ChatCompletions, OPENAI) };
        let r = parse(op, body).unwrap();
        let free: Vec<usize> = (0..r.spans.len()).filter(|&i| r.spans[i].splice == Splice::Free).collect();
        let span = free[which.index(free.len())];
        let text = &r.spans[span].text;
        let cuts: Vec<usize> = text.char_indices().map(|(i, _)| i).chain([text.len()]).collect();
        let (a, b) = (cuts[a.index(cuts.len())], cuts[b.index(cuts.len())]);
        let (start, end) = (a.min(b), a.max(b));
        let expected = format!("{}{with}{}", &text[..start], &text[end..]);
        let out = r.render(&[RequestEdit::Text { span, edits: vec![(start..end, with)] }]).unwrap();
        let again = parse(op, out).unwrap();
        // Edited free text may turn into a JSON object of its own; all other texts stay as they were.
        if again.spans.len() == r.spans.len() {
            for (i, (old, new)) in r.spans.iter().zip(&again.spans).enumerate() {
                prop_assert_eq!(if i == span { &expected } else { &old.text }, &new.text);
            }
        }
    }
}
