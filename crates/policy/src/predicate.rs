//! Limits on a tool call's arguments, evaluated on the parsed JSON before Cedar is asked.
//!
//! What always holds: a value is brought into one canonical form before it is compared, and what has no single
//! canonical form is refused; a value of the wrong JSON type fails; of a list every element must hold; an argument
//! that no rule names fails unless the rule set says otherwise. What it deliberately does not do: put a value, or a
//! name that does not stand in the manifest, into its results.

mod filepath;
mod host;
mod path;
#[cfg(test)]
mod tests;

pub(crate) use filepath::PathRoot;
pub(crate) use host::{Domain, UrlHost};
pub(crate) use path::{ArgumentPath, has_unnamed};

use crate::PredicateResult;
use cordon_tools::shell::{CommandPattern, Shell, permits, permits_argv};
use regex_automata::meta::Regex;
use serde_json::Value;
use std::cmp::Ordering;

/// What must hold of an argument's value.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Predicate {
    /// It is there, and is neither null nor an empty list.
    Required,
    /// It is not there.
    Forbidden,
    /// It is one of these scalars.
    Enum(Vec<Value>),
    /// It is a string that the whole pattern matches.
    Pattern(Box<Regex>, String),
    /// It is a number, and at least this.
    Min(Bound),
    /// It is a number, and at most this.
    Max(Bound),
    /// It is a string of at most this many bytes.
    MaxBytes(u64),
    /// It is a list of at most this many elements, or a single value.
    MaxItems(u64),
    /// It is a mail address or a host in one of these domains or below.
    Domains(Vec<String>),
    /// It is an absolute http, https, ws or wss URL to one of these hosts.
    Hosts(Vec<String>),
    /// It is an absolute path at or below one of these directories.
    Under(Vec<String>),
    /// It is a command line that runs nothing but these commands, as a shell would read it; or a list of a program and
    /// its arguments.
    Commands(Commands),
}

/// Commands that an argument may run.
#[derive(Clone, Debug)]
pub struct Commands {
    /// The shell that reads the line.
    pub(crate) shell: Shell,
    pub(crate) allowed: Vec<CommandPattern>,
    /// As the manifest writes them.
    pub(crate) texts: Vec<String>,
}

impl Commands {
    fn permit(&self, value: &Value) -> bool {
        match value {
            Value::String(line) => permits(self.shell, &self.allowed, line).is_ok(),
            Value::Array(items) => {
                let words: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
                words.is_some_and(|w| permits_argv(self.shell, &self.allowed, &w).is_ok())
            }
            _ => false,
        }
    }
}

/// A number of the manifest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// A whole number.
    Whole(i64),
    /// A decimal.
    Decimal(f64),
}

impl Predicate {
    /// The name in manifests and records.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Predicate::Required => "required",
            Predicate::Forbidden => "forbidden",
            Predicate::Enum(_) => "enum",
            Predicate::Pattern(..) => "pattern",
            Predicate::Min(_) => "min",
            Predicate::Max(_) => "max",
            Predicate::MaxBytes(_) => "max_bytes",
            Predicate::MaxItems(_) => "max_items",
            Predicate::Domains(_) => "domains",
            Predicate::Hosts(_) => "hosts",
            Predicate::Under(_) => "under",
            Predicate::Commands(_) => "commands",
        }
    }

    /// Whether one scalar holds. Lists have been taken apart before.
    fn holds(&self, value: &Value) -> bool {
        match self {
            Predicate::Required => !value.is_null(),
            Predicate::Forbidden => false,
            Predicate::MaxItems(_) => true,
            Predicate::Enum(allowed) => allowed.iter().any(|a| same_scalar(a, value)),
            Predicate::Pattern(regex, _) => value.as_str().is_some_and(|s| regex.is_match(s)),
            Predicate::Min(bound) => compare(value, *bound).is_some_and(Ordering::is_ge),
            Predicate::Max(bound) => compare(value, *bound).is_some_and(Ordering::is_le),
            Predicate::MaxBytes(max) => value.as_str().is_some_and(|s| s.len() as u64 <= *max),
            Predicate::Domains(domains) => value.as_str().is_some_and(|s| {
                Domain::of_mail_or_host(s).is_some_and(|d| domains.iter().any(|allowed| d.is_within(allowed)))
            }),
            Predicate::Hosts(hosts) => value.as_str().is_some_and(|s| {
                UrlHost::of_url(s).is_some_and(|h| hosts.iter().any(|allowed| h.is_allowed_by(allowed)))
            }),
            Predicate::Commands(commands) => commands.permit(value),
            Predicate::Under(roots) => value.as_str().is_some_and(|s| {
                PathRoot::normalise(s).is_some_and(|p| roots.iter().any(|root| p.is_under(root)))
            }),
        }
    }
}

