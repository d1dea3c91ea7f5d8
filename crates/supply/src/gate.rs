//! The review gate: what a change adds, against what is approved.
//!
//! ```text
//! base (an earlier scan) + now -> drift -> added, changed -> approved? -> entry, or nothing
//! ```
//! What always holds: what is there already is not judged again; what is added and approved gives nothing; what is
//! declared forbidden fails whoever added it. A framework, which decides what an agent does, is told apart from other
//! packages: it has to be vetted before production. What it does not do: look at permissions, which are manifests'
//! (`app` compares those).

use crate::report::{Entry, Rule, Weight};
use cordon_inventory::{Asset, AssetId, AssetKind, Attribute, Drift, Inventory, Issue, Mark};
use std::collections::BTreeMap;

/// Sorts of packages that decide what an agent does, or run it.
const FRAMEWORKS: [&str; 6] = ["framework", "guardrail", "memory", "rag", "training", "coding"];

/// Every rule.
pub const RULES: [&str; 15] = [
    "forbidden",
    "new-agent",
    "new-framework",
    "new-image",
    "new-instructions",
    "new-model",
    "new-package",
    "new-service",
    "new-tool-server",
    "permission-added",
    "permission-widened",
    "risk",
    "secret",
    "tool-server-changed",
    "vulnerable",
];

/// Whether there is such a rule.
#[must_use]
pub fn is_rule(name: &str) -> bool {
    RULES.contains(&name)
}

/// What each rule is about.
#[must_use]
pub fn title(rule: &str) -> &'static str {
    match rule {
        "forbidden" => "something that is declared forbidden was added",
        "new-framework" => "an AI framework was added that nobody has vetted",
        "new-package" => "an AI package was added that is not approved",
        "new-model" => "a model was added that is not approved",
        "new-tool-server" => "a tool server was added that is not approved",
        "tool-server-changed" => "what a tool server runs, or may do unasked, was changed",
        "new-service" => "an AI service was added that is not approved",
        "new-image" => "an AI image was added that is not approved",
        "new-agent" => "an agent was added that is not approved",
        "new-instructions" => {
            "instructions or a skill for agents were added or changed that are not approved"
        }
        "secret" => "a credential was added",
        "risk" => "something unsafe was added",
        "vulnerable" => "a package with a known vulnerability was added",
        "permission-added" => "an agent may do what it might not before",
        "permission-widened" => "a limit of an agent was widened or taken away",
        _ => "a change that is not approved",
    }
}

/// An entry of the gate's own.
#[must_use]
pub fn entry(rule: &str, subject: String, message: String, places: Vec<String>) -> Entry {
    Entry {
        rule: Rule { id: rule.to_owned(), title: title(rule).to_owned() },
        weight: Weight::Error,
        subject,
        message,
        places,
        severity: None,
    }
}

/// What the inventory has that its base had not, and nobody approved. `drift` is from the base to `now`; without one,
/// everything is new.
#[must_use]
pub fn assets(now: &Inventory, drift: Option<&[Drift]>) -> Vec<Entry> {
    let by_id: BTreeMap<&AssetId, &Asset> = now.assets.iter().map(|a| (&a.id, a)).collect();
    let mut out = Vec::new();
    match drift {
        None => now.assets.iter().for_each(|asset| added(asset, &mut out)),
        Some(all) => {
            for one in all {
                match one {
                    Drift::New { id } => {
                        if let Some(asset) = by_id.get(id) {
                            added(asset, &mut out);
                        }
                    }
                    Drift::Changed { id, what } => {
                        if let Some(asset) = by_id.get(id) {
                            changed(asset, what, &mut out);
                        }
                    }
                    Drift::Gone { .. } => {}
                }
            }
        }
    }
    out
}

/// Whether the asset is there, and not only declared.
fn is_seen(asset: &Asset) -> bool {
    asset.mark != Some(Mark::Ghost)
}

