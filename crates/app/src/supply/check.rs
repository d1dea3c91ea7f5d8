//! `cordon advisories check`: what is there against what is known, and what was called first.

use super::{packages, snapshot, used};
use crate::error::AppError;
use crate::scan::{ScanOptions, scan};
use cordon_supply::Ecosystem;
use cordon_supply::osv::{Hit, Package};
use std::collections::BTreeMap;
use std::path::Path;

/// What is asked.
#[derive(Debug)]
pub struct Question {
    /// What is looked through.
    pub scan: ScanOptions,
    /// Calls through the gateway are looked for over so many days.
    pub used_days: u64,
    /// Now, in milliseconds since 1970.
    pub now: u64,
}

/// One advisory of one package.
#[derive(Clone, Debug)]
pub struct Found {
    /// The package.
    pub package: Package,
    /// Where it is named.
    pub places: Vec<String>,
    /// What holds for it.
    pub hit: Hit,
    /// How it was called through the gateway, where it was.
    pub used: Option<used::Used>,
}

/// The answer.
#[derive(Debug)]
pub struct Checked {
    /// What holds: what was called first, then what is sure, then the gravest.
    pub found: Vec<Found>,
    /// Packages looked up.
    pub packages: u64,
    /// Of them, those without one version.
    pub without_version: u64,
    /// The snapshot.
    pub about: snapshot::About,
    /// Whether the gateway's ledger was looked at.
    pub ledger: bool,
    /// What could not be read.
    pub notes: Vec<String>,
}

/// Answers.
///
/// # Errors
/// When there is no snapshot that holds, or a path cannot be read.
pub fn check(
    root: &Path,
    question: &Question,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Checked, AppError> {
    let (advisories, about) = snapshot::open(root)?;
    let scanned = scan(&question.scan, progress)?;
    let mut all = packages::of_scan(&scanned);
    let mut notes = scanned.notes;
    let (servers, ledger) = match crate::load::load(root) {
        Ok(loaded) => (used::servers(&loaded.config), true),
        // Advisories can be checked where no gateway runs; that is said, not taken for "not called".
        Err(error) => {
            notes.push(format!("what was called through the gateway is not known: {error}"));
            (Vec::new(), false)
        }
    };
    for server in &servers {
        packages::add(&mut all, server.package.clone(), format!("cordon.toml: server {}", server.id));
    }
    let from = question.now.saturating_sub(question.used_days.saturating_mul(86_400_000));
    let calls = used::used(root, &servers, from)?;
    let mut found = Vec::new();
    let mut without_version = 0;
    for (package, places) in &all {
        without_version += u64::from(package.version.is_none());
        let used = called(&calls, package, places);
        for hit in advisories.hits(package) {
            found.push(Found { package: package.clone(), places: places.clone(), hit, used: used.cloned() });
        }
    }
    found.sort_by(|a, b| {
        let key = |f: &Found| {
            let grave = (f.hit.severity.level, f.hit.severity.tenths);
            (f.used.is_none(), f.hit.doubt.is_some(), std::cmp::Reverse(grave))
        };
        key(a).cmp(&key(b)).then_with(|| (&a.package, &a.hit.id).cmp(&(&b.package, &b.hit.id)))
    });
    Ok(Checked { found, packages: all.len() as u64, without_version, about, ledger, notes })
}

/// The calls of the package, where it is the one that the gateway's own server runs: another version of it in some tree
/// was not called.
fn called<'c>(
    calls: &'c BTreeMap<(Ecosystem, String), used::Used>,
    package: &Package,
    places: &[String],
) -> Option<&'c used::Used> {
    let used = calls.get(&(package.ecosystem, package.ecosystem.canonical(&package.name)))?;
    let run = |s: &String| places.contains(&format!("cordon.toml: server {s}"));
    used.servers.iter().any(run).then_some(used)
}