fn same_scalar(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || (a.as_f64() == b.as_f64() && a.as_i64().is_none() != b.as_i64().is_none())
        }
        (Value::String(_) | Value::Bool(_), _) => a == b,
        _ => false,
    }
}

/// How a JSON number stands to a bound. `None` for what is no number, or cannot be ordered.
fn compare(value: &Value, bound: Bound) -> Option<Ordering> {
    let Value::Number(n) = value else { return None };
    match bound {
        Bound::Whole(b) => {
            if let Some(v) = n.as_i64() {
                return Some(v.cmp(&b));
            }
            if n.as_u64().is_some() {
                return Some(Ordering::Greater); // above i64::MAX
            }
            // A decimal against a whole number: compare the whole parts exactly, then what is left.
            let v = n.as_f64()?;
            if v >= 9_223_372_036_854_775_808.0 {
                return Some(Ordering::Greater);
            }
            if v < -9_223_372_036_854_775_808.0 {
                return Some(Ordering::Less);
            }
            #[expect(clippy::cast_possible_truncation, reason = "floor lies within i64, as checked above")]
            let whole = v.floor() as i64;
            Some(whole.cmp(&b).then(if v > v.floor() { Ordering::Greater } else { Ordering::Equal }))
        }
        Bound::Decimal(b) => n.as_f64()?.partial_cmp(&b),
    }
}

/// What a manifest says about one argument.
#[derive(Clone, Debug)]
pub struct ArgumentRule {
    /// As the manifest writes it, such as `recipients[].email`.
    pub argument: String,
    /// All must hold.
    pub predicates: Vec<Predicate>,
    pub(crate) path: ArgumentPath,
}

impl ArgumentRule {
    /// Whether one scalar meets all of it, and there is something to meet.
    pub(crate) fn holds_of(&self, value: &Value) -> bool {
        !self.predicates.is_empty() && !value.is_array() && self.predicates.iter().all(|p| p.holds(value))
    }
}

/// What the rules came to for one call.
#[derive(Clone, Debug, Default)]
pub(crate) struct ArgumentOutcome {
    pub(crate) results: Vec<PredicateResult>,
    /// Arguments whose rules did not hold, as the manifest names them; sorted, without doubles.
    pub(crate) failed: Vec<String>,
}

/// The name under which an argument that the manifest does not name is reported.
pub(crate) const OTHER: &str = "<other>";
/// The name under which arguments that could not be read as an object are reported.
pub(crate) const ARGUMENTS: &str = "<arguments>";

/// Evaluates every rule on the arguments of a call.
pub(crate) fn evaluate(
    rules: &[ArgumentRule],
    other_args: bool,
    arguments: Option<&Value>,
) -> ArgumentOutcome {
    let mut out = ArgumentOutcome::default();
    let Some(object @ Value::Object(_)) = arguments else {
        out.note(ARGUMENTS, "object", false);
        return out;
    };
    for rule in rules {
        let reached = rule.path.reach(object);
        if rule.predicates.is_empty() {
            out.note(&rule.argument, "named", !reached.misfit);
        }
        for predicate in &rule.predicates {
            out.note(&rule.argument, predicate.name(), rule_holds(predicate, &reached));
        }
    }
    let paths: Vec<&ArgumentPath> = rules.iter().map(|r| &r.path).collect();
    if has_unnamed(object, &paths, other_args) {
        out.note(OTHER, "named", false);
    }
    out.failed.sort();
    out.failed.dedup();
    out
}

fn rule_holds(predicate: &Predicate, reached: &path::Reached<'_>) -> bool {
    match predicate {
        Predicate::Forbidden => reached.values.is_empty() && !reached.misfit,
        _ if reached.misfit => false,
        Predicate::Required => {
            !reached.missing
                && !reached.values.is_empty()
                && reached.values.iter().all(|v| match v {
                    Value::Null => false,
                    Value::Array(items) => !items.is_empty() && items.iter().all(|i| !i.is_null()),
                    _ => true,
                })
        }
        Predicate::MaxItems(max) => {
            reached.values.len() as u64 <= *max
                && reached.values.iter().all(|v| v.as_array().is_none_or(|items| items.len() as u64 <= *max))
        }
        // A list is one program with its arguments, not several lines.
        Predicate::Commands(commands) => reached.values.iter().all(|v| commands.permit(v)),
        _ => reached.values.iter().all(|v| match v {
            Value::Array(items) => items.iter().all(|item| predicate.holds(item)),
            value => predicate.holds(value),
        }),
    }
}

impl ArgumentOutcome {
    fn note(&mut self, argument: &str, predicate: &'static str, held: bool) {
        self.results.push(PredicateResult { argument: argument.to_owned(), predicate, held });
        if !held {
            self.failed.push(argument.to_owned());
        }
    }

    pub(crate) fn ok(&self) -> bool {
        self.failed.is_empty()
    }
}
