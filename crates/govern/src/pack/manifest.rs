//! The manifest: the hash of every file, and the checkpoint that the pack was made under.

use super::{Files, Input};
use cordon_types::time;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Where it stands.
pub const PATH: &str = "manifest.json";
/// Its signature: a signed note over [`note_text`].
pub const NOTE: &str = "manifest.note";
/// The format's name.
pub const FORMAT: &str = "cordon-evidence-pack/1";

/// A file's size and hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Bytes.
    pub bytes: u64,
    /// SHA-256, in lower-case hexadecimal.
    pub sha256: String,
}

/// The manifest.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// From, included.
    pub from: String,
    /// To, excluded.
    pub to: String,
    /// Slugs of the frameworks.
    pub frameworks: Vec<String>,
    /// The log's name.
    pub origin: String,
    /// Entries under the checkpoint.
    pub size: u64,
    /// The root over them, in hexadecimal.
    pub root: String,
    /// Whether the checkpoint was made for the period's tree, so that the same period gives the same bytes.
    pub of_period: bool,
    /// Every other file.
    pub files: BTreeMap<String, Entry>,
}

impl Manifest {
    pub(super) fn new(input: &Input<'_>, files: &Files) -> Self {
        let entry = |bytes: &[u8]| Entry { bytes: bytes.len() as u64, sha256: sha256(bytes) };
        Self {
            format: FORMAT.to_owned(),
            from: time::text(input.period.from),
            to: time::text(input.period.to),
            frameworks: input.frameworks.iter().map(|f| f.slug.clone()).collect(),
            origin: input.log.origin.clone(),
            size: input.log.size,
            root: input.log.root.clone(),
            of_period: input.log.of_period,
            files: files.iter().map(|(path, bytes)| (path.clone(), entry(bytes))).collect(),
        }
    }
}

/// SHA-256 in lower-case hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    cordon_types::Digest(Sha256::digest(bytes).into()).to_string()
}

/// What is signed of a manifest. Its first line is no log's name, so that it never passes for a checkpoint.
#[must_use]
pub fn note_text(manifest: &[u8]) -> String {
    format!("evidence pack manifest, not a checkpoint\nsha256 {}\n", sha256(manifest))
}
