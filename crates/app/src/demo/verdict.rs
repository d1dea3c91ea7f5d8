//! Whether a scene came out as it should: by the answer, and by the records that it left.

use super::Played;
use super::evidence::{Entry, Evidence};
use super::scenes::{Expect, How, Kind};
use super::told::Scene;
use cordon_ledger::{
    CallJudged, Control, Decision, Finish, Intent, Judged, Known, Obligation, Outcome, Reason, Record,
};
use cordon_types::{Dialect, FindingKind};
use serde_json::Value;

/// Longest quotation of an answer, in characters.
const QUOTED: usize = 220;

/// Judges one scene.
pub(super) fn judge(number: usize, played: &Played, evidence: &Evidence) -> Scene {
    let (script, answer) = (&played.script, &played.answer);
    let entries = entries(played, evidence);
    let mut failures = Vec::new();
    against_answer(&script.expect, played, &mut failures);
    against_records(&script.expect, &entries, &mut failures);
    let word = match (failures.is_empty(), script.kind, script.expect.masked) {
        (false, ..) => "FAILED",
        (true, Kind::Work, _) => "passed",
        (true, Kind::Attack, Some(_)) => "masked",
        (true, Kind::Attack, None) => "stopped",
    };
    let mut decided: Vec<String> = entries.iter().flat_map(|e| said(&e.record)).collect();
    decided.dedup();
    Scene {
        number,
        title: script.title,
        work: script.kind == Kind::Work,
        dialect: match script.dialect {
            Dialect::OpenaiChat | Dialect::Mcp => "openai",
            Dialect::AnthropicMessages => "anthropic",
        },
        stream: script.stream,
        word,
        status: answer.status,
        answer: quoted(played),
        decided: decided.join("; "),
        records: entries.iter().map(|e| e.index).collect(),
        failures,
    }
}

/// The records of a scene. Those turned away before their body was read are counted together, by reason.
fn entries<'e>(played: &Played, evidence: &'e Evidence) -> Vec<&'e Entry> {
    let mut entries = played.answer.request.map(|r| evidence.of(r)).unwrap_or_default();
    if let Some(reason) = played.script.expect.reason
        && entries.is_empty()
    {
        entries = evidence.turned_away(reason);
    }
    if played.script.how == How::KilledMidway {
        entries.extend(evidence.kills());
        entries.sort_by_key(|e| e.index);
    }
    entries
}

fn against_answer(expect: &Expect, played: &Played, failures: &mut Vec<String>) {
    let answer = &played.answer;
    let mut wrong = |is_wrong: bool, what: String| {
        if is_wrong {
            failures.push(what);
        }
    };
    wrong(answer.status != expect.status, format!("the status should be {}", expect.status));
    for says in &expect.says {
        wrong(!answer.text.contains(says), format!("the answer should say {says:?}"));
    }
    for never in &expect.never {
        let there = answer.raw.contains(never.as_str()) || answer.text.contains(never.as_str());
        wrong(there, "the answer holds what must not be in it".to_owned());
    }
    let calls: Vec<(&str, Value)> = answer
        .calls
        .iter()
        .map(|(name, arguments)| (name.as_str(), serde_json::from_str(arguments).unwrap_or_default()))
        .collect();
    let wanted: Vec<(&str, Value)> = expect.calls.iter().map(|(n, a)| (*n, a.clone())).collect();
    wrong(calls != wanted, format!("the tool calls should be {}", listed(&wanted)));
    wrong(answer.complete == expect.cut, "the answer's end is not as it should be".to_owned());
    let error = expect.cut || expect.status != 200;
    wrong(answer.error.is_some() != error, format!("an error should be there: {error}"));
    wrong(expect.retry_after && answer.retry_after.is_none(), "retry-after should be there".to_owned());
    // In later rounds the budget of the first may still be used up.
    let refused_later = played.script.how == How::UntilRefused && played.round == 0;
    wrong(refused_later && played.before < 2, "two calls should go through first".to_owned());
}

fn against_records(expect: &Expect, entries: &[&Entry], failures: &mut Vec<String>) {
    if entries.is_empty() {
        failures.push("there is no record of it".to_owned());
    }
    if let Some(reason) = expect.reason
        && !entries.iter().any(|e| reasons(&e.record).contains(&reason))
    {
        failures.push(format!("no record says {}", reason.name()));
    }
    if let Some(kind) = expect.masked
        && !entries.iter().any(|e| masks(&e.record, kind))
    {
        failures.push(format!("no record says that {} was masked", kind.name()));
    }
    if expect.reason.is_none() && entries.iter().any(|e| !reasons(&e.record).is_empty()) {
        failures.push("a record says that something was refused".to_owned());
    }
}

fn judged(record: &Record) -> Option<&Judged> {
    match record {
        Record::Intent(intent) => Some(&intent.judged),
        Record::Outcome(outcome) => Some(&outcome.judged),
        Record::Control(_) => None,
    }
}

