//! The operator's own policies: what they may do, and every way in which they can be wrong.

use super::*;

#[test]
fn a_forbid_that_errs_denies() {
    // The error occurs only when the request reaches it: validation cannot see it.
    let own = r#"forbid (principal, action == Action::"model.prompt", resource)
        when { context.time.epoch + 9223372036854775807 > 0 };"#;
    let set = set(&[DEV], &[("own.cedar", own)]);
    let r = reason(ask(&set, Action::ModelPrompt, "gpt-4o-mini", &Facts::default(), NOW));
    assert_eq!(r.code, ReasonCode::EvaluationError);
    assert!(
        permit(ask(&set, Action::ModelAnswer, "gpt-4o-mini", &Facts::default(), NOW)).observed().is_none()
    );
    // So does a permit that errs beside one that holds, every time (errors are never remembered).
    let own = own.replace("forbid", "permit");
    let set = super::set(&[DEV], &[("own.cedar", &own)]);
    for _ in 0..3 {
        let r = reason(ask(&set, Action::ModelPrompt, "gpt-4o-mini", &Facts::default(), NOW));
        assert_eq!(r.code, ReasonCode::EvaluationError);
    }
    let agent = AgentId::new("dev").unwrap();
    let facts = Facts::default();
    let resource = Resource::Model("gpt-4o-mini");
    let q = Query {
        agent: &agent,
        on_behalf: false,
        action: Action::ModelPrompt,
        resource,
        facts: &facts,
        now: NOW,
    };
    assert_eq!(set.explain(&q).errors.len(), 1);
}

const OTHER: &str = "agent = \"other\"\nowner = \"o\"\npurpose = \"p\"\nmodels = [\"gpt-4o-mini\"]\n";

