//! `gate`: ends with 3 when a change adds what is not approved.

use super::args::{AdvisoryLevel, Gate};
use super::{as_json, day, files, now, packages, say_stale};
use crate::output;
use anyhow::ensure;
use cordon_app::scan::ScanOptions;
use cordon_app::supply::{self, Gated};
use cordon_supply::gate::{RULES, is_rule};
use cordon_supply::osv::Level;
use cordon_supply::report::{Entry, Weight};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Places shown of one finding.
const PLACES: usize = 3;

pub(crate) fn gate(root: &Path, options: &Gate) -> anyhow::Result<ExitCode> {
    for rule in &options.warn {
        ensure!(is_rule(rule), "--warn: there is no rule `{rule}`; there are {}", RULES.join(", "));
    }
    let now = now();
    let asked = supply::Gate {
        scan: ScanOptions {
            paths: if options.paths.is_empty() { vec![PathBuf::from(".")] } else { options.paths.clone() },
            declared: options.declared.clone(),
            baseline: options.base.clone(),
            no_ignore: options.how.no_ignore,
            threads: options.how.threads,
            packages: options.advisories,
            ..packages(now)
        },
        base_tree: options.base_tree.clone(),
        manifests: options.manifests_base.clone().zip(options.manifests.clone()),
        advisories: options.advisories.then_some(match options.advisory_level {
            AdvisoryLevel::Low => None,
            AdvisoryLevel::Medium => Some(Level::Medium),
            AdvisoryLevel::High => Some(Level::High),
            AdvisoryLevel::Critical => Some(Level::Critical),
        }),
        warn: options.warn.clone(),
    };
    let gated = supply::gate(root, &asked, &output::progress)?;
    output::progress("");
    files::reports(
        &gated.entries,
        "cordon gate",
        options.how.sarif.as_deref(),
        options.how.junit.as_deref(),
    )?;
    told(&gated, options.how.json, now);
    if let Some(about) = gated.about.as_ref().filter(|a| a.days_old(now) > options.stale_days) {
        say_stale(about, now);
    }
    for note in &gated.notes {
        output::note(&format!("note: {note}"));
    }
    let fails = gated.entries.iter().any(|e| e.weight == Weight::Error);
    Ok(if fails { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

fn told(gated: &Gated, as_lines: bool, now: u64) {
    let count = |weight| gated.entries.iter().filter(|e| e.weight == weight).count();
    let (errors, warnings) = (count(Weight::Error), count(Weight::Warning));
    if as_lines {
        for e in &gated.entries {
            output::json(&json!({
                "t": "finding", "rule": e.rule.id, "weight": e.weight.name(), "subject": e.subject,
                "message": e.message, "places": e.places,
            }));
        }
        output::json(&json!({
            "t": "summary", "errors": errors, "warnings": warnings, "added": gated.added,
            "passed": errors == 0, "snapshot": gated.about.as_ref().map(|a| as_json(a, now)),
        }));
        return;
    }
    gated.entries.iter().for_each(row);
    let added =
        gated.added.map_or_else(|| "no base: all of it is new".to_owned(), |n| format!("{n} assets added"));
    let dated =
        gated.about.as_ref().map_or_else(String::new, |a| format!("; advisories of {}", day(a.taken)));
    let answer = if errors == 0 { "PASSED" } else { "NOT PASSED" };
    output::line(&format!("{answer}: {errors} errors, {warnings} warnings; {added}{dated}"));
}

fn row(e: &Entry) {
    output::line(&format!("{:<7}  {:<20}  {}", e.weight.name(), e.rule.id, e.subject));
    let places: Vec<&str> = e.places.iter().take(PLACES).map(String::as_str).collect();
    output::line(&format!("         {}", e.message));
    if !places.is_empty() {
        output::line(&format!("         {}", places.join(", ")));
    }
}
