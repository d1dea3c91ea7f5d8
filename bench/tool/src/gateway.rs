//! The comparison: the same load against every target in turn, round after round, each ratio within its round.

use crate::client::Shot;
use crate::machine::Machine;
use crate::process::{self, Started};
use crate::prose::Shape;
use crate::report::{self, ClosedRow, OpenRow, Report, StreamRow, TargetRow};
use crate::target::{Place, Target};
use crate::{bare, closed, cordon, nginx, open, peers, say, streams, target};
use anyhow::{Context as _, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Requests a second in the open loop.
const RATE: u64 = 2_000;
/// How many streams at once, and whether the upstream paces them. One alone shows what it waits for itself, eight that
/// begin together what they wait for each other.
pub(crate) const STREAMS: [(usize, bool); 3] = [(1, true), (8, true), (8, false)];
/// The concurrency at which parts, and turns of a conversation, are measured.
const PARTS_AT: usize = 16;
/// Between two chunks of a paced stream, in milliseconds.
const INTERVAL_MS: u64 = 5;

/// What to run.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Options {
    /// Short: 1 round of 1 second; the figures only show that it works.
    #[arg(long)]
    quick: bool,
    /// Only these targets, by name, comma-separated: direct, nginx, bare, bare-synced, cordon, cordon-behind, cordon-checks, ..., litellm, portkey.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// All but these.
    #[arg(long, value_delimiter = ',')]
    skip: Vec<String>,
    /// Rounds; figures are their medians.
    #[arg(long)]
    rounds: Option<usize>,
    /// Seconds of each closed loop.
    #[arg(long)]
    seconds: Option<f64>,
    /// Prompt sizes in KB.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8])]
    sizes: Vec<usize>,
    /// Callers at once in the closed loop.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64])]
    concurrency: Vec<usize>,
    /// Leave these out, comma-separated: closed, open, streams, parts, peers.
    #[arg(long, value_delimiter = ',')]
    without: Vec<String>,
    /// Where the report goes.
    #[arg(long, default_value = "bench/out", value_name = "DIR")]
    out: PathBuf,
    /// Cordon's binary; the one beside this tool without.
    #[arg(long, value_name = "FILE")]
    cordon: Option<PathBuf>,
    /// Where bench/peers.sh installed the peers.
    #[arg(long, default_value = ".tools/peers", value_name = "DIR")]
    tools: PathBuf,
    /// Do not install what is missing.
    #[arg(long)]
    no_install: bool,
}

impl Options {
    fn wants(&self, name: &str) -> bool {
        (self.only.is_empty() || self.only.iter().any(|o| o == name)) && !self.skip.iter().any(|s| s == name)
    }

    fn leaves_out(&self, part: &str) -> bool {
        self.without.iter().any(|w| w == part)
    }

    fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 1 } else { 5 }).max(1)
    }

    fn time(&self) -> Duration {
        let default = if self.quick { 1.0 } else { 4.0 };
        Duration::from_secs_f64(self.seconds.unwrap_or(default).clamp(0.1, 600.0))
    }

    fn warm(&self) -> Duration {
        Duration::from_millis(if self.quick { 300 } else { 1_000 })
    }
}

/// The folder of one run's data directories, removed at its end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(out: &Path) -> anyhow::Result<Self> {
        let path = out.join(format!("data-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path.canonicalize()?))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Starts the upstream as a process of its own.
pub(crate) fn upstream(folder: &Path) -> anyhow::Result<(Started, Arc<Shot>)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["upstream", "--interval-ms", &INTERVAL_MS.to_string()]);
    let (process, line) = Started::with_line("the upstream", &mut command, &folder.join("upstream.log"))?;
    Ok((process, Arc::new(Shot::new(line.parse()?, &[])?)))
}

