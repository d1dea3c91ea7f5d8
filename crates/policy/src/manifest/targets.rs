//! Which values of a call say where it goes.
//!
//! What always holds: a tool that sends, spends or executes has a target, be it all its arguments; an argument whose
//! shape is another than its path needs is a target as a whole. What it deliberately does not do: say where a value
//! came from; `flow` does.

use super::ToolRule;
use crate::predicate::{ARGUMENTS, ArgumentPath, ArgumentRule, Predicate, has_unnamed};
use cordon_types::Effect;
use serde_json::Value;

/// Values at one argument that says where a call goes.
#[derive(Debug)]
pub struct Target<'a> {
    /// The argument as the manifest names it; `<arguments>` for all of them.
    pub argument: &'a str,
    /// What stands there, objects and lists included, less what is cleared.
    pub values: Vec<&'a Value>,
    /// Whether something stood there that is cleared.
    pub cleared: bool,
}

impl ToolRule {
    /// The targets of a call with these arguments. Linear in the arguments.
    #[must_use]
    pub fn targets<'a>(&'a self, arguments: &'a Value) -> Vec<Target<'a>> {
        let all = || Target { argument: ARGUMENTS, values: vec![arguments], cleared: false };
        let Some(named) = &self.target else {
            return if self.goes_out() { vec![all()] } else { Vec::new() };
        };
        // SECURITY: `To` beside `to`, or in its place: who reads names without regard to case takes it for the target.
        let paths: Vec<&ArgumentPath> = named.iter().map(|rule| &rule.path).collect();
        let beside = has_unnamed(arguments, &paths, true).then(all);
        named
            .iter()
            .map(|rule| {
                let reached = rule.path.reach(arguments);
                // SECURITY: what the path cannot walk is not skipped: the whole call becomes the target.
                let mut values = if reached.misfit { vec![arguments] } else { reached.values };
                let before = values.len();
                values = values
                    .into_iter()
                    .flat_map(elements)
                    .filter(|v| !self.clears(&rule.argument, v))
                    .collect();
                Target { argument: &rule.argument, cleared: values.is_empty() && before > 0, values }
            })
            .chain(beside)
            .collect()
    }

    /// Whether what it does reaches beyond the agent: then it has a target.
    #[must_use]
    pub const fn goes_out(&self) -> bool {
        matches!(self.effect, Some(Effect::Send | Effect::Spend | Effect::Execute))
    }

    /// Whether its limits say where a call may go: for each target, something beside how long it is or that it is
    /// there.
    #[must_use]
    pub fn limits_target(&self) -> bool {
        let says = |r: &ArgumentRule| {
            r.predicates
                .iter()
                .any(|p| !matches!(p, Predicate::Required | Predicate::MaxBytes(_) | Predicate::MaxItems(_)))
        };
        let limits = self.args.as_deref().unwrap_or_default();
        match &self.target {
            Some(named) => named.iter().all(|t| limits.iter().any(|r| r.argument == t.argument && says(r))),
            None => !limits.is_empty() && !self.other_args && limits.iter().all(says),
        }
    }

    /// Whether a path of the rule goes through a member of that name.
    #[must_use]
    pub fn names_member(&self, name: &str) -> bool {
        let rules = self.args.iter().flatten().chain(self.target.iter().flatten());
        rules.into_iter().any(|r| r.path.has_key(name))
    }

    /// Whether a target value is good whoever brought it.
    fn clears(&self, argument: &str, value: &Value) -> bool {
        let mut rules = self.cleared.iter().filter(|r| r.argument == argument).peekable();
        rules.peek().is_some() && rules.all(|r| r.holds_of(value))
    }
}

/// A list's elements, or the one value.
fn elements(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    }
}
