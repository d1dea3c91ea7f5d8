//! Properties of right-sizing: never wider, and what was used goes on.

use super::{Direction, Fate, How, ToolUsed, Used, compare, rightsize, sweep};
use crate::{
    Call, Manifest, PolicySet, PolicySource, Prompt, Replayed, parse_manifest, replay_call, replay_prompt,
};
use cordon_types::{AgentId, Class, Feature};
use proptest::prelude::{Strategy, prop, prop_assert, prop_assert_eq, proptest};
use std::collections::BTreeSet;

const HEAD: &str = "agent = \"a\"\nowner = \"o\"\npurpose = \"p\"\n";

fn manifest(rest: &str) -> Manifest {
    parse_manifest("agents/a.toml", &format!("{HEAD}{rest}")).unwrap()
}

fn set(m: &Manifest, own: &str) -> PolicySet {
    let own = match own {
        "" => Vec::new(),
        text => vec![PolicySource { name: "own.cedar".into(), text: text.into() }],
    };
    PolicySet::build(vec![m.clone()], own, &[]).unwrap()
}

fn agent() -> AgentId {
    AgentId::new("a").unwrap()
}

fn call(tool: &str) -> Call {
    Call {
        tool: Some(tool.into()),
        entry: None,
        origin: Some("user"),
        labels: Some((1, 0)),
        on_behalf: Some(false),
        stream: false,
        findings: Vec::new(),
        features: Vec::new(),
    }
}

fn used(tools: &[&str], models: &[&str]) -> Used {
    let one = || ToolUsed { calls: 1, origins: BTreeSet::from([Some("user")]), class: Some(Class::Public) };
    Used {
        tools: tools.iter().map(|t| ((*t).to_owned(), one())).collect(),
        models: models.iter().map(|m| ((*m).to_owned(), 1)).collect(),
        ..Used::default()
    }
}

fn fates(m: &Manifest, used: &Used) -> Vec<(String, Fate)> {
    rightsize(m, used).unwrap().changes.into_iter().map(|c| (c.at, c.fate)).collect()
}

const TOOLS: &str = r#"models = ["m*", "n"]
features = ["image", "web_search"]
[[tools]]
name = "read_*"
effect = "read"
[[tools]]
name = "send"
effect = "send"
target = ["to"]
clearance = "restricted"
untrusted = "allow"
[tools.args]
to = { domains = ["example.com"], required = true }
[[tools]]
name = "idle"
effect = "execute"
"#;

#[test]
fn what_was_not_used_goes_and_patterns_become_names() {
    let m = manifest(TOOLS);
    let mut u = used(&["read_a", "read_b", "send"], &["m1"]);
    u.features.insert(Feature::Image);
    let cut = rightsize(&m, &u).unwrap();
    let names: Vec<&str> = cut.manifest.tools.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["read_a", "read_b", "send"]);
    assert_eq!(cut.manifest.models, ["m1"]);
    assert_eq!(cut.manifest.features, [Feature::Image]);
    let send = cut.manifest.tool("send").unwrap();
    assert_eq!((send.clearance, send.untrusted), (Class::Public, crate::Untrusted::Ask));
    assert!(compare(&m, &cut.manifest).iter().all(|d| d.direction == Direction::Narrower));
    let swept = sweep(&set(&m, ""), &set(&cut.manifest, ""), &agent(), 0).unwrap();
    assert!(swept.holds(), "{swept:?}");
    assert_eq!(swept.how, How::Exhaustive);
    assert!(cut.text.contains("# removed tools.idle: never called"), "{}", cut.text);
}

#[test]
fn a_name_that_the_record_does_not_hold_keeps_its_pattern() {
    let m = manifest(TOOLS);
    let mut u = used(&["read_a"], &[]);
    u.hidden.insert(Some("read_*".into()), 3);
    assert!(fates(&m, &u).contains(&("tools.read_*".into(), Fate::Kept)));
    u.hidden.clear();
    u.hidden.insert(None, 1);
    assert!(fates(&m, &u).contains(&("tools.read_*".into(), Fate::Kept)));
}

