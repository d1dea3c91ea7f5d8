//! Properties: the memo and the slices change the cost, never the decision; the Cedar shown is the Cedar used.

use super::*;
use crate::judge::Verdict;
use proptest::prelude::*;
use std::sync::Arc;

const OTHER: &str = r#"
agent = "other"
owner = "o"
purpose = "p"
groups = ["staff", "night"]
models = ["*"]
tools = [{ name = "send_mail" }]
mode = "observe"
created = "2026-11-24"
observe_until = "2026-12-07"
[data.prompt]
email = "block"
phone = { user = "redact" }
"#;

const OWN: &str = r#"
forbid (principal, action == Action::"model.prompt", resource) when { context.stream && context.findings.contains("phone") };
@obligation("redact") @kind("iban") permit (principal in AgentGroup::"staff", action, resource);
forbid (principal in AgentGroup::"night", action, resource == Model::"gullible-x") when { context.on_behalf };
forbid (principal == Agent::"dev", action == Action::"tool.call", resource == Tool::"read_x") when { context.stream };
"#;

#[derive(Clone, Debug)]
struct Question {
    dev: bool,
    on_behalf: bool,
    action: Action,
    name: &'static str,
    facts: Facts,
}

fn questions() -> impl Strategy<Value = Question> {
    let findings =
        prop::collection::vec((prop::sample::select(K::ALL), prop::sample::select(S::ALL.to_vec())), 0..3);
    let features = prop::collection::vec(prop::sample::select(Feature::ALL.to_vec()), 0..2);
    let betas = prop::collection::vec(prop::sample::select(vec!["known-beta", "x"]), 0..2);
    let names = ["gpt-4o-mini", "gullible-x", "gpt-4o", "send_mail", "read_x", "ticket_1", "rm"];
    let arguments = prop::sample::select(vec![
        None,
        Some(json!({"to": "a@example.com"})),
        Some(json!({"to": "a@evil.com"})),
        Some(json!({"id": 3})),
    ]);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), prop::bool::weighted(0.1));
    let what = (prop::sample::select(Action::ALL.to_vec()), prop::sample::select(names.to_vec()));
    (flags, what, findings, features, betas, arguments).prop_map(
        |((dev, on_behalf, stream, uninspected), (action, name), findings, features, betas, arguments)| {
            Question {
                dev,
                on_behalf,
                action,
                name,
                facts: Facts {
                    findings: findings.into_iter().collect(),
                    features,
                    betas: betas.into_iter().map(str::to_owned).collect(),
                    arguments,
                    flow: None,
                    stream,
                    uninspected,
                },
            }
        },
    )
}

/// All of an answer, as one comparable text.
fn whole(a: &Authorization) -> String {
    match a {
        Authorization::Denied(r) => format!("denied {r:?}"),
        Authorization::Held(h) => format!("held {h:?}"),
        Authorization::Allowed(p) => {
            format!(
                "allowed {:?} {:?} {:?} {:?}",
                p.obligations(),
                p.policies(),
                p.observed(),
                p.predicates()
            )
        }
    }
}

fn with_query<T>(question: &Question, f: impl FnOnce(&Query<'_>) -> T) -> T {
    let agent = AgentId::new(if question.dev { "dev" } else { "other" }).unwrap();
    let name = question.name;
    let resource = if question.action.is_tool() { Resource::Tool { name } } else { Resource::Model(name) };
    let (on_behalf, action, facts) = (question.on_behalf, question.action, &question.facts);
    f(&Query { agent: &agent, on_behalf, action, resource, facts, now: NOW })
}

#[test]
fn the_memo_and_the_slices_change_nothing() {
    let warm = set(&[DEV, OTHER], &[("own.cedar", OWN)]);
    let all = cedar_policy::PolicySet::from_policies(warm.rules.iter().map(|r| r.policy.clone())).unwrap();
    // Kept between cases on purpose: the memo fills with each other's facts.
    let config = ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(question in questions())| {
        with_query(&question, |q| {
            let first = whole(&warm.authorize(q));
            let again = whole(&warm.authorize(q));
            prop_assert_eq!(&first, &again);
            let explained = warm.explain(q);
            prop_assert_eq!(&first, &whole(&explained.authorization));
            // Against every policy of every agent.
            let p = warm.prepare(q).unwrap();
            let request = warm.request(q, &p).unwrap();
            let full = warm.evaluate(&request, &all, p.view, q);
            let sliced = warm.evaluate(&request, p.slice.of(q.facts), p.view, q);
            let (full_policies, sliced_policies) = (full.policies.clone(), sliced.policies.clone());
            prop_assert_eq!(full_policies, sliced_policies);
            prop_assert_eq!((full.allowed, full.obligations, full.code, full.errors.len()),
                (sliced.allowed, sliced.obligations, sliced.code, sliced.errors.len()));
            Ok(())
        })?;
    });
    assert!(warm.memo.len() > 0);
}

