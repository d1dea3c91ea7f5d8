//! `cordon scan`: walks trees, reads logs and a machine's known places, and gives what it found to the inventory.
//!
//! ```text
//! paths -> walk (parallel) -+
//! logs  -> unpack -> lines  +-> cordon_inventory::Inventory -> marks, drift
//! homes -> known places ----+
//! ```
//! What always holds: files are read, never run; nothing is connected to; in trees symbolic links are passed over, and
//! everywhere what is no file; a file over its kind's limit is named in a note and not read. A known place on a machine
//! may itself be a link to a file, as people keep their settings. What it does not do: print; `cli` does.

mod logs;
mod machine;
#[cfg(test)]
mod tests;
mod walk;

use crate::error::AppError;
use cordon_inventory::asset::legible;
use cordon_inventory::logs::{Counts, Format, Usage};
use cordon_inventory::{Baseline, Drift, Inventory, Rules, Sighting, agents, declared};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

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
    /// The operator's `inventory.toml`.
    pub declared: Option<PathBuf>,
    /// An earlier scan.
    pub baseline: Option<PathBuf>,
    /// Read files that ignore files leave out.
    pub no_ignore: bool,
    /// Threads that walk; 0 for as many as there are cores.
    pub threads: usize,
    /// Assets below this confidence, in thousandths, are left out.
    pub least: u16,
    /// An approved service not used for so many days is dormant.
    pub dormant_days: u32,
    /// Now, in milliseconds since 1970.
    pub now: i64,
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

/// What a scan came to.
#[derive(Debug)]
pub struct Scanned {
    /// The inventory.
    pub inventory: Inventory,
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
    let (declared, agents) = match &options.declared {
        Some(path) => {
            let text = own_file(path)?;
            let assets = declared(&text).map_err(|problems| within(problems, path))?;
            (assets, agents(&text).map_err(|problems| within(problems, path))?)
        }
        None => (Vec::new(), Vec::new()),
    };
    let baseline = match &options.baseline {
        Some(path) => Some(
            Baseline::read(&own_file(path)?)
                .map_err(|e| AppError::Scan(format!("{}: {e}", path.display())))?,
        ),
        None => None,
    };
    for path in &options.paths {
        std::fs::symlink_metadata(path).map_err(|e| AppError::file(path, "looking at it", e))?;
    }
    let shared = Shared::default();
    if !options.paths.is_empty() {
        walk::walk(options, &shared, progress);
    }
    if let Some(root) = &options.machine {
        machine::look(root, options.ports, &shared);
    }
    let mut usage = Usage::default();
    let logs = logs::read_all(options, &mut usage, &shared, progress)?;
    if usage.beyond > 0 {
        let most = cordon_inventory::logs::MAX_CLIENTS;
        shared.note(format!(
            "{} records are of clients beyond the first {most}; they stand together as `(others)`",
            usage.beyond
        ));
    }
    let Shared { found, notes, more_notes, files, read, bytes } = shared;
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
    let mut notes = notes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    notes.sort();
    Ok(Scanned {
        drift: baseline.map(|b| b.drift(&inventory)),
        inventory,
        logs,
        files: files.into_inner(),
        read: read.into_inner(),
        bytes: bytes.into_inner(),
        notes,
        more_notes: more_notes.into_inner(),
    })
}

/// A file of the operator's own.
fn own_file(path: &Path) -> Result<String, AppError> {
    let fail = |e| AppError::file(path, "reading it", e);
    let size = std::fs::metadata(path).map_err(fail)?.len();
    if size > MAX_OWN_FILE {
        return Err(AppError::Scan(format!("{}: {size} bytes are too many for this file", path.display())));
    }
    std::fs::read_to_string(path).map_err(fail)
}

fn within(problems: cordon_types::Problems, path: &Path) -> cordon_types::Problems {
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
