//! The report: every round's figures as JSON, their medians as Markdown.

use crate::gateway::{STREAMS, pace};
use crate::machine::Machine;
use crate::{closed, streams};
use anyhow::Context as _;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

/// All that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// On what.
    pub(crate) machine: Machine,
    /// The command that made it.
    pub(crate) command: String,
    /// How many rounds.
    pub(crate) rounds: usize,
    /// Seconds of each closed and open loop.
    pub(crate) seconds: f64,
    /// Targets that were to run and did not, and why.
    pub(crate) skipped: Vec<String>,
    /// What ran.
    pub(crate) targets: Vec<TargetRow>,
    /// Closed loops.
    pub(crate) closed: Vec<ClosedRow>,
    /// Open loops.
    pub(crate) open: Vec<OpenRow>,
    /// Streams.
    pub(crate) streams: Vec<StreamRow>,
}

/// One target.
#[derive(Debug, Serialize)]
pub(crate) struct TargetRow {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) what: String,
    pub(crate) guarded: Option<bool>,
    pub(crate) resident_mb: f64,
    pub(crate) peak_mb: f64,
    pub(crate) config: String,
}

/// One closed loop of one round.
#[derive(Debug, Serialize)]
pub(crate) struct ClosedRow {
    pub(crate) name: String,
    pub(crate) kb: usize,
    /// Turns of a conversation, all but one KB of which was sent before.
    pub(crate) turn: bool,
    pub(crate) concurrency: usize,
    pub(crate) round: usize,
    #[serde(flatten)]
    pub(crate) figures: closed::Figures,
}

/// One open loop of one round.
#[derive(Debug, Serialize)]
pub(crate) struct OpenRow {
    pub(crate) name: String,
    pub(crate) rate: u64,
    pub(crate) kb: usize,
    pub(crate) round: usize,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    pub(crate) answers: u64,
    pub(crate) failed: u64,
}

/// Streams of one round.
#[derive(Debug, Serialize)]
pub(crate) struct StreamRow {
    pub(crate) name: String,
    pub(crate) at_once: usize,
    pub(crate) paced: bool,
    pub(crate) round: usize,
    #[serde(flatten)]
    pub(crate) figures: streams::Figures,
}

impl Report {
    /// An empty one.
    pub(crate) fn new(machine: Machine, rounds: usize, time: Duration, skipped: Vec<String>) -> Self {
        let command = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
        Self {
            machine,
            command: format!("cargo xtask bench {command}"),
            rounds,
            seconds: time.as_secs_f64(),
            skipped,
            targets: Vec::new(),
            closed: Vec::new(),
            open: Vec::new(),
            streams: Vec::new(),
        }
    }
}

/// The middle value; the mean of the two middle ones of an even number; 0 of none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    let at = |i: usize| values.get(i).copied().unwrap_or(0.0);
    if n % 2 == 1 { at(n / 2) } else { f64::midpoint(at((n / 2).saturating_sub(1)), at(n / 2)) }
}

/// The median over rounds of each round's `value` set against the same round's of `other`, by `set`.
fn against<R>(
    rows: &[&R],
    others: &[&R],
    round: impl Fn(&R) -> usize,
    value: impl Fn(&R) -> f64,
    set: impl Fn(f64, f64) -> f64,
) -> Option<f64> {
    let pairs: Vec<f64> = rows
        .iter()
        .filter_map(|r| {
            let other = others.iter().find(|o| round(o) == round(r))?;
            Some(set(value(r), value(other)))
        })
        .filter(|v| v.is_finite())
        .collect();
    (!pairs.is_empty()).then(|| median(pairs))
}

fn shown(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |v| format!("{v:.digits$}"))
}

/// Names in the order in which they first come.
fn names<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut out = Vec::new();
    all.for_each(|n| {
        if !out.contains(&n) {
            out.push(n)
        }
    });
    // Rounds rotate; the first round has the order of the targets.
    out
}

/// Everything as one Markdown text.
pub(crate) fn markdown(report: &Report) -> String {
    let m = &report.machine;
    let mut out = format!(
        "# Gateway comparison\n\n{}, Cordon {}. {}, {} cores, {}, Linux {}. Load, upstream and target share the \
         cores. {} rounds of {:.1} s, targets in turn within each round; medians over rounds; ratios are taken within \
         a round. A 4 KiB write and `fdatasync` where the data stands ({}): median {:.3} ms, p99 {:.3} ms.\n\n\
         `{}`\n\n",
        m.date,
        m.revision,
        m.processor,
        m.cores,
        m.system,
        m.kernel,
        report.rounds,
        report.seconds,
        m.file_system,
        m.sync_p50_ms,
        m.sync_p99_ms,
        report.command
    );
    for skipped in &report.skipped {
        let _ = writeln!(out, "**Skipped** {skipped}\n");
    }
    targets(report, &mut out);
    closed_tables(report, &mut out);
    open_table(report, &mut out);
    stream_tables(report, &mut out);
    configs(report, &mut out);
    out
}

