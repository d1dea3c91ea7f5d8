//! `cordon audit sequences`: reads of secrets or restricted data that a send, spend or execution followed.

use crate::data::verifier_key;
use crate::error::AppError;
use cordon_ledger::{Filter, show};
use cordon_store::volume::FileVolume;
use cordon_types::time;
use cordon_watch::{Sequence, Sequences};
use serde_json::{Value, json};
use std::path::Path;

/// Hands each sequence in the log to `out`, in order. Gives how many of them were not stopped.
pub fn sequences(ledger: &Path, key: &Path, mut out: impl FnMut(&Value)) -> Result<u64, AppError> {
    let key = verifier_key(key)?;
    let volume = FileVolume::open_read_only(ledger)?;
    let mut seen = Sequences::default();
    let mut loose = 0;
    for shown in show(&volume, &key, &Filter::default())? {
        let shown = shown?;
        let Some(record) = &shown.record else { continue };
        for found in seen.take(shown.index, record) {
            loose += u64::from(!found.stopped);
            out(&as_json(&found));
        }
    }
    Ok(loose)
}

fn as_json(s: &Sequence) -> Value {
    json!({
        "agent": s.agent.as_str(),
        "read": {
            "record": s.read.index,
            "at": time::rfc3339(s.read.at),
            "class": s.read.class.name(),
            "secret": s.read.secret.map(|k| k.name()),
        },
        "sent": {"record": s.sent, "at": time::rfc3339(s.at), "effect": s.effect.name()},
        "stopped": s.stopped,
    })
}
