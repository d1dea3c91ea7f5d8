//! Exporting a pack.
//!
//! SECURITY: the log's key signs two things here: a checkpoint of a tree that the published checkpoint is proven to
//! extend ([`Prefix::at`]), which says nothing new, and a note about the manifest whose text is no checkpoint.

use super::live::{checkpoint, cosignatures, cosigned};
use super::{Source, known, problem};
use crate::error::AppError;
use cordon_govern::pack::manifest::{self, note_text};
use cordon_govern::pack::{self, Anchor, Files, Input, Sample};
use cordon_govern::{Framework, Log, Period};
use cordon_ledger::{Checkpoint, Prefix, Signer};
use cordon_types::Digest;
use data_encoding::BASE64;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// What is wanted.
#[derive(Debug)]
pub struct Wanted {
    /// A framework's slug, or `all`.
    pub framework: String,
    /// The period.
    pub period: Period,
    /// A folder that is not there yet, or a file that ends with `.zip`.
    pub out: PathBuf,
    /// Tie the pack to the published checkpoint too.
    pub anchor: bool,
    /// Now, to say when a period is not over.
    pub now: u64,
}

/// What was made.
#[derive(Debug)]
pub struct Exported {
    /// Files.
    pub files: usize,
    /// Controls with a page.
    pub controls: usize,
    /// Records of the period.
    pub records: u64,
    /// Proofs.
    pub proofs: usize,
    /// Entries under the checkpoint.
    pub size: u64,
    /// Whether the log's key was at hand, so that the same period gives the same bytes.
    pub of_period: bool,
    /// What the operator should know.
    pub notes: Vec<String>,
}

/// Makes a pack and writes it.
pub fn export(root: &Path, wanted: &Wanted) -> Result<Exported, AppError> {
    known(&super::catalogue()?, &wanted.framework)?;
    let zipped = wanted.out.extension().is_some_and(|e| e == "zip");
    super::pack::must_be_free(&wanted.out)?;
    let source = Source::read(root, wanted.period)?;
    let signer = signer(root)?;
    let frameworks = source.catalogue.chosen(&wanted.framework);
    let (files, made) = files(&source, &frameworks, signer.as_ref(), wanted.anchor)?;
    super::pack::write(&wanted.out, &files, zipped)?;
    let mut notes = Vec::new();
    if wanted.period.to > wanted.now {
        notes.push("the period is not over: records to come will change the pack".to_owned());
    }
    if source.figures.records.total() == 0 {
        notes.push("the period has no records".to_owned());
    }
    if source.figures.unreadable > 0 {
        notes.push(format!("{} entries are no records of this version", source.figures.unreadable));
    }
    if !made.of_period {
        notes.push(
            "keys/ledger.key is not here: proofs lead to the published checkpoint, and a later export differs".to_owned(),
        );
    }
    Ok(Exported {
        files: files.len(),
        controls: frameworks.iter().map(|f| f.controls.len()).sum(),
        records: source.figures.records.total(),
        proofs: files.keys().filter(|p| p.ends_with(".tlog-proof")).count(),
        size: made.size,
        of_period: made.of_period,
        notes,
    })
}

/// The log's signing key, where it stands on this machine.
fn signer(root: &Path) -> Result<Option<Signer>, AppError> {
    let path = root.join("keys/ledger.key");
    if !path.exists() {
        return Ok(None);
    }
    let text = Zeroizing::new(crate::data::read(&path)?);
    let signer = Signer::from_text(text.trim());
    signer.map(Some).map_err(|e| AppError::BadKeyFile { path, reason: e.to_string() })
}

fn files(
    source: &Source,
    frameworks: &[&Framework],
    signer: Option<&Signer>,
    anchored: bool,
) -> Result<(Files, Log), AppError> {
    let published = checkpoint(source)?;
    let head = Checkpoint::open(&published, &source.key)
        .map_err(|_| problem("the ledger's checkpoint is not signed with this key"))?;
    let size = if signer.is_some() { source.figures.size } else { head.size };
    let tree = Prefix::at(&source.volume, &source.key, size)?;
    let text = match signer {
        Some(signer) => tree.sign(signer)?,
        None => published.clone(),
    };
    // What witnesses cosigned, where that covers the pack: else what the log alone signed.
    let seen = cosigned(source)?.filter(|(_, seen)| anchored && seen.size >= size);
    let (tie, new) = seen.as_ref().map_or((published.as_str(), head.size), |(text, c)| (text, c.size));
    let log = Log {
        origin: tree.origin().to_owned(),
        size,
        root: Digest(*tree.root()).to_string(),
        of_period: signer.is_some(),
        cosignatures: seen.as_ref().map_or(0, |(text, _)| cosignatures(text, tree.origin())),
        cosigned: seen.as_ref().map_or(0, |(_, seen)| seen.size),
    };
    let answers = source.answers(&log);
    let samples = samples(&tree, source, &text, &pack::wanted(frameworks, &answers))?;
    let anchor = anchored.then(|| anchor(source, tie, size, new)).transpose()?;
    let input = Input {
        catalogue: &source.catalogue,
        frameworks: frameworks.to_vec(),
        period: source.period,
        figures: &source.figures,
        answers: &answers,
        facts: &source.facts,
        log: log.clone(),
        checkpoint: text,
        key: source.key.to_text(),
        samples,
        anchor,
    };
    let mut files = pack::build(&input).map_err(problem)?;
    if let (Some(signer), Some(bytes)) = (signer, files.get(manifest::PATH)) {
        let note = signer.sign(&note_text(bytes));
        files.insert(manifest::NOTE.to_owned(), note.into_bytes());
    }
    Ok((files, log))
}

fn samples(
    tree: &Prefix<'_>,
    source: &Source,
    checkpoint: &str,
    wanted: &BTreeSet<u64>,
) -> Result<BTreeMap<u64, Sample>, AppError> {
    let sample = |index: &u64| {
        let (leaf, proof) = tree.prove(&source.key, checkpoint, *index)?;
        Ok((*index, Sample { leaf, proof: proof.to_text() }))
    };
    wanted.iter().map(sample).collect()
}

/// A published checkpoint, with its cosignatures, and the proof that it extends the pack's.
fn anchor(source: &Source, published: &str, old: u64, new: u64) -> Result<Anchor, AppError> {
    let proof = cordon_ledger::consistency(&source.volume, &source.key, old, new)?;
    let lines: String = proof.hashes.iter().map(|h| BASE64.encode(h) + "\n").collect();
    Ok(Anchor { checkpoint: published.to_owned(), consistency: lines })
}
