//! Verification of a whole ledger, and proofs out of its tiles.

use crate::histogram::Histogram;
use crate::{clock, durable, records};
use cordon_ledger::{consistency, prove, verify};
use cordon_store::volume::FileVolume;
use serde::Serialize;
use std::path::Path;

/// Proofs of each kind.
const PROOFS: u64 = 2_000;

/// What it came to.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Checked {
    /// Records in the ledger.
    pub(crate) records: u64,
    /// Bytes of its files.
    pub(crate) bytes: u64,
    /// A full verification: the median of three.
    pub(crate) verify_seconds: f64,
    /// The same, as a rate.
    pub(crate) verified_per_second: f64,
    /// Making and checking one inclusion proof, the tiles read from files.
    pub(crate) inclusion_p50_ms: f64,
    /// The same.
    pub(crate) inclusion_p99_ms: f64,
    /// Making one consistency proof.
    pub(crate) consistency_p50_ms: f64,
    /// The same.
    pub(crate) consistency_p99_ms: f64,
}

/// Measures over a ledger of so many records.
pub(crate) fn run(folder: &Path, leaves: &[Vec<u8>], records: u64) -> anyhow::Result<Checked> {
    let dir = folder.join("verified");
    let committer = durable::start(&dir)?;
    durable::fill(&committer, leaves, records)?;
    committer.stop()?;
    let key = durable::signer()?.verifier();
    let volume = FileVolume::open_read_only(&dir)?;
    let mut times = Vec::new();
    for _ in 0..3 {
        let begun = clock::now();
        let found = verify(&volume, &key)?;
        anyhow::ensure!(found.size == records, "the ledger does not hold what was acknowledged");
        times.push(clock::now() - begun);
    }
    times.sort_unstable();
    let (mut inclusion, mut between) = (Histogram::default(), Histogram::default());
    for n in 0..PROOFS {
        // Spread over the tree, the same ones each time.
        let index = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % records;
        let begun = clock::now();
        prove(&volume, &key, index)?;
        inclusion.add(clock::now() - begun);
        let begun = clock::now();
        consistency(&volume, &key, index + 1, records)?;
        between.add(clock::now() - begun);
    }
    let bytes = records::bytes(&dir);
    drop(volume);
    std::fs::remove_dir_all(&dir)?;
    #[allow(clippy::cast_precision_loss, reason = "figures for people")]
    let seconds = times.get(1).copied().unwrap_or(1) as f64 / 1e9;
    #[allow(clippy::cast_precision_loss, reason = "figures for people")]
    let verified_per_second = records as f64 / seconds;
    Ok(Checked {
        records,
        bytes,
        verify_seconds: seconds,
        verified_per_second,
        inclusion_p50_ms: inclusion.at(500),
        inclusion_p99_ms: inclusion.at(990),
        consistency_p50_ms: between.at(500),
        consistency_p99_ms: between.at(990),
    })
}
