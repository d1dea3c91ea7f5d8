//! The cut itself: a manifest's table, entry by entry.
//!
//! What always holds: an entry goes only where nothing that was used needs it and no wider entry would take its place;
//! what is written is read again before it is handed out. What it deliberately does not do: keep comments; the text
//! is written anew, with the reasons as comments at its head.

use super::compare::covers;
use super::{Change, Fate, Resized, Used};
use crate::manifest::Manifest;
use crate::{ToolRule, Uninspected, Untrusted, parse_manifest};
use cordon_types::{Feature, Problem, Problems};
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// Most names that a pattern is taken apart into.
const MAX_NAMES: usize = 64;

/// Cuts a manifest down to what was used.
///
/// # Errors
/// Where what was written does not read again: a defect.
pub fn rightsize(m: &Manifest, used: &Used) -> Result<Resized, Problems> {
    let mut table: Table = m.text.parse().map_err(|_| defect(m, "its own text does not parse"))?;
    let mut changes = Vec::new();
    models(m, used, &mut table, &mut changes);
    features(m, used, &mut table, &mut changes);
    tools(m, used, &mut table, &mut changes);
    let all_gone = table.get("tools").and_then(Value::as_array).is_none_or(|t| t.is_empty());
    if all_gone && m.uninspected == Uninspected::Refuse {
        // Left out, it would mean `allow` once there is no tool.
        table.insert("uninspected".to_owned(), "refuse".into());
    }
    for (at, there) in [
        ("betas", !m.betas.is_empty()),
        ("mcp", !m.mcp.is_empty()),
        ("budgets", m.budgets != crate::Budgets::default()),
    ] {
        if there {
            changes.push(kept(at, "records do not hold what of it was used"));
        }
    }
    let text = written(&table, &changes, m)?;
    let manifest = parse_manifest(&m.source, &text)?;
    Ok(Resized { text, manifest, changes })
}

fn defect(m: &Manifest, what: &str) -> Problems {
    Problems(vec![Problem::new("", what, "this is a defect of Cordon; report it").within(&m.source)])
}

fn change(at: impl Into<String>, fate: Fate, why: impl Into<String>) -> Change {
    Change { at: at.into(), fate, why: why.into() }
}

fn kept(at: impl Into<String>, why: impl Into<String>) -> Change {
    change(at, Fate::Kept, why)
}

fn times(n: u64) -> String {
    if n == 1 { "once".to_owned() } else { format!("{n} times") }
}

fn names(table: &mut Table, key: &str, names: impl IntoIterator<Item = String>) {
    let list: Vec<Value> = names.into_iter().map(Value::String).collect();
    table.insert(key.to_owned(), Value::Array(list));
}

fn models(m: &Manifest, used: &Used, table: &mut Table, changes: &mut Vec<Change>) {
    let mut left: BTreeSet<String> = BTreeSet::new();
    for listed in &m.models {
        let at = format!("models.{listed}");
        let of_it: Vec<(&String, &u64)> = used.models.iter().filter(|(n, _)| covers(listed, n)).collect();
        let prompts: u64 = of_it.iter().map(|(_, n)| **n).sum();
        if of_it.is_empty() {
            changes.push(change(at, Fate::Removed, "no prompt went to it"));
        } else if listed.ends_with('*') {
            let spelt: Vec<&str> = of_it.iter().map(|(n, _)| n.as_str()).collect();
            let why = format!("of all that it fits, used was {} ({})", spelt.join(", "), times(prompts));
            changes.push(change(at, Fate::Narrowed, why));
            left.extend(of_it.into_iter().map(|(n, _)| n.clone()));
        } else {
            changes.push(kept(at, format!("used {}", times(prompts))));
            left.insert(listed.clone());
        }
    }
    if !m.models.is_empty() {
        names(table, "models", left);
    }
}

fn features(m: &Manifest, used: &Used, table: &mut Table, changes: &mut Vec<Change>) {
    let (left, gone): (Vec<Feature>, Vec<Feature>) =
        m.features.iter().copied().partition(|f| used.features.contains(f));
    changes.extend(left.iter().map(|f| kept(format!("features.{}", f.name()), "used")));
    changes.extend(gone.iter().map(|f| change(format!("features.{}", f.name()), Fate::Removed, "not used")));
    if !m.features.is_empty() {
        names(table, "features", left.iter().map(|f| f.name().to_owned()));
    }
}

/// What becomes of one `[[tools]]` entry: the names that stand in its place.
struct Plan {
    names: Vec<String>,
    change: Change,
}

fn tools(m: &Manifest, used: &Used, table: &mut Table, changes: &mut Vec<Change>) {
    let plans = plans(m, used);
    let Some(Value::Array(items)) = table.remove("tools") else { return };
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        let Value::Table(entry) = item else { continue };
        let name = entry.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some((rule, plan)) = m.tools.iter().find(|r| r.name == name).zip(plans.get(name.as_str())) else {
            continue;
        };
        changes.push(plan.change.clone());
        for name in &plan.names {
            let mut entry = entry.clone();
            entry.insert("name".to_owned(), Value::String(name.clone()));
            tighten(rule, name, used, &mut entry, changes);
            out.push(Value::Table(entry));
        }
    }
    if !out.is_empty() {
        table.insert("tools".to_owned(), Value::Array(out));
    }
}