#[test]
fn an_entry_that_narrows_a_pattern_stays_while_the_pattern_does() {
    let m =
        manifest("[[tools]]\nname = \"x_*\"\n[[tools]]\nname = \"x_pay\"\n[tools.args]\nn = { max = 5 }\n");
    let mut u = Used::default();
    u.hidden.insert(Some("x_*".into()), 1);
    assert!(fates(&m, &u).contains(&("tools.x_pay".into(), Fate::Kept)));
    // Without it, more would be allowed: the comparison and Cedar both say so.
    let without = manifest("[[tools]]\nname = \"x_*\"\n");
    assert!(compare(&m, &without).iter().any(|d| d.direction == Direction::Wider));
    assert!(!sweep(&set(&m, ""), &set(&without, ""), &agent(), 0).unwrap().holds());
    assert_eq!(fates(&m, &Used::default()).iter().filter(|(_, f)| *f == Fate::Removed).count(), 2);
}

#[test]
fn without_tools_what_is_uninspected_is_still_refused() {
    let cut = rightsize(&manifest(TOOLS), &used(&[], &["n"])).unwrap();
    assert!(cut.manifest.tools.is_empty());
    assert_eq!(cut.manifest.uninspected, crate::Uninspected::Refuse);
}

#[test]
fn wider_is_seen_by_cedar_alone_and_by_the_fields_alone() {
    for (old, new) in [
        ("models = [\"m\"]", "models = [\"m\", \"n\"]"),
        ("models = [\"m\"]", "models = [\"*\"]"),
        ("models = [\"m\"]", "models = [\"m\"]\nfeatures = [\"image\"]"),
        ("models = [\"m\"]", "models = [\"m\"]\nbetas = [\"b\"]"),
        ("[[tools]]\nname = \"t\"", "[[tools]]\nname = \"t*\""),
        (
            "[[tools]]\nname = \"t\"\neffect = \"send\"",
            "flow = \"off\"\n[[tools]]\nname = \"t\"\neffect = \"send\"",
        ),
        (
            "[[tools]]\nname = \"t\"\neffect = \"send\"",
            "[[tools]]\nname = \"t\"\neffect = \"send\"\nclearance = \"restricted\"",
        ),
        ("[[tools]]\nname = \"t\"\n[tools.args]\na = {}", "[[tools]]\nname = \"t\""),
        ("models = [\"m\"]", "models = [\"m\"]\n[data.prompt]\ninjection = \"notify\""),
    ] {
        let (a, b) = (manifest(old), manifest(new));
        let swept = sweep(&set(&a, ""), &set(&b, ""), &agent(), 0).unwrap();
        assert!(!swept.widened.is_empty(), "Cedar: {old} -> {new}");
        assert!(!swept.not_narrower.is_empty(), "fields: {old} -> {new}");
    }
}

#[test]
fn arguments_are_put_in_order() {
    let tool = |args: &str| manifest(&format!("[[tools]]\nname = \"t\"\n{args}"));
    let old = "[tools.args]\nto = { domains = [\"example.com\"], required = true }\nn = { max = 10 }\n";
    for (new, wider) in [
        (old, false),
        (
            "[tools.args]\nto = { domains = [\"eu.example.com\"], required = true }\nn = { max = 9, min = 1 }\n",
            false,
        ),
        ("[tools.args]\nto = { enum = [\"x\"], domains = [\"example.com\"], required = true }\n", false),
        ("[tools.args]\nto = { domains = [\"example.com\"] }\nn = { max = 10 }\n", true),
        ("[tools.args]\nn = { max = 10 }\n", true),
        ("[tools.args]\nto = { domains = [\"example.com\"], required = true }\nn = { max = 11 }\n", true),
        ("[tools.args]\nto = { domains = [\"ample.com\"], required = true }\nn = { max = 10 }\n", true),
        (
            "other_args = \"allow\"\n[tools.args]\nto = { domains = [\"example.com\"], required = true }\n",
            true,
        ),
        (
            "[tools.args]\nto = { domains = [\"example.com\"], required = true }\nn = { max = 10 }\nq = {}\n",
            true,
        ),
        ("", true),
    ] {
        let found = compare(&tool(old), &tool(new));
        assert_eq!(found.iter().any(|d| d.direction != Direction::Narrower), wider, "{new}: {found:?}");
    }
}

