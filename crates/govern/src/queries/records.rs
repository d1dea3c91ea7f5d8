//! Tables from records.

use super::row;
use crate::answer::{Cell, Origin, Table};
use crate::figures::Figures;
use crate::tally::{Grid, Tally};
use cordon_ledger::Reason;
use cordon_types::time;
use cordon_types::{FindingKind, Guard};

fn table(title: &'static str, columns: &[&'static str], rows: Vec<Vec<Cell>>) -> Table {
    Table { title, from: Origin::Records, columns: columns.to_vec(), rows }
}

fn tally(title: &'static str, name: &'static str, counts: &Tally) -> Table {
    table(title, &[name, "count"], counts.rows().into_iter().map(|(n, count)| row(n, count)).collect())
}

/// A grid, one row a pair.
fn pairs(title: &'static str, columns: [&'static str; 2], grid: &Grid) -> Table {
    let rows = grid.rows().flat_map(|(name, under)| {
        under
            .rows()
            .into_iter()
            .map(|(second, n)| vec![name.into(), second.into(), n.into()])
            .collect::<Vec<_>>()
    });
    let [first, second] = columns;
    table(title, &[first, second, "count"], rows.collect())
}

/// A grid by name and decision, one row a name.
fn by_decision(title: &'static str, name: &'static str, grid: &Grid) -> Table {
    const DECISIONS: [&str; 4] = ["allowed", "denied", "observed", "error"];
    let rows = grid.rows().map(|(n, counts)| {
        let mut cells: Vec<Cell> = vec![n.into()];
        cells.extend(DECISIONS.iter().map(|d| Cell::from(counts.get(d))));
        cells.push(counts.sum(|d| !DECISIONS.contains(&d)).into());
        cells
    });
    table(title, &[name, "allowed", "denied", "observed", "error", "other"], rows.collect())
}

pub(super) fn log(f: &Figures) -> Table {
    let mut all = tally("Records", "kind", &f.records);
    all.rows.push(row("intents without an outcome in the period", f.open));
    all.rows.push(row("leaves that are no record of this version", f.unreadable));
    if let Some(span) = f.span {
        all.rows.push(row("index of the first", span.first_index));
        all.rows.push(row("index of the last", span.last_index));
        all.rows.push(vec!["time of the first".into(), time::text(span.first).into()]);
        all.rows.push(vec!["time of the last".into(), time::text(span.last).into()]);
    }
    all
}

pub(super) fn operations(f: &Figures) -> Table {
    let mut all = tally("Requests by operation and mode", "operation or mode", &f.operations);
    all.rows.extend(f.modes.rows().into_iter().map(|(mode, n)| row(format!("mode {mode}"), n)));
    all.rows.push(row("on behalf of a user", f.on_behalf));
    all
}

pub(super) fn decisions(f: &Figures) -> Table {
    by_decision("Decisions", "about", &f.decisions)
}

pub(super) fn reasons(f: &Figures) -> Table {
    pairs("Reasons", ["about", "reason"], &f.reasons)
}

pub(super) fn sensitive(kind: FindingKind) -> bool {
    matches!(kind.guard(), Guard::Pii | Guard::Secrets)
}

pub(super) fn findings(f: &Figures, wanted: impl Fn(FindingKind) -> bool) -> Table {
    let mut all = pairs("Findings", ["kind", "where"], &f.findings);
    all.rows.retain(|r| match r.first() {
        Some(Cell::Text(kind)) => FindingKind::from_name(kind).is_none_or(&wanted),
        _ => true,
    });
    all
}

pub(super) fn obligations(f: &Figures) -> Table {
    pairs("Obligations carried out", ["done", "for"], &f.obligations)
}

pub(super) fn policies(f: &Figures) -> Table {
    tally("Policies that decided", "policy", &f.policies)
}

pub(super) fn predicates(f: &Figures) -> Table {
    pairs("Limits of arguments", ["predicate", "result"], &f.predicates)
}

pub(super) fn not_inspected(f: &Figures) -> Table {
    let mut all = tally("What was not inspected", "what", &f.not_inspected);
    if f.truncated > 0 {
        all.rows.push(row("decodings cut off at their bound", f.truncated));
    }
    all
}