#[test]
fn slices_follow_principals_and_groups() {
    for (scope, dev, other) in [
        ("principal", true, true),
        ("principal is Agent", true, true),
        (r#"principal == Agent::"dev""#, true, false),
        (r#"principal in Agent::"dev""#, true, false),
        (r#"principal in AgentGroup::"staff""#, true, false),
        (r#"principal is Agent in AgentGroup::"staff""#, true, false),
        (r#"principal == Agent::"other""#, false, true),
    ] {
        let own = format!("@id(\"stop\") forbid ({scope}, action, resource);");
        let set = set(&[DEV, OTHER], &[("own.cedar", &own)]);
        for (agent, stopped) in [("dev", dev), ("other", other)] {
            let (agent, facts) = (AgentId::new(agent).unwrap(), Facts::default());
            let resource = Resource::Model("gpt-4o-mini");
            let q = Query {
                agent: &agent,
                on_behalf: false,
                action: Action::ModelList,
                resource,
                facts: &facts,
                now: NOW,
            };
            let denied = match set.authorize(&q) {
                Authorization::Denied(r) => {
                    assert_eq!(
                        (r.code, ids(&r.policies)),
                        (ReasonCode::PolicyForbids, vec!["own:own.cedar#stop"])
                    );
                    true
                }
                Authorization::Allowed(_) => false,
                Authorization::Held(h) => panic!("{h:?}"),
            };
            assert_eq!(denied, stopped, "{scope} for {agent}");
            let cedar = set.cedar(&agent).unwrap();
            assert_eq!(cedar.contains("// own:own.cedar#stop"), stopped, "{cedar}");
        }
    }
}

#[test]
fn own_policies_see_the_context_and_the_agent() {
    for (condition, stops) in [
        (r#"context.findings.contains("email")"#, true),
        (r#"context.findings.contains("email@user")"#, true),
        (r#"context.findings.contains("email@system")"#, false),
        (r#"context.model like "gpt*""#, true),
        (r#"context.on_behalf || context.stream || context.uninspected"#, false),
        (r#"principal.risk == "limited" && principal.mode == "enforce""#, true),
        (r#"principal.owner like "*@example.com""#, true),
        (r#"principal in AgentGroup::"staff""#, true),
        (r#"context.time.weekday == 2 && context.time.minute == 720"#, true),
        (r#"context["time"].weekday > 5"#, false),
        (r#"resource == Model::"gpt-4o-mini""#, true),
        (r#"context.features.contains("image")"#, false),
    ] {
        let own = format!(
            "@message(\"not now\")\nforbid (principal, action == Action::\"model.prompt\", resource) when {{ {condition} }};"
        );
        let set = set(&[DEV], &[("own.cedar", &own)]);
        let facts = found(&[(K::Email, S::User)]);
        match ask(&set, Action::ModelPrompt, "gpt-4o-mini", &facts, NOW) {
            Authorization::Allowed(_) => assert!(!stops, "{condition}"),
            Authorization::Held(h) => panic!("{h:?}"),
            Authorization::Denied(r) => {
                assert!(stops, "{condition}: {r:?}");
                assert_eq!(r.public, "not now");
                assert_eq!(ids(&r.policies), ["own:own.cedar#1"]);
            }
        }
    }
}

#[test]
fn every_field_of_the_schema_is_there_for_who_reads_it() {
    let schema = PolicySet::schema();
    let fields = |from: &str, to: &str| -> Vec<String> {
        let (_, rest) = schema.split_once(from).expect("the schema has it");
        let block = rest.split_once(to).expect("it ends").0;
        let lines = block.lines().filter_map(|line| Some(line.trim().split_once(": ")?.0.to_owned()));
        lines
            .filter(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
            .collect()
    };
    let exchange = fields("type ModelExchange = {", "};");
    let call = fields(
        "action \"tool.call\" appliesTo {\n  principal: [Agent],\n  resource: [Tool],\n  context: {",
        "};",
    );
    assert!(exchange.len() >= 8 && call.len() >= 15, "{exchange:?} {call:?}");
    let facts = Facts { arguments: Some(json!({"to": "a@example.com"})), ..Facts::default() };
    let all = exchange.iter().map(|f| (Action::ModelPrompt, "gpt-4o-mini", f));
    for (action, resource, field) in all.chain(call.iter().map(|f| (Action::ToolCall, "send_mail", f))) {
        // It equals itself; where it is missing, the question errs.
        let own = format!(
            "forbid (principal, action == Action::\"{}\", resource) when {{ context.{field} == context.{field} }};",
            action.name()
        );
        let set = set(&[DEV], &[("own.cedar", &own)]);
        let code = reason(ask(&set, action, resource, &facts, NOW)).code;
        assert_eq!(code, ReasonCode::PolicyForbids, "{field}");
    }
}

#[test]
fn tools_show_their_effect() {
    let own =
        r#"forbid (principal, action == Action::"tool.call", resource) when { context.effect == "send" };"#;
    let set = set(&[DEV], &[("own.cedar", own)]);
    let facts = Facts { arguments: Some(json!({"to": "a@example.com"})), ..Facts::default() };
    assert_eq!(reason(ask(&set, Action::ToolCall, "send_mail", &facts, NOW)).code, ReasonCode::PolicyForbids);
    let _ = permit(ask(&set, Action::ToolCall, "read_x", &facts, NOW));
}

#[test]
fn own_permits_add_obligations_and_never_widen() {
    let own = r#"
@obligation("cap") @tokens("100")
permit (principal, action == Action::"model.prompt", resource) when { context.stream };
@obligation("redact") @kind("email, phone")
permit (principal, action, resource);
permit (principal, action, resource);
"#;
    let set = set(&[DEV], &[("own.cedar", own)]);
    let facts = Facts { stream: true, ..found(&[(K::Email, S::User)]) };
    let o = *permit(ask(&set, Action::ModelPrompt, "gpt-4o-mini", &facts, NOW)).obligations();
    assert_eq!(
        o,
        Obligations { redact: KindSet::of(K::Email), cap_output_tokens: Some(100), ..Default::default() }
    );
    for (action, name, code) in [
        (Action::ModelPrompt, "gpt-4o", ReasonCode::ModelNotListed),
        (Action::ToolCall, "rm", ReasonCode::ToolNotListed),
        (Action::ToolCall, "send_mail", ReasonCode::ArgumentRefused),
    ] {
        assert_eq!(reason(ask(&set, action, name, &Facts::default(), NOW)).code, code);
    }
}

#[test]
fn observed_own_forbids_go_on_unless_always_enforced() {
    for (note, denied) in [("", false), ("@enforce(\"always\")", true)] {
        let own = format!("{note} forbid (principal, action, resource);");
        let set = set(&[&format!("{OBSERVE}{DEV}")], &[("own.cedar", &own)]);
        match ask(&set, Action::ModelPrompt, "gpt-4o-mini", &Facts::default(), NOW) {
            Authorization::Denied(r) => assert!(denied, "{r:?}"),
            Authorization::Allowed(p) => {
                assert!(!denied);
                assert_eq!(p.observed().unwrap().code, ReasonCode::PolicyForbids);
            }
            Authorization::Held(h) => panic!("{h:?}"),
        }
    }
}

#[test]
fn what_reads_the_time_is_not_remembered() {
    let own = r#"forbid (principal, action, resource) when { context["t\u{69}me"].minute >= 721 };"#;
    let set = set(&[DEV], &[("own.cedar", own)]);
    let _ = permit(ask(&set, Action::ModelPrompt, "gpt-4o-mini", &Facts::default(), NOW));
    assert_eq!(set.memo.len(), 0);
    let later = NOW + 60_000;
    assert_eq!(
        reason(ask(&set, Action::ModelPrompt, "gpt-4o-mini", &Facts::default(), later)).code,
        ReasonCode::PolicyForbids
    );
}

#[test]
fn wrong_policies_are_problems() {
    for (text, at, says) in [
        ("permit (principal, action, resource)", "line 1", ""),
        ("\n\npermit (principal, action resource);", "line 3", ""),
        (
            "forbid (principal, action, resource) when { context.finding.contains(\"x\") };",
            "line 1",
            "finding",
        ),
        ("forbid (principal, action == Action::\"model.promt\", resource);", "line 1", "model.promt"),
        ("forbid (principal == Agent::\"dew\", action, resource);", "own:own.cedar#1", "the agent \"dew\""),
        (
            "forbid (principal in AgentGroup::\"stuff\", action, resource);",
            "own:own.cedar#1",
            "did you mean `staff`",
        ),
        (
            "@obligaton(\"mask\") permit (principal, action, resource);",
            "own:own.cedar#1",
            "did you mean `@obligation`",
        ),
        ("@obligation(\"mask\") permit (principal, action, resource);", "own:own.cedar#1", "names no kind"),
        (
            "@obligation(\"mask\") @kind(\"emial\") permit (principal, action, resource);",
            "own:own.cedar#1",
            "did you mean `email`",
        ),
        (
            "@obligation(\"mask\") @kind(\"email\") forbid (principal, action, resource);",
            "own:own.cedar#1",
            "put it on a permit",
        ),
        ("@obligation(\"cap\") permit (principal, action, resource);", "own:own.cedar#1", "@tokens"),
        ("@enforce(\"sometimes\") forbid (principal, action, resource);", "own:own.cedar#1", "always"),
        ("@code(\"x\") forbid (principal, action, resource);", "own:own.cedar#1", "unknown annotation @code"),
        ("@id(\"a b\") forbid (principal, action, resource);", "policy 1", "@id"),
        (
            "@id(\"a\") forbid (principal, action, resource); @id(\"a\") forbid (principal, action, resource);",
            "policy 2",
            "twice",
        ),
        ("forbid (principal == ?principal, action, resource);", "policy0", "template"),
        ("forbid (principal, action, resource) when { false };", "line 1", ""),
    ] {
        let p = build(&[DEV], &[("own.cedar", text)]).unwrap_err();
        let hit = p.0.iter().find(|p| p.path.contains(at) && p.to_string().contains(says));
        assert!(hit.is_some(), "{text}\n{p}");
        assert!(hit.unwrap().source == "own.cedar" && !hit.unwrap().hint.is_empty(), "{p:?}");
    }
    let twice = build(&[DEV], &[("own.cedar", ""), ("own.cedar", "nonsense")]).unwrap_err();
    assert!(twice.0.len() >= 2, "every problem at once: {twice}");
}
