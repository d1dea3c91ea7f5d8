//! Nothing gets out but closed words, the operator's names, digests and numbers: for any record, in any format.

use super::{leaf, lines, made};
use crate::Format;
use cordon_ledger::{
    Bucket, CallJudged, Control, ControlKind, Decision, Failed, FindingCount, Finish, Intent, Judged, Known,
    Name, Obligation, ObligationCount, Outcome, PredicateResult, Reason, Record, Word,
};
use cordon_types::{
    AgentId, Dialect, Digest, Effect, Feature, FindingKind, Mode, Operation, RequestId, SpanKind,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;
use std::collections::BTreeSet;

/// What a stranger wrote. It becomes a digest, and must not come out again.
const HOSTILE: &str = "Kanarienvogel";

/// Mostly hostile, now and then the operator's own.
fn name(domain: &'static str) -> impl Strategy<Value = Name> {
    let hostile = "[ -~]{0,12}".prop_map(|around| format!("{around}{HOSTILE}{around}"));
    let own = select(made::NAMES.to_vec()).prop_map(str::to_owned);
    prop_oneof![3 => hostile, 1 => own]
        .prop_map(move |n| made::catalogue().name(&n, domain, &made::digester()))
}

fn known() -> impl Strategy<Value = Known> {
    select(made::NAMES.to_vec()).prop_map(|n| made::catalogue().known(n).unwrap())
}

fn predicate() -> impl Strategy<Value = PredicateResult> {
    (name("argument"), any::<bool>()).prop_map(|(argument, held)| PredicateResult {
        argument,
        predicate: Word::new("domains"),
        held,
    })
}

fn judged() -> impl Strategy<Value = Judged> {
    let finding = (select(FindingKind::ALL), select(SpanKind::ALL.to_vec()), 1_u32..9)
        .prop_map(|(kind, span, count)| FindingCount { kind, span, count });
    let obligation = (select(Obligation::ALL), option::of(select(FindingKind::ALL)), 1_u32..9)
        .prop_map(|(obligation, kind, count)| ObligationCount { obligation, kind, count });
    let parts = (
        select(Decision::ALL),
        option::of(select(Reason::ALL)),
        vec(known(), 0..3),
        vec(predicate(), 0..3),
        vec(finding, 0..4),
        vec(obligation, 0..3),
    );
    parts.prop_map(|(decision, reason, policies, predicates, findings, obligations)| Judged {
        decision,
        reason,
        policies,
        predicates,
        findings,
        obligations,
    })
}

fn intent() -> impl Strategy<Value = Intent> {
    let parts = (
        judged(),
        option::of(name("model")),
        vec(select(Feature::ALL.to_vec()), 0..3),
        option::of(select(vec!["dev", "other"])),
        any::<(u64, bool, u128)>(),
        select(vec![Mode::Enforce, Mode::Observe]),
    );
    parts.prop_map(|(judged, model, not_inspected, agent, (at, stream, request), mode)| Intent {
        at: at % 4_000_000_000_000,
        request: RequestId(request),
        agent: agent.map(|a| AgentId::new(a).unwrap()),
        user: Some(made::digester().linkable("user", HOSTILE.as_bytes())),
        model,
        judged,
        not_inspected,
        stream,
        mode,
        operation: Operation::Messages,
        dialect: Dialect::AnthropicMessages,
        opened: vec![Failed::Store],
        ..made::intent()
    })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let call = (name("tool"), select(Decision::ALL), option::of(select(Reason::ALL)), vec(predicate(), 0..3))
        .prop_map(|(tool, decision, reason, predicates)| CallJudged {
            tool,
            effect: Some(Effect::Send),
            target: Some(Word::new("untrusted")),
            decision,
            reason,
            policies: vec![],
            predicates,
        });
    let parts = (judged(), vec(call, 0..4), select(Finish::ALL), any::<(u64, u64, u16)>());
    parts.prop_map(|(judged, calls, finish, (tokens, intent, status))| Outcome {
        judged,
        calls,
        finish,
        intent,
        status,
        upstream_status: Some(status),
        tokens_in: Some(tokens),
        answer: Bucket::of(tokens),
        ..made::outcome()
    })
}

fn control() -> impl Strategy<Value = Control> {
    (
        select(ControlKind::ALL),
        option::of(name("kill")),
        option::of(select(Reason::ALL)),
        option::of(any::<u64>()),
    )
        .prop_map(|(kind, target, reason, count)| Control {
            target,
            reason,
            count,
            policy: Some(Digest([1; 32])),
            by: Some(made::digester().linkable("operator", HOSTILE.as_bytes())),
            ..made::control(kind)
        })
}

fn record() -> impl Strategy<Value = Record> {
    prop_oneof![
        intent().prop_map(Record::Intent),
        outcome().prop_map(Record::Outcome),
        control().prop_map(Record::Control)
    ]
}

/// Every string in a JSON value; keys too.
fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(all) => all.iter().for_each(|v| strings(v, found)),
        Value::Object(all) => all.iter().for_each(|(key, v)| {
            found.push(key.clone());
            strings(v, found);
        }),
        _ => {}
    }
}

