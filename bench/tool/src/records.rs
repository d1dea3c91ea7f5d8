//! The records that a gateway wrote, and what they take on disk.

use anyhow::Context as _;
use cordon_ledger::{Filter, Record, VerifierKey, show};
use cordon_store::volume::FileVolume;
use serde::Serialize;
use std::path::Path;

/// Sizes of real records.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Sizes {
    /// Exchanges that both leaves are there of.
    pub(crate) exchanges: u64,
    /// Mean size of an intent.
    pub(crate) intent: f64,
    /// Mean size of an outcome.
    pub(crate) outcome: f64,
    /// What an exchange takes on disk: entries with their length, and its share of all tiles.
    pub(crate) on_disk: f64,
}

/// Leaves of exchanges, and their sizes.
pub(crate) struct Real {
    /// Intents and outcomes, as they came.
    pub(crate) leaves: Vec<Vec<u8>>,
    /// What they take.
    pub(crate) sizes: Sizes,
}

/// Bytes of all files below a folder.
pub(crate) fn bytes(path: &Path) -> u64 {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .map(|e| match e.metadata() {
            Ok(m) if m.is_dir() => bytes(&e.path()),
            Ok(m) => m.len(),
            Err(_) => 0,
        })
        .sum()
}

/// The records of a gateway that has ended.
pub(crate) fn read(data_dir: &Path) -> anyhow::Result<Real> {
    let key = std::fs::read_to_string(data_dir.join("keys/ledger.pub"))?;
    let key = VerifierKey::from_text(key.trim())?;
    let volume = FileVolume::open_read_only(&data_dir.join("ledger"))?;
    let filter = Filter::default();
    let (mut intents, mut outcomes, mut of_intents, mut of_outcomes, mut all) =
        (0_u64, 0_u64, 0_u64, 0_u64, 0_u64);
    let mut leaves = Vec::new();
    for shown in show(&volume, &key, &filter)? {
        let shown = shown?;
        all += 1;
        let length = shown.leaf.len() as u64;
        match shown.record {
            Some(Record::Intent(_)) => (intents, of_intents) = (intents + 1, of_intents + length),
            Some(Record::Outcome(_)) => (outcomes, of_outcomes) = (outcomes + 1, of_outcomes + length),
            _ => continue,
        }
        leaves.push(shown.leaf);
    }
    let exchanges = intents.min(outcomes);
    (exchanges > 1_000).then_some(()).context("too few exchanges came through to say anything")?;
    let files = bytes(&data_dir.join("ledger/tile"));
    #[allow(clippy::cast_precision_loss, reason = "means for people")]
    let sizes = Sizes {
        exchanges,
        intent: of_intents as f64 / intents as f64,
        outcome: of_outcomes as f64 / outcomes as f64,
        on_disk: 2.0 * files as f64 / all as f64,
    };
    Ok(Real { leaves, sizes })
}