/// Runs everything that the options ask for, and writes the report.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    process::take_signals()?;
    let folder = Folder::new(&options.out)?;
    let (upstream, direct) = upstream(folder.path())?;
    install(options);
    let machine = Machine::look(folder.path())?;
    let place = Place {
        upstream: direct.address,
        folder: folder.path(),
        tools: &absolute(&options.tools)?,
        cordon: &target::binary(options.cordon.as_deref())?,
    };
    let (mut targets, skipped) = start(options, &place, &direct)?;
    let mut report = Report::new(machine, options.rounds(), options.time(), skipped);
    if !options.leaves_out("closed") {
        closed_loops(options, &mut targets, &mut report)?;
    }
    if !options.leaves_out("open") {
        open_loops(options, &mut targets, &mut report)?;
    }
    if !options.leaves_out("streams") {
        all_streams(options, &mut targets, &direct, &mut report)?;
    }
    report.targets = targets.iter().map(row).collect();
    drop(targets);
    drop(upstream);
    let written = report::write(&report, &options.out)?;
    say::line(&report::markdown(&report));
    say::line(&format!("written: {}", written.join(", ")));
    Ok(())
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    Ok(if path.is_absolute() { path.to_owned() } else { std::env::current_dir()?.join(path) })
}

/// Runs `bench/peers.sh` for what is wanted and missing; what cannot be installed is skipped by name later.
fn install(options: &Options) {
    let names: Vec<_> = ["nginx", "litellm", "portkey"]
        .into_iter()
        .filter(|n| options.wants(n) && (*n == "nginx" || !options.leaves_out("peers")))
        .collect();
    if options.no_install || names.is_empty() {
        return;
    }
    say::progress(&format!("installing where missing: {}", names.join(", ")));
    if let Err(e) = Command::new("bench/peers.sh").args(&names).stdout(std::io::stderr()).status() {
        say::progress(&format!("bench/peers.sh cannot be run ({e}); run this from the repository's root"));
    }
}

/// Starts the targets. One that does not start or answer is skipped by name, but for nginx: all ratios need it.
fn start(
    options: &Options,
    place: &Place<'_>,
    direct: &Arc<Shot>,
) -> anyhow::Result<(Vec<Target>, Vec<String>)> {
    let mut targets = Vec::new();
    let mut skipped = Vec::new();
    let mut take = |name: &str, made: &dyn Fn() -> anyhow::Result<Target>| -> anyhow::Result<()> {
        process::check_stop()?;
        if !options.wants(name) {
            return Ok(());
        }
        say::progress(&format!("starting {name}"));
        let settled = made().and_then(|mut t| t.settle(Duration::from_secs(120)).map(|()| t));
        match settled {
            Ok(target) => targets.push(target),
            Err(e) if name == "nginx" => return Err(e.context("nginx is the yardstick and has to run")),
            Err(e) => {
                say::progress(&format!("SKIPPED {name}: {e:#}"));
                skipped.push(format!("{name}: {e:#}"));
            }
        }
        Ok(())
    };
    take("direct", &|| {
        Ok(Target {
            name: "direct".to_owned(),
            shot: direct.clone(),
            process: None,
            what: "the upstream itself".to_owned(),
            version: String::new(),
            config: String::new(),
            guarded: None,
        })
    })?;
    take("nginx", &|| nginx::start(place))?;
    for (name, synced) in bare::NAMES {
        take(name, &|| bare::start(name, synced, place))?;
    }
    for variant in cordon::VARIANTS {
        if variant.main || !options.leaves_out("parts") {
            take(variant.name, &|| cordon::start(*variant, place))?;
        }
    }
    if !options.leaves_out("peers") {
        take("portkey", &|| peers::portkey(place))?;
        take("litellm", &|| peers::litellm(place))?;
    }
    if targets.is_empty() {
        bail!("no target is left");
    }
    Ok((targets, skipped))
}

fn row(target: &Target) -> TargetRow {
    let usage = target.process.as_ref().map(Started::usage).unwrap_or_default();
    TargetRow {
        name: target.name.clone(),
        version: target.version.clone(),
        what: target.what.clone(),
        guarded: target.guarded,
        resident_mb: usage.resident_mb,
        peak_mb: usage.peak_mb,
        config: target.config.clone(),
    }
}

/// The targets in this round's order: each round begins with another one.
fn in_turn(targets: &mut [Target], round: usize) -> impl Iterator<Item = &mut Target> {
    let n = targets.len().max(1);
    let (head, tail) = targets.split_at_mut(round % n);
    tail.iter_mut().chain(head)
}

