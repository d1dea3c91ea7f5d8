//! Verifying a pack: files and a public key, nothing else.
//!
//! ```text
//! manifest.note --key--> manifest.json --hashes--> every file
//! checkpoint --key--> size, root == the manifest's;   samples/N.tlog-proof: samples/N.json at N under that checkpoint
//! anchor/checkpoint --key--> consistency from checkpoint
//! ```
//!
//! What always holds: every problem is named, not only the first. What it does not do: make the figures again; that
//! takes the log (`cordon evidence export`, and compare).

use crate::pack::Files;
use crate::pack::manifest::{self, Manifest};
use cordon_ledger::{ConsistencyProof, InclusionProof, VerifierKey, tree, verify_consistency, verify_proof};
use std::collections::BTreeSet;

/// What was checked, and what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Everything that is off; empty when nothing is.
    pub problems: Vec<String>,
    /// Files whose hash was compared.
    pub files: u64,
    /// Proofs that hold.
    pub proofs: u64,
    /// Whether the manifest is signed, and the signature holds.
    pub signed: bool,
    /// Whether the pack is tied to a published checkpoint, and the tie holds.
    pub anchored: bool,
    /// The log.
    pub origin: String,
    /// Entries under the checkpoint.
    pub size: u64,
    /// The root, in hexadecimal.
    pub root: String,
}

/// Checks every file of a pack.
#[must_use]
pub fn verify(files: &Files, key: &VerifierKey) -> Report {
    let mut report = Report::default();
    let Some(manifest) = read_manifest(files, &mut report) else { return report };
    hashes(files, &manifest, &mut report);
    signature(files, key, &mut report);
    let checkpoint = text(files, "checkpoint");
    match cordon_ledger::Checkpoint::open(checkpoint, key) {
        Ok(head) => {
            report.origin = head.origin;
            report.size = head.size;
            report.root = cordon_types::Digest(head.root).to_string();
            if (report.size, &report.root) != (manifest.size, &manifest.root) {
                report
                    .problems
                    .push("manifest.json: it names another size or root than the checkpoint".into());
            }
        }
        Err(_) => report.problems.push("checkpoint: it is not there, or not signed with this key".into()),
    }
    let named = text(files, "ledger.pub").trim_end();
    if named != key.to_text() {
        report.problems.push("ledger.pub: it is another key than the one given".into());
    }
    proofs(files, key, checkpoint, &mut report);
    anchor(files, key, checkpoint, &mut report);
    report
}

fn text<'a>(files: &'a Files, path: &str) -> &'a str {
    files.get(path).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
}

fn read_manifest(files: &Files, report: &mut Report) -> Option<Manifest> {
    let Some(bytes) = files.get(manifest::PATH) else {
        report.problems.push("manifest.json: it is not there; this is no evidence pack".into());
        return None;
    };
    match serde_json::from_slice::<Manifest>(bytes) {
        Ok(read) if read.format == manifest::FORMAT => Some(read),
        Ok(_) => {
            report.problems.push("manifest.json: this version does not know its format".into());
            None
        }
        Err(e) => {
            report.problems.push(format!("manifest.json: it cannot be read: {e}"));
            None
        }
    }
}

fn hashes(files: &Files, manifest: &Manifest, report: &mut Report) {
    for (path, entry) in &manifest.files {
        match files.get(path) {
            None => report.problems.push(format!("{path}: it is missing")),
            Some(bytes) if bytes.len() as u64 != entry.bytes || manifest::sha256(bytes) != entry.sha256 => {
                report.problems.push(format!("{path}: it was changed"));
            }
            Some(_) => report.files += 1,
        }
    }
    let own = [manifest::PATH, manifest::NOTE];
    for path in files.keys().filter(|p| !own.contains(&p.as_str()) && !manifest.files.contains_key(*p)) {
        report.problems.push(format!("{path}: it stands in no manifest"));
    }
}

fn signature(files: &Files, key: &VerifierKey, report: &mut Report) {
    let Some(note) = files.get(manifest::NOTE) else { return };
    let expected = files.get(manifest::PATH).map(|m| manifest::note_text(m)).unwrap_or_default();
    let note = std::str::from_utf8(note).unwrap_or_default();
    match key.open(note) {
        Ok(text) if text == expected => report.signed = true,
        Ok(_) => report.problems.push("manifest.note: it signs another manifest".into()),
        Err(_) => report.problems.push("manifest.note: it is not signed with this key".into()),
    }
}

fn proofs(files: &Files, key: &VerifierKey, checkpoint: &str, report: &mut Report) {
    let names: BTreeSet<&str> = files
        .keys()
        .filter_map(|p| p.strip_prefix("samples/")?.rsplit_once('.').map(|(name, _)| name))
        .collect();
    for name in names {
        let path = format!("samples/{name}.tlog-proof");
        let Some(leaf) = files.get(&format!("samples/{name}.json")) else {
            report.problems.push(format!("{path}: its record is missing"));
            continue;
        };
        let held = match InclusionProof::from_text(text(files, &path)) {
            Err(e) => Err(e.to_string()),
            Ok(proof) if proof.index.to_string() != name => Err("it is of another index".into()),
            Ok(proof) if proof.checkpoint != checkpoint => Err("it leads to another checkpoint".into()),
            Ok(proof) => verify_proof(&proof, leaf, key).map(|_| ()).map_err(|e| e.to_string()),
        };
        match held {
            Ok(()) => report.proofs += 1,
            Err(problem) => report.problems.push(format!("{path}: {problem}")),
        }
    }
}

fn anchor(files: &Files, key: &VerifierKey, checkpoint: &str, report: &mut Report) {
    if !files.contains_key("anchor/checkpoint") && !files.contains_key("anchor/consistency") {
        return;
    }
    let published = text(files, "anchor/checkpoint");
    let hashes: Option<Vec<tree::Hash>> =
        text(files, "anchor/consistency").lines().map(|l| from_base64(l.as_bytes())).collect();
    let sizes = |text| cordon_ledger::Checkpoint::open(text, key).map(|c| c.size).ok();
    let held = match (hashes, sizes(checkpoint), sizes(published)) {
        (Some(hashes), Some(old), Some(new)) if hashes.len() <= 128 => {
            verify_consistency(&ConsistencyProof { old, new, hashes }, checkpoint, published, key)
                .map_err(|e| e.to_string())
        }
        _ => Err("it cannot be read, or is not signed with this key".to_owned()),
    };
    match held {
        Ok(()) => report.anchored = true,
        Err(problem) => report.problems.push(format!("anchor: {problem}")),
    }
}

fn from_base64(line: &[u8]) -> Option<tree::Hash> {
    data_encoding::BASE64.decode(line).ok()?.try_into().ok()
}