/// Every reason in a record.
fn reasons(record: &Record) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = judged(record).and_then(|j| j.reason).into_iter().collect();
    match record {
        Record::Outcome(outcome) => {
            reasons.extend(outcome.calls.iter().filter_map(|c| c.reason));
            if outcome.finish == Finish::Killed {
                reasons.push(Reason::Killed);
            }
        }
        Record::Control(control) => reasons.extend(control.reason),
        Record::Intent(_) => {}
    }
    reasons
}

fn masks(record: &Record, kind: FindingKind) -> bool {
    let done = judged(record).map_or(&[][..], |j| &j.obligations);
    done.iter().any(|o| o.obligation == Obligation::Mask && o.kind == Some(kind))
}

/// What a record says decided.
fn said(record: &Record) -> Vec<String> {
    match record {
        Record::Intent(intent) => prompt(intent),
        Record::Outcome(outcome) => ended(outcome),
        Record::Control(control) => vec![beside(control)],
    }
}

fn prompt(intent: &Intent) -> Vec<String> {
    let mut parts = vec![decision("prompt", &intent.judged)];
    if intent.tools_removed > 0 {
        parts.push(format!("tools taken out of the offer: {}", intent.tools_removed));
    }
    parts
}

fn ended(outcome: &Outcome) -> Vec<String> {
    let mut parts = Vec::new();
    for call in outcome.calls.iter().filter(|c| c.decision == Decision::Denied) {
        parts.push(called(call));
    }
    if outcome.finish == Finish::Complete {
        let what = if parts.is_empty() { "answer" } else { "rest of the answer" };
        parts.push(decision(what, &outcome.judged));
    } else {
        parts.push(format!("answer ended: {}", outcome.finish.name()));
    }
    parts
}

fn called(call: &CallJudged) -> String {
    let broken: Vec<String> = call
        .predicates
        .iter()
        .filter(|p| !p.held)
        .map(|p| match &p.argument {
            cordon_ledger::Name::Known(name) => format!("{}: {}", name.as_str(), p.predicate.as_str()),
            cordon_ledger::Name::Hidden(_) => p.predicate.as_str().to_owned(),
        })
        .collect();
    let on = if broken.is_empty() { String::new() } else { format!(" ({})", broken.join(", ")) };
    format!("tool call denied: {}{on}{}", call.reason.map_or("", Reason::name), by(&call.policies))
}

fn beside(control: &Control) -> String {
    let reason = control.reason.map(|r| format!(" ({})", r.name())).unwrap_or_default();
    let count = control.count.map(|n| format!(", counted: {n}")).unwrap_or_default();
    format!("{}{reason}{count}", control.kind.name())
}

fn decision(what: &str, judged: &Judged) -> String {
    let mut text = format!("{what} {}", judged.decision.name());
    if let Some(reason) = judged.reason {
        text.push_str(&format!(": {}", reason.name()));
        let found: Vec<&str> = judged.findings.iter().map(|f| f.kind.name()).collect();
        if reason == Reason::FindingRefused {
            text.push_str(&format!(" ({})", found.join(", ")));
        }
    }
    let done: Vec<String> = judged
        .obligations
        .iter()
        .map(|o| format!("{} {}", o.obligation.name(), o.kind.map_or("", |k| k.name())))
        .collect();
    if !done.is_empty() {
        text.push_str(&format!(", {}", done.join(", ")));
    }
    text.push_str(&by(&judged.policies));
    text
}

fn by(policies: &[Known]) -> String {
    let ids: Vec<&str> = policies.iter().map(Known::as_str).collect();
    if ids.is_empty() { String::new() } else { format!(" by {}", ids.join(", ")) }
}

fn listed(calls: &[(&str, Value)]) -> String {
    let calls: Vec<String> = calls.iter().map(|(name, arguments)| format!("{name}({arguments})")).collect();
    if calls.is_empty() { "none".to_owned() } else { calls.join(", ") }
}

/// What came back, in a line.
fn quoted(played: &Played) -> String {
    let answer = &played.answer;
    let mut parts = Vec::new();
    if played.before > 0 {
        parts.push(format!("{} calls went through, then", played.before));
    }
    parts.push(answer.status.to_string());
    if !answer.text.is_empty() {
        parts.push(format!("{:?}", short(&answer.text)));
    }
    for (name, arguments) in &answer.calls {
        parts.push(format!("{name}({arguments})"));
    }
    if let Some((kind, message)) = &answer.error {
        parts.push(format!("{kind}: {}", short(message)));
    }
    if let Some(seconds) = answer.retry_after {
        parts.push(format!("(retry-after: {seconds})"));
    }
    parts.join(" ")
}

fn short(text: &str) -> String {
    let mut short: String = text.chars().take(QUOTED).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    short
}