/// Whether a target is one of the parts, which are measured at one concurrency only.
fn is_part(name: &str) -> bool {
    cordon::VARIANTS.iter().any(|v| v.name == name && !v.main)
}

fn closed_loops(options: &Options, targets: &mut [Target], report: &mut Report) -> anyhow::Result<()> {
    let each = |shape| {
        options.sizes.iter().flat_map(move |kb| options.concurrency.iter().map(move |c| (shape, *kb, *c)))
    };
    // A conversation of one KB is its last message.
    let turns = each(Shape::Turn).filter(|(_, kb, concurrency)| *kb > 1 && *concurrency == PARTS_AT);
    for (shape, kb, concurrency) in each(Shape::Fresh).chain(turns) {
        for round in 0..options.rounds() {
            let what = if shape == Shape::Turn { ", turns of a conversation" } else { "" };
            say::progress(&format!(
                "closed loop: {kb} KB{what}, concurrency {concurrency}, round {}",
                round + 1
            ));
            for target in in_turn(targets, round) {
                if is_part(&target.name) && (concurrency != PARTS_AT || shape == Shape::Turn) {
                    continue;
                }
                let plan = closed::Plan {
                    concurrency,
                    bytes: kb * 1024,
                    shape,
                    warm: options.warm(),
                    time: options.time(),
                    threads: report.machine.cores,
                };
                let figures = closed::run(&target.shot, target.process.as_ref(), plan)?;
                if let Some(failure) = &figures.first_failure {
                    say::progress(&format!("{}: {} failed: {failure}", target.name, figures.failed));
                }
                let (name, turn) = (target.name.clone(), shape == Shape::Turn);
                report.closed.push(ClosedRow { name, kb, turn, concurrency, round, figures });
            }
        }
    }
    Ok(())
}

fn open_loops(options: &Options, targets: &mut [Target], report: &mut Report) -> anyhow::Result<()> {
    let kb = options.sizes.first().copied().unwrap_or(1);
    for round in 0..options.rounds() {
        say::progress(&format!("open loop: {RATE} a second, {kb} KB, round {}", round + 1));
        for target in in_turn(targets, round) {
            // The peers answer far fewer than 2,000 a second here: an open loop would only measure a queue.
            if is_part(&target.name) || ["litellm", "portkey"].contains(&target.name.as_str()) {
                continue;
            }
            let plan = open::Plan {
                rate: RATE,
                bytes: kb * 1024,
                warm: options.warm(),
                time: options.time(),
                threads: report.machine.cores,
            };
            let seen = open::run(&target.shot, plan)?;
            if let Some(failure) = &seen.first {
                say::progress(&format!("{}: {} failed: {failure}", target.name, seen.failed));
            }
            report.open.push(OpenRow {
                name: target.name.clone(),
                rate: RATE,
                kb,
                round,
                p50_ms: seen.latencies.at(500),
                p99_ms: seen.latencies.at(990),
                p999_ms: seen.latencies.at(999),
                answers: seen.latencies.count(),
                failed: seen.failed,
            });
        }
    }
    Ok(())
}

/// How the chunks of a stream follow each other, in words.
pub(crate) fn pace(paced: bool) -> String {
    if paced { format!("a chunk every {INTERVAL_MS} ms") } else { "as fast as they go".to_owned() }
}

fn all_streams(
    options: &Options,
    targets: &mut [Target],
    direct: &Arc<Shot>,
    report: &mut Report,
) -> anyhow::Result<()> {
    for (at_once, paced) in STREAMS {
        for round in 0..options.rounds() {
            say::progress(&format!("streams: {at_once} at once, {}, round {}", pace(paced), round + 1));
            for target in in_turn(targets, round).filter(|t| !is_part(&t.name)) {
                let plan = streams::Plan { concurrency: at_once, bytes: 1024, paced, time: options.time() };
                let figures = streams::run(&target.shot, direct, target.process.as_ref(), plan)?;
                if let Some(failure) = &figures.first_failure {
                    say::progress(&format!("{}: {} failed: {failure}", target.name, figures.failed));
                }
                let name = target.name.clone();
                report.streams.push(StreamRow { name, at_once, paced, round, figures });
            }
        }
    }
    Ok(())
}
