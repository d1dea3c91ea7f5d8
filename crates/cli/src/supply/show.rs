//! What a check found, for people and as JSON lines.

use super::{as_json, day};
use crate::output;
use cordon_app::supply::{Checked, Found};
use cordon_supply::osv::Package;
use cordon_supply::report::{Entry, Rule, Weight};
use cordon_types::time;
use serde_json::{Value, json};

pub(super) fn lines(checked: &Checked, stale: bool, now: u64) {
    for found in &checked.found {
        output::json(&line(found));
    }
    let sure = checked.found.iter().filter(|f| f.hit.doubt.is_none()).count();
    output::json(&json!({
        "t": "summary", "packages": checked.packages, "without_version": checked.without_version,
        "affected": sure, "possible": checked.found.len() - sure,
        "used": checked.found.iter().filter(|f| f.used.is_some()).count(), "ledger": checked.ledger,
        "stale": stale, "snapshot": as_json(&checked.about, now),
    }));
}

fn line(found: &Found) -> Value {
    let hit = &found.hit;
    let used = found.used.as_ref().map(|u| {
        json!({"servers": u.servers, "calls": u.calls, "last": time::rfc3339(u.last), "agents": u.agents})
    });
    let score = hit.severity.tenths.map(|t| format!("{}.{}", t / 10, t % 10));
    json!({
        "t": "advisory", "id": hit.id, "aliases": hit.aliases, "ecosystem": found.package.ecosystem.name(),
        "package": found.package.name, "version": found.package.version, "requirement": found.package.requirement,
        "severity": hit.severity.level, "score": score, "vector": hit.severity.vector, "summary": hit.summary,
        "fixed": hit.fixed, "doubt": hit.doubt, "used": used, "places": found.places,
    })
}

/// As a pipeline reads it: what holds for sure is an error, what may hold a warning.
pub(super) fn entry(found: &Found) -> Entry {
    let hit = &found.hit;
    let used = found
        .used
        .as_ref()
        .map_or_else(String::new, |u| format!("; called {} times through the gateway", u.calls));
    let doubt = hit.doubt.map_or_else(String::new, |d| format!("; possible: {}", d.words()));
    let fixed = hit.fixed.as_ref().map_or_else(|| "no fix is named".to_owned(), |v| format!("fixed in {v}"));
    Entry {
        rule: Rule { id: hit.id.clone(), title: hit.summary.clone() },
        weight: if hit.doubt.is_none() { Weight::Error } else { Weight::Warning },
        subject: named(&found.package),
        message: format!("{} ({fixed}{doubt}{used})", hit.summary),
        places: found.places.clone(),
        severity: Some(hit.severity.clone()),
    }
}

/// A title, and what belongs below it.
type Section<'t> = (&'t str, fn(&Found) -> bool);

pub(super) fn table(checked: &Checked, days: u64, now: u64) {
    let called = format!("CALLED THROUGH THE GATEWAY in the last {days} days");
    let sections: [Section<'_>; 3] = [
        (&called, |f| f.used.is_some()),
        ("AFFECTED", |f| f.used.is_none() && f.hit.doubt.is_none()),
        ("POSSIBLE: cannot be told, and why", |f| f.used.is_none() && f.hit.doubt.is_some()),
    ];
    for (title, belongs) in sections {
        let rows: Vec<&Found> = checked.found.iter().filter(|f| belongs(f)).collect();
        if rows.is_empty() {
            continue;
        }
        output::line(&format!("{title} ({})", rows.len()));
        rows.into_iter().for_each(row);
        output::line("");
    }
    let about = &checked.about;
    output::line(&format!(
        "{} packages, {} without one version; {} advisories of {}, the newest of {} ({} days ago)",
        checked.packages,
        checked.without_version,
        about.records,
        day(about.taken),
        day(about.newest),
        about.days_old(now)
    ));
}

fn row(found: &Found) {
    let hit = &found.hit;
    let level = hit.severity.level.map_or("unrated", |l| l.name());
    output::line(&format!(
        "  {level:<8}  {:<20}  {}  {}",
        hit.id,
        named(&found.package),
        short(&hit.summary)
    ));
    let indent = " ".repeat(12);
    if let Some(doubt) = hit.doubt {
        output::line(&format!("{indent}possible: {}", doubt.words()));
    }
    if let Some(used) = &found.used {
        output::line(&format!(
            "{indent}called {} times, last on {}, as {} by {}",
            used.calls,
            day(used.last),
            used.servers.join(", "),
            used.agents.join(", ")
        ));
    }
    let fixed = hit.fixed.as_ref().map_or_else(|| "no fix is named".to_owned(), |v| format!("fixed in {v}"));
    let aliases =
        if hit.aliases.is_empty() { String::new() } else { format!("; also {}", hit.aliases.join(", ")) };
    let more = found.places.len().saturating_sub(3);
    let places: Vec<&str> = found.places.iter().take(3).map(String::as_str).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    output::line(&format!("{indent}{fixed}{aliases}; {}{more}", places.join(", ")));
}

/// `npm/openai 4.0.0`, `pypi/openai >=1`.
pub(super) fn named(package: &Package) -> String {
    let version = package.version.as_deref().or(package.requirement.as_deref()).unwrap_or("(no version)");
    format!("{}/{} {version}", package.ecosystem.name(), package.name)
}

/// The beginning of a line that would not fit.
fn short(text: &str) -> String {
    const MOST: usize = 90;
    if text.chars().count() <= MOST {
        text.to_owned()
    } else {
        text.chars().take(MOST).chain(['\u{2026}']).collect()
    }
}
