//! `[[tools]]`: what an agent may do with a tool, where its calls may go, and what its results are worth.
//!
//! What always holds: what is left out has the safe default: results are untrusted, calls cannot be undone, and what
//! sends, spends or executes has all its arguments for a target.

use super::super::fields::{Fields, described};
use super::super::{ToolRule, Untrusted};
use super::{MAX_LIST, arguments, check_globs, named, shown};
use crate::predicate::{ArgumentPath, ArgumentRule, Predicate};
use cordon_tools::limits::{Hours, Rate};
use cordon_types::{Class, Effect, Integrity, Problem};
use toml::Value;

/// Most rates of one tool.
const MAX_RATES: usize = 4;

pub(super) fn read(value: Value, problems: &mut Vec<Problem>) -> Vec<ToolRule> {
    let Value::Array(items) = value else {
        let message = format!("expected a list of tables, found {}", described(&value));
        problems.push(Problem::new("tools", message, "begin each tool with `[[tools]]`"));
        return Vec::new();
    };
    let mut out: Vec<ToolRule> = Vec::new();
    for (i, item) in items.into_iter().enumerate() {
        let at = format!("tools[{i}]");
        let Value::Table(table) = item else {
            problems.push(Problem::new(at, "expected a table", "begin each tool with `[[tools]]`"));
            continue;
        };
        let mut f = Fields::new(table, at, problems);
        let rule = tool(&mut f);
        if let Some(rule) = rule {
            if out.iter().any(|t| t.name == rule.name) {
                f.problem("name", "stands there twice", "join the two `[[tools]]` entries");
            }
            out.push(rule);
        }
        f.finish();
    }
    if out.len() > MAX_LIST {
        let message = format!("has {} entries", out.len());
        problems.push(Problem::new("tools", message, format!("at most {MAX_LIST}; use a prefix with `*`")));
    }
    out
}

fn tool(f: &mut Fields<'_>) -> Option<ToolRule> {
    let name = f.required_text("name", 129, "name the tool as it is offered to the model");
    if let Some(n) = &name {
        check_globs(f, "name", std::slice::from_ref(n), 128);
    }
    let effect = f.choice("effect", &named(Effect::ALL, Effect::name));
    let target = targets(f);
    let at = f.path("cleared");
    let cleared = f.table("cleared").map(|t| arguments::read(t, &at, f.problems())).unwrap_or_default();
    check_cleared(f, target.as_deref(), &cleared);
    let untrusted = f.choice("untrusted", &named(Untrusted::ALL, Untrusted::name)).unwrap_or_default();
    let result = f.choice("result", &named(Integrity::ALL, Integrity::name)).unwrap_or_default();
    let result_fields = result_fields(f);
    let labels = f.choice("result_labels", &[("ignored", false), ("server", true)]).unwrap_or(false);
    let class = f.choice("class", &named(Class::ALL, Class::name)).unwrap_or(Class::Internal);
    let clearance = f.choice("clearance", &named(Class::ALL, Class::name)).unwrap_or(Class::Internal);
    let reversible = f.flag("reversible").unwrap_or(false);
    let approvals = f.count("approvals", 2).and_then(|n| u8::try_from(n).ok()).unwrap_or(1);
    let (args, other_args) = limits(f);
    let (rates, hours) = (rates(f), hours(f));
    Some(ToolRule {
        name: name?,
        effect,
        target,
        cleared,
        untrusted,
        result,
        result_fields,
        labels,
        class,
        clearance,
        reversible,
        approvals,
        args,
        other_args,
        rates,
        hours,
    })
}

