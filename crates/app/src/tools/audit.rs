//! `cordon audit`: verifying and proving records, from files and the public key alone.

use crate::data::verifier_key;
use crate::error::AppError;
use cordon_ledger::LedgerError;
use cordon_store::volume::FileVolume;
use serde_json::{Value, json};
use std::path::Path;

/// What a verification says.
pub enum Verdict {
    /// All is as signed.
    Good(Value),
    /// Something was changed: what, and where.
    Tampered(Value),
}

/// Verifies every file of a ledger.
pub fn verify(ledger: &Path, key: &Path) -> Result<Verdict, AppError> {
    let key = verifier_key(key)?;
    let volume = FileVolume::open_read_only(ledger)?;
    match cordon_ledger::verify(&volume, &key) {
        Ok(v) => Ok(Verdict::Good(json!({
            "verified": true,
            "origin": v.origin,
            "size": v.size,
            "root": v.root.iter().map(|b| format!("{b:02x}")).collect::<String>(),
            "tiles": v.tiles,
            "bundles": v.bundles,
            "pending": v.pending,
            "witnessed": false,
        }))),
        Err(LedgerError::Damaged(tamper)) => Ok(Verdict::Tampered(json!({
            "verified": false,
            "class": tamper.class.name(),
            "where": tamper.path,
            "index": tamper.index,
            "detail": tamper.to_string(),
        }))),
        Err(e) => Err(e.into()),
    }
}

/// An offline proof (C2SP tlog-proof) that a record is in the log.
pub fn prove(ledger: &Path, key: &Path, index: u64) -> Result<String, AppError> {
    let key = verifier_key(key)?;
    let volume = FileVolume::open_read_only(ledger)?;
    Ok(cordon_ledger::prove(&volume, &key, index)?.to_text())
}
