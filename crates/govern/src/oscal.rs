//! OSCAL assessment results (JSON, version 1.2): the same evidence for programs that read OSCAL.
//!
//! What always holds: identifiers are made from content (UUID version 5), so that the same pack has the same ones.
//! Observations only: a finding says whether an objective is satisfied, and that is not Cordon's to say.

use crate::answer::Answer;
use crate::catalogue::{Control, Framework};
use crate::pack::Input;
use crate::standing::Standing;
use cordon_types::time;
use serde_json::{Value, json};
use uuid::Uuid;

/// The version of OSCAL whose schema the document follows.
pub const VERSION: &str = "1.2.3";
/// The namespace of our properties: a name, not an address.
const NAMESPACE: &str = "urn:cordon:evidence";

/// An identifier made from content.
fn id(input: &Input<'_>, framework: &Framework, parts: &[&str]) -> String {
    let log = &input.log;
    let period = format!("{}\0{}", input.period.from, input.period.to);
    let name = [
        &["cordon", log.origin.as_str(), log.root.as_str(), period.as_str(), framework.slug.as_str()],
        parts,
    ]
    .concat()
    .join("\0");
    Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).to_string()
}

fn prop(name: &str, value: &str) -> Value {
    json!({"name": name, "ns": NAMESPACE, "value": value})
}

/// The document of one framework.
#[must_use]
pub fn results(input: &Input<'_>, framework: &Framework) -> Value {
    let (from, to) = (time::text(input.period.from), time::text(input.period.to));
    let included: Vec<Value> = framework.controls.iter().map(|c| json!({"control-id": c.slug()})).collect();
    let observations: Vec<Value> =
        framework.controls.iter().map(|c| observation(input, framework, c, &to)).collect();
    let plan = id(input, framework, &["plan"]);
    json!({"assessment-results": {
        "uuid": id(input, framework, &["results"]),
        "metadata": {
            "title": format!("What the record of {} shows of {}", input.log.origin, framework.name),
            "last-modified": to,
            "version": format!("{from}/{to}"),
            "oscal-version": VERSION,
            "props": [prop("checkpoint-size", &input.log.size.to_string()), prop("checkpoint-root", &input.log.root)],
            "remarks": "Observations from a gateway's own record. There are no findings: whether a control is met is \
                        for an assessor to say. Paraphrases of controls are Cordon's.",
        },
        "import-ap": {"href": format!("#{plan}")},
        "results": [{
            "uuid": id(input, framework, &["result"]),
            "title": format!("{} from {from} to {to}", framework.name),
            "description": "Evidence that the gateway's record holds for each control, over the period.",
            "start": from,
            "end": to,
            "reviewed-controls": {"control-selections": [{"include-controls": included}]},
            "observations": observations,
        }],
        "back-matter": {"resources": [{
            "uuid": plan,
            "title": "No assessment plan",
            "description": "The observations follow the evidence types that Cordon assigns to each control; there is no \
                            separate plan.",
        }]},
    }})
}

fn observation(input: &Input<'_>, framework: &Framework, control: &Control, to: &str) -> Value {
    let standing = Standing::of(control, input.answers);
    let mine = || input.answers.iter().filter(|a| control.evidence.contains(&a.id));
    let mut props = vec![
        prop("control-id", &control.slug()),
        prop("control-label", &control.id),
        prop("coverage-by-nature", control.coverage.name()),
        prop("standing", standing.name()),
    ];
    props.extend(mine().map(|a| prop("evidence", a.id.name())));
    let evidence: Vec<Value> = mine().map(relevant).collect();
    json!({
        "uuid": id(input, framework, &["observation", &control.id]),
        "title": format!("{} {}", control.id, control.title),
        "description": format!("Asked, in our words: {} Shown by the record: {}.", control.asks, standing.words()),
        "props": props,
        "methods": ["EXAMINE"],
        "types": ["control-objective"],
        "relevant-evidence": evidence,
        "collected": to,
        "remarks": format!("The page of this control: {}.html", control.slug()),
    })
}

fn relevant(answer: &Answer) -> Value {
    let mut props =
        vec![prop("availability", answer.availability.name()), prop("records", &answer.records.to_string())];
    props.extend(answer.samples.iter().map(|n| prop("sample-record", &n.to_string())));
    json!({
        "href": format!("../../evidence/{}.json", answer.id.name()),
        "description": answer.what,
        "props": props,
    })
}