/// `[tools.args]` and `other_args`.
fn limits(f: &mut Fields<'_>) -> (Option<Vec<ArgumentRule>>, bool) {
    let args = f.take("args");
    let other = f.choice("other_args", &[("refuse", false), ("allow", true)]);
    let args = args.map(|value| match value {
        Value::Table(mut table) => {
            // `other_args` written below `[tools.args]` belongs to TOML's current table; it is taken from there too.
            let inner = match table.get("other_args") {
                Some(Value::String(_)) => table.remove("other_args"),
                _ => None,
            };
            let inner =
                inner.and_then(|v| f.choose("args.other_args", &v, &[("refuse", false), ("allow", true)]));
            if inner.is_some() && other.is_some() {
                f.problem("other_args", "stands there twice", "keep one");
            }
            let at = f.path("args");
            (arguments::read(table, &at, f.problems()), inner)
        }
        other => {
            let message = format!("expected a table, found {}", described(&other));
            f.problem("args", message, "write `[tools.args]` below its `[[tools]]`");
            (Vec::new(), None)
        }
    });
    if args.is_none() && other.is_some() {
        f.problem("other_args", "means nothing without [tools.args]", "add [tools.args], or remove it");
    }
    let (args, inner) = match args {
        Some((rules, inner)) => (Some(rules), inner),
        None => (None, None),
    };
    (args, other.or(inner).unwrap_or(false))
}

/// `rates = ["3/minute", "20/day"]`
fn rates(f: &mut Fields<'_>) -> Vec<Rate> {
    let texts = f.texts("rates").unwrap_or_default();
    if texts.len() > MAX_RATES {
        f.problem("rates", "are too many", format!("at most {MAX_RATES} make sense"));
    }
    let mut out = Vec::new();
    for (i, text) in texts.iter().enumerate() {
        match Rate::parse(text) {
            Ok(rate) => out.push(rate),
            Err(p) => f.problem(&format!("rates[{i}]"), p.message, p.hint),
        }
    }
    out
}

/// `hours = "mon-fri 08:00-18:00"`
fn hours(f: &mut Fields<'_>) -> Option<Hours> {
    let text = f.text("hours", 64)?;
    Hours::parse(&text).map_err(|p| f.problem("hours", p.message, p.hint)).ok()
}

/// `target = ["to", "cc"]`
fn targets(f: &mut Fields<'_>) -> Option<Vec<ArgumentRule>> {
    let names = f.texts("target")?;
    let mut out: Vec<ArgumentRule> = Vec::with_capacity(names.len());
    for (i, argument) in names.into_iter().enumerate() {
        let at = format!("target[{i}]");
        match ArgumentPath::parse(&argument) {
            Ok(_) if out.iter().any(|r| r.argument == argument) => {
                f.problem(&at, "stands there twice", "remove one");
            }
            Ok(path) => out.push(ArgumentRule { argument, predicates: Vec::new(), path }),
            Err(hint) => f.problem(&at, "is no argument path", hint),
        }
    }
    Some(out)
}

/// What is cleared is a target, and has something that clears it.
fn check_cleared(f: &mut Fields<'_>, target: Option<&[ArgumentRule]>, cleared: &[ArgumentRule]) {
    for rule in cleared {
        let at = format!("cleared.{}", shown(&rule.argument));
        if !target.is_some_and(|t| t.iter().any(|named| named.argument == rule.argument)) {
            f.problem(&at, "is no target of this tool", "name it in `target` too");
        }
        // How long or how many a value is says nothing about where it leads.
        let empty = |p: &Predicate| {
            matches!(p, Predicate::Required | Predicate::MaxBytes(_) | Predicate::MaxItems(_))
        };
        if rule.predicates.iter().all(empty) {
            let hint = "write what makes it good, as `{ domains = [\"example.com\"] }`";
            f.problem(&at, "does not say which values are good", hint);
        }
    }
}

/// `result_fields = { "items[].id" = "trusted" }`
fn result_fields(f: &mut Fields<'_>) -> Vec<(String, Integrity)> {
    let at = f.path("result_fields");
    let Some(fields) = f.table("result_fields") else { return Vec::new() };
    let mut out = Vec::with_capacity(fields.len());
    let choices = named(Integrity::ALL, Integrity::name);
    for (path, value) in fields {
        let here = format!("{at}.{}", shown(&path));
        if let Err(hint) = ArgumentPath::parse(&path) {
            f.problems().push(Problem::new(here, "is no path into a result", hint));
            continue;
        }
        match value.as_str().and_then(|v| choices.iter().find(|(name, _)| *name == v)) {
            Some((_, integrity)) => out.push((path, *integrity)),
            None => {
                let hint = "write \"trusted\" or \"untrusted\"";
                f.problems().push(Problem::new(here, "is neither trusted nor untrusted", hint));
            }
        }
    }
    out
}
