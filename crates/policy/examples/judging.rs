//! Prints what judging the call of a tool costs beside 1,000 and more policies of other agents: microseconds at the
//! median and the 99th percentile, asked anew each time with kinds found and with nothing found, and found again in
//! the memo.
//!
//! ```text
//! cargo run --release -p cordon-policy --example judging
//! ```
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::expect_used,
    reason = "a program that measures and prints"
)]

use cordon_policy::{
    Action, Authorization, Facts, Flow, PolicySet, Query, Resource, TargetOrigin, parse_manifest,
};
use cordon_types::{AgentId, Class, FindingKind, Integrity, Labels, Provenance, SpanKind};
use serde_json::json;
use std::hint::black_box;
use std::time::Instant;

/// Questions of each kind.
const TIMES: usize = 20_000;

fn manifest(n: usize) -> String {
    format!(
        "agent = \"agent-{n}\"\nowner = \"o@example.com\"\npurpose = \"p\"\nmodels = [\"m*\"]\n\
         [[tools]]\nname = \"mail__send\"\neffect = \"send\"\ntarget = [\"to\"]\n[tools.cleared]\n\
         to = {{ domains = [\"example.com\"] }}\n[tools.args]\n\
         to = {{ required = true, domains = [\"example.com\", \"example.org\"] }}\nsubject = {{ max_bytes = 200 }}\n\
         body = {{}}\n[[tools]]\nname = \"files__read\"\neffect = \"read\"\n[[tools]]\nname = \"web__*\"\neffect = \"read\"\n\
         target = [\"url\"]\n"
    )
}

fn main() {
    println!("policies   found p50   found p99   clean p50   clean p99   memo p50   (microseconds)");
    for agents in [1, 72, 720] {
        let manifests =
            (0..agents).map(|n| parse_manifest("a.toml", &manifest(n)).expect("a manifest")).collect();
        let set = PolicySet::build(manifests, Vec::new(), &[]).expect("a set");
        let agent = AgentId::new(&format!("agent-{}", agents / 2)).expect("an id");
        let arguments = json!({"to": ["ann@example.com"], "subject": "the report", "body": "here it is"});
        let ask = |n: usize, other: usize| {
            // Facts that were never there before find nothing in the memo: it holds 4,096.
            let kinds = FindingKind::ALL.iter().enumerate().filter(|(bit, _)| n >> bit & 1 == 1);
            let facts = Facts {
                findings: kinds.map(|(_, k)| (*k, SpanKind::Metadata)).collect(),
                arguments: Some(arguments.clone()),
                // Part of what the memo goes by, and of no question about a tool.
                betas: vec![other.to_string()],
                flow: Some(Flow {
                    labels: Labels { integrity: Integrity::Untrusted, class: Class::Internal },
                    target: TargetOrigin::From(Provenance::User),
                }),
                ..Facts::default()
            };
            let resource = Resource::Tool { name: "mail__send" };
            let query = Query {
                agent: &agent,
                on_behalf: true,
                action: Action::ToolCall,
                resource,
                facts: &facts,
                now: 1,
            };
            let begun = Instant::now();
            let answer = black_box(set.authorize(&query));
            let took = begun.elapsed();
            assert!(!matches!(answer, Authorization::Held(_)), "a user's target waits for nobody");
            took.as_secs_f64() * 1e6
        };
        let spread = |mut times: Vec<f64>| {
            times.sort_by(f64::total_cmp);
            let at = |per_cent: usize| times.get(times.len() * per_cent / 100).copied().unwrap_or_default();
            (at(50), at(99))
        };
        // Few kinds at once, as exchanges have them, and each combination once.
        let few: Vec<usize> = (0..1_usize << 17).filter(|n| n.count_ones() <= 4).take(TIMES).collect();
        let found = spread(few.into_iter().map(|n| ask(n, 0)).collect());
        let clean = spread((0..TIMES).map(|n| ask(0, n + 1)).collect());
        let memo = spread((0..TIMES).map(|_| ask(0, 0)).collect());
        println!(
            "{:>8}   {:>9.1}   {:>9.1}   {:>9.1}   {:>9.1}   {:>8.1}",
            set.policy_ids().count(),
            found.0,
            found.1,
            clean.0,
            clean.1,
            memo.0
        );
    }
}
