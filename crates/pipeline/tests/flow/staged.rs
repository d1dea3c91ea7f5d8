//! A manifest beside the one in force: it never decides, and what it would have decided otherwise is counted.

use crate::world::{NOW, World};
use cordon_pipeline::{Call, Difference, Staged, Tally, judge};
use cordon_policy::{Facts, PolicySet, parse_manifest};
use cordon_types::{AgentId, ModelName, Operation};
use serde_json::json;

const OLD: &str =
    "[[tools]]\nname = \"read\"\neffect = \"read\"\n[[tools]]\nname = \"post\"\neffect = \"read\"\n";
const NEW: &str = "[data.prompt]\nemail = \"block\"\n[[tools]]\nname = \"read\"\neffect = \"read\"\n[tools.args]\nn = { max = 5 }\n";

fn world(staged: Option<&str>) -> World {
    World::edited(OLD, |gate| {
        let Some(text) = staged else { return };
        let head = "agent = \"a\"\nowner = \"o@example.com\"\npurpose = \"p\"\nrisk = \"limited\"\nmodels = [\"m\"]\n";
        let manifest = parse_manifest("staged/a.toml", &format!("{head}{text}")).unwrap();
        let agents = [(manifest.agent.clone(), manifest.digest())].into();
        gate.lasting.differences.begin(&agents);
        gate.catalogue = cordon_ledger::Catalogue::from_operator(["read", "post"]);
        let policy = PolicySet::build(vec![manifest], Vec::new(), &[ModelName::new("m").unwrap()]).unwrap();
        gate.staged = Some(Staged { policy, agents });
    })
}

fn call(world: &World, tool: &str, arguments: &str, again: bool) -> bool {
    let call = Call { tool, arguments, pin: None, session: None, judged_again: again };
    let (mut facts, mut tally) = (Facts::default(), Tally::default());
    judge(&world.gate, &world.caller, None, call, &mut facts, &mut tally, NOW).is_ok()
}

fn seen(world: &World) -> Vec<(String, &'static str, &'static str, u64)> {
    let all = world.gate.lasting.differences.all();
    all.into_iter().map(|(d, t)| (d.resource, d.enforced, d.staged, t.count)).collect()
}

#[test]
fn the_old_one_enforces_and_differences_are_counted() {
    let world = world(Some(NEW));
    assert!(call(&world, "read", "{\"n\":1}", false));
    assert_eq!(seen(&world), []);
    for _ in 0..3 {
        assert!(call(&world, "post", "{}", false), "the one in force allows it");
    }
    assert!(call(&world, "read", "{\"n\":9}", false));
    assert!(!call(&world, "invented", "{}", false));
    assert_eq!(
        seen(&world),
        [("post".into(), "allow", "tool_not_listed", 3), ("read".into(), "allow", "argument_refused", 1)]
    );
}

#[test]
fn what_is_judged_again_at_the_tool_gateway_counts_there_alone() {
    let world = world(Some(NEW));
    assert!(call(&world, "post", "{}", true));
    assert_eq!(seen(&world), []);
}

#[test]
fn prompts_are_compared_too() {
    let world = world(Some(NEW));
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "mail ann@example.org"}]});
    assert!(world.prompt(Operation::ChatCompletions, &body).is_ok());
    assert_eq!(seen(&world), [("m".into(), "allow", "finding_refused", 1)]);
}

#[test]
fn without_a_staged_manifest_nothing_is_counted_and_another_one_begins_anew() {
    let bare = world(None);
    assert!(call(&bare, "post", "{}", false));
    assert_eq!(seen(&bare), []);
    let world = world(Some(NEW));
    assert!(call(&world, "post", "{}", false));
    let differences = &world.gate.lasting.differences;
    let same = world.gate.staged.as_ref().unwrap().agents.clone();
    differences.begin(&same);
    assert_eq!(seen(&world).len(), 1, "the same one, loaded again");
    let other = [(AgentId::new("a").unwrap(), cordon_types::Digest([9; 32]))].into();
    differences.begin(&other);
    assert_eq!(seen(&world), []);
    differences.begin(&std::collections::BTreeMap::new());
    assert!(call(&world, "post", "{}", false), "an exchange under the gate of before");
    assert_eq!(differences.all(), Vec::<(Difference, _)>::new());
}
