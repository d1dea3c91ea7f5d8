//! A scan as JSON lines: `asset`, `use`, `drift`, `log`, `summary`, told apart by `t`. A baseline is such a file.

use cordon_app::scan::Scanned;
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{Result, Write};

pub(super) fn write(scanned: &Scanned, out: &mut dyn Write) -> Result<()> {
    for asset in &scanned.inventory.assets {
        line("asset", asset, out)?;
    }
    for one in &scanned.inventory.uses {
        line("use", one, out)?;
    }
    for change in scanned.drift.iter().flatten() {
        line("drift", change, out)?;
    }
    for log in &scanned.logs {
        let c = &log.counts;
        let counts = json!({
            "path": log.path, "format": log.format, "lines": c.lines, "events": c.events, "hits": c.hits,
            "unreadable": c.unreadable, "too_long": c.too_long,
        });
        line("log", &counts, out)?;
    }
    let issues: serde_json::Map<String, Value> =
        scanned.inventory.issues().into_iter().map(|(i, n)| (i.name().to_owned(), n.into())).collect();
    let summary = json!({
        "assets": scanned.inventory.assets.len(), "unsure": scanned.inventory.unsure, "issues": issues,
        "files": scanned.files, "read": scanned.read, "bytes": scanned.bytes,
        "notes": scanned.notes.len() as u64 + scanned.more_notes,
    });
    line("summary", &summary, out)
}

/// One object, `t` first.
fn line(kind: &str, value: &impl Serialize, out: &mut dyn Write) -> Result<()> {
    let text = serde_json::to_string(value)?;
    let rest = text.strip_prefix('{').unwrap_or("}");
    writeln!(out, "{{\"t\":\"{kind}\",{rest}")
}