pub(super) fn opened(f: &Figures) -> Table {
    tally("Failures that the operator had chosen to open, and that occurred", "what", &f.opened)
}

pub(super) fn budget_refusals(f: &Figures) -> Table {
    let budget = |name: &str| {
        matches!(
            Reason::from_name(name),
            Some(
                Reason::BudgetRequests | Reason::BudgetTokens | Reason::BudgetCost | Reason::BudgetConcurrent
            )
        )
    };
    let mut counts = Tally::default();
    let refused = f.reasons.rows().flat_map(|(_, under)| under.rows()).chain(f.refusals.rows());
    refused.filter(|(name, _)| budget(name)).for_each(|(name, n)| counts.add(name, n));
    tally("Refused for a budget", "limit", &counts)
}

pub(super) fn changes(f: &Figures) -> Table {
    let kinds = ["start", "stop", "reload", "reload_refused"];
    let rows = kinds.into_iter().map(|kind| row(kind, f.controls.get(kind)));
    table("Starts, stops and reloads", &["what", "count"], rows.collect())
}

pub(super) fn usage(f: &Figures, sort: &'static str) -> Table {
    let all = f.usage.rows().filter(|(s, ..)| *s == sort).map(|(_, name, u)| (name, u));
    let total = (f.usage_total.exchanges > 0).then_some(("total", &f.usage_total));
    let rows = all.chain(total).map(|(name, u)| {
        vec![
            name.into(),
            u.exchanges.into(),
            u.tokens_in.into(),
            u.cached.into(),
            u.tokens_out.into(),
            u.cost_micros.into(),
        ]
    });
    let title = if sort == "model" { "Use by model" } else { "Use by agent" };
    let columns = [sort, "exchanges", "tokens in", "of them cached", "tokens out", "cost (millionths)"];
    table(title, &columns, rows.collect())
}

pub(super) fn keys(f: &Figures) -> Table {
    let rows = ["key_created", "key_revoked"].into_iter().map(|kind| row(kind, f.controls.get(kind)));
    table("Keys", &["what", "count"], rows.collect())
}

pub(super) fn refusals(f: &Figures) -> Table {
    tally("Turned away before a body or an agent", "reason", &f.refusals)
}

pub(super) fn agents(f: &Figures) -> Table {
    by_decision("Requests by agent", "agent", &f.agents)
}

pub(super) fn seen(f: &Figures) -> Table {
    let rows = f.seen.rows().filter(|(sort, ..)| *sort != "key").map(|(sort, name, seen)| {
        vec![
            sort.into(),
            name.into(),
            time::text(seen.first).into(),
            time::text(seen.last).into(),
            seen.records.into(),
        ]
    });
    let mut all = table("Seen in traffic", &["sort", "name", "first", "last", "records"], rows.collect());
    let strange = f.models.rows().find(|(name, _)| name.starts_with("(not")).map_or(0, |(_, t)| t.total());
    if strange > 0 {
        let name = "models that stand in no operator's file";
        all.rows.push(vec!["model".into(), name.into(), "".into(), "".into(), strange.into()]);
    }
    all
}

pub(super) fn kills(f: &Figures) -> Table {
    let mut rows = vec![
        row("kill switches set", f.controls.get("kill")),
        row("kill switches lifted", f.controls.get("unkill")),
        row("keys revoked", f.controls.get("key_revoked")),
        row("exchanges ended by a kill", f.finishes.get("killed")),
        row("prompts refused under a kill", f.reasons.rows().map(|(_, r)| r.get("killed")).sum()),
    ];
    if let Some(ms) = f.longest_to_stop {
        rows.push(row("longest from a kill's record to that of an exchange it ended, ms", ms));
    }
    table("Kill switches and revocations", &["what", "count"], rows)
}

