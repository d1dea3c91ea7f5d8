//! The pack of information flow: who supplied the target, and what class would leave.

use super::{build, manifest};
use crate::{Action, Authorization, Facts, Flow, PolicySet, Query, ReasonCode, Resource, TargetOrigin};
use cordon_types::{AgentId, Class, Integrity, Labels, Provenance};
use serde_json::json;

const BANK: &str = r#"
agent = "dev"
owner = "o@example.com"
purpose = "p"
[[tools]]
name = "bank__send"
effect = "spend"
target = ["to", "copies[].to"]
approvals = 2
[tools.cleared]
to = { domains = ["example.com"] }
[[tools]]
name = "bank__strict"
effect = "send"
untrusted = "refuse"
[[tools]]
name = "bank__open"
effect = "send"
untrusted = "allow"
clearance = "confidential"
[[tools]]
name = "web__fetch"
effect = "read"
target = ["url"]
[[tools]]
name = "bank__balance"
effect = "read"
class = "confidential"
"#;

fn set(extra: &str) -> PolicySet {
    build(&[&format!("{extra}{BANK}")], &[]).unwrap_or_else(|p| panic!("{p}"))
}

fn ask(set: &PolicySet, tool: &str, class: Class, target: TargetOrigin) -> Authorization {
    let labels = Labels { integrity: Integrity::Untrusted, class };
    let facts = Facts { arguments: Some(json!({})), flow: Some(Flow { labels, target }), ..Facts::default() };
    asked(set, tool, &facts)
}

fn asked(set: &PolicySet, tool: &str, facts: &Facts) -> Authorization {
    let agent = AgentId::new("dev").unwrap();
    let resource = Resource::Tool { name: tool };
    set.authorize(&Query {
        agent: &agent,
        on_behalf: false,
        action: Action::ToolCall,
        resource,
        facts,
        now: 0,
    })
}

fn check(tool: &str, class: Class, target: TargetOrigin, expected: &str) {
    let set = set("");
    // Twice: the second answer may come from the memo.
    for _ in 0..2 {
        let said = match ask(&set, tool, class, target) {
            Authorization::Allowed(_) => "allowed",
            Authorization::Held(held) => {
                assert_eq!(held.reason().code, ReasonCode::Held);
                if held.needed() == 2 { "held by two" } else { "held" }
            }
            Authorization::Denied(reason) => reason.code.name(),
        };
        assert_eq!(said, expected, "{tool} {class} {target:?}");
    }
}

#[test]
fn a_target_that_nobody_trusted_supplied_needs_people() {
    use Provenance as P;
    use TargetOrigin::{Cleared, From, None};
    for bad in [P::Untrusted, P::Unknown] {
        check("bank__send", Class::Public, From(bad), "held by two");
        check("web__fetch", Class::Public, From(bad), "held");
        check("bank__strict", Class::Public, From(bad), "target_untrusted");
        check("bank__open", Class::Public, From(bad), "allowed");
    }
    for good in [From(P::User), From(P::Trusted), Cleared, None] {
        for tool in ["bank__send", "web__fetch", "bank__strict", "bank__open", "bank__balance"] {
            check(tool, Class::Public, good, "allowed");
        }
    }
}

#[test]
fn data_above_its_class_never_leaves() {
    let user = TargetOrigin::From(Provenance::User);
    check("bank__send", Class::Internal, user, "allowed");
    check("bank__send", Class::Confidential, user, "class_refused");
    check("bank__open", Class::Confidential, user, "allowed");
    check("bank__open", Class::Restricted, user, "class_refused");
    check("bank__balance", Class::Restricted, user, "allowed");
}

#[test]
fn what_is_not_known_counts_as_the_worst() {
    let facts = Facts { arguments: Some(json!({})), ..Facts::default() };
    assert!(
        matches!(asked(&set(""), "bank__send", &facts), Authorization::Denied(r) if r.code == ReasonCode::ClassRefused)
    );
    assert!(matches!(asked(&set("flow = \"off\"\n"), "bank__send", &facts), Authorization::Allowed(_)));
}

#[test]
fn targets_are_found_in_any_shape() {
    let m = manifest(BANK);
    let rule = m.tool("bank__send").unwrap();
    let check = |arguments: serde_json::Value, expected: &[(&str, usize, bool)]| {
        let found = rule.targets(&arguments);
        let found: Vec<_> = found.iter().map(|t| (t.argument, t.values.len(), t.cleared)).collect();
        assert_eq!(found, expected, "{arguments}");
    };
    check(json!({"to": "eve@evil.test"}), &[("to", 1, false), ("copies[].to", 0, false)]);
    check(json!({"to": "ann@example.com"}), &[("to", 0, true), ("copies[].to", 0, false)]);
    check(
        json!({"to": ["ann@example.com", "eve@evil.test"]}),
        &[("to", 1, false), ("copies[].to", 0, false)],
    );
    check(
        json!({"to": "ann@example.com", "copies": [{"to": "a"}, {"to": "b"}]}),
        &[("to", 0, true), ("copies[].to", 2, false)],
    );
    // A look-alike beside it, or in its place, makes the whole call the target.
    check(
        json!({"to": "ann@example.com", "To": "eve@evil.test"}),
        &[("to", 0, true), ("copies[].to", 0, false), ("<arguments>", 1, false)],
    );
    check(
        json!({"TO": "eve@evil.test"}),
        &[("to", 0, false), ("copies[].to", 0, false), ("<arguments>", 1, false)],
    );
    check(
        json!({"to": "ann@example.com", "copies": [{"to": "ann", "tO": "eve"}]}),
        &[("to", 0, true), ("copies[].to", 1, false), ("<arguments>", 1, false)],
    );
    // What the path cannot walk is the whole call.
    check(json!({"to": "ann@example.com", "copies": "eve"}), &[("to", 0, true), ("copies[].to", 1, false)]);
    let all = m.tool("bank__strict").unwrap();
    assert_eq!(all.targets(&json!({"a": 1})).len(), 1);
    assert!(m.tool("bank__balance").unwrap().targets(&json!({"a": 1})).is_empty());
}

#[test]
fn what_is_cleared_must_be_a_target() {
    for (tail, path) in [
        ("[tools.cleared]\nto = { domains = [\"example.com\"] }\n", "tools[0].cleared.to"),
        ("target = [\"to\"]\n[tools.cleared]\nto = {}\n", "tools[0].cleared.to"),
        ("target = [\"to\"]\n[tools.cleared]\nto = { max_bytes = 9 }\n", "tools[0].cleared.to"),
        ("target = [\"to\", \"to\"]\n", "tools[0].target[1]"),
        ("result_fields = { \"a\" = \"fine\" }\n", "tools[0].result_fields.a"),
        ("approvals = 3\n", "tools[0].approvals"),
    ] {
        let text = format!(
            "agent = \"a\"\nowner = \"o\"\npurpose = \"p\"\n[[tools]]\nname = \"t\"\neffect = \"send\"\n{tail}"
        );
        let problems = crate::parse_manifest("a.toml", &text).unwrap_err();
        assert!(problems.0.iter().any(|p| p.to_string().contains(path)), "{path}: {problems}");
    }
}
