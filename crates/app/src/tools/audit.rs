//! `cordon audit`: verifying and proving records, from files and the public key alone.

use crate::data::{read, verifier_key};
use crate::error::AppError;
use crate::tools::witnessed::Witnessed;
use cordon_ledger::custody::Opening;
use cordon_ledger::witnessed::{Standing, against, demand_quorum, prove_under};
use cordon_ledger::{InclusionProof, Intent, LedgerError, Policy, Receipt, Record, Unsigned};
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

/// What a ledger is verified against, beside its own key.
#[derive(Debug, Default)]
pub struct Beside<'a> {
    /// The policy that says which witnesses suffice.
    pub policy: Option<&'a Policy>,
    /// A ledger whose quorum is not met is a finding.
    pub demand_quorum: bool,
    /// A checkpoint of this ledger that was kept elsewhere.
    pub against: Option<&'a Path>,
}

/// Verifies every file of a ledger, and what witnesses say of it. `watch` is told how far it is.
pub fn verify(
    ledger: &Path,
    key: &Path,
    beside: &Beside<'_>,
    watch: &dyn Fn(u64, u64),
) -> Result<Verdict, AppError> {
    let key = verifier_key(key)?;
    let volume = FileVolume::open_read_only(ledger)?;
    let kept = beside.against.map(kept).transpose()?;
    let checked = || {
        let v = cordon_ledger::verify_watched(&volume, &key, watch)?;
        let kept = kept.as_ref().map(|(name, text)| against(&volume, &key, text, name)).transpose()?;
        let witnessed = Witnessed::read(&volume, &key, beside.policy)?;
        if let (Witnessed::Judged(standing, _), Some(policy), true) =
            (&witnessed, beside.policy, beside.demand_quorum)
        {
            demand_quorum(standing, policy)?;
        }
        Ok((v, kept, witnessed))
    };
    match checked() {
        Ok((v, kept, witnessed)) => Ok(Verdict::Good(json!({
            "verified": true,
            "origin": v.origin,
            "size": v.size,
            "minimum": v.minimum,
            "root": v.root.iter().map(|b| format!("{b:02x}")).collect::<String>(),
            "tiles": v.tiles,
            "bundles": v.bundles,
            "pending": v.pending,
            "witnessed": witnessed.size() > 0,
            "witnesses": witnessed.to_json(),
            "witnesses_say": witnessed.words(),
            "against": kept.map(|older| json!({"size": older.size, "consistent": true})),
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

/// A checkpoint that was kept: by itself, or in a proof.
fn kept(path: &Path) -> Result<(String, String), AppError> {
    let text = read(path)?;
    let text = InclusionProof::from_text(&text).map_or(text, |proof| proof.checkpoint);
    Ok((path.display().to_string(), text))
}

/// An offline proof (C2SP tlog-proof) that a record is in the log, and what its checkpoint's witnesses are. Under
/// the cosigned checkpoint where that covers the record, else under the ledger's own.
pub fn prove(
    ledger: &Path,
    key: &Path,
    index: u64,
    policy: Option<&Policy>,
) -> Result<(String, String), AppError> {
    let key = verifier_key(key)?;
    let volume = FileVolume::open_read_only(ledger)?;
    let witnessed = Witnessed::read(&volume, &key, policy)?;
    if let Witnessed::Judged(Standing { quorum: Some((checkpoint, judged)), .. }, true) = &witnessed
        && index < judged.head.size
    {
        let by: Vec<&str> = judged.by.iter().map(|w| w.name.as_str()).collect();
        let words = format!("witnessed by {} at {} records, quorum met", by.join(", "), judged.head.size);
        return Ok((prove_under(&volume, &key, index, checkpoint)?.to_text(), words));
    }
    let words = match &witnessed {
        Witnessed::Judged(Standing { quorum: Some(_), .. }, true) => {
            format!("unwitnessed: the record is newer than what was cosigned ({} records)", witnessed.size())
        }
        other => other.words(),
    };
    Ok((cordon_ledger::prove(&volume, &key, index)?.to_text(), words))
}

/// Checks the receipt of an erasure, with the public key alone.
pub fn receipt(file: &Path, key: &Path) -> Result<Verdict, AppError> {
    let key = verifier_key(key)?;
    let text = crate::data::read(file)?;
    let why = match Receipt::open(&text, &key) {
        Ok(receipt) => return Ok(Verdict::Good(crate::custody::receipt_json(&receipt, &text))),
        Err(Unsigned::Malformed) => "it is no receipt",
        Err(Unsigned::OtherKey) => "it is not signed by this key",
        Err(Unsigned::BadSignature) => "its signature does not fit its text",
    };
    Ok(Verdict::Tampered(json!({"genuine": false, "detail": why})))
}

/// Whether a body is the one that a record of this data directory commits to.
pub fn matches(root: &Path, index: u64, body: &Path) -> Result<Value, AppError> {
    let key = verifier_key(&root.join("keys/ledger.pub"))?;
    let volume = FileVolume::open_read_only(&root.join("ledger"))?;
    let vault = FileVolume::open_read_only(root)?;
    let body = std::fs::read(body).map_err(|e| AppError::file(body, "reading", e))?;
    let found = match Record::decode(&cordon_ledger::entry(&volume, &key, index)?) {
        Ok(Record::Intent(Intent { commitment: Some(commitment), .. })) => {
            cordon_ledger::custody::salts::open(&vault, index, &commitment, &body)?
        }
        _ => Opening::NoSalt,
    };
    let word = match found {
        Opening::Same => "same",
        Opening::Other => "other",
        Opening::Shredded => "shredded",
        Opening::NoSalt => "no_salt",
    };
    Ok(json!({"record": index, "body": word}))
}