pub(super) fn approvals(f: &Figures) -> Table {
    let rows = [
        ("calls held for a person", "approval_asked"),
        ("decisions to allow", "approval_allowed"),
        ("end users' consents in their clients", "approval_consented"),
        ("decisions to deny, and grants taken back", "approval_denied"),
        ("calls denied because nobody decided in time", "approval_expired"),
        ("calls that went on with a person's word", "approval_used"),
    ];
    let seen = rows.iter().any(|(_, kind)| f.controls.get(kind) > 0);
    let rows = rows.iter().filter(|_| seen).map(|(what, kind)| row(*what, f.controls.get(kind)));
    table("Held calls", &["what", "count"], rows.collect())
}

pub(super) fn pins(f: &Figures) -> Table {
    let rows = [
        ("sets of tools approved", "tools_pinned"),
        ("approvals taken back", "tools_unpinned"),
        ("changes of approved tools seen, which quarantine them", "tools_changed"),
    ];
    let seen = rows.iter().any(|(_, kind)| f.controls.get(kind) > 0);
    let rows = rows.iter().filter(|_| seen).map(|(what, kind)| row(*what, f.controls.get(kind)));
    table("Definitions of servers' tools, pinned by digest", &["what", "count"], rows.collect())
}

pub(super) fn kill_scopes(f: &Figures) -> Table {
    tally("What was stopped", "scope", &f.kills)
}

pub(super) fn versions(f: &Figures) -> Table {
    let rows = f.versions.rows().map(|(sort, version, seen)| {
        vec![
            sort.into(),
            version.into(),
            time::text(seen.first).into(),
            time::text(seen.last).into(),
            seen.first_index.into(),
            seen.last_index.into(),
            seen.records.into(),
        ]
    });
    let columns = ["of", "version (hash)", "first seen", "last seen", "first index", "last index", "records"];
    table("Versions in force", &columns, rows.collect())
}

pub(super) fn reviews(f: &Figures) -> Table {
    let rows = f.reviews.iter().map(|r| {
        let by = r.by.clone().unwrap_or_default();
        let snapshot = r.snapshot.map(|d| d.to_string()).unwrap_or_default();
        vec![r.index.into(), time::text(r.at).into(), by.into(), snapshot.into()]
    });
    table("Reviews", &["record", "when", "by (pseudonym)", "of (hash of the snapshot)"], rows.collect())
}

pub(super) fn flows(f: &Figures) -> Table {
    pairs("Requests let through", ["agent", "upstream"], &f.flows)
}

pub(super) fn agent_data(f: &Figures) -> Table {
    pairs("Findings in requests let through", ["agent", "kind"], &f.agent_data)
}

pub(super) fn finishes(f: &Figures) -> Table {
    tally("How exchanges ended", "end", &f.finishes)
}

pub(super) fn statuses(f: &Figures) -> Table {
    tally("Statuses of exchanges to callers", "status", &f.statuses)
}

/// The share of exchanges that took no longer than a power of two of milliseconds.
pub(super) fn latency(f: &Figures) -> Table {
    let total: u64 = f.took.values().sum();
    let mut below = 0;
    let rows = f.took.iter().map(|(exponent, n)| {
        below += n;
        let limit = 1_u64.checked_shl(*exponent).unwrap_or(u64::MAX);
        // In thousandths, rounded down: a whole only when it is one.
        let share = u128::from(below) * 1_000 / u128::from(total.max(1));
        let share = format!("{}.{} %", share / 10, share % 10);
        vec![format!("under {limit} ms").into(), (*n).into(), share.into()]
    });
    table("Time of exchanges", &["took", "count", "share up to here"], rows.collect())
}

pub(super) fn runs(f: &Figures) -> Table {
    let rows = ["start", "stop"].into_iter().map(|kind| row(kind, f.controls.get(kind)));
    let mut all = table("Starts and stops", &["what", "count"], rows.collect());
    all.rows.push(row("turned away as overloaded", f.refusals.get("overloaded")));
    all
}

pub(super) fn upstreams(f: &Figures) -> Table {
    pairs("Exchanges by upstream", ["upstream", "end"], &f.upstreams)
}

pub(super) fn tools(f: &Figures) -> Table {
    by_decision("Tool calls", "tool", &f.tools)
}

pub(super) fn offered(f: &Figures) -> Table {
    tally("Tools in requests", "what", &f.offered)
}
