//! `advisories`, `gate` and `bom`: what is known against what is there, what a change adds, what it all is.

mod args;
mod bom;
mod files;
mod gate;
mod show;

pub(crate) use args::{Advisories, Bom, Gate};
pub(crate) use bom::bom;
pub(crate) use gate::gate;

use crate::output;
use args::{Check, FailOn};
use cordon_app::SystemClock;
use cordon_app::scan::ScanOptions;
use cordon_app::supply::{self, About, Found, Question};
use cordon_supply::osv::Level;
use cordon_supply::report::Entry;
use cordon_types::{Clock as _, time};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(crate) fn advisories(root: &Path, command: &Advisories) -> anyhow::Result<ExitCode> {
    match command {
        Advisories::Import { paths, json } => import(root, paths, *json),
        Advisories::Fetch { mirror, registries, json } => {
            let taken = supply::fetch(root, mirror.as_deref(), registries, now(), &output::progress)?;
            output::progress("");
            imported(taken, *json)
        }
        Advisories::List { json } => {
            let about = supply::about(root)?;
            told(&about, *json);
            Ok(ExitCode::SUCCESS)
        }
        Advisories::Check(options) => check(root, options),
    }
}

fn now() -> u64 {
    SystemClock::new().now()
}

fn import(root: &Path, paths: &[PathBuf], json: bool) -> anyhow::Result<ExitCode> {
    imported(supply::import(root, paths, now())?, json)
}

fn imported((about, notes): (About, Vec<String>), json: bool) -> anyhow::Result<ExitCode> {
    told(&about, json);
    for note in notes {
        output::note(&format!("note: not read: {note}"));
    }
    Ok(ExitCode::SUCCESS)
}

fn told(about: &About, json: bool) {
    if json {
        output::json(&as_json(about, now()));
        return;
    }
    output::line(&format!(
        "{} advisories, taken {}, the newest of {} ({} days ago)",
        about.records,
        day(about.taken),
        day(about.newest),
        about.days_old(now())
    ));
    if about.left_out > 0 {
        output::line(&format!(
            "{} left out: taken back, twice there, or of other registries",
            about.left_out
        ));
    }
    if about.unread > 0 {
        output::line(&format!("{} could not be read", about.unread));
    }
    for (name, records, digest) in &about.sources {
        output::line(&format!("  {name}  {records} records  sha256 {digest}"));
    }
}

fn day(at: u64) -> String {
    if at == 0 { "an unknown day".to_owned() } else { time::rfc3339(at).chars().take(10).collect() }
}

fn as_json(about: &About, now: u64) -> Value {
    let at = |t: u64| (t > 0).then(|| time::rfc3339(t));
    let sources: Vec<Value> = about
        .sources
        .iter()
        .map(|(name, records, digest)| json!({"name": name, "records": records, "sha256": digest}))
        .collect();
    json!({
        "taken": at(about.taken), "newest": at(about.newest), "days_old": about.days_old(now),
        "records": about.records, "left_out": about.left_out, "unread": about.unread,
        "sha256": about.sha256, "sources": sources,
    })
}

fn check(root: &Path, options: &Check) -> anyhow::Result<ExitCode> {
    let nothing = options.paths.is_empty() && options.bom.is_empty() && !options.machine;
    let now = now();
    let question = Question {
        scan: ScanOptions {
            paths: if nothing { vec![PathBuf::from(".")] } else { options.paths.clone() },
            machine: options.machine.then(|| options.root.clone()),
            no_ignore: options.how.no_ignore,
            threads: options.how.threads,
            boms: options.bom.clone(),
            ..packages(now)
        },
        used_days: options.used_days,
        now,
    };
    let checked = supply::check(root, &question, &output::progress)?;
    output::progress("");
    let stale = checked.about.days_old(now) > options.stale_days;
    if options.how.json {
        show::lines(&checked, stale, now);
    } else {
        show::table(&checked, options.used_days, now);
    }
    let entries: Vec<Entry> = checked.found.iter().map(show::entry).collect();
    files::reports(
        &entries,
        "cordon advisories",
        options.how.sarif.as_deref(),
        options.how.junit.as_deref(),
    )?;
    if stale {
        say_stale(&checked.about, now);
    }
    for note in &checked.notes {
        output::note(&format!("note: {note}"));
    }
    Ok(if fails(&checked.found, stale, &options.fail_on) { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

fn say_stale(about: &About, now: u64) {
    output::note(&format!(
        "note: the advisories are STALE: the newest is {} days old; import newer ones with `cordon advisories import`",
        about.days_old(now)
    ));
}

/// A scan for packages, of nothing yet.
fn packages(now: u64) -> ScanOptions {
    ScanOptions {
        paths: Vec::new(),
        logs: Vec::new(),
        format: None,
        machine: None,
        ports: false,
        declared: None,
        baseline: None,
        gateway: None,
        boms: Vec::new(),
        clouds: Vec::new(),
        cloud_format: None,
        live: cordon_app::scan::Live::default(),
        no_ignore: false,
        threads: 0,
        packages: true,
        least: 400,
        dormant_days: 90,
        now: i64::try_from(now).unwrap_or(i64::MAX),
    }
}

fn fails(found: &[Found], stale: bool, on: &[FailOn]) -> bool {
    let sure = |least: Option<Level>| {
        found.iter().any(|f| f.hit.doubt.is_none() && (least.is_none() || f.hit.severity.level >= least))
    };
    on.iter().any(|what| match what {
        FailOn::Any => sure(None),
        FailOn::Critical => sure(Some(Level::Critical)),
        FailOn::High => sure(Some(Level::High)),
        FailOn::Medium => sure(Some(Level::Medium)),
        FailOn::Used => found.iter().any(|f| f.used.is_some() && f.hit.doubt.is_none()),
        FailOn::Possible => found.iter().any(|f| f.hit.doubt.is_some()),
        FailOn::Stale => stale,
    })
}
