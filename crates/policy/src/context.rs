//! A question to Cedar's context: typed, small, and the same for the judge and for `explain`.
//!
//! What always holds: every field of the schema's context is there, except `time` where no policy reads it.
//! What it deliberately does not do: hold arguments or any text but names.

use crate::manifest::{ToolRule, Untrusted};
use crate::predicate::ArgumentOutcome;
use crate::{Action, Flow, Query, TargetOrigin};
use cedar_policy::{Context, RestrictedExpression as Expression};
use cordon_types::{Class, Labels, Millis, Provenance};
use serde_json::{Value, json};

/// A field's value.
#[derive(Debug)]
pub(crate) enum Field {
    Text(String),
    Flag(bool),
    Number(i64),
    Set(Vec<String>),
    Time { epoch: i64, minute: i64, weekday: i64 },
}

/// The context's fields for a question.
pub(crate) fn fields(
    q: &Query<'_>,
    rule: Option<&ToolRule>,
    outcome: &ArgumentOutcome,
    with_time: bool,
) -> Vec<(&'static str, Field)> {
    let facts = q.facts;
    let mut out = Vec::with_capacity(16);
    let name = Field::Text(q.resource.name().to_owned());
    if q.action.is_tool() {
        out.push(("tool", name));
        let effect = rule.and_then(|r| r.effect).map_or("", cordon_types::Effect::name);
        out.push(("effect", Field::Text(effect.to_owned())));
    } else {
        out.push(("model", name));
    }
    out.push(("on_behalf", Field::Flag(q.on_behalf)));
    if q.action == Action::ToolCall {
        out.push(("args_ok", Field::Flag(outcome.ok())));
        out.push(("failed", Field::Set(outcome.failed.clone())));
        flow(q, rule, &mut out);
    }
    if matches!(q.action, Action::ModelPrompt | Action::ModelAnswer) {
        let features = facts.features.iter().map(|f| f.name().to_owned()).collect();
        out.push(("features", Field::Set(features)));
        out.push(("betas", Field::Set(facts.betas.clone())));
    }
    if !matches!(q.action, Action::ModelList | Action::ToolList) {
        let mut findings: Vec<String> = facts.findings.kinds().iter().map(|k| k.name().to_owned()).collect();
        findings.extend(facts.findings.iter().map(|(k, s)| format!("{}@{}", k.name(), s.name())));
        out.push(("findings", Field::Set(findings)));
        out.push(("stream", Field::Flag(facts.stream)));
        out.push(("uninspected", Field::Flag(facts.uninspected)));
    }
    if with_time {
        out.push(("time", time(q.now)));
    }
    out
}

/// What the flow of information says. Where nothing is known, the worst holds: a policy that reads these fields cannot
/// be slipped by leaving them out.
fn flow(q: &Query<'_>, rule: Option<&ToolRule>, out: &mut Vec<(&'static str, Field)>) {
    // What only looks and names no target goes nowhere; so does what is no tool of the manifest's, and is refused.
    let goes = rule.is_some_and(|r| r.target.is_some() || r.goes_out());
    let target = if goes { TargetOrigin::From(Provenance::Unknown) } else { TargetOrigin::None };
    let worst = Flow { labels: Labels::floor(Class::Restricted), target };
    let flow = q.facts.flow.unwrap_or(worst);
    out.push(("integrity", Field::Text(flow.labels.integrity.name().to_owned())));
    out.push(("class", Field::Number(flow.labels.class as i64)));
    out.push(("clearance", Field::Number(rule.map_or(Class::Public, |r| r.clearance) as i64)));
    out.push(("target", Field::Text(flow.target.name().to_owned())));
    let untrusted = rule.map_or(Untrusted::Ask, |r| r.untrusted);
    out.push(("untrusted", Field::Text(untrusted.name().to_owned())));
    out.push(("reversible", Field::Flag(rule.is_some_and(|r| r.reversible))));
}

fn time(now: Millis) -> Field {
    let seconds = now / 1000;
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // 1970-01-01 was a Thursday; Monday is 1.
    let weekday = (days + 3) % 7 + 1;
    let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    Field::Time { epoch: whole(seconds), minute: whole(of_day / 60), weekday: whole(weekday) }
}

/// The fields as Cedar's context. The error is Cedar's own words.
pub(crate) fn to_cedar(fields: Vec<(&'static str, Field)>) -> Result<Context, String> {
    let mut pairs = Vec::with_capacity(fields.len());
    for (name, field) in fields {
        let value = match field {
            Field::Text(s) => Expression::new_string(s),
            Field::Flag(b) => Expression::new_bool(b),
            Field::Number(n) => Expression::new_long(n),
            Field::Set(items) => Expression::new_set(items.into_iter().map(Expression::new_string)),
            Field::Time { epoch, minute, weekday } => Expression::new_record([
                ("epoch".to_owned(), Expression::new_long(epoch)),
                ("minute".to_owned(), Expression::new_long(minute)),
                ("weekday".to_owned(), Expression::new_long(weekday)),
            ])
            .map_err(|e| e.to_string())?,
        };
        pairs.push((name.to_owned(), value));
    }
    Context::from_pairs(pairs).map_err(|e| e.to_string())
}

/// The fields as JSON, for an operator's eyes.
pub(crate) fn to_json(fields: &[(&'static str, Field)]) -> Value {
    let object = fields.iter().map(|(name, field)| {
        let value = match field {
            Field::Text(s) => json!(s),
            Field::Flag(b) => json!(b),
            Field::Number(n) => json!(n),
            Field::Set(items) => json!(items),
            Field::Time { epoch, minute, weekday } => {
                json!({ "epoch": epoch, "minute": minute, "weekday": weekday })
            }
        };
        ((*name).to_owned(), value)
    });
    Value::Object(object.collect())
}
