//! A scan for people: what is not in order first, then who used what, then what changed.

use cordon_app::scan::Scanned;
use cordon_inventory::{Asset, AssetKind, Attribute, ClientUse, Drift, Mark};
use std::io::{Result, Write};

/// A title, what it means, and which assets belong below it.
type Section = (&'static str, &'static str, fn(&Asset) -> bool);

/// Rows of a section without `--all`.
const ROWS: usize = 40;

pub(super) fn write(scanned: &Scanned, all: bool, out: &mut dyn Write) -> Result<()> {
    let inventory = &scanned.inventory;
    let most = if all { usize::MAX } else { ROWS };
    let sections: [Section; 5] = [
        ("SECRETS", "credentials in files; the values are not kept", |a| a.id.kind == AssetKind::Secret),
        ("SHADOW", "seen, not approved", |a| a.mark == Some(Mark::Shadow)),
        ("SANCTIONED", "approved and seen", |a| a.mark == Some(Mark::Sanctioned)),
        ("DORMANT", "approved, no recent use in the logs", |a| a.mark == Some(Mark::Dormant)),
        ("GHOST", "approved, nowhere seen", |a| a.mark == Some(Mark::Ghost)),
    ];
    for (title, what, belongs) in sections {
        let rows: Vec<&Asset> = inventory.assets.iter().filter(|a| belongs(a)).collect();
        if rows.is_empty() {
            continue;
        }
        writeln!(out, "{title} ({}): {what}", rows.len())?;
        for asset in rows.iter().take(most) {
            row(asset, out)?;
        }
        more(rows.len(), most, out)?;
    }
    bypasses(&inventory.uses, most, out)?;
    uses(&inventory.uses, most, out)?;
    if let Some(drift) = &scanned.drift {
        changes(drift, most, out)?;
    }
    for log in &scanned.logs {
        let c = &log.counts;
        writeln!(out, "{}: {}, {} lines, {} to known services", log.path, log.format, c.lines, c.hits)?;
    }
    let issues: Vec<String> =
        inventory.issues().into_iter().map(|(i, n)| format!("{n} {}", i.name())).collect();
    let issues = if issues.is_empty() { "none".to_owned() } else { issues.join(", ") };
    writeln!(
        out,
        "{} files, {} read; {} assets; issues: {issues}",
        scanned.files,
        scanned.read,
        inventory.assets.len()
    )?;
    if inventory.unsure > 0 {
        writeln!(out, "{} more are too unsure to list; `--min-confidence 0` shows them", inventory.unsure)?;
    }
    Ok(())
}

fn more(rows: usize, most: usize, out: &mut dyn Write) -> Result<()> {
    if rows > most {
        writeln!(out, "  ... and {} more; `--all` prints them", rows - most)?;
    }
    writeln!(out)
}

fn row(asset: &Asset, out: &mut dyn Write) -> Result<()> {
    let name = if asset.id.kind == AssetKind::Secret { &asset.name } else { &asset.id.key };
    let place = asset.evidence.first().map_or_else(String::new, |e| match e.line {
        0 => e.place.to_string(),
        line => format!("{}:{line}", e.place),
    });
    let seen = match asset.sightings {
        0 => String::new(),
        1 => place,
        n => format!("{place} (+{})", n - 1),
    };
    let owner = asset.owner.as_deref().unwrap_or("no owner");
    writeln!(out, "  {:<12} {:<44} {:<16} {seen}", asset.id.kind.name(), clip(name, 44), clip(owner, 16))?;
    let all = |a: Attribute| asset.attributes.get(&a).into_iter().flatten();
    for risk in all(Attribute::Risk) {
        writeln!(out, "  {:<12} ! {}", "", risk.value)?;
    }
    let agents: Vec<&str> = all(Attribute::Agent).map(|v| v.value.as_str()).collect();
    if let Some(used) = asset.used.as_ref().filter(|_| !agents.is_empty()) {
        writeln!(out, "  {:<12} by {} ({} requests)", "", clip(&agents.join(", "), 60), used.requests)?;
    }
    if let Some(instead) = asset.instead.as_ref().filter(|_| asset.mark == Some(Mark::Shadow)) {
        let ask = asset.contact.as_ref().map_or_else(String::new, |c| format!("; ask {c}"));
        writeln!(out, "  {:<12} instead: {instead}{ask}", "")?;
    }
    Ok(())
}

fn bypasses(uses: &[ClientUse], most: usize, out: &mut dyn Write) -> Result<()> {
    let rows: Vec<(&ClientUse, &str)> = uses.iter().filter_map(|u| Some((u, u.bypass.as_deref()?))).collect();
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "BYPASS ({}): agents' hosts that reached a provider themselves, past the gateway",
        rows.len()
    )?;
    for (one, agent) in rows.iter().take(most) {
        writeln!(
            out,
            "  {:<20} {:<30} {:<28} {:>10} up   {}",
            clip(agent, 20),
            clip(&one.who, 30),
            clip(&one.host, 28),
            size(one.used.bytes_up),
            one.evidence.place
        )?;
    }
    more(rows.len(), most, out)
}

fn uses(uses: &[ClientUse], most: usize, out: &mut dyn Write) -> Result<()> {
    if uses.is_empty() {
        return Ok(());
    }
    writeln!(out, "WHO USED WHAT ({}): the most bytes up first", uses.len())?;
    writeln!(
        out,
        "  {:<30} {:<28} {:>9} {:>9} {:>9} {:>10} {:>10}  mark",
        "who", "service", "lookups", "conns", "requests", "up", "down"
    )?;
    for one in uses.iter().take(most) {
        let who = if one.user.is_empty() { one.who.clone() } else { format!("{} {}", one.who, one.user) };
        let u = &one.used;
        writeln!(
            out,
            "  {:<30} {:<28} {:>9} {:>9} {:>9} {:>10} {:>10}  {}",
            clip(&who, 30),
            clip(&one.service.key, 28),
            u.lookups,
            u.connections,
            u.requests,
            size(u.bytes_up),
            size(u.bytes_down),
            one.mark.map_or("", Mark::name)
        )?;
    }
    more(uses.len(), most, out)
}

fn changes(drift: &[Drift], most: usize, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "CHANGED SINCE THE BASELINE ({})", drift.len())?;
    for change in drift.iter().take(most) {
        match change {
            Drift::New { id } => writeln!(out, "  + {id}")?,
            Drift::Gone { id } => writeln!(out, "  - {id}")?,
            Drift::Changed { id, what } => writeln!(out, "  ~ {id}: {}", what.join("; "))?,
        }
    }
    more(drift.len(), most, out)
}

/// The end of a text counts for paths, its beginning for names; the middle goes.
fn clip(text: &str, width: usize) -> String {
    let count = text.chars().count();
    if count <= width {
        return text.to_owned();
    }
    let head = width / 2;
    let tail = width - head - 2;
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(count - tail).collect();
    format!("{start}..{end}")
}

fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut n = bytes;
    let mut rest = 0;
    let mut unit = 0;
    while n >= 1000 && unit + 1 < UNITS.len() {
        rest = n % 1000 / 100;
        n /= 1000;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or("");
    if unit == 0 { format!("{n} {name}") } else { format!("{n}.{rest} {name}") }
}
