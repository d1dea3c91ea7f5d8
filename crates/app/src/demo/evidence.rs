//! What the demo left behind: records, read and proved from the files and the public key alone; and a search of
//! every file for what must not be in any.

use crate::data::verifier_key;
use crate::error::AppError;
use cordon_ledger::{ControlKind, Filter, Reason, Record, prove, show, verify, verify_proof};
use cordon_store::volume::FileVolume;
use std::fs;
use std::path::{Path, PathBuf};

/// A record with a checked proof of inclusion.
pub(super) struct Entry {
    pub(super) index: u64,
    pub(super) record: Record,
}

/// A ledger that verified as a whole, and each record on its own.
pub(super) struct Evidence {
    pub(super) entries: Vec<Entry>,
    pub(super) origin: String,
    pub(super) size: u64,
    pub(super) root: String,
}

impl Evidence {
    /// Verifies the ledger under a data directory, and proves every record. Any failure is an error.
    pub(super) fn gather(dir: &Path) -> Result<Self, AppError> {
        let key = verifier_key(&dir.join("keys/ledger.pub"))?;
        let volume = FileVolume::open_read_only(&dir.join("ledger"))?;
        let verified = verify(&volume, &key)?;
        let mut entries = Vec::new();
        for shown in show(&volume, &key, &Filter::default())? {
            let shown = shown?;
            let head = verify_proof(&prove(&volume, &key, shown.index)?, &shown.leaf, &key)?;
            if (head.size, head.root) != (verified.size, verified.root) {
                return Err(AppError::Demo("a proof led to another checkpoint".to_owned()));
            }
            let record = shown
                .record
                .ok_or_else(|| AppError::Demo(format!("record {} is of no known kind", shown.index)))?;
            entries.push(Entry { index: shown.index, record });
        }
        if entries.len() as u64 != verified.size {
            return Err(AppError::Demo("the ledger shows fewer records than it signed".to_owned()));
        }
        let root = verified.root.iter().map(|b| format!("{b:02x}")).collect();
        Ok(Self { entries, origin: verified.origin, size: verified.size, root })
    }

    /// The records of one exchange.
    pub(super) fn of(&self, request: u128) -> Vec<&Entry> {
        let of = |record: &Record| match record {
            Record::Intent(intent) => intent.request.0 == request,
            Record::Outcome(outcome) => outcome.request.0 == request,
            Record::Control(control) => control.request.is_some_and(|r| r.0 == request),
        };
        self.entries.iter().filter(|e| of(&e.record)).collect()
    }

    /// The records that count those turned away at the door for a reason: they had no exchange.
    pub(super) fn turned_away(&self, reason: Reason) -> Vec<&Entry> {
        let turned_away = |record: &Record| {
            matches!(record, Record::Control(c)
                if c.kind == ControlKind::Refusal && c.reason == Some(reason))
        };
        self.entries.iter().filter(|e| turned_away(&e.record)).collect()
    }

    /// The records of kill switches set.
    pub(super) fn kills(&self) -> Vec<&Entry> {
        let kill = |record: &Record| matches!(record, Record::Control(c) if c.kind == ControlKind::Kill);
        self.entries.iter().filter(|e| kill(&e.record)).collect()
    }
}

/// What a search of a directory came to.
#[derive(Default)]
pub(super) struct Search {
    /// Files read.
    pub(super) files: usize,
    /// Files that hold one of the strings.
    pub(super) hits: Vec<PathBuf>,
}

/// Looks into every file for any of these strings.
pub(super) fn search(dir: &Path, strings: &[String]) -> Result<Search, AppError> {
    let mut found = Search::default();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        let failed = |e| AppError::file(&dir, "reading", e);
        for entry in fs::read_dir(&dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            let path = entry.path();
            if kind.is_dir() {
                dirs.push(path);
            } else if kind.is_file() {
                let bytes = fs::read(&path).map_err(|e| AppError::file(&path, "reading", e))?;
                // The strings are ASCII: nothing that is lost here can be a part of one.
                let text = String::from_utf8_lossy(&bytes);
                found.files += 1;
                if strings.iter().any(|s| text.contains(s.as_str())) {
                    found.hits.push(path);
                }
            }
        }
    }
    Ok(found)
}