#[test]
fn the_memo_is_bounded_and_keeps_no_denials() {
    let set = set(&[DEV], &[]);
    for i in 0..6000 {
        let name = format!("gullible-{i}");
        let _ = permit(ask(&set, Action::ModelPrompt, &name, &Facts::default(), NOW));
        reason(ask(&set, Action::ModelPrompt, &format!("gpt-{i}"), &Facts::default(), NOW));
    }
    assert!(set.memo.len() <= 4096, "{}", set.memo.len());
    let set = super::set(&[DEV], &[]);
    for i in 0..100 {
        reason(ask(&set, Action::ToolList, &format!("t{i}"), &Facts::default(), NOW));
    }
    assert_eq!(set.memo.len(), 0);
}

#[test]
fn a_remembered_call_never_covers_other_arguments() {
    let set = set(&[DEV], &[]);
    let call = |to: &str| {
        let facts = Facts { arguments: Some(json!({ "to": to })), ..Facts::default() };
        ask(&set, Action::ToolCall, "send_mail", &facts, NOW)
    };
    let _ = permit(call("a@example.com"));
    assert_eq!(set.memo.len(), 1);
    assert_eq!(reason(call("a@evil.com")).code, ReasonCode::ArgumentRefused);
    let _ = permit(call("b@example.com"));
}

#[test]
fn many_threads_get_the_same_answers() {
    let set = Arc::new(set(&[DEV], &[]));
    let threads: Vec<_> = (0..4)
        .map(|t| {
            let set = set.clone();
            std::thread::spawn(move || {
                for i in 0..500 {
                    let facts = found(&[(K::ALL[(i + t) % 5], S::User)]);
                    let p = permit(ask(&set, Action::ModelPrompt, "gpt-4o-mini", &facts, NOW));
                    assert!(!p.policies().is_empty());
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
}

#[test]
fn the_cedar_shown_parses_and_decides_alike() {
    let set = set(&[DEV, OTHER], &[("own.cedar", OWN)]);
    for agent in set.agents().map(|m| m.agent.clone()).collect::<Vec<_>>() {
        let text = set.cedar(&agent).unwrap();
        let parsed: cedar_policy::PolicySet = text.parse().unwrap_or_else(|e| panic!("{e}\n{text}"));
        let (_, view) = set.view(&agent).unwrap();
        assert_eq!(parsed.num_of_policies(), view.rules.len());
        for (policy, rule) in parsed.policies().zip(view.rules.iter().map(|i| &set.rules[*i])) {
            assert_eq!(
                policy.new_id("x".parse().unwrap()).to_json().unwrap(),
                rule.policy.new_id("x".parse().unwrap()).to_json().unwrap()
            );
            if !rule.own {
                assert_eq!(policy.annotation("id"), Some(rule.id.as_str()));
                assert!(rule.text.starts_with("// "));
            }
        }
    }
}

#[test]
fn the_version_is_of_all_sources() {
    let base = set(&[DEV], &[("own.cedar", OWN_SMALL)]).version();
    assert_eq!(base, set(&[DEV], &[("own.cedar", OWN_SMALL)]).version());
    assert_ne!(base, set(&[DEV], &[]).version());
    assert_ne!(base, set(&[&format!("{DEV}\n# touched\n")], &[("own.cedar", OWN_SMALL)]).version());
    assert_ne!(base, set(&[DEV], &[("own2.cedar", OWN_SMALL)]).version());
}

const OWN_SMALL: &str = "forbid (principal, action, resource) when { context.on_behalf };";

#[test]
fn shared_between_threads() {
    fn is<T: Send + Sync>() {}
    is::<PolicySet>();
    is::<Verdict>();
}
