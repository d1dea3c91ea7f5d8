//! Tables over the judge: each reason, each obligation, observe mode, errors, own policies.

use crate::*;
use cordon_types::{AgentId, Feature, FindingKind as K, Millis, ModelName, SpanKind as S};
use serde_json::json;

mod flow;
mod own;
mod same;

/// 2026-12-01T12:00:00Z, a Tuesday.
pub(crate) const NOW: Millis = 1_796_126_400_000;
const DAY: Millis = 86_400_000;

pub(crate) const DEV: &str = r#"
agent = "dev"
owner = "it-ops@example.com"
purpose = "answers customers' tickets"
risk = "limited"
groups = ["staff"]
models = ["gpt-4o-mini", "gullible*"]
features = ["image"]
betas = ["known-beta"]
max_output_tokens = 4096

[[tools]]
name = "send_mail"
effect = "send"
untrusted = "allow"
clearance = "restricted"
[tools.args]
to = { domains = ["example.com"], required = true }
amount = { max = 100 }

[[tools]]
name = "read_*"
effect = "read"

[[tools]]
name = "ticket_*"
[tools.args]
id = { min = 1, required = true }
other_args = "allow"
"#;

pub(crate) fn manifest(toml: &str) -> Manifest {
    parse_manifest("dev.toml", toml).unwrap_or_else(|p| panic!("{p}"))
}

pub(crate) fn set(manifests: &[&str], own: &[(&str, &str)]) -> PolicySet {
    build(manifests, own).unwrap_or_else(|p| panic!("{p}"))
}

pub(crate) fn build(manifests: &[&str], own: &[(&str, &str)]) -> Result<PolicySet, cordon_types::Problems> {
    let own =
        own.iter().map(|(name, text)| PolicySource { name: (*name).into(), text: (*text).into() }).collect();
    PolicySet::build(manifests.iter().map(|m| manifest(m)).collect(), own, &[])
}

pub(crate) fn ask(set: &PolicySet, action: Action, name: &str, facts: &Facts, now: Millis) -> Authorization {
    let agent = AgentId::new("dev").unwrap();
    let resource = if action.is_tool() { Resource::Tool { name } } else { Resource::Model(name) };
    set.authorize(&Query { agent: &agent, on_behalf: false, action, resource, facts, now })
}

pub(crate) fn permit(a: Authorization) -> Permit {
    match a {
        Authorization::Allowed(p) => p,
        other => panic!("not allowed: {other:?}"),
    }
}

pub(crate) fn reason(a: Authorization) -> Reason {
    match a {
        Authorization::Denied(r) => r,
        other => panic!("not denied: {other:?}"),
    }
}

pub(crate) fn found(pairs: &[(K, S)]) -> Facts {
    Facts { findings: pairs.iter().copied().collect(), ..Facts::default() }
}

fn args(value: serde_json::Value) -> Facts {
    Facts { arguments: Some(value), ..Facts::default() }
}

fn ids(policies: &[PolicyRef]) -> Vec<&str> {
    policies.iter().map(PolicyRef::as_str).collect()
}

#[test]
fn what_is_listed_goes_on() {
    let set = set(&[DEV], &[]);
    for (action, name, facts) in [
        (Action::ModelPrompt, "gpt-4o-mini", Facts::default()),
        (Action::ModelPrompt, "gullible-large", Facts::default()),
        (Action::ModelAnswer, "gpt-4o-mini", Facts::default()),
        (Action::ModelList, "gpt-4o-mini", Facts::default()),
        (Action::ToolList, "send_mail", Facts::default()),
        (Action::ToolCall, "send_mail", args(json!({"to": "a@example.com", "amount": 100}))),
        (Action::ToolCall, "read_file", args(json!({"anything": [1, {"goes": null}]}))),
        (Action::ToolCall, "ticket_close", args(json!({"id": 7, "other": "yes"}))),
        (Action::ModelPrompt, "gpt-4o-mini", Facts { features: vec![Feature::Image], ..Facts::default() }),
        (Action::ModelPrompt, "gpt-4o-mini", Facts { betas: vec!["known-beta".into()], ..Facts::default() }),
    ] {
        let p = permit(ask(&set, action, name, &facts, NOW));
        assert!(p.observed().is_none());
        assert!(!p.policies().is_empty(), "{action:?} {name}");
    }
}

