//! The ledger alone, on a real disk: entries made durable and integrated, proofs, verification, sizes.
//!
//! The entries are real: records that a gateway wrote while it carried real exchanges. Each figure stands beside what
//! the same disk takes for a bare `fdatasync`.

use crate::durable::{self, Durable};
use crate::gateway::{Folder, upstream};
use crate::machine::{Machine, sync_times};
use crate::process;
use crate::proofs::{self, Checked};
use crate::prose::Shape;
use crate::records::{self, Sizes};
use crate::target::{self, Place};
use crate::{closed, cordon, say};
use anyhow::bail;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// What to run.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Options {
    /// Short: half a second a cell and 20,000 records; the figures only show that it works.
    #[arg(long)]
    quick: bool,
    /// Appends in flight, comma-separated.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64, 256, 1024, 4096])]
    in_flight: Vec<usize>,
    /// Seconds of each cell.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Rounds; figures are their medians.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Records that are verified.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// Leave these out, comma-separated: durable, proofs.
    #[arg(long, value_delimiter = ',')]
    without: Vec<String>,
    /// Where the report goes, and the ledgers that are measured.
    #[arg(long, default_value = "bench/out", value_name = "DIR")]
    out: PathBuf,
    /// Cordon's binary; the one beside this tool without.
    #[arg(long, value_name = "FILE")]
    cordon: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Sync {
    bytes: usize,
    p50_ms: f64,
    p99_ms: f64,
}

#[derive(Debug, Serialize)]
struct Report {
    machine: Machine,
    syncs: Vec<Sync>,
    sizes: Sizes,
    durable: Vec<Durable>,
    checked: Option<Checked>,
}

/// Runs it.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    process::take_signals()?;
    let folder = Folder::new(&options.out)?;
    let machine = Machine::look(folder.path())?;
    let mut syncs = Vec::new();
    for bytes in [4 << 10, 64 << 10, 512 << 10] {
        let times = sync_times(folder.path(), bytes, 300)?;
        syncs.push(Sync { bytes, p50_ms: times.at(500), p99_ms: times.at(990) });
    }
    say::progress("real exchanges");
    let real = exchanges(options, &folder)?;
    let sizes = real.sizes;
    let seconds = if options.quick { 0.5 } else { options.seconds.clamp(0.1, 60.0) };
    let mut durable = Vec::new();
    for in_flight in options.in_flight.iter().copied().filter(|_| wanted(options, "durable")) {
        say::progress(&format!("{in_flight} in flight"));
        let rounds = if options.quick { 1 } else { options.rounds.max(1) };
        let time = Duration::from_secs_f64(seconds);
        durable.push(durable::run(folder.path(), &real.leaves, in_flight.max(1), time, rounds)?);
        process::check_stop()?;
    }
    let checked = if wanted(options, "proofs") {
        let records = if options.quick { options.records.min(20_000) } else { options.records };
        say::progress(&format!("{records} records: verification and proofs"));
        Some(proofs::run(folder.path(), &real.leaves, records)?)
    } else {
        None
    };
    let report = Report { machine, syncs, sizes, durable, checked };
    std::fs::write(options.out.join("ledger.json"), serde_json::to_string_pretty(&report)?)?;
    let text = prose(&report);
    std::fs::write(options.out.join("ledger.md"), &text)?;
    say::line(text.trim_end());
    Ok(())
}

fn wanted(options: &Options, part: &str) -> bool {
    !options.without.iter().any(|w| w == part)
}

/// Exchanges through a gateway with everything on, and the records that it wrote of them.
fn exchanges(options: &Options, folder: &Folder) -> anyhow::Result<records::Real> {
    let (_upstream, direct) = upstream(folder.path())?;
    let place = Place {
        upstream: direct.address,
        folder: folder.path(),
        tools: folder.path(),
        cordon: &target::binary(options.cordon.as_deref())?,
    };
    let Some(variant) = cordon::VARIANTS.first() else { bail!("there is no variant of Cordon") };
    let mut gateway = cordon::start(*variant, &place)?;
    gateway.settle(Duration::from_secs(30))?;
    let (warm, time) = (Duration::ZERO, Duration::from_secs(2));
    let plan = closed::Plan { concurrency: 16, bytes: 1024, shape: Shape::Fresh, warm, time, threads: 1 };
    let seen = closed::run(&gateway.shot, gateway.process.as_ref(), plan)?;
    if seen.failed > 0 {
        bail!("{} exchanges failed: {}", seen.failed, seen.first_failure.unwrap_or_default());
    }
    // Ends it: the last checkpoint is written then.
    drop(gateway);
    records::read(&place.folder.join(variant.name))
}

fn prose(report: &Report) -> String {
    let (m, s) = (&report.machine, &report.sizes);
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{}, {}, {} cores, {} on {}, kernel {}, revision {}.\n",
        m.date, m.processor, m.cores, m.file_system, m.system, m.kernel, m.revision
    );
    let _ = writeln!(out, "| bare write and `fdatasync` of | p50 ms | p99 ms |\n|--:|--:|--:|");
    for sync in &report.syncs {
        let _ = writeln!(out, "| {} KiB | {:.2} | {:.2} |", sync.bytes >> 10, sync.p50_ms, sync.p99_ms);
    }
    if !report.durable.is_empty() {
        let _ = writeln!(
            out,
            "\n| in flight | durable/s | p50 ms | p99 ms | integrated/s |\n|--:|--:|--:|--:|--:|"
        );
    }
    for d in &report.durable {
        let _ = writeln!(
            out,
            "| {} | {:.0} | {:.2} | {:.2} | {:.0} |",
            d.in_flight, d.per_second, d.p50_ms, d.p99_ms, d.integrated_per_second
        );
    }
    let _ = writeln!(
        out,
        "\n{} exchanges: intent {:.0} bytes, outcome {:.0} bytes, both with tiles and bundles {:.0} bytes on disk.",
        s.exchanges, s.intent, s.outcome, s.on_disk
    );
    if let Some(c) = &report.checked {
        let _ = writeln!(
            out,
            "{} records verified in {:.2} s ({:.0} a second, {} bytes of files). Inclusion proof p50 {:.3} ms, p99 {:.3} \
             ms; consistency proof p50 {:.3} ms, p99 {:.3} ms.",
            c.records,
            c.verify_seconds,
            c.verified_per_second,
            c.bytes,
            c.inclusion_p50_ms,
            c.inclusion_p99_ms,
            c.consistency_p50_ms,
            c.consistency_p99_ms
        );
    }
    out
}
