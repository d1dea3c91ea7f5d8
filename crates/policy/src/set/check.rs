//! What must be right before a snapshot is made, beyond what parsing checks.
//!
//! What always holds: checks only add problems; none of them changes anything.

use super::PolicySource;
use crate::Manifest;
use crate::manifest::nearest;
use crate::rule::{Rule, place};
use cedar_policy::{
    EntityUid, PolicySet as CedarSet, PrincipalConstraint, Schema, ValidationMode, ValidationWarning,
    Validator,
};
use cordon_types::{ModelName, Problem};

/// Agents stand once; models are known.
pub(super) fn manifests(manifests: &[Manifest], models: &[ModelName], problems: &mut Vec<Problem>) {
    let names: Vec<&str> = models.iter().map(ModelName::as_str).collect();
    let mut seen = rustc_hash::FxHashMap::default();
    for m in manifests {
        if let Some(first) = seen.insert(m.agent.as_str(), m.source.as_str()) {
            let message = format!("agent `{}` has a manifest already, in {first}", m.agent);
            problems.push(Problem::new("agent", message, "keep one manifest an agent").within(&m.source));
        }
        for (i, model) in m.models.iter().enumerate() {
            if names.is_empty() || model.ends_with('*') || names.contains(&model.as_str()) {
                continue;
            }
            let hint = match nearest(model, &names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "add it to the config's models, or remove it here".to_owned(),
            };
            let message = format!("model `{model}` is not in the config");
            problems.push(Problem::new(format!("models[{i}]"), message, hint).within(&m.source));
        }
    }
}

/// Files of policies stand once and have a plain name.
pub(super) fn sources(own: &[PolicySource], problems: &mut Vec<Problem>) {
    for (i, file) in own.iter().enumerate() {
        if own.iter().take(i).any(|o| o.name == file.name) {
            let problem = Problem::new("", "is given twice", "give each file of policies its own name");
            problems.push(problem.within(&file.name));
        }
    }
}

/// Own policies name agents and groups that exist: one that names nobody guards nothing.
pub(super) fn principals(rules: &[Rule], manifests: &[Manifest], problems: &mut Vec<Problem>) {
    for rule in rules.iter().filter(|r| r.own) {
        let uid = match rule.policy.principal_constraint() {
            PrincipalConstraint::Any | PrincipalConstraint::Is(_) => continue,
            PrincipalConstraint::Eq(uid)
            | PrincipalConstraint::In(uid)
            | PrincipalConstraint::IsIn(_, uid) => uid,
        };
        let (what, known) = known_like(&uid, manifests);
        let name: &str = uid.id().unescaped();
        if known.contains(&name) {
            continue;
        }
        let hint = match nearest(name, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("name one that a manifest has, or add it to a manifest ({} known)", known.len()),
        };
        let message = format!("names {what} {name:?}, which no manifest has");
        problems.push(Problem::new(rule.id.to_string(), message, hint).within(&rule.source));
    }
}

fn known_like<'m>(uid: &EntityUid, manifests: &'m [Manifest]) -> (&'static str, Vec<&'m str>) {
    if uid.type_name().basename() == "AgentGroup" {
        ("the group", manifests.iter().flat_map(|m| m.groups.iter().map(String::as_str)).collect())
    } else {
        ("the agent", manifests.iter().map(|m| m.agent.as_str()).collect())
    }
}

/// Every policy fits the schema, and every own policy can apply to something.
pub(super) fn against_schema(
    rules: &[Rule],
    own: &[PolicySource],
    schema: Schema,
    problems: &mut Vec<Problem>,
) {
    let all = match CedarSet::from_policies(rules.iter().map(|r| r.policy.clone())) {
        Ok(all) => all,
        Err(e) => {
            problems.push(Problem::new("", e.to_string(), "give each policy its own @id"));
            return;
        }
    };
    let result = Validator::new(schema).validate(&all, ValidationMode::Strict);
    let by_id: rustc_hash::FxHashMap<&str, &Rule> = rules.iter().map(|r| (r.id.as_str(), r)).collect();
    let mut report = |id: &str, e: &dyn miette::Diagnostic, default_hint: &str| {
        let Some(rule) = by_id.get(id) else { return };
        let file = own.iter().find(|o| rule.own && *o.name == *rule.source);
        let at = place(e, file.map_or(rule.text.as_str(), |f| &f.text));
        let path = if at.is_empty() || !rule.own { rule.id.to_string() } else { at };
        let hint = e.help().map_or_else(|| default_hint.to_owned(), |h| h.to_string());
        problems.push(Problem::new(path, e.to_string(), hint).within(&rule.source));
    };
    for error in result.validation_errors() {
        report(error.policy_id().as_ref(), error, "the schema lists what policies may speak about");
    }
    for warning in result.validation_warnings() {
        if let ValidationWarning::ImpossiblePolicy(impossible) = warning {
            let id: &str = impossible.policy_id().as_ref();
            if by_id.get(id).is_some_and(|r| r.own) {
                report(id, warning, "this policy can never apply: correct its condition, or remove it");
            }
        }
    }
}