#[test]
fn each_denial_has_its_reason() {
    use Action::{ModelAnswer, ModelList, ModelPrompt, ToolCall, ToolList};
    use ReasonCode as C;
    let set = set(&[DEV], &[]);
    let inject = |span| found(&[(K::Injection, span)]);
    let features = Facts { features: vec![Feature::Image, Feature::WebSearch], ..Facts::default() };
    let betas = Facts { betas: vec!["other".into()], ..Facts::default() };
    let blind = Facts { uninspected: true, ..Facts::default() };
    for (action, name, facts, code, policy, says) in [
        (
            ModelPrompt,
            "gpt-4o",
            Facts::default(),
            C::ModelNotListed,
            "models",
            "model `gpt-4o` is not listed",
        ),
        (ModelList, "gpt-4o", Facts::default(), C::ModelNotListed, "models", "`models`"),
        (ModelPrompt, "gpt-4o-mini ", Facts::default(), C::ModelNotListed, "models", "`models`"),
        (ToolList, "rm", Facts::default(), C::ToolNotListed, "tools", "tool `rm` is not listed"),
        (ToolCall, "SEND_MAIL", args(json!({})), C::ToolNotListed, "tools", "under [[tools]]"),
        (
            ToolCall,
            "send_mail",
            args(json!({"to": "a@evil.com"})),
            C::ArgumentRefused,
            "tool:send_mail:args",
            "on: to;",
        ),
        (ToolCall, "send_mail", Facts::default(), C::ArgumentRefused, "tool:send_mail:args", "<arguments>"),
        (ToolCall, "ticket_x", args(json!({"id": 0})), C::ArgumentRefused, "tool:ticket_*:args", "on: id;"),
        (ModelPrompt, "gpt-4o-mini", inject(S::User), C::FindingRefused, "data.prompt:block", "(injection)"),
        (
            ModelPrompt,
            "gpt-4o-mini",
            inject(S::ToolResult),
            C::FindingRefused,
            "data.prompt:block",
            "[data.prompt]",
        ),
        (
            ModelPrompt,
            "gpt-4o-mini",
            inject(S::ToolDefinition),
            C::FindingRefused,
            "data.prompt:block",
            "blocks",
        ),
        (ModelPrompt, "gpt-4o-mini", inject(S::Metadata), C::FindingRefused, "data.prompt:block", "blocks"),
        (
            ModelPrompt,
            "gpt-4o-mini",
            found(&[(K::PrivateKey, S::User)]),
            C::FindingRefused,
            "data.prompt:block-secrets",
            "(private_key)",
        ),
        (ModelPrompt, "gpt-4o-mini", features, C::FeatureNotListed, "features", "(web_search)"),
        (ModelAnswer, "gpt-4o-mini", betas, C::BetaNotListed, "betas", "(`other`)"),
        (ModelPrompt, "gpt-4o-mini", blind, C::Uninspected, "uninspected", "uninspected = \"allow\""),
    ] {
        let r = reason(ask(&set, action, name, &facts, NOW));
        assert_eq!(r.code, code, "{action:?} {name} {r:?}");
        assert_eq!(ids(&r.policies), [format!("manifest:dev:{policy}")], "{action:?} {name}");
        assert!(r.public.contains(says), "{:?} does not say {says:?}", r.public);
    }
}

#[test]
fn no_manifest_and_expired_deny() {
    let set = set(&[&format!("expires = \"2026-12-01\"\n{DEV}")], &[]);
    let facts = Facts::default();
    assert!(permit(ask(&set, Action::ModelPrompt, "gpt-4o-mini", &facts, NOW)).observed().is_none());
    let tomorrow = NOW / DAY * DAY + DAY;
    let _ = permit(ask(&set, Action::ModelPrompt, "gpt-4o-mini", &facts, tomorrow - 1));
    let r = reason(ask(&set, Action::ModelPrompt, "gpt-4o-mini", &facts, tomorrow));
    assert_eq!(r.code, ReasonCode::Expired);
    let stranger = AgentId::new("stranger").unwrap();
    let resource = Resource::Model("gpt-4o-mini");
    let q = Query {
        agent: &stranger,
        on_behalf: false,
        action: Action::ModelPrompt,
        resource,
        facts: &facts,
        now: NOW,
    };
    let r = reason(set.authorize(&q));
    assert_eq!((r.code, r.policies.len()), (ReasonCode::NoManifest, 0));
    // An empty set knows nobody.
    let nobody = PolicySet::build(vec![], vec![], &[]).unwrap();
    assert_eq!(reason(nobody.authorize(&q)).code, ReasonCode::NoManifest);
}

#[test]
fn an_action_on_the_wrong_resource_denies() {
    let set = set(&[DEV], &[]);
    let (agent, facts) = (AgentId::new("dev").unwrap(), Facts::default());
    for (action, resource) in [
        (Action::ToolCall, Resource::Model("gpt-4o-mini")),
        (Action::ModelPrompt, Resource::Tool { name: "read_x" }),
    ] {
        let q = Query { agent: &agent, on_behalf: false, action, resource, facts: &facts, now: NOW };
        assert_eq!(reason(set.authorize(&q)).code, ReasonCode::EvaluationError);
    }
}

