//! MCP messages: what is taken, what is refused, and what edits leave alone.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use bytes::Bytes;
use cordon_wire::mcp::{Edits, Message, MessageKind, Method, Revision, Texts, listing, render, texts};
use cordon_wire::{Limits, WireCode};
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};

fn parse(text: &str) -> Result<Message, WireCode> {
    Message::parse(Bytes::copy_from_slice(text.as_bytes()), &Limits::default()).map_err(|e| e.code)
}

#[test]
fn kinds() {
    let check = |text: &str, kind: MessageKind| assert_eq!(parse(text).unwrap().kind(), kind, "{text}");
    check(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, MessageKind::Request);
    check(r#"{"jsonrpc":"2.0","id":"a","method":"ping","params":{}}"#, MessageKind::Request);
    check(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, MessageKind::Notification);
    check(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, MessageKind::Response);
    check(r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":""}}"#, MessageKind::Error);
}

#[test]
fn what_is_no_message() {
    let check = |text: &str, code: WireCode| assert_eq!(parse(text).unwrap_err(), code, "{text}");
    check(r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, WireCode::Unsupported);
    check(r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, WireCode::MissingField);
    check(r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, WireCode::WrongType);
    check(r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#, WireCode::WrongType);
    check(r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#, WireCode::MissingField);
    check(r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#, WireCode::Unsupported);
    check(r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"x"}"#, WireCode::CaseCollision);
    check(r#"{"jsonrpc":"2.0","id":1,"method":"ping","id":2}"#, WireCode::DuplicateKey);
    check(r#"{"jsonrpc":"2.0","id":1,"method":"ping","extra":1}"#, WireCode::UnknownField);
    check(r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, WireCode::MissingField);
}

#[test]
fn parameters_are_those_of_the_method() {
    let call = |params: &str| {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
        parse(&text).unwrap().check_params(Method::ToolsCall).map_err(|e| (e.code, e.path))
    };
    assert_eq!(call(r#"{"name":"a","arguments":{"anything":1},"_meta":{"progressToken":1}}"#), Ok(()));
    assert_eq!(call(r#"{"name":"a","tool":"b"}"#), Err((WireCode::UnknownField, "params".to_owned())));
    assert_eq!(call(r#"{"name":"a","_meta":1}"#), Err((WireCode::WrongType, "params".to_owned())));
}

#[test]
fn golden() {
    let list = include_str!("golden/mcp_tools_list.json");
    let message = Message::parse(Bytes::from_static(list.as_bytes()), &Limits::default()).unwrap();
    let page = listing(Method::ToolsList, &message).unwrap();
    let names: Vec<&str> = page.items.iter().map(|i| i.name.as_str()).collect();
    let call = include_str!("golden/mcp_call_result.json");
    let result = Message::parse(Bytes::from_static(call.as_bytes()), &Limits::default()).unwrap();
    let doc = result.doc();
    let mut read = Texts::default();
    for (key, value) in doc.members(result.body().unwrap()) {
        texts(doc, value, doc.text(key) == "content", &mut read);
    }
    let said: Vec<&str> = read.strings.iter().map(|t| t.text.as_str()).collect();
    let mut edits = Edits::default();
    for text in &read.strings {
        if let Some(at) = text.text.find("ada@example.com") {
            edits.text(doc, text.node, vec![(at..at + 15, "[EMAIL]".to_owned())]).unwrap();
        }
    }
    let masked = render(doc, result.body().unwrap(), &edits);
    insta::assert_debug_snapshot!("mcp_golden", (names, page.next, said, read.fixed, read.opaque, masked));
}

#[test]
fn revisions() {
    let rows: Vec<String> =
        ["initialize", "ping", "server/discover", "tools/call", "subscriptions/listen", "logging/setLevel"]
            .iter()
            .flat_map(|m| Revision::ALL.map(|r| (m, r)))
            .map(|(m, r)| format!("{m} {}: {}", r.name(), Method::find(m, r).is_some()))
            .collect();
    insta::assert_debug_snapshot!("mcp_methods", rows);
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = proptest::prop_oneof![
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i32>().prop_map(serde_json::Value::from),
        "[ -~äλ\n\"\\\\]{0,12}".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        proptest::prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
            proptest::collection::btree_map("[a-z]{1,6}", inner, 0..5)
                .prop_map(|m| serde_json::Value::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Every string is given out once; with each replaced, the text is the same value but for those.
    #[test]
    fn edits_change_what_they_say_and_nothing_else(value in json()) {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"content":{value}}}}}"#);
        let message = parse(&text).unwrap();
        let (doc, body) = (message.doc(), message.body().unwrap());
        prop_assert_eq!(render(doc, body, &Edits::default()), message.raw(body));
        let mut read = Texts::default();
        texts(doc, body, false, &mut read);
        let mut edits = Edits::default();
        for text in &read.strings {
            edits.text(doc, text.node, vec![(0..text.text.len(), "x".to_owned())]).unwrap();
        }
        let rendered: serde_json::Value = serde_json::from_str(&render(doc, body, &edits)).unwrap();
        let expected = serde_json::json!({"content": replaced(value)});
        prop_assert_eq!(rendered, expected);
    }

    #[test]
    fn nothing_breaks_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        if let Ok(message) = Message::parse(Bytes::from(bytes.clone()), &Limits::default()) {
            prop_assert!(message.len() == bytes.len());
        }
    }
}

fn replaced(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::String(_) => "x".into(),
        serde_json::Value::Array(a) => a.into_iter().map(replaced).collect(),
        serde_json::Value::Object(o) => o.into_iter().map(|(k, v)| (k, replaced(v))).collect(),
        other => other,
    }
}