fn targets(report: &Report, out: &mut String) {
    out.push_str("## Targets\n\n| target | version | what | number kept from the upstream | memory MB | peak MB |\n|---|---|---|---|--:|--:|\n");
    for t in &report.targets {
        let guarded = t.guarded.map_or("", |g| if g { "yes" } else { "no" });
        let _ = writeln!(
            out,
            "| {} | {} | {} | {guarded} | {:.1} | {:.1} |",
            t.name, t.version, t.what, t.resident_mb, t.peak_mb
        );
    }
    out.push_str("\nMemory is resident memory of the process and its children after all runs.\n\n");
}

fn closed_tables(report: &Report, out: &mut String) {
    let of = |r: &ClosedRow| (r.turn, r.kb, r.concurrency);
    let cells: BTreeSet<_> = report.closed.iter().map(of).collect();
    for cell in cells {
        let (turn, kb, concurrency) = cell;
        let cell: Vec<&ClosedRow> = report.closed.iter().filter(|r| of(r) == cell).collect();
        let what = if turn { ", of which all but the last one was sent before" } else { "" };
        let _ = writeln!(
            out,
            "## Closed loop, {kb} KB{what}, concurrency {concurrency}\n\n| target | requests/s | x nginx | CPU s/1,000 | x nginx | p50 ms | p99 ms | failed |\n|---|--:|--:|--:|--:|--:|--:|--:|"
        );
        let of = |name: &str| cell.iter().copied().filter(|r| r.name == name).collect::<Vec<_>>();
        let nginx = of("nginx");
        for name in names(cell.iter().map(|r| r.name.as_str())) {
            let rows = of(name);
            let mid = |f: fn(&closed::Figures) -> f64| median(rows.iter().map(|r| f(&r.figures)).collect());
            let ratio = |f: fn(&closed::Figures) -> f64| {
                against(&rows, &nginx, |r| r.round, |r| f(&r.figures), |mine, theirs| mine / theirs)
            };
            let direct = name == "direct";
            let _ = writeln!(
                out,
                "| {name} | {:.0} | {} | {} | {} | {:.3} | {:.3} | {} |",
                mid(|f| f.per_second),
                shown(ratio(|f| f.per_second), 2),
                if direct { "-".to_owned() } else { format!("{:.4}", mid(|f| f.cpu_per_1000)) },
                if direct { "-".to_owned() } else { shown(ratio(|f| f.cpu_per_1000), 2) },
                mid(|f| f.p50_ms),
                mid(|f| f.p99_ms),
                rows.iter().map(|r| r.figures.failed).sum::<u64>(),
            );
        }
        out.push('\n');
    }
}

fn open_table(report: &Report, out: &mut String) {
    let Some(first) = report.open.first() else { return };
    let _ = writeln!(
        out,
        "## Open loop, {} requests/s, {} KB\n\nLatency from the moment at which a request was due; \"added\" is over direct in the same round.\n\n| target | p50 ms | added | p99 ms | added | p99.9 ms | failed |\n|---|--:|--:|--:|--:|--:|--:|",
        first.rate, first.kb
    );
    let of = |name: &str| report.open.iter().filter(|r| r.name == name).collect::<Vec<_>>();
    let direct = of("direct");
    for name in names(report.open.iter().map(|r| r.name.as_str())) {
        let rows = of(name);
        let mid = |f: fn(&OpenRow) -> f64| median(rows.iter().map(|r| f(r)).collect());
        let added =
            |f: fn(&OpenRow) -> f64| against(&rows, &direct, |r| r.round, f, |mine, theirs| mine - theirs);
        let _ = writeln!(
            out,
            "| {name} | {:.3} | {} | {:.3} | {} | {:.3} | {} |",
            mid(|r| r.p50_ms),
            shown(added(|r| r.p50_ms), 3),
            mid(|r| r.p99_ms),
            shown(added(|r| r.p99_ms), 3),
            mid(|r| r.p999_ms),
            rows.iter().map(|r| r.failed).sum::<u64>(),
        );
    }
    let (synced, bare) = (of("bare-synced"), of("bare"));
    let syncs =
        |f: fn(&OpenRow) -> f64| against(&synced, &bare, |r| r.round, f, |with, without| with - without);
    if let (Some(p50), Some(p99)) = (syncs(|r| r.p50_ms), syncs(|r| r.p99_ms)) {
        let _ = writeln!(
            out,
            "\nWhat two grouped syncs take, `bare-synced` over `bare` in the same round: median {p50:.3} ms, p99 {p99:.3} ms."
        );
    }
    out.push('\n');
}