#[test]
fn obligations_follow_what_was_found() {
    let set = set(&[DEV], &[]);
    let facts = found(&[
        (K::PaymentCard, S::User),
        (K::Email, S::User),
        (K::IpAddress, S::User),
        (K::Injection, S::System),
    ]);
    let p = permit(ask(&set, Action::ModelPrompt, "gpt-4o-mini", &facts, NOW));
    let o = *p.obligations();
    assert_eq!(o.mask, KindSet::of(K::PaymentCard));
    assert_eq!(o.notify, [K::Email, K::Injection].into_iter().collect());
    assert_eq!((o.redact, o.cap_output_tokens), (KindSet::EMPTY, Some(4096)));
    assert_eq!(
        ids(p.policies()),
        ["manifest:dev:data.prompt:mask", "manifest:dev:data.prompt:notify", "manifest:dev:use"]
    );
    // The answer has its own rules, which tool calls share.
    let facts = Facts {
        arguments: Some(json!({})),
        ..found(&[(K::ExfilLink, S::ToolCall), (K::Injection, S::Assistant)])
    };
    for (action, name) in [(Action::ModelAnswer, "gpt-4o-mini"), (Action::ToolCall, "read_x")] {
        let o = *permit(ask(&set, action, name, &facts, NOW)).obligations();
        assert_eq!((o.mask, o.notify), (KindSet::of(K::ExfilLink), KindSet::of(K::Injection)));
    }
}

#[test]
fn a_kind_is_handled_once_and_by_span() {
    let toml = format!(
        "{DEV}\n[data.prompt]\nemail = {{ user = \"redact\", system = \"mask\", others = \"notify\" }}\ninjection = \"block\"\n"
    );
    let set = set(&[&toml], &[]);
    let ask = |spans: &[S]| {
        let facts = found(&spans.iter().map(|s| (K::Email, *s)).collect::<Vec<_>>());
        *permit(ask(&set, Action::ModelPrompt, "gpt-4o-mini", &facts, NOW)).obligations()
    };
    let email = KindSet::of(K::Email);
    assert_eq!(ask(&[S::ToolResult]).notify, email);
    assert_eq!(
        ask(&[S::ToolResult, S::System]),
        Obligations { mask: email, cap_output_tokens: Some(4096), ..Default::default() }
    );
    assert_eq!(
        ask(&S::ALL),
        Obligations { redact: email, cap_output_tokens: Some(4096), ..Default::default() }
    );
    // Said outright, a handling holds in every span.
    let r = reason(super::tests::ask(
        &set,
        Action::ModelPrompt,
        "gpt-4o-mini",
        &found(&[(K::Injection, S::System)]),
        NOW,
    ));
    assert_eq!(r.code, ReasonCode::FindingRefused);
}

const OBSERVE: &str = "mode = \"observe\"\ncreated = 2026-11-24\nobserve_until = \"2026-12-07\"\n";

#[test]
fn observing_lets_denials_go_on_and_says_so() {
    let set = set(&[&format!("{OBSERVE}{DEV}")], &[]);
    let web = Facts { features: vec![Feature::WebSearch], ..Facts::default() };
    for (action, name, facts, code) in [
        (Action::ModelPrompt, "gpt-4o", Facts::default(), ReasonCode::ModelNotListed),
        (Action::ToolCall, "rm", args(json!({})), ReasonCode::ToolNotListed),
        (Action::ToolCall, "send_mail", args(json!({"to": "a@evil.com"})), ReasonCode::ArgumentRefused),
        (Action::ModelPrompt, "gpt-4o-mini", web, ReasonCode::FeatureNotListed),
        (Action::ModelPrompt, "gpt-4o-mini", found(&[(K::Injection, S::User)]), ReasonCode::FindingRefused),
    ] {
        let p = permit(ask(&set, action, name, &facts, NOW));
        assert_eq!(p.observed().map(|r| r.code), Some(code));
        assert_eq!(p.obligations().notify, facts.findings.kinds());
        // Afterwards, and before the day it was made, it enforces.
        for now in [NOW + 7 * DAY, NOW - 9 * DAY] {
            assert_eq!(reason(ask(&set, action, name, &facts, now)).code, code);
        }
    }
    assert!(
        permit(ask(&set, Action::ModelPrompt, "gpt-4o-mini", &Facts::default(), NOW)).observed().is_none()
    );
}

