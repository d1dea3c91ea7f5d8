//! Evidence packs: a folder of files that an auditor reads without Cordon and verifies with or without it.
//!
//! ```text
//! index.html .json                        over all frameworks           README.txt      how to read and verify it
//! frameworks/<f>/index.html .json         a framework                   .../oscal-assessment-results.json
//! frameworks/<f>/<control>.html .json     a control
//! evidence/<EV-..>.html .json             an evidence type
//! samples/<index>.json .tlog-proof        a record, and the proof that it is in the log
//! checkpoint  ledger.pub                  what the proofs lead to, and the key it is signed with
//! anchor/checkpoint  anchor/consistency   where asked for: the published checkpoint that extends it
//! manifest.json  manifest.note            the hash of every other file; signed where the key was at hand
//! ```
//!
//! What always holds: the same input gives the same bytes; each value from a record or file is escaped; every file but
//! the manifest's two stands in the manifest. What it does not do: claim anything.

mod control;
mod index;
pub mod manifest;

use crate::answer::Answer;
use crate::catalogue::{Catalogue, EvidenceId, Framework};
use crate::facts::Facts;
use crate::figures::{Figures, Period};
use crate::oscal;
use crate::queries::Log;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Files by path, with `/`.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A record and its proof.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The leaf's bytes.
    pub leaf: Vec<u8>,
    /// The `.tlog-proof` file's text.
    pub proof: String,
}

/// The published checkpoint that extends the pack's own.
#[derive(Clone, Debug)]
pub struct Anchor {
    /// Its signed text, with whatever cosignatures it has.
    pub checkpoint: String,
    /// The consistency proof's hashes, one a line, base64.
    pub consistency: String,
}

/// All that a pack is made from.
pub struct Input<'a> {
    /// Frameworks and evidence types.
    pub catalogue: &'a Catalogue,
    /// The frameworks asked for.
    pub frameworks: Vec<&'a Framework>,
    /// The period.
    pub period: Period,
    /// Its figures.
    pub figures: &'a Figures,
    /// The answers, of all evidence types.
    pub answers: &'a [Answer],
    /// What the files say.
    pub facts: &'a Facts,
    /// The log.
    pub log: Log,
    /// The signed checkpoint.
    pub checkpoint: String,
    /// The public key's text.
    pub key: String,
    /// The records that [`wanted`] names.
    pub samples: BTreeMap<u64, Sample>,
    /// The published checkpoint, where asked for.
    pub anchor: Option<Anchor>,
}

/// The evidence types that these frameworks ask for.
#[must_use]
pub fn asked(frameworks: &[&Framework]) -> BTreeSet<EvidenceId> {
    frameworks.iter().flat_map(|f| &f.controls).flat_map(|c| c.evidence.iter().copied()).collect()
}

/// The indexes of the records that a pack on these frameworks shows.
#[must_use]
pub fn wanted(frameworks: &[&Framework], answers: &[Answer]) -> BTreeSet<u64> {
    let asked = asked(frameworks);
    answers.iter().filter(|a| asked.contains(&a.id)).flat_map(|a| a.samples.iter().copied()).collect()
}

/// The footer of every page.
const FOOTER: &str = "Made by Cordon from its own record. It shows figures, records and proofs; whether a control is met is \
                      for an assessor to say. No prompt, answer or person's name stands in it.";

/// Makes every file of the pack but `manifest.note`.
pub fn build(input: &Input<'_>) -> Result<Files, serde_json::Error> {
    let mut files = Files::new();
    let asked = asked(&input.frameworks);
    for framework in &input.frameworks {
        let folder = format!("frameworks/{}", framework.slug);
        for c in &framework.controls {
            let page = control::Page::new(input, framework, c);
            let name = format!("{folder}/{}", c.slug());
            files.insert(format!("{name}.json"), json(&page)?);
            files.insert(format!("{name}.html"), page.html());
        }
        let page = index::FrameworkPage::new(input, framework);
        files.insert(format!("{folder}/index.json"), json(&page)?);
        files.insert(format!("{folder}/index.html"), page.html());
        let results = oscal::results(input, framework);
        files.insert(format!("{folder}/oscal-assessment-results.json"), json(&results)?);
    }
    for answer in input.answers.iter().filter(|a| asked.contains(&a.id)) {
        let name = format!("evidence/{}", answer.id.name());
        files.insert(format!("{name}.json"), json(answer)?);
        files.insert(format!("{name}.html"), control::evidence_page(input, answer));
    }
    let page = index::PackPage::new(input);
    files.insert("index.json".to_owned(), json(&page)?);
    files.insert("index.html".to_owned(), page.html());
    files.insert("README.txt".to_owned(), index::readme(input).into_bytes());
    for (n, sample) in &input.samples {
        files.insert(format!("samples/{n}.json"), sample.leaf.clone());
        files.insert(format!("samples/{n}.tlog-proof"), sample.proof.clone().into_bytes());
    }
    files.insert("checkpoint".to_owned(), input.checkpoint.clone().into_bytes());
    files.insert("ledger.pub".to_owned(), format!("{}\n", input.key.trim_end()).into_bytes());
    if let Some(anchor) = &input.anchor {
        files.insert("anchor/checkpoint".to_owned(), anchor.checkpoint.clone().into_bytes());
        files.insert("anchor/consistency".to_owned(), anchor.consistency.clone().into_bytes());
    }
    let manifest = manifest::Manifest::new(input, &files);
    files.insert(manifest::PATH.to_owned(), json(&manifest)?);
    Ok(files)
}

/// JSON for people and programs alike.
fn json<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// A period as text.
fn period(period: Period) -> String {
    format!("{} to {}", cordon_types::time::text(period.from), cordon_types::time::text(period.to))
}

#[cfg(test)]
#[path = "pack_tests.rs"]
mod tests;
