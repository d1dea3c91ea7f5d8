//! Held calls through the API: what an approver reads, and what their word does.

use crate::tests::{admin, ask};
use crate::*;
use cordon_approvals::{EventKind, Observer};
use cordon_types::{
    ApprovalId, Asked, Claim, Effect, HeldCall, HeldTarget, Labels, RequestId,
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

fn held(n: u8, people: u8) -> HeldCall {
    HeldCall {
        request: Some(RequestId(1)),
        agent: AgentId::new("bot").unwrap(),
        key: KeyId::new("botkey").unwrap(),
        user: Some(Digest([3; 32])),
        tool: "mail__send".into(),
        effect: Effect::Send,
        labels: Labels::CLEAN,
        binding: Digest([n; 32]),
        predicate: Some(Digest([100; 32])),
        targets: vec![HeldTarget {
            argument: "to".into(),
            value: Zeroizing::new("eve\u{202E}".to_owned()),
            digest: Digest([50; 32]),
        }],
        arguments: Zeroizing::new("{\"to\":\"eve\u{202E}\"}".to_owned()),
        why: vec!["target_untrusted"],
        people,
        wait_ms: None,
    }
}

fn wait(admin: &Admin, call: HeldCall) -> ApprovalId {
    match admin.desk.ask(call, 1_000).unwrap() {
        Asked::Waiting(w) => w.id,
        other => panic!("{other:?}"),
    }
}

fn goes_on(admin: &Admin, n: u8) -> bool {
    let binding = Digest([n; 32]);
    let claim = Claim { request: None, binding: &binding, predicate: Some(&Digest([100; 32])) };
    admin.desk.take(&claim, 1_000).unwrap().is_some()
}

fn key(admin: &Admin) -> (String, Operator) {
    let (_, made) = ask(admin, "POST", "/cordon/v1/keys", json!({"kind": "admin"}));
    let id = made["key"]["id"].as_str().unwrap().to_owned();
    (id.clone(), Operator::Key(KeyId::new(&id).unwrap()))
}

fn decide(admin: &Admin, by: &Operator, id: ApprovalId, body: &Value) -> (u16, Value) {
    let path = format!("/cordon/v1/approvals/{id}/allow");
    let body = body.to_string();
    let reply = admin.handle(by, &Request { method: "POST", path: &path, body: body.as_bytes() });
    (reply.status, reply.body)
}

#[test]
fn an_approver_sees_it_live_and_their_word_lets_it_go_on_once() {
    let (admin, recorded) = admin(false);
    let id = wait(&admin, held(1, 1));
    let (status, list) = ask(&admin, "GET", "/cordon/v1/approvals", Value::Null);
    assert_eq!((status, list["approvals"].as_array().unwrap().len()), (200, 1));
    let one = &list["approvals"][0];
    assert_eq!(one["id"], id.to_string());
    assert_eq!(one["arguments"], "{\"to\":\"eve⟨U+202E⟩\"}");
    assert_eq!(one["arguments_json"], json!({"to": "eve\u{202E}"}));
    assert_eq!(one["targets"][0]["value"], "eve⟨U+202E⟩");
    assert_eq!((&one["effect"], &one["needed"]), (&json!("send"), &json!(1)));
    assert_eq!(one["user"], "03".repeat(32));
    assert_eq!(ask(&admin, "GET", &format!("/cordon/v1/approvals/{id}"), Value::Null).1, *one);
    assert!(!goes_on(&admin, 1));
    let path = format!("/cordon/v1/approvals/{id}/allow");
    let (status, done) = ask(&admin, "POST", &path, json!({"by": "ann", "scope": "once"}));
    assert_eq!((status, &done["state"]), (200, &json!("allowed")));
    let (_, list) = ask(&admin, "GET", "/cordon/v1/approvals", Value::Null);
    assert_eq!((list["approvals"].as_array().unwrap().len(), &list["standing"][0]["left"]), (0, &json!(1)));
    assert!(goes_on(&admin, 1));
    assert!(!goes_on(&admin, 1));
    let (status, shown) = ask(&admin, "GET", &format!("/cordon/v1/approvals/{id}"), Value::Null);
    assert_eq!((status, shown), (200, json!({"id": id.to_string(), "state": "used"})));
    let changes = recorded.0.lock().unwrap();
    assert!(matches!(&changes[..], [Change::Approval(e)] if e.kind == EventKind::Allowed && e.id == id));
    assert!(!format!("{changes:?}").contains("eve"));
}

#[test]
fn a_denial_has_a_reason_and_takes_a_grant_back() {
    let (admin, recorded) = admin(false);
    let id = wait(&admin, held(1, 1));
    let path = |what: &str| format!("/cordon/v1/approvals/{id}/{what}");
    let until = 1_000 + 60_000;
    let scope = json!({"predicate": Digest([100; 32]).to_string(), "until": until, "count": 3});
    let (status, _) = ask(&admin, "POST", &path("allow"), json!({"by": "ann", "scope": scope}));
    assert_eq!(status, 200);
    assert!(goes_on(&admin, 9));
    let (status, done) = ask(&admin, "POST", &path("deny"), json!({"by": "ann", "reason": "suspicious"}));
    assert_eq!((status, &done["state"]), (200, &json!("denied")));
    assert!(!goes_on(&admin, 9));
    assert_eq!(recorded.0.lock().unwrap().len(), 2);
    let other = wait(&admin, held(2, 1));
    let (status, _) =
        ask(&admin, "POST", &format!("/cordon/v1/approvals/{other}/deny"), json!({"by": "ann"}));
    assert_eq!(status, 200);
    assert!(matches!(admin.desk.ask(held(2, 1), 1_000).unwrap(), Asked::Denied(_)));
}

#[test]
fn four_eyes_are_two_keys_and_a_rotated_key_is_not_a_second() {
    let (admin, _) = admin(false);
    let (old, ann) = key(&admin);
    let (_, bob) = key(&admin);
    let (_, rotated) = ask(&admin, "POST", &format!("/cordon/v1/keys/{old}/rotate"), Value::Null);
    let again = Operator::Key(KeyId::new(rotated["key"]["id"].as_str().unwrap()).unwrap());
    let id = wait(&admin, held(1, 2));
    let (status, done) = decide(&admin, &ann, id, &json!({"by": "Ann"}));
    assert_eq!((status, &done["state"], &done["still_needed"]), (200, &json!("waiting"), &json!(1)));
    for (who, name) in [(&ann, "Bob"), (&again, "Bob"), (&bob, "ann")] {
        let (status, body) = decide(&admin, who, id, &json!({"by": name}));
        assert_eq!((status, &body["error"]["code"]), (409, &json!("same_person")), "{name}");
    }
    assert!(!goes_on(&admin, 1));
    assert_eq!(decide(&admin, &bob, id, &json!({"by": "Bob"})).1["state"], "allowed");
    assert!(goes_on(&admin, 1));
}

#[test]
fn what_is_refused() {
    let (admin, recorded) = admin(false);
    let id = wait(&admin, HeldCall { effect: Effect::Spend, ..held(1, 1) }).to_string();
    let unknown = ApprovalId(77).to_string();
    let wider = json!({"by": "a", "scope": {"predicate": Digest([100; 32]).to_string(), "until": 2_000, "count": 1}});
    for (method, path, body, status, code) in [
        ("GET", unknown.clone(), Value::Null, 404, "not_found"),
        ("GET", "apr_1".to_owned(), Value::Null, 404, "not_found"),
        ("POST", format!("{unknown}/allow"), json!({"by": "a"}), 404, "not_found"),
        ("POST", format!("{id}/allow"), json!({}), 400, "bad_request"),
        ("POST", format!("{id}/allow"), json!({"by": " "}), 400, "bad_name"),
        ("POST", format!("{id}/allow"), json!({"by": "a\u{7}"}), 400, "bad_name"),
        ("POST", format!("{id}/allow"), json!({"by": "a", "scope": "always"}), 400, "bad_scope"),
        ("POST", format!("{id}/allow"), json!({"by": "a", "scope": {"until": 1}}), 400, "bad_request"),
        ("POST", format!("{id}/allow"), json!({"by": "a", "for": "b"}), 400, "bad_request"),
        ("POST", format!("{id}/allow"), wider, 403, "not_offered"),
        ("POST", format!("{id}/deny"), json!({"by": "a", "reason": "because"}), 400, "bad_reason"),
        ("POST", format!("{id}/maybe"), json!({"by": "a"}), 404, "not_found"),
        ("GET", format!("{id}/allow"), Value::Null, 405, "wrong_method"),
        ("DELETE", id.clone(), Value::Null, 405, "wrong_method"),
    ] {
        let (found, reply) = ask(&admin, method, &format!("/cordon/v1/approvals/{path}"), body);
        assert_eq!((found, &reply["error"]["code"]), (status, &json!(code)), "{method} {path}: {reply}");
    }
    assert!(recorded.0.lock().unwrap().is_empty());
    assert!(!goes_on(&admin, 1));
}

/// Nobody is told.
pub(crate) struct Silent;

impl Observer for Silent {
    fn noted(&self, _: Event) {}
}