#[test]
fn a_replay_says_what_the_record_cannot_decide() {
    let old = manifest("[[tools]]\nname = \"t\"\neffect = \"send\"\n[tools.args]\nn = { max = 10 }\n");
    let tighter = manifest("[[tools]]\nname = \"t\"\neffect = \"send\"\n[tools.args]\nn = { max = 5 }\n");
    let gone = manifest("");
    let (a, b, c) = (set(&old, ""), set(&tighter, ""), set(&gone, ""));
    let ask = |new, call: &Call| replay_call(&a, new, &agent(), 0, call);
    assert_eq!(ask(&a, &call("t")), Replayed::Same);
    assert_eq!(ask(&b, &call("t")), Replayed::Undecidable);
    assert!(matches!(ask(&c, &call("t")), Replayed::Changed(..)));
    assert_eq!(ask(&a, &call("never")), Replayed::Stale);
    // A clearance that is lowered: decided where the record has labels, else not.
    let low = manifest(
        "[[tools]]\nname = \"t\"\neffect = \"send\"\nclearance = \"public\"\n[tools.args]\nn = { max = 10 }\n",
    );
    let d = set(&low, "");
    assert_eq!(ask(&d, &call("t")), Replayed::Same);
    assert_eq!(ask(&d, &Call { labels: None, ..call("t") }), Replayed::Undecidable);
    assert!(matches!(ask(&d, &Call { labels: Some((1, 1)), ..call("t") }), Replayed::Changed(..)));
}

#[test]
fn an_example_is_its_patterns_own() {
    let m = manifest("[[tools]]\nname = \"x*\"\n[[tools]]\nname = \"xa*\"\n[[tools]]\nname = \"xbnother\"\n");
    for (entry, name) in [("x*", "xcnother"), ("xa*", "xaanother"), ("xbnother", "xbnother")] {
        assert_eq!(m.example(entry), name);
        assert_eq!(m.tool(name).unwrap().name, entry);
    }
    // What only the wider pattern lets through is asked, and seen.
    let without = manifest("[[tools]]\nname = \"xa*\"\n[[tools]]\nname = \"xbnother\"\n");
    assert!(!sweep(&set(&without, ""), &set(&m, ""), &agent(), 0).unwrap().widened.is_empty());
}

#[test]
fn rates_that_an_entry_shares_are_its_own_tools_alone() {
    // Found by the fuzzer: `ab` has an entry of its own and never counted with the rest of `a*`.
    let tools =
        "[[tools]]\nname = \"a*\"\nrates = [\"3/minute\"]\n[[tools]]\nname = \"ab\"\neffect = \"send\"\n";
    let m = manifest(tools);
    let cut = rightsize(&m, &used(&["ax", "ab"], &[])).unwrap();
    assert!(cut.manifest.tools.iter().all(|t| t.name != "a*"), "{}", cut.text);
    assert!(compare(&m, &cut.manifest).iter().all(|d| d.direction == Direction::Narrower), "{}", cut.text);
    let split = manifest(&tools.replace("a*", "ax").replace(
        "[[tools]]\nname = \"ab\"",
        "[[tools]]\nname = \"ay\"\nrates = [\"3/minute\"]\n[[tools]]\nname = \"ab\"",
    ));
    assert!(compare(&m, &split).iter().any(|d| d.at == "tools.ax.rates" && d.direction == Direction::Wider));
}

#[test]
fn own_policies_make_a_sweep_sampled() {
    let m = manifest("models = [\"m\"]\n[[tools]]\nname = \"t\"\n");
    let own = "forbid (principal, action == Action::\"tool.call\", resource) when { context.stream };";
    assert_eq!(sweep(&set(&m, own), &set(&m, own), &agent(), 0).unwrap().how, How::Sampled);
}

