//! `cordon scan`: walks trees, reads logs and a machine's known places, and gives what it found to the inventory.
//!
//! ```text
//! paths -> walk (parallel) -+
//! logs  -> unpack -> lines  +-> cordon_inventory::Inventory -> marks, drift
//! homes -> known places ----+
//! clouds' exports ----------+
//! a gateway's records ------+
//! Azure, where asked -------+
//! servers, where asked -----+
//! ```
//! What always holds: files are read, never run; nothing is connected to but what `--azure` and `--probe` name; in trees symbolic links are passed over, and
//! everywhere what is no file; a file over its kind's limit is named in a note and not read. A known place on a machine
//! may itself be a link to a file, as people keep their settings. What it does not do: print; `cli` does.

mod azure;
mod cloud;
mod gateway;
mod logs;
mod machine;
mod probe;
#[cfg(test)]
mod tests;
mod walk;

pub use azure::AzureQuery;
pub use cordon_inventory::cloud::graph::Scope;
pub use probe::ProbeQuery;

use crate::error::AppError;
use cordon_inventory::asset::legible;
use cordon_inventory::cloud::Cloud;
use cordon_inventory::code::{Dependency, FileKind, dependencies};
use cordon_inventory::logs::{Counts, Format, Usage};
use cordon_inventory::{Baseline, Drift, Inventory, Rules, Sighting, Sink, agents, declared, offers};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Largest declared file and baseline.
const MAX_OWN_FILE: u64 = 256 << 20;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct ScanOptions {
    /// Trees and files.
    pub paths: Vec<PathBuf>,
    /// Network logs; `-` is standard input.
    pub logs: Vec<PathBuf>,
    /// Their format; the first lines tell without.
    pub format: Option<Format>,
    /// The root of the machine whose known places are looked at.
    pub machine: Option<PathBuf>,
    /// Also look which known ports listen.
    pub ports: bool,
    /// The data directory of a gateway: what its records show, and what its files declare.
    pub gateway: Option<PathBuf>,
    /// Bills of materials (CycloneDX, SPDX): what they list is seen.
    pub boms: Vec<PathBuf>,
    /// Exports of clouds: what they say they run.
    pub clouds: Vec<PathBuf>,
    /// Their format; their keys tell without.
    pub cloud_format: Option<Cloud>,
    /// What is asked over the network; nothing unless the operator says so.
    pub live: Live,
    /// The operator's `inventory.toml`.
    pub declared: Option<PathBuf>,
    /// An earlier scan.
    pub baseline: Option<PathBuf>,
    /// Read files that ignore files leave out.
    pub no_ignore: bool,
    /// Threads that walk; 0 for as many as there are cores.
    pub threads: usize,
    /// Also keep every package that manifests and lock files name, AI or not.
    pub packages: bool,
    /// Assets below this confidence, in thousandths, are left out.
    pub least: u16,
    /// An approved service not used for so many days is dormant.
    pub dormant_days: u32,
    /// Now, in milliseconds since 1970.
    pub now: i64,
}

/// What a scan asks over the network.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// Azure Resource Graph.
    pub azure: Option<AzureQuery>,
    /// Servers, what they are.
    pub probe: Option<ProbeQuery>,
}

/// One log, read.
#[derive(Clone, Debug)]
pub struct LogRead {
    /// Which.
    pub path: String,
    /// Its format.
    pub format: &'static str,
    /// What it came to.
    pub counts: Counts,
}

/// A package that a file names.
#[derive(Clone, Debug)]
pub struct PackageAt {
    /// Which, and in which version or range.
    pub package: Dependency,
    /// The file.
    pub place: Arc<str>,
}

/// Most packages kept of one scan: large trees of many projects have tens of thousands.
const MAX_PACKAGES: usize = 2_000_000;