/// Widest patterns first: what stays decides whether a narrower entry below it may go.
fn plans<'m>(m: &'m Manifest, used: &Used) -> BTreeMap<&'m str, Plan> {
    let mut rules: Vec<&ToolRule> = m.tools.iter().collect();
    rules.sort_by_key(|r| (!r.name.ends_with('*'), r.name.len()));
    let mut out: BTreeMap<&str, Plan> = BTreeMap::new();
    for rule in rules {
        let around = out.iter().find(|(name, plan)| {
            **name != rule.name && covers(name, &rule.name) && plan.names.iter().any(|n| n == *name)
        });
        let plan = match around.map(|(name, _)| (*name).to_owned()) {
            Some(around) => under(rule, &around, m, used),
            None => free(rule, m, used),
        };
        out.insert(&rule.name, plan);
    }
    out
}

fn calls(rule: &ToolRule, m: &Manifest, used: &Used) -> (Vec<String>, u64) {
    let of_it = used.tools.iter().filter(|(n, _)| m.tool(n).is_some_and(|r| r.name == rule.name));
    of_it.fold((Vec::new(), 0), |(mut names, sum), (n, u)| {
        names.push(n.clone());
        (names, sum + u.calls)
    })
}

/// An entry below a pattern that stays.
fn under(rule: &ToolRule, around: &str, m: &Manifest, used: &Used) -> Plan {
    let (_, n) = calls(rule, m, used);
    let hidden = used.hidden.get(&Some(rule.name.clone())).copied().unwrap_or(0);
    let why = match n + hidden {
        0 => format!("not used, but without it `{around}`, which stays, would take its place"),
        n => format!("called {}", times(n)),
    };
    Plan { names: vec![rule.name.clone()], change: kept(format!("tools.{}", rule.name), why) }
}

fn free(rule: &ToolRule, m: &Manifest, used: &Used) -> Plan {
    let at = format!("tools.{}", rule.name);
    let whole = |why: String| Plan { names: vec![rule.name.clone()], change: kept(&*at, why) };
    let (called, n) = calls(rule, m, used);
    let of_it = used.hidden.get(&Some(rule.name.clone())).copied().unwrap_or(0);
    let of_any = used.hidden.get(&None).copied().unwrap_or(0);
    let pattern = rule.name.ends_with('*');
    if !pattern {
        return match n + of_it {
            0 => Plan { names: Vec::new(), change: change(at, Fate::Removed, never(rule, m, used)) },
            n => whole(format!("called {}", times(n))),
        };
    }
    if of_it + of_any > 0 {
        return whole(format!(
            "{} of tools whose names the record does not hold may be its",
            calls_text(of_it + of_any)
        ));
    }
    if called.is_empty() {
        return Plan { names: Vec::new(), change: change(at, Fate::Removed, never(rule, m, used)) };
    }
    if called.len() > MAX_NAMES {
        return whole(format!("{} different tools were called", called.len()));
    }
    if called.len() > 1 && !rule.rates.is_empty() {
        return whole(
            "its `rates` count all its tools together; as single entries each would count alone".to_owned(),
        );
    }
    let why = format!("of all that it fits, called were {} ({})", called.join(", "), times(n));
    Plan { names: called, change: change(at, Fate::Narrowed, why) }
}

/// Why there is nothing to keep it for.
fn never(rule: &ToolRule, m: &Manifest, used: &Used) -> String {
    let of_it = used.flagged.iter().filter(|(n, _)| m.tool(n).is_some_and(|r| r.name == rule.name));
    match of_it.map(|(_, n)| *n).sum::<u64>() {
        0 if rule.name.ends_with('*') => "nothing that it fits was called".to_owned(),
        0 => "never called".to_owned(),
        n => format!("called {} only where an attack was found beside it: nothing to learn from", times(n)),
    }
}

fn calls_text(n: u64) -> String {
    if n == 1 { "one call".to_owned() } else { format!("{n} calls") }
}

/// What a tool's own entry can lose: leave for targets that nobody trusted supplied, and clearance.
fn tighten(rule: &ToolRule, name: &str, used: &Used, entry: &mut Table, changes: &mut Vec<Change>) {
    let Some(was) = used.tools.get(name).filter(|_| !rule.name.ends_with('*') || name != rule.name) else {
        return;
    };
    // A hidden call may be this entry's too.
    if used.hidden.contains_key(&None) || used.hidden.contains_key(&Some(rule.name.clone())) {
        return;
    }
    let good = |o: &Option<&str>| matches!(o, Some("user" | "trusted" | "cleared" | "none"));
    if rule.untrusted == Untrusted::Allow && !was.origins.is_empty() && was.origins.iter().all(good) {
        entry.insert("untrusted".to_owned(), "ask".into());
        let why =
            "every target was the user's, a trusted tool's or cleared: for any other, a person is asked";
        changes.push(change(format!("tools.{name}.untrusted"), Fate::Narrowed, why));
    }
    if let Some(class) = was.class.filter(|c| rule.goes_out() && *c < rule.clearance) {
        entry.insert("clearance".to_owned(), class.name().into());
        let why = format!("no session that called it had read more than {} data", class.name());
        changes.push(change(format!("tools.{name}.clearance"), Fate::Narrowed, why));
    }
}

/// The text: reasons first, then the table.
fn written(table: &Table, changes: &[Change], m: &Manifest) -> Result<String, Problems> {
    let mut out = String::from("# Cut down to what was used.\n");
    for c in changes {
        // Names in a manifest are printable, reasons are ours: no line break can end the comment.
        out.push_str(&format!("# {} {}: {}\n", c.fate.name(), c.at, c.why));
    }
    out.push('\n');
    out.push_str(&toml::to_string(table).map_err(|e| defect(m, &e.to_string()))?);
    Ok(out)
}