/// The words that Cordon's formats are made of, read from the formats' own sources: literals, no values.
fn words() -> BTreeSet<String> {
    let sources = [
        include_str!("../ocsf.rs"),
        include_str!("../otlp.rs"),
        include_str!("../syslog.rs"),
        include_str!("../fields.rs"),
        include_str!("../words.rs"),
    ];
    let mut words: BTreeSet<String> =
        sources.iter().flat_map(|s| s.split('"').skip(1).step_by(2)).flat_map(tokens).collect();
    words.extend(FindingKind::ALL.iter().flat_map(|k| [k.name(), k.guard().name()]).map(str::to_owned));
    words.extend(SpanKind::ALL.iter().map(|k| k.name().to_owned()));
    words.extend(Reason::ALL.iter().map(|r| r.name().to_owned()));
    words.extend(Decision::ALL.iter().map(|r| r.name().to_owned()));
    words.extend(ControlKind::ALL.iter().map(|r| r.name().to_owned()));
    words.extend(Finish::ALL.iter().map(|r| r.name().to_owned()));
    words.extend(Failed::ALL.iter().map(|r| r.name().to_owned()));
    words.extend(Obligation::ALL.iter().map(|r| r.name().to_owned()));
    words.extend(Feature::ALL.iter().map(|r| r.name().to_owned()));
    let more = [
        "dev",
        "other",
        "support-bot",
        "openai",
        "k1abc",
        "req",
        "2026-11.1",
        "domains",
        "cordon.local",
        "0.1.0",
    ];
    let own = ["messages", "model.answer", "anthropic-messages", "chat.completions"];
    words.extend(made::NAMES.into_iter().chain(more).chain(own).flat_map(tokens));
    words
}

/// The parts of a text between signs.
fn tokens(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric()).filter(|t| !t.is_empty()).map(str::to_owned)
}

/// A number, or digits of a digest, or the parts of a time.
fn plain(token: &str) -> bool {
    let digest = token.len() >= 32 && token.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    // Times and ids of parts: `25T13`, `000Z`, `f0`, `c1`.
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let time = token.split('T').all(|t| digits(t.trim_end_matches('Z')));
    digest || digits(token) || time || token.strip_prefix(['f', 'c']).is_some_and(digits) || token == "00ff"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn only_words_names_digests_and_numbers(record in record(), index in any::<u64>()) {
        let bytes = match &record {
            Record::Intent(r) => r.encode(),
            Record::Outcome(r) => r.encode(),
            Record::Control(r) => r.encode(),
        };
        let leaf = leaf(index, bytes);
        prop_assert!(leaf.record.is_some());
        let words: BTreeSet<String> = words().into_iter().flat_map(|w| tokens(&w).collect::<Vec<_>>()).collect();
        for format in Format::ALL {
            for line in lines(format, std::slice::from_ref(&leaf)) {
                prop_assert!(!line.contains(HOSTILE), "{}", line);
                let mut found = Vec::new();
                match format {
                    Format::Ocsf | Format::Otlp => strings(&serde_json::from_str(&line).unwrap(), &mut found),
                    Format::Csv | Format::Syslog => found.push(line.clone()),
                    // The leaf itself: its words are the ledger's own, and it is compared byte for byte.
                    Format::Jsonl => prop_assert!(line.as_bytes().windows(leaf.bytes.len()).any(|w| w == leaf.bytes)),
                }
                for token in found.iter().flat_map(|t| tokens(t)) {
                    prop_assert!(words.contains(&token) || plain(&token), "{} in {}", token, line);
                }
            }
        }
    }
}