fn added(asset: &Asset, out: &mut Vec<Entry>) {
    if !is_seen(asset) {
        return;
    }
    let of = |rule: &str, message: String| entry(rule, asset.id.to_string(), message, places(asset));
    if asset.id.kind == AssetKind::Secret {
        out.push(of(
            "secret",
            "take it out of the files and out of their history, and replace it".to_owned(),
        ));
        return;
    }
    let risks = || {
        let values = asset.attributes.get(&Attribute::Risk).map(Vec::as_slice).unwrap_or_default();
        values.iter().map(|v| v.value.as_str()).collect::<Vec<_>>().join("; ")
    };
    if asset.issues.contains(&Issue::Forbidden) {
        let instead = asset.instead.as_ref().map_or_else(String::new, |i| format!("; use {i}"));
        out.push(of("forbidden", format!("{} is declared forbidden{instead}", asset.name)));
    } else if asset.mark == Some(Mark::Shadow) {
        out.push(of(rule(asset), message(asset)));
    }
    if asset.issues.contains(&Issue::Risk) {
        // An approval is of the thing, and covers what was known of it then.
        let mut risk = of("risk", risks());
        if asset.mark == Some(Mark::Sanctioned) {
            risk.weight = Weight::Warning;
        }
        out.push(risk);
    }
}

fn rule(asset: &Asset) -> &'static str {
    match asset.id.kind {
        AssetKind::Package if is_framework(asset) => "new-framework",
        AssetKind::Package => "new-package",
        AssetKind::Model | AssetKind::ModelFile => "new-model",
        AssetKind::ToolServer => "new-tool-server",
        AssetKind::Tool => "new-tool",
        AssetKind::Image => "new-image",
        AssetKind::Agent => "new-agent",
        AssetKind::Instructions | AssetKind::Skill => "new-instructions",
        AssetKind::Service | AssetKind::Endpoint | AssetKind::LocalServer => "new-service",
        AssetKind::Secret => "secret",
        AssetKind::User => "user",
    }
}

fn is_framework(asset: &Asset) -> bool {
    let sorts = asset.attributes.get(&Attribute::Sort).map(Vec::as_slice).unwrap_or_default();
    sorts.iter().any(|v| FRAMEWORKS.contains(&v.value.as_str()))
}

fn message(asset: &Asset) -> String {
    let vendor = asset.attributes.get(&Attribute::Vendor).and_then(|v| v.first());
    let vendor = vendor.map_or_else(String::new, |v| format!(" of {}", v.value));
    let vet = if rule(asset) == "new-framework" { "vet it, then " } else { "" };
    let instead = asset.instead.as_ref().map_or_else(String::new, |i| format!(", or use {i}"));
    format!(
        "{}{vendor} is not approved: {vet}declare it with an owner in inventory.toml (kind = \"{}\"){instead}",
        asset.name,
        asset.id.kind.name()
    )
}

/// A change of what runs or of what may be done unasked is one; a new version of an approved package is the
/// advisories' to judge.
fn changed(asset: &Asset, what: &[String], out: &mut Vec<Entry>) {
    let of = |rule: &str, message: String| entry(rule, asset.id.to_string(), message, places(asset));
    if asset.issues.contains(&Issue::Forbidden) && what.iter().any(|w| w.starts_with("mark:")) {
        added(asset, out);
        return;
    }
    let has = |names: &[&str]| {
        let found: Vec<&str> = what
            .iter()
            .filter(|w| names.iter().any(|n| w.strip_prefix(n).is_some_and(|rest| rest.starts_with(": +"))))
            .map(String::as_str)
            .collect();
        (!found.is_empty()).then(|| found.join("; "))
    };
    match asset.id.kind {
        AssetKind::ToolServer => {
            let told =
                has(&["command", "package", "version", "url", "transport", "auto_approve", "variables"]);
            out.extend(told.map(|w| of("tool-server-changed", w)));
        }
        AssetKind::Instructions | AssetKind::Skill if asset.mark == Some(Mark::Shadow) => {
            out.extend(has(&["size", "risk", "rule", "auto_approve"]).map(|w| of("new-instructions", w)));
        }
        AssetKind::ModelFile if asset.mark == Some(Mark::Shadow) => {
            out.extend(
                has(&["size", "architecture", "parameters", "quantization"]).map(|w| of("new-model", w)),
            );
        }
        _ => {}
    }
    out.extend(has(&["risk"]).filter(|_| asset.id.kind != AssetKind::Skill).map(|w| of("risk", w)));
}

fn places(asset: &Asset) -> Vec<String> {
    let place = |e: &cordon_inventory::Evidence| match e.line {
        0 => e.place.to_string(),
        line => format!("{}:{line}", e.place),
    };
    asset.evidence.iter().map(place).collect()
}
