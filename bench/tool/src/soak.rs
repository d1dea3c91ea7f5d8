//! The soak: half load for a long time. No answer may be lost or wrong, and memory must stay flat.

use crate::gateway::{Folder, upstream};
use crate::process::{self, Started};
use crate::prose::Shape;
use crate::target::Place;
use crate::{clock, closed, cordon, open, say, target};
use anyhow::{Context as _, bail};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// What to run.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Options {
    /// For how long, in seconds.
    #[arg(long, default_value_t = 3600)]
    seconds: u64,
    /// Requests a second; half of what a short closed loop reaches without.
    #[arg(long)]
    rate: Option<u64>,
    /// Prompt size in KB.
    #[arg(long, default_value_t = 1)]
    size: usize,
    /// Which variant of Cordon.
    #[arg(long, default_value = "cordon")]
    variant: String,
    /// Where the report goes.
    #[arg(long, default_value = "bench/out", value_name = "DIR")]
    out: PathBuf,
    /// Cordon's binary; the one beside this tool without.
    #[arg(long, value_name = "FILE")]
    cordon: Option<PathBuf>,
}

/// Memory at one moment.
#[derive(Clone, Copy, Debug, Serialize)]
struct Sample {
    seconds: u64,
    answers: u64,
    resident_mb: f64,
}

#[derive(Debug, Serialize)]
struct Outcome {
    rate: u64,
    seconds: u64,
    answers: u64,
    failed: u64,
    first_failure: Option<String>,
    p50_ms: f64,
    p99_ms: f64,
    p999_ms: f64,
    ledger_mb: f64,
    samples: Vec<Sample>,
}

/// Runs it. An error when an answer was lost or wrong.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    process::take_signals()?;
    let folder = Folder::new(&options.out)?;
    let (_upstream, direct) = upstream(folder.path())?;
    let place = Place {
        upstream: direct.address,
        folder: folder.path(),
        tools: folder.path(),
        cordon: &target::binary(options.cordon.as_deref())?,
    };
    let variant = cordon::VARIANTS.iter().find(|v| v.name == options.variant).context("no such variant")?;
    let mut gateway = cordon::start(*variant, &place)?;
    gateway.settle(Duration::from_secs(30))?;
    let process = gateway.process.as_ref().context("no process")?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let bytes = options.size * 1024;
    let rate = match options.rate {
        Some(rate) => rate.max(1),
        None => {
            let (warm, time) = (Duration::from_secs(1), Duration::from_secs(5));
            let plan = closed::Plan { concurrency: 64, bytes, shape: Shape::Fresh, warm, time, threads };
            let full = closed::run(&gateway.shot, Some(process), plan)?;
            say::progress(&format!("full load: {:.0} requests a second", full.per_second));
            (full.answers / 10).max(1)
        }
    };
    say::progress(&format!("soaking: {rate} requests a second for {} seconds", options.seconds));
    let right = Arc::new(AtomicU64::new(0));
    let over = AtomicBool::new(false);
    let (warm, time) = (Duration::ZERO, Duration::from_secs(options.seconds));
    let plan = open::Plan { rate, bytes, warm, time, threads };
    let (seen, samples) = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(process, &right, &over, options.seconds));
        let seen = open::run_counting(&gateway.shot, plan, &right);
        over.store(true, Ordering::Relaxed);
        (seen, watcher.join().unwrap_or_default())
    });
    let seen = seen?;
    let outcome = Outcome {
        rate,
        seconds: options.seconds,
        answers: seen.latencies.count(),
        failed: seen.failed,
        first_failure: seen.first,
        p50_ms: seen.latencies.at(500),
        p99_ms: seen.latencies.at(990),
        p999_ms: seen.latencies.at(999),
        ledger_mb: cordon::ledger_mb(&place.folder.join(variant.name)),
        samples,
    };
    std::fs::write(options.out.join("soak.json"), serde_json::to_string_pretty(&outcome)?)?;
    tell(&outcome);
    process::check_stop()?;
    if outcome.failed > 0 {
        bail!("{} answers were lost or wrong", outcome.failed);
    }
    Ok(())
}

fn watch(process: &Started, right: &AtomicU64, over: &AtomicBool, seconds: u64) -> Vec<Sample> {
    let begun = clock::now();
    let every = (seconds / 60).clamp(1, 60);
    let mut samples = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let now = (clock::now() - begun) / 1_000_000_000;
        if samples.last().is_none_or(|s: &Sample| now >= s.seconds + every) {
            let answers = right.load(Ordering::Relaxed);
            let resident_mb = process.usage().resident_mb;
            say::progress(&format!("{now} s: {answers} answers, {resident_mb:.1} MB"));
            samples.push(Sample { seconds: now, answers, resident_mb });
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    samples
}

fn tell(outcome: &Outcome) {
    let o = outcome;
    say::line(&format!(
        "{} right answers, {} lost or wrong{}; p50 {:.3} ms, p99 {:.3} ms, p99.9 {:.3} ms; ledger {:.1} MB",
        o.answers,
        o.failed,
        o.first_failure.as_ref().map(|f| format!(" (first: {f})")).unwrap_or_default(),
        o.p50_ms,
        o.p99_ms,
        o.p999_ms,
        o.ledger_mb
    ));
    // Until a tenth is over, pools and caches fill.
    let settled = o.samples.iter().find(|s| s.answers * 10 >= o.answers);
    if let (Some(from), Some(to)) = (settled, o.samples.last()) {
        say::line(&format!(
            "memory: {:.1} MB after {} answers, {:.1} MB after {}",
            from.resident_mb, from.answers, to.resident_mb, to.answers
        ));
    }
}