/// What a scan came to.
#[derive(Debug)]
pub struct Scanned {
    /// The inventory.
    pub inventory: Inventory,
    /// Every package that a manifest or lock file names, where that was asked for; sorted.
    pub packages: Vec<PackageAt>,
    /// What changed since the baseline.
    pub drift: Option<Vec<Drift>>,
    /// The logs that were read.
    pub logs: Vec<LogRead>,
    /// Files looked at, by their names.
    pub files: u64,
    /// Files read.
    pub read: u64,
    /// Bytes read.
    pub bytes: u64,
    /// What could not be read, or only in part: for the operator.
    pub notes: Vec<String>,
    /// Notes beyond those kept.
    pub more_notes: u64,
}

/// Most notes kept.
const MAX_NOTES: usize = 200;

/// What the parts of a scan share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    found: Mutex<Vec<Sighting>>,
    /// `None` where packages are not asked for.
    packages: Option<Mutex<Vec<PackageAt>>>,
    notes: Mutex<Vec<String>>,
    more_notes: AtomicU64,
    files: AtomicU64,
    read: AtomicU64,
    bytes: AtomicU64,
}

impl Shared {
    fn note(&self, note: String) {
        let mut notes = self.notes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if notes.len() < MAX_NOTES {
            notes.push(legible(&note));
        } else {
            self.more_notes.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Keeps a file's packages, where they are asked for.
    fn packages(&self, kind: FileKind, bytes: &[u8], place: &str) {
        let Some(all) = self.packages.as_ref().filter(|_| !kind.head_only()) else { return };
        let text = String::from_utf8_lossy(bytes);
        let named = dependencies(kind, text.strip_prefix('\u{feff}').unwrap_or(&text));
        if named.is_empty() {
            return;
        }
        let place: Arc<str> = legible(place).into();
        let mut all = all.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let room = MAX_PACKAGES.saturating_sub(all.len());
        let more = named.len() > room;
        all.extend(named.into_iter().take(room).map(|package| PackageAt { package, place: place.clone() }));
        drop(all);
        if more {
            self.note(format!("{place}: more packages than one scan keeps; the rest is left out"));
        }
    }

    /// Keeps a bill's packages, where packages are asked for.
    fn listed(&self, place: &str, parts: &[cordon_supply::bom::Part]) {
        let Some(all) = self.packages.as_ref() else { return };
        let place: Arc<str> = place.into();
        let each = cordon_supply::bom::packages(parts).into_iter().take(MAX_PACKAGES).map(|p| PackageAt {
            package: Dependency {
                ecosystem: p.ecosystem.name(),
                name: p.name,
                version: p.version,
                requirement: p.requirement,
                line: 0,
            },
            place: place.clone(),
        });
        all.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(each);
    }

    /// Takes a note that many may write alike.
    fn once(&self, note: String) {
        let known =
            self.notes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).contains(&legible(&note));
        if !known {
            self.note(note);
        }
    }

    fn found(&self, found: Vec<Sighting>) {
        if !found.is_empty() {
            self.found.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(found);
        }
    }
}

/// Scans. `progress` is called now and then with what was done so far.
///
/// # Errors
/// When the operator's own files (declared, baseline) have problems, or a path that was named is not there. What is
/// within the trees and cannot be read is a note.
pub fn scan(options: &ScanOptions, progress: &(dyn Fn(&str) + Sync)) -> Result<Scanned, AppError> {
    let (own, agents, offers) = match &options.declared {
        Some(path) => {
            let text = own_file(path)?;
            let assets = declared(&text).map_err(|problems| within(problems, path))?;
            let hosts = agents(&text).map_err(|problems| within(problems, path))?;
            (assets, hosts, offers(&text).map_err(|problems| within(problems, path))?)
        }
        None => (Vec::new(), Vec::new(), Vec::new()),
    };
    let baseline = options.baseline.as_deref().map(earlier).transpose()?;
    for path in &options.paths {
        std::fs::symlink_metadata(path).map_err(|e| AppError::file(path, "looking at it", e))?;
    }
    let shared = Shared { packages: options.packages.then(Mutex::default), ..Shared::default() };
    look(options, &shared, progress)?;
    let mut declared = match &options.gateway {
        Some(root) => gateway::look(root, &shared)?,
        None => Vec::new(),
    };
    // Of rows that mean the same, the last one counts: the operator's word on it.
    declared.extend(own);
    let mut usage = Usage::default();
    let logs = logs::read_all(options, &mut usage, &shared, progress)?;
    if usage.beyond > 0 {
        let most = cordon_inventory::logs::MAX_CLIENTS;
        shared.note(format!(
            "{} records are of clients beyond the first {most}; they stand together as `(others)`",
            usage.beyond
        ));
    }
    let Shared { found, packages, notes, more_notes, files, read, bytes } = shared;
    let mut found = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    // Threads give in any order; the same tree gives the same inventory.
    found.sort_by(|a, b| (&a.id, &a.evidence).cmp(&(&b.id, &b.evidence)));
    let rules = Rules {
        now: options.now,
        dormant_days: options.dormant_days,
        least: options.least,
        logs: !logs.is_empty(),
    };
    let mut inventory = Inventory::new(found, &usage, &declared, &rules);
    inventory.mark_bypasses(&agents);
    inventory.offer(&offers);
    let mut notes = notes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    notes.sort();
    Ok(Scanned {
        drift: baseline.map(|b| b.drift(&inventory)),
        inventory,
        packages: sorted(packages),
        logs,
        files: files.into_inner(),
        read: read.into_inner(),
        bytes: bytes.into_inner(),
        notes,
        more_notes: more_notes.into_inner(),
    })
}

/// Everything but logs and the gateway's records.
fn look(options: &ScanOptions, shared: &Shared, progress: &(dyn Fn(&str) + Sync)) -> Result<(), AppError> {
    if !options.paths.is_empty() {
        walk::walk(options, shared, progress);
    }
    if let Some(root) = &options.machine {
        machine::look(root, options.ports, shared);
    }
    bills(&options.boms, shared)?;
    cloud::read_all(options, shared)?;
    if let Some(query) = &options.live.azure {
        azure::ask(query, shared, progress)?;
    }
    if let Some(query) = &options.live.probe {
        probe::ask(query, shared, progress)?;
    }
    Ok(())
}

/// An earlier scan.
fn earlier(path: &Path) -> Result<Baseline, AppError> {
    Baseline::read(&own_file(path)?).map_err(|e| AppError::Scan(format!("{}: {e}", path.display())))
}

/// What bills of materials list.
fn bills(paths: &[PathBuf], shared: &Shared) -> Result<(), AppError> {
    for path in paths {
        let mut sink = Sink::new(&path.to_string_lossy());
        let parts = crate::supply::read_bom(path)?;
        cordon_supply::bom::sightings(&parts, &mut sink);
        if sink.overflow {
            shared.note(format!(
                "{}: lists more of AI than one file may give; the rest is left out",
                sink.place()
            ));
        }
        shared.listed(sink.place(), &parts);
        shared.found(sink.found);
    }
    Ok(())
}

/// Threads give in any order.
fn sorted(packages: Option<Mutex<Vec<PackageAt>>>) -> Vec<PackageAt> {
    let mut packages =
        packages.map_or_else(Vec::new, |p| p.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner));
    packages.sort_by(|a, b| {
        let key =
            |p: &PackageAt| (p.package.ecosystem, p.package.name.clone(), p.place.clone(), p.package.line);
        key(a).cmp(&key(b))
    });
    packages
}

/// A file of the operator's own.
pub(crate) fn own_file(path: &Path) -> Result<String, AppError> {
    let fail = |e| AppError::file(path, "reading it", e);
    let size = std::fs::metadata(path).map_err(fail)?.len();
    if size > MAX_OWN_FILE {
        return Err(AppError::Scan(format!("{}: {size} bytes are too many for this file", path.display())));
    }
    std::fs::read_to_string(path).map_err(fail)
}

pub(crate) fn within(problems: cordon_types::Problems, path: &Path) -> cordon_types::Problems {
    let source = path.display().to_string();
    cordon_types::Problems(problems.0.into_iter().map(|p| p.within(&source)).collect())
}

/// The recall and precision of the endpoint catalogue against a list of names.
///
/// # Errors
/// When the list cannot be read.
pub fn check_catalogue(path: &Path) -> Result<cordon_inventory::check::Checked, AppError> {
    Ok(cordon_inventory::check::check(&own_file(path)?))
}
