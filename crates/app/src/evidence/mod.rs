//! Evidence and posture: reads the ledger and the operator's files, hands them to `govern`, writes what comes back.
//!
//! ```text
//! ledger/ --leaves--> govern::Pass --figures--+
//! files --facts.rs--> govern::Facts ----------+--> answers --> export.rs: pack   live.rs: posture, reviews/<hash>.json
//! ```
//!
//! What always holds: the ledger is read and never written here; what is signed is a tree that the published checkpoint
//! already covers.

mod export;
mod facts;
mod live;
mod pack;

pub use export::{Exported, Wanted, export};
pub(crate) use live::{posture, review};
pub use pack::verify;

use crate::data::verifier_key;
use crate::error::AppError;
use crate::load::load;
use cordon_govern::{Answer, Catalogue, EvidenceId, Facts, Figures, Log, Pass, Period};
use cordon_ledger::VerifierKey;
use cordon_store::volume::FileVolume;
use cordon_types::time;
use std::path::Path;

/// What a data directory shows of a period.
pub(crate) struct Source {
    pub(crate) catalogue: Catalogue,
    pub(crate) facts: Facts,
    pub(crate) volume: FileVolume,
    pub(crate) key: VerifierKey,
    pub(crate) figures: Figures,
    pub(crate) period: Period,
}

pub(crate) fn problem(text: impl ToString) -> AppError {
    AppError::Evidence(text.to_string())
}

impl Source {
    /// Reads everything: the files, and the whole log once.
    pub(crate) fn read(root: &Path, period: Period) -> Result<Self, AppError> {
        let catalogue = Catalogue::embedded().map_err(problem)?;
        let facts = facts::facts(root, &load(root)?)?;
        let key = verifier_key(&root.join("keys/ledger.pub"))?;
        let volume = FileVolume::open_read_only(&root.join("ledger"))?;
        let mut pass = Pass::new(period);
        for leaf in cordon_ledger::leaves(&volume, &key)? {
            let (index, leaf) = leaf?;
            pass.take(index, &leaf);
        }
        Ok(Self { catalogue, facts, volume, key, figures: pass.end(), period })
    }

    pub(crate) fn answers(&self, log: &Log) -> Vec<Answer> {
        cordon_govern::answers(&self.catalogue, &self.figures, &self.facts, self.period, log)
    }
}

/// Reads a period of the command line: from, included, to, excluded.
pub fn period(from: &str, to: &str) -> Result<Period, AppError> {
    let read = |name: &str, text: &str| {
        time::parse(text).ok_or_else(|| {
            problem(format!(
                "`--{name} {text}` is no time: write 2026-11-25, 2026-11-25T14:03:09Z, or milliseconds since 1970"
            ))
        })
    };
    let period = Period { from: read("from", from)?, to: read("to", to)? };
    if period.from >= period.to {
        return Err(problem("`--to` must be later than `--from`; it is the first moment behind the period"));
    }
    Ok(period)
}

/// One evidence type's answer over a period.
pub fn query(root: &Path, evidence: &str, period: Period) -> Result<Answer, AppError> {
    let id = EvidenceId::from_name(evidence).ok_or_else(|| {
        let all: Vec<&str> = EvidenceId::ALL.iter().map(|e| e.name()).collect();
        problem(format!("there is no evidence type `{evidence}`; there are {}", all.join(", ")))
    })?;
    let source = Source::read(root, period)?;
    let log = live::at_hand(&source)?;
    source.answers(&log).into_iter().find(|a| a.id == id).ok_or_else(|| problem("it has no answer"))
}

/// What the binary knows of frameworks and controls.
pub fn catalogue() -> Result<Catalogue, AppError> {
    Catalogue::embedded().map_err(problem)
}

/// The frameworks of a word, or an error that lists them.
pub(crate) fn known(catalogue: &Catalogue, word: &str) -> Result<(), AppError> {
    if catalogue.chosen(word).is_empty() {
        let all: Vec<&str> = catalogue.frameworks.iter().map(|f| f.slug.as_str()).collect();
        return Err(problem(format!("there is no framework `{word}`; there are all, {}", all.join(", "))));
    }
    Ok(())
}
