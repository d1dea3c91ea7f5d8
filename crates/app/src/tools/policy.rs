//! `cordon policy`: decisions explained and tested, without traffic.

use crate::data::read;
use crate::error::AppError;
use crate::load::{Loaded, load};
use crate::system::SystemClock;
use cordon_policy::{
    Action, Authorization, Explanation, Facts, Flow, Query, Resource, TargetOrigin, ToolRule,
};
use cordon_types::{
    AgentId, Class, Clock as _, Feature, FindingKind, Integrity, Labels, Problem, Problems, Provenance,
    SpanKind,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::Path;

/// A question as an operator writes it, on the command line or in a test file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The agent.
    pub agent: String,
    /// `model.prompt`, ...
    pub action: String,
    /// The model's or tool's name.
    pub resource: String,
    /// `kind` or `kind@span`.
    #[serde(default)]
    pub findings: Vec<String>,
    /// Provider-side features.
    #[serde(default)]
    pub features: Vec<String>,
    /// The call's arguments, as JSON text.
    pub arguments: Option<String>,
    /// A user is vouched for.
    #[serde(default)]
    pub on_behalf: bool,
    /// For `tool.call`: what the session is worth and who supplied the target.
    #[serde(default)]
    pub session: Session,
}

/// What a session is supposed to be worth.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// `trusted` (without), `untrusted`.
    pub integrity: Option<String>,
    /// The class of what it has read: `public` (without), `internal`, `confidential`, `restricted`.
    pub class: Option<String>,
    /// Who supplied a target that the manifest does not clear: `user` (without), `trusted`, `untrusted`, `unknown`.
    pub target: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestFile {
    #[serde(default)]
    test: Vec<Test>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Test {
    name: String,
    question: Question,
    /// `allow`, `ask` or `deny`.
    expect: String,
    /// The reason's code, for a denial.
    reason: Option<String>,
    /// Kinds that must be masked.
    #[serde(default)]
    masks: Vec<String>,
}

/// What one test came to.
pub struct Tested {
    /// Its name.
    pub name: String,
    /// `None`: as expected. Else what came instead.
    pub failure: Option<String>,
}

fn problem(path: &str, message: String, hint: &str) -> AppError {
    AppError::Problems(Problems(vec![Problem::new(path, message, hint)]))
}

/// Explains one decision, as JSON.
pub fn explain(root: &Path, question: &Question) -> Result<Value, AppError> {
    let loaded = load(root)?;
    ask(&loaded, question, |e| {
        let (decision, reason, public) = decided(&e.authorization);
        let policies: Vec<Value> = e
            .determining
            .iter()
            .map(|p| json!({"id": p.id.as_str(), "source": p.source, "text": p.text}))
            .collect();
        let predicates: Vec<Value> = e
            .predicates
            .iter()
            .map(|p| json!({"argument": p.argument, "predicate": p.predicate, "held": p.held}))
            .collect();
        json!({
            "decision": decision, "reason": reason, "message": public, "observing": e.observing,
            "masks": masks(&e.authorization), "policies": policies, "evaluated": e.evaluated,
            "predicates": predicates, "errors": e.errors, "request": e.request,
        })
    })
}

/// Runs the tests of a file.
pub fn test(root: &Path, file: &Path) -> Result<Vec<Tested>, AppError> {
    let loaded = load(root)?;
    let text = read(file)?;
    let tests: TestFile = toml::from_str(&text).map_err(|e| {
        problem(&file.display().to_string(), e.to_string(), "see docs/policies.md for the form")
    })?;
    tests
        .test
        .into_iter()
        .map(|test| {
            let failure = ask(&loaded, &test.question, |e| judge(&test, e))?;
            Ok(Tested { name: test.name, failure })
        })
        .collect()
}

fn judge(test: &Test, e: &Explanation) -> Option<String> {
    let (decision, reason, _) = decided(&e.authorization);
    if decision != test.expect {
        return Some(format!("expected {}, was {decision} ({})", test.expect, reason.unwrap_or("no reason")));
    }
    if let Some(wanted) = &test.reason
        && Some(wanted.as_str()) != reason
    {
        return Some(format!("expected the reason {wanted}, was {}", reason.unwrap_or("none")));
    }
    let masked = masks(&e.authorization);
    let missing: Vec<&String> = test.masks.iter().filter(|m| !masked.contains(&m.as_str())).collect();
    (!missing.is_empty()).then(|| format!("expected masks of {missing:?}, were {masked:?}"))
}

/// An agent's manifest as Cedar.
pub fn cedar(root: &Path, agent: &str) -> Result<String, AppError> {
    let loaded = load(root)?;
    let agent = AgentId::new(agent).map_err(|e| problem("agent", e.to_string(), ""))?;
    loaded.policy.cedar(&agent).ok_or_else(|| {
        problem("agent", format!("no manifest names `{agent}`"), "`cordon check` lists the agents")
    })
}

fn ask<T>(loaded: &Loaded, q: &Question, then: impl FnOnce(&Explanation) -> T) -> Result<T, AppError> {
    let agent = AgentId::new(&q.agent).map_err(|e| problem("agent", e.to_string(), ""))?;
    let action = Action::from_name(&q.action).ok_or_else(|| {
        problem(
            "action",
            format!("`{}` is no action", q.action),
            "model.prompt, model.answer, model.list, tool.list, tool.call",
        )
    })?;
    let mut facts = facts(q)?;
    if action == Action::ToolCall {
        let rule = loaded.policy.manifest(&agent).and_then(|m| m.tool(&q.resource));
        facts.flow = Some(flow(&q.session, rule, facts.arguments.as_ref())?);
    }
    let resource =
        if action.is_tool() { Resource::Tool { name: &q.resource } } else { Resource::Model(&q.resource) };
    let now = SystemClock::new().now();
    Ok(then(&loaded.policy.explain(&Query {
        agent: &agent,
        on_behalf: q.on_behalf,
        action,
        resource,
        facts: &facts,
        now,
    })))
}

fn flow(session: &Session, rule: Option<&ToolRule>, arguments: Option<&Value>) -> Result<Flow, AppError> {
    fn one<T>(
        path: &str,
        name: Option<&str>,
        of: fn(&str) -> Option<T>,
        or: T,
        hint: &str,
    ) -> Result<T, AppError> {
        match name {
            None => Ok(or),
            Some(name) => of(name).ok_or_else(|| problem(path, format!("`{name}` is none"), hint)),
        }
    }
    let classes = "public, internal, confidential, restricted";
    let origins = "user, trusted, untrusted, unknown";
    let origin = one("target", session.target.as_deref(), Provenance::from_name, Provenance::User, origins)?;
    let labels = Labels {
        integrity: one(
            "integrity",
            session.integrity.as_deref(),
            Integrity::from_name,
            Integrity::Trusted,
            "trusted, untrusted",
        )?,
        class: one("class", session.class.as_deref(), Class::from_name, Class::Public, classes)?,
    };
    let nothing = json!({});
    let targets = rule.map(|r| r.targets(arguments.unwrap_or(&nothing))).unwrap_or_default();
    let target = if targets.iter().any(|t| !t.values.is_empty()) {
        TargetOrigin::From(origin)
    } else if targets.iter().any(|t| t.cleared) {
        TargetOrigin::Cleared
    } else {
        TargetOrigin::None
    };
    Ok(Flow { labels, target })
}

fn facts(q: &Question) -> Result<Facts, AppError> {
    let mut facts = Facts::default();
    for finding in &q.findings {
        let (kind, span) = finding.split_once('@').unwrap_or((finding, "user"));
        let kind = FindingKind::from_name(kind).ok_or_else(|| {
            problem("findings", format!("`{kind}` is no kind of finding"), "see docs/manifests.md")
        })?;
        let span = SpanKind::from_name(span).ok_or_else(|| {
            problem("findings", format!("`{span}` is no kind of span"), super::inspect::ROLES)
        })?;
        facts.findings.insert(kind, span);
    }
    for name in &q.features {
        let feature = Feature::ALL
            .into_iter()
            .find(|f| f.name() == name)
            .ok_or_else(|| problem("features", format!("`{name}` is no feature"), "see docs/manifests.md"))?;
        facts.features.push(feature);
    }
    facts.features.sort_unstable();
    facts.features.dedup();
    if let Some(text) = &q.arguments {
        let value = serde_json::from_str(text)
            .map_err(|e| problem("arguments", e.to_string(), "write one JSON object"))?;
        facts.arguments = Some(value);
    }
    Ok(facts)
}

fn decided(authorization: &Authorization) -> (&'static str, Option<&'static str>, Option<&str>) {
    match authorization {
        Authorization::Allowed(permit) => ("allow", permit.observed().map(|r| r.code.name()), None),
        Authorization::Held(held) => ("ask", Some(held.reason().code.name()), Some(&held.reason().public)),
        Authorization::Denied(reason) => ("deny", Some(reason.code.name()), Some(&reason.public)),
    }
}

fn masks(authorization: &Authorization) -> Vec<&'static str> {
    match authorization {
        Authorization::Allowed(p) => {
            p.obligations().mask.union(p.obligations().redact).iter().map(FindingKind::name).collect()
        }
        Authorization::Held(_) | Authorization::Denied(_) => Vec::new(),
    }
}