#[test]
fn observing_never_lets_secrets_go() {
    let set = set(&[&format!("{OBSERVE}{DEV}")], &[]);
    let key = found(&[(K::PrivateKey, S::User), (K::Injection, S::User)]);
    let r = reason(ask(&set, Action::ModelPrompt, "gpt-4o-mini", &key, NOW));
    assert_eq!(r.code, ReasonCode::FindingRefused);
    // Masks of secrets hold, others are told, both when allowed and when observed.
    let leak = found(&[(K::ApiKey, S::User), (K::PaymentCard, S::User)]);
    for name in ["gpt-4o-mini", "gpt-4o"] {
        let p = permit(ask(&set, Action::ModelPrompt, name, &leak, NOW));
        assert_eq!(p.obligations().mask, KindSet::of(K::ApiKey));
        assert_eq!(p.obligations().notify, KindSet::of(K::PaymentCard));
        assert_eq!(p.observed().is_some(), name == "gpt-4o");
    }
}

#[test]
fn observing_never_lets_errors_or_expiry_go() {
    let own =
        r#"forbid (principal, action, resource) when { context.time.epoch * 9223372036854775807 > 0 };"#;
    let toml = format!("{OBSERVE}expires = 2026-12-03\n{DEV}");
    let set = set(&[&toml], &[("own.cedar", own)]);
    let facts = Facts::default();
    assert_eq!(
        reason(ask(&set, Action::ModelPrompt, "gpt-4o-mini", &facts, NOW)).code,
        ReasonCode::EvaluationError
    );
    assert_eq!(
        reason(ask(&set, Action::ModelPrompt, "gpt-4o-mini", &facts, NOW + 3 * DAY)).code,
        ReasonCode::Expired
    );
}

#[test]
fn names_are_quoted_only_where_harmless() {
    let set = set(&[DEV], &[]);
    let long = "x".repeat(65);
    for name in ["a\nb", "caf\u{e9}", "back`tick", "", "quo\"te", long.as_str()] {
        let r = reason(ask(&set, Action::ToolList, name, &Facts::default(), NOW));
        assert_eq!(r.code, ReasonCode::ToolNotListed);
        assert!(r.public.starts_with("tool of that name is not listed"), "{:?}", r.public);
    }
    // A refused argument names what the manifest names and nothing else.
    let facts = args(json!({"to": "secret@evil.com", "canary-argument": "canary-value"}));
    let r = reason(ask(&set, Action::ToolCall, "send_mail", &facts, NOW));
    let all = format!("{r:?}");
    assert!(!all.contains("canary") && !all.contains("evil"), "{all}");
    assert!(r.public.contains("<other>, to"), "{all}");
    assert!(r.predicates.iter().any(|p| p.argument == "<other>" && !p.held));
}

#[test]
fn the_most_specific_tool_rule_rules() {
    let toml = r#"
agent = "dev"
owner = "o"
purpose = "p"
[[tools]]
name = "do_*"
[tools.args]
n = { max = 1 }
[[tools]]
name = "do_more_*"
[tools.args]
n = { max = 10 }
[[tools]]
name = "do_more_freely"
"#;
    let set = set(&[toml], &[]);
    let call = |name, n| ask(&set, Action::ToolCall, name, &args(json!({ "n": n })), NOW);
    reason(call("do_x", 2));
    let _ = permit(call("do_x", 1));
    let _ = permit(call("do_more_x", 10));
    reason(call("do_more_x", 11));
    let _ = permit(call("do_more_freely", 1000));
}

#[test]
fn explain_tells_the_same_and_no_arguments() {
    let set = set(&[DEV], &[]);
    let agent = AgentId::new("dev").unwrap();
    let facts = args(json!({"to": "canary@evil.com"}));
    let resource = Resource::Tool { name: "send_mail" };
    let q =
        Query { agent: &agent, on_behalf: true, action: Action::ToolCall, resource, facts: &facts, now: NOW };
    let e = set.explain(&q);
    assert!(matches!(&e.authorization, Authorization::Denied(r) if r.code == ReasonCode::ArgumentRefused));
    assert_eq!(e.determining.len(), 1);
    assert!(e.determining[0].text.contains("unless { context.args_ok }"));
    assert_eq!(e.determining[0].source, "dev.toml");
    assert_eq!(e.request["context"]["failed"], json!(["to"]));
    assert_eq!(e.request["context"]["time"], json!({"epoch": NOW / 1000, "minute": 720, "weekday": 2}));
    assert!(!format!("{e:?}").contains("canary"));
    assert!(e.evaluated <= 13, "{}", e.evaluated);
}

#[test]
fn unknown_models_are_problems_with_the_nearest_name() {
    let models = [ModelName::new("gpt-4o-nano").unwrap()];
    let p = PolicySet::build(vec![manifest(DEV), manifest(DEV)], vec![], &models).unwrap_err();
    let text = p.to_string();
    assert!(
        text.contains(
            "models[0]: model `gpt-4o-mini` is not in the config (hint: did you mean `gpt-4o-nano`?)"
        ),
        "{text}"
    );
    assert!(text.contains("has a manifest already"), "{text}");
}
