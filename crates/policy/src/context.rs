//! A question to Cedar's context: typed, small, and the same for the judge and for `explain`.
//!
//! What always holds: every field of the schema's context is there that a policy of the slice reads.
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

/// Every field's name, in the order of the bits of [`Reads`].
const FIELDS: [&str; 18] = [
    "tool",
    "effect",
    "model",
    "on_behalf",
    "args_ok",
    "failed",
    "integrity",
    "class",
    "clearance",
    "target",
    "untrusted",
    "reversible",
    "features",
    "betas",
    "findings",
    "stream",
    "uninspected",
    "time",
];

/// Which fields policies read. What none of them reads need not be made: each costs about as much as a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reads(u32);

impl Reads {
    /// Nothing.
    pub(crate) const NONE: Self = Self(0);
    /// Everything.
    pub(crate) const ALL: Self = Self(u32::MAX);

    /// What a policy reads, by its JSON form: there a field is a plain key, however the text spelt it. A string of the
    /// same name counts too: that a field is made in vain harms nobody.
    pub(crate) fn of(json: &str) -> Self {
        let bits = FIELDS.iter().enumerate().filter(|(_, name)| json.contains(&format!("\"{name}\"")));
        Self(bits.fold(0, |bits, (at, _)| bits | 1 << at))
    }

    /// The same of a policy's text that a manifest became.
    pub(crate) fn of_ours(text: &str) -> Self {
        let bits = FIELDS.iter().enumerate().filter(|(_, name)| text.contains(&format!("context.{name}")));
        Self(bits.fold(0, |bits, (at, _)| bits | 1 << at))
    }

    /// What either reads.
    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether that field is read.
    pub(crate) fn has(self, name: &str) -> bool {
        self.0 & Self::bit(name) != 0
    }

    fn bit(name: &str) -> u32 {
        FIELDS.iter().position(|f| *f == name).map_or(0, |at| 1 << at)
    }
}

/// The context's fields for a question, as far as they are read.
pub(crate) fn fields(
    q: &Query<'_>,
    rule: Option<&ToolRule>,
    outcome: &ArgumentOutcome,
    reads: Reads,
) -> Vec<(&'static str, Field)> {
    let facts = q.facts;
    let mut out = Vec::with_capacity(16);
    let mut put = |name: &'static str, field: &dyn Fn() -> Field| {
        if reads.has(name) {
            out.push((name, field()));
        }
    };
    let name = || Field::Text(q.resource.name().to_owned());
    if q.action.is_tool() {
        put("tool", &name);
        let effect = rule.and_then(|r| r.effect).map_or("", cordon_types::Effect::name);
        put("effect", &|| Field::Text(effect.to_owned()));
    } else {
        put("model", &name);
    }
    put("on_behalf", &|| Field::Flag(q.on_behalf));
    if q.action == Action::ToolCall {
        put("args_ok", &|| Field::Flag(outcome.ok()));
        put("failed", &|| Field::Set(outcome.failed.clone()));
        flow(q, rule, &mut put);
    }
    if matches!(q.action, Action::ModelPrompt | Action::ModelAnswer) {
        put("features", &|| Field::Set(facts.features.iter().map(|f| f.name().to_owned()).collect()));
        put("betas", &|| Field::Set(facts.betas.clone()));
    }
    if !matches!(q.action, Action::ModelList | Action::ToolList) {
        put("findings", &|| {
            let kinds = facts.findings.kinds();
            let mut all: Vec<String> = kinds.iter().map(|k| k.name().to_owned()).collect();
            all.extend(facts.findings.iter().map(|(k, s)| format!("{}@{}", k.name(), s.name())));
            Field::Set(all)
        });
        put("stream", &|| Field::Flag(facts.stream));
        put("uninspected", &|| Field::Flag(facts.uninspected));
    }
    put("time", &|| time(q.now));
    out
}

/// What the flow of information says. Where nothing is known, the worst holds: a policy that reads these fields cannot
/// be slipped by leaving them out.
fn flow(q: &Query<'_>, rule: Option<&ToolRule>, put: &mut dyn FnMut(&'static str, &dyn Fn() -> Field)) {
    // What only looks and names no target goes nowhere; so does what is no tool of the manifest's, and is refused.
    let goes = rule.is_some_and(|r| r.target.is_some() || r.goes_out());
    let target = if goes { TargetOrigin::From(Provenance::Unknown) } else { TargetOrigin::None };
    let worst = Flow { labels: Labels::floor(Class::Restricted), target };
    let flow = q.facts.flow.unwrap_or(worst);
    put("integrity", &|| Field::Text(flow.labels.integrity.name().to_owned()));
    put("class", &|| Field::Number(flow.labels.class as i64));
    put("clearance", &|| Field::Number(rule.map_or(Class::Public, |r| r.clearance) as i64));
    put("target", &|| Field::Text(flow.target.name().to_owned()));
    let untrusted = rule.map_or(Untrusted::Ask, |r| r.untrusted);
    put("untrusted", &|| Field::Text(untrusted.name().to_owned()));
    put("reversible", &|| Field::Flag(rule.is_some_and(|r| r.reversible)));
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
