//! Tests of the demo: it plays, it tells, and its own tools for judging work.

use super::answer::Answer;
use super::scenes::{self, Kind};
use super::told::Told;
use super::{evidence, play, wrong};
use cordon_types::Dialect::{self, AnthropicMessages, OpenaiChat};

#[test]
fn every_scene_comes_out_as_it_should_and_leaves_nothing_behind() {
    let mut told = Vec::new();
    let good =
        play(None, 1, &mut |t| told.push((t.to_text(), t.to_json(), matches!(t, Told::Scene(_))))).unwrap();
    let text: String = told.iter().map(|(text, ..)| text.as_str()).collect::<Vec<_>>().join("\n");
    assert!(good, "{text}");
    assert!(text.lines().all(|l| l.chars().count() <= 100), "{text}");
    assert_eq!(told.iter().filter(|(.., scene)| *scene).count(), scenes::all().len());
    assert!(told.iter().all(|(_, json, _)| json["ok"] == true));
}

#[test]
fn a_directory_that_is_there_is_not_taken_over() {
    let there = std::env::temp_dir();
    assert!(play(Some(&there), 1, &mut |_| ()).is_err());
}

#[test]
fn the_search_finds_what_is_there() {
    let dir = std::env::temp_dir().join(format!("cordon-demo-search-{}", std::process::id()));
    std::fs::create_dir_all(dir.join("deep")).unwrap();
    std::fs::write(dir.join("deep/file"), b"\xff\xfeheliotrope\xf0").unwrap();
    let found = evidence::search(&dir, &scenes::canaries()).unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    assert_eq!((found.files, found.hits.len()), (1, 1));
}

#[test]
fn canaries_are_ascii_and_every_attack_says_one() {
    let canaries = scenes::canaries();
    assert!(canaries.iter().all(|c| c.is_ascii() && c.len() >= 8));
    let scripts = scenes::all();
    let attacks: Vec<_> = scripts.iter().filter(|s| s.kind == Kind::Attack).collect();
    assert!(attacks.len() >= 10);
    for script in attacks {
        let body = script.body.to_string();
        assert!(canaries.iter().any(|c| body.contains(c.as_str())), "{}", script.title);
    }
}

#[test]
fn a_wrong_key_is_another_key() {
    for key in ["cordon_agent_2", "cordon_agent_3", "cordon_agent_z"] {
        assert_ne!(wrong(key), key);
        assert_eq!(wrong(key).len(), key.len());
    }
}

#[test]
fn answers_are_read_as_agents_read_them() {
    let check = |dialect: Dialect,
                 kind: &str,
                 body: &str,
                 text: &str,
                 calls: &[(&str, &str)],
                 complete: bool| {
        let head = http::Response::builder().header("content-type", kind).body(()).unwrap().into_parts().0;
        let answer = Answer::read(dialect, &head, body.as_bytes(), false);
        let called: Vec<(&str, &str)> = answer.calls.iter().map(|(n, a)| (n.as_str(), a.as_str())).collect();
        assert_eq!((answer.text.as_str(), &called[..], answer.complete), (text, calls, complete), "{body}");
    };
    let (json, sse) = ("application/json", "text/event-stream; charset=utf-8");
    let whole = r#"{"choices":[{"message":{"content":"a","tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}}]}"#;
    check(OpenaiChat, json, whole, "a", &[("f", "{}")], true);
    let whole = r#"{"content":[{"type":"text","text":"a"},{"type":"tool_use","name":"f","input":{}}]}"#;
    check(AnthropicMessages, json, whole, "a", &[("f", "{}")], true);
    let stream = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"b\"}}]}\n\n";
    check(OpenaiChat, sse, stream, "ab", &[], false);
    check(OpenaiChat, sse, &format!("{stream}data: [DONE]\n\n"), "ab", &[], true);
    let stream = concat!(
        "data: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"tool_use\",\"name\":\"f\"}}\n\n",
        "data: {\"type\":\"content_block_delta\",\"delta\":{\"partial_json\":\"{\\\"a\\\"\"}}\n\n",
        "data: {\"type\":\"content_block_delta\",\"delta\":{\"partial_json\":\":1}\"}}\n\n",
        "data: {\"type\":\"message_stop\"}\n\n",
    );
    check(AnthropicMessages, sse, stream, "", &[("f", "{\"a\":1}")], true);
    check(AnthropicMessages, sse, "data: {\"error\":{\"type\":\"e\",\"message\":\"m\"}}\n\n", "", &[], false);
}