fn stream_tables(report: &Report, out: &mut String) {
    for (at_once, paced) in STREAMS {
        let all: Vec<&StreamRow> =
            report.streams.iter().filter(|r| (r.at_once, r.paced) == (at_once, paced)).collect();
        if all.is_empty() {
            continue;
        }
        let pace = pace(paced);
        let _ = writeln!(
            out,
            "## Streams of {} chunks, {at_once} at once, {pace}\n\n\"Added\" is over direct in the same round. A chunk has come when all of its text has.\n\n| target | first event ms | added | first text ms | added | p99 added | chunk ms | added | chunk p99 added | streams/s | CPU ms/stream | failed |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
            crate::prose::CHUNKS
        );
        let of = |name: &str| all.iter().copied().filter(|r| r.name == name).collect::<Vec<_>>();
        let direct = of("direct");
        for name in names(all.iter().map(|r| r.name.as_str())) {
            let rows = of(name);
            let mid = |f: fn(&streams::Figures) -> f64| median(rows.iter().map(|r| f(&r.figures)).collect());
            let added = |f: fn(&streams::Figures) -> f64| {
                shown(
                    against(&rows, &direct, |r| r.round, |r| f(&r.figures), |mine, theirs| mine - theirs),
                    3,
                )
            };
            let _ = writeln!(
                out,
                "| {name} | {:.3} | {} | {:.3} | {} | {} | {:.3} | {} | {} | {:.1} | {:.2} | {} |",
                mid(|f| f.first_event_p50_ms),
                added(|f| f.first_event_p50_ms),
                mid(|f| f.first_text_p50_ms),
                added(|f| f.first_text_p50_ms),
                added(|f| f.first_text_p99_ms),
                mid(|f| f.chunk_p50_ms),
                added(|f| f.chunk_p50_ms),
                added(|f| f.chunk_p99_ms),
                mid(|f| f.per_second),
                mid(|f| f.cpu_ms_per_stream),
                rows.iter().map(|r| r.figures.failed).sum::<u64>(),
            );
        }
        out.push('\n');
    }
}

fn configs(report: &Report, out: &mut String) {
    out.push_str("## Configurations\n\nOther variants of Cordon differ from the first in their guards and `durability` only.\n");
    let mut first_cordon = true;
    for t in report.targets.iter().filter(|t| !t.config.is_empty()) {
        if t.name.starts_with("cordon") {
            if !first_cordon {
                continue;
            }
            first_cordon = false;
        }
        let _ = write!(out, "\n### {}\n\n```\n{}\n```\n", t.name, t.config.trim());
    }
}

/// Writes both forms; gives their paths.
pub(crate) fn write(report: &Report, out: &Path) -> anyhow::Result<Vec<String>> {
    std::fs::create_dir_all(out)?;
    let forms = [("gateway.json", serde_json::to_string_pretty(report)?), ("gateway.md", markdown(report))];
    forms
        .into_iter()
        .map(|(name, text)| {
            let path = out.join(name);
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            Ok(path.display().to_string())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        let check = |values: &[f64], expected: f64| assert_eq!(median(values.to_vec()), expected);
        check(&[], 0.0);
        check(&[3.0], 3.0);
        check(&[3.0, 1.0], 2.0);
        check(&[9.0, 1.0, 2.0], 2.0);
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        // (round, value): the second round was slower for everybody, and has no part in the first one's ratio.
        let mine = [(0, 10.0), (1, 100.0), (7, 5.0)];
        let theirs = [(1, 50.0), (0, 5.0)];
        let ratio = against(
            &mine.iter().collect::<Vec<_>>(),
            &theirs.iter().collect::<Vec<_>>(),
            |r| r.0,
            |r| r.1,
            |a, b| a / b,
        );
        assert_eq!(ratio, Some(2.0));
        assert_eq!(against(&mine.iter().collect::<Vec<_>>(), &[], |r| r.0, |r| r.1, |a, b| a / b), None);
    }
}
