//! Permissions for people.

use crate::output::{line, note};
use serde_json::Value;

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn words(value: &Value) -> String {
    list(value).iter().map(text).collect::<Vec<_>>().join(" ")
}

/// A day of a time in milliseconds.
fn day(value: &Value) -> String {
    value.as_u64().map_or_else(|| "-".to_owned(), cordon_types::time::day)
}

pub(super) fn reports(found: &Value) {
    for report in list(&found["agents"]) {
        one(report);
        line("");
    }
    line(&format!("use since {}; first and last over all records that are kept", text(&found["from"])));
}

fn one(r: &Value) {
    let risk = &r["risk"];
    line(&format!(
        "{}  score {}  risk {} (declared {}; data {} x access {} x autonomy {} = {})",
        text(&r["agent"]),
        r["score"],
        text(&risk["computed"]),
        text(&risk["declared"]),
        risk["data"],
        risk["access"],
        risk["autonomy"],
        risk["product"],
    ));
    line(&format!("  {}; {}; {}", text(&r["owner"]), text(&r["purpose"]), text(&r["manifest"])));
    for f in list(&r["findings"]) {
        line(&format!("  ! {}: {}", text(&f["code"]), text(&f["text"])));
    }
    if list(&r["grants"]).is_empty() {
        line("  it may reach nothing");
        return;
    }
    line(&format!(
        "  {:<8} {:<28} {:<12} {:<8} {:<13} {:<8} {:<18} {:>7} {:<10} {:<10} {:>3}  what stands out",
        "kind", "name", "system", "effect", "class", "clean", "tainted", "uses", "first", "last", "pts"
    ));
    for g in list(&r["grants"]) {
        let or = |value: &Value| if text(value).is_empty() { "-".to_owned() } else { text(value).to_owned() };
        line(
            format!(
                "  {:<8} {:<28} {:<12} {:<8} {:<13} {:<8} {:<18} {:>7} {:<10} {:<10} {:>3}  {}",
                text(&g["kind"]),
                text(&g["name"]),
                or(&g["system"]),
                or(&g["effect"]),
                or(&g["class"]),
                text(&g["clean"]),
                text(&g["tainted"]),
                g["used"]["uses"],
                day(&g["used"]["first"]),
                day(&g["used"]["last"]),
                g["points"],
                words(&g["marks"]),
            )
            .trim_end(),
        );
        if let Some(arguments) = g["arguments"].as_str() {
            line(&format!("  {:<8} {arguments}", ""));
        }
        if !list(&g["used_names"]).is_empty() {
            line(&format!("  {:<8} used: {}", "", words(&g["used_names"])));
        }
    }
    for (what, names) in [("betas", &r["betas"]), ("asked of the client", &r["interactions"])] {
        if !list(names).is_empty() {
            line(&format!("  {what}: {} (records do not say which were used)", words(names)));
        }
    }
    if r["denied"].as_u64() > Some(0) {
        line(&format!("  {} attempts were denied or held", r["denied"]));
    }
}

/// On standard error, so that the manifest alone goes to standard output.
pub(super) fn suggested(s: &Value) {
    let left = &s["left_out"];
    note(&format!(
        "{}: learnt from {} uses since {}; not from {} denied or held, {} in which an attack was found, {} observed",
        text(&s["agent"]),
        s["learnt"],
        text(&s["from"]),
        left["denied"],
        left["flagged"],
        left["observed"],
    ));
    if s["young"] == true {
        let age = s["age_days"].as_u64();
        let age = age.map_or_else(|| "of unknown age".to_owned(), |d| format!("{d} days old"));
        note(&format!("nothing is cut: the agent is {age}, younger than the grace (`--grace`)"));
        return;
    }
    for c in list(&s["changes"]) {
        note(&format!("  {:<8} {}: {}", text(&c["fate"]), text(&c["at"]), text(&c["why"])));
    }
    if s["proof"].is_null() {
        note("nothing to cut: all of it was used");
        return;
    }
    proof(&s["proof"]);
    note(match (s["offered"] == true, s["proved"] == true) {
        (true, true) => "PROVED: no recorded use breaks, and nothing goes further than before",
        (true, false) => {
            "not proved: some recorded use cannot be decided by its record; stage it before you apply it"
        }
        _ => {
            "NOT OFFERED: it would break recorded use or go further than before; this is a defect, report it"
        }
    });
}

fn proof(p: &Value) {
    let r = &p["replayed"];
    note(&format!(
        "replayed: {} same, {} changed, {} undecidable, {} refused by the present manifest too, {} not replayed",
        r["same"], r["changed"], r["undecidable"], r["stale"], r["not_replayed"]
    ));
    for l in list(&r["listed"]) {
        let to = if l["verdict"] == "changed" {
            format!("{} -> {}", text(&l["old"]), text(&l["new"]))
        } else {
            "undecidable".to_owned()
        };
        note(&format!("  {} ({} uses): {to}", text(&l["what"]), l["uses"]));
    }
    compared(&p["sweep"]);
}

/// What a comparison of two manifests came to.
pub(super) fn compared(sweep: &Value) {
    if sweep.is_null() {
        return;
    }
    let wider = list(&sweep["widened"]);
    let fields = list(&sweep["not_narrower"]);
    let verdict = if wider.is_empty() && fields.is_empty() { "goes nowhere further" } else { "GOES FURTHER" };
    note(&format!(
        "against the one in force: {verdict}; {} questions to both, {}; limits on arguments, hours, rates and budgets \
         compared field by field",
        sweep["questions"],
        text(&sweep["check"])
    ));
    for w in wider {
        note(&format!(
            "  {} {}: {} -> {}",
            text(&w["action"]),
            text(&w["resource"]),
            text(&w["old"]),
            text(&w["new"])
        ));
    }
    for d in fields {
        note(&format!("  {}: {}", text(&d["at"]), text(&d["direction"])));
    }
}

pub(super) fn staged(found: &Value) {
    if list(&found["staged"]).is_empty() {
        line("nothing is staged");
    }
    for s in list(&found["staged"]) {
        let problems = list(&s["problems"]);
        if !problems.is_empty() {
            line(&format!("{}: left out", text(&s["file"])));
            problems.iter().for_each(|p| line(&format!("  {}", text(p))));
            continue;
        }
        line(&format!("{} ({})", text(&s["agent"]), text(&s["file"])));
        proof(&s["proof"]);
    }
    if found["running"] != true {
        line("no gateway runs here: differences are counted while one does");
        return;
    }
    let differences = list(&found["differences"]);
    if differences.is_empty() {
        line("no call was decided otherwise since");
        return;
    }
    line(&format!(
        "{:<16} {:<13} {:<28} {:<20} {:<20} {:>7}  last",
        "agent", "action", "tool or model", "enforced", "staged", "count"
    ));
    for d in differences {
        line(&format!(
            "{:<16} {:<13} {:<28} {:<20} {:<20} {:>7}  {}",
            text(&d["agent"]),
            text(&d["action"]),
            text(&d["resource"]),
            text(&d["enforced"]),
            text(&d["staged"]),
            d["count"],
            text(&d["last"])
        ));
    }
}