/// Entries over a small vocabulary, so that patterns meet names and use meets both.
fn entries() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["a", "ab", "abc", "b", "a*", "ab*", "b*", "*"]);
    let effect = prop::sample::select(vec!["", "read", "send", "execute"]);
    let extra = prop::sample::select(vec![
        "",
        "untrusted = \"allow\"\n",
        "clearance = \"restricted\"\n",
        "rates = [\"3/minute\"]\n",
        "[tools.args]\nn = { max = 5 }\n",
    ]);
    let one = (name, effect, extra).prop_map(|(n, e, x)| {
        let effect = if e.is_empty() { String::new() } else { format!("effect = \"{e}\"\n") };
        (n, format!("[[tools]]\nname = \"{n}\"\n{effect}{x}"))
    });
    prop::collection::vec(one, 0..5).prop_map(|all| {
        let mut seen = BTreeSet::new();
        all.into_iter().filter(|(n, _)| seen.insert(*n)).map(|(_, text)| text).collect()
    })
}

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(96))]

    #[test]
    fn a_cut_is_never_wider_and_breaks_nothing_that_was_used(
        tools in entries(),
        models in prop::collection::btree_set(prop::sample::select(vec!["m", "mn", "m*", "*"]), 0..3),
        called in prop::collection::btree_set(prop::sample::select(vec!["a", "ab", "abc", "abd", "b", "bc", "z"]), 0..5),
        prompted in prop::collection::btree_set(prop::sample::select(vec!["m", "mn", "q"]), 0..3),
        class in prop::sample::select(Class::ALL.to_vec()),
        hidden in prop::option::of(prop::sample::select(vec!["a*", "ab*", "b*", "*"])),
    ) {
        let models: Vec<String> = models.iter().map(|m| format!("\"{m}\"")).collect();
        let m = manifest(&format!("models = [{}]\n{tools}", models.join(", ")));
        let old = set(&m, "");
        let a = agent();
        // What the old manifest lets through, and only that, is what records show as allowed.
        let calls: Vec<Call> = called
            .iter()
            .map(|t| Call { labels: Some((1, class as u8)), ..call(t) })
            .filter(|c| replay_call(&old, &old, &a, 0, c) == Replayed::Same)
            .collect();
        let prompts: Vec<Prompt> = prompted
            .iter()
            .map(|model| Prompt {
                model: (*model).into(), on_behalf: false, stream: false,
                findings: Vec::new(), answer: Vec::new(), features: Vec::new(),
            })
            .filter(|p| replay_prompt(&old, &old, &a, 0, p) == Replayed::Same)
            .collect();
        let mut u = Used::default();
        for c in &calls {
            let one = ToolUsed { calls: 1, origins: BTreeSet::from([Some("user")]), class: Some(class) };
            u.tools.insert(c.tool.clone().unwrap(), one);
        }
        u.models = prompts.iter().map(|p| (p.model.clone(), 1)).collect();
        u.hidden = hidden.filter(|h| m.tools.iter().any(|t| t.name == *h)).map(|h| (Some(h.to_owned()), 1)).into_iter().collect();
        let cut = rightsize(&m, &u).unwrap();
        let new = set(&cut.manifest, "");
        let swept = sweep(&old, &new, &a, 0).unwrap();
        prop_assert!(swept.holds(), "{tools}\n=>\n{}\n{swept:?}", cut.text);
        for c in &calls {
            prop_assert_eq!(replay_call(&old, &new, &a, 0, c), Replayed::Same, "{:?}\n{}\n=>\n{}", c, tools, cut.text);
        }
        for p in &prompts {
            prop_assert_eq!(replay_prompt(&old, &new, &a, 0, p), Replayed::Same);
        }
        // Cut again by the same use, it stays as it is.
        let again = rightsize(&cut.manifest, &u).unwrap();
        prop_assert!(compare(&cut.manifest, &again.manifest).is_empty(), "{}\n=>\n{}", cut.text, again.text);
    }
}
