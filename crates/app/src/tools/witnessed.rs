//! What listings, proofs and verifications say of witnesses: by whom, how far, quorum met or not. One place makes
//! the words, so that nothing is called witnessed by accident.

use crate::data::{read, verifier_key};
use crate::error::AppError;
use cordon_ledger::witnessed::{self, BY_WITNESS, Standing};
use cordon_ledger::{LedgerError, Policy, Volume as _};
use cordon_store::volume::FileVolume;
use serde_json::{Value, json};
use std::path::Path;

/// The policy to judge by: the given file, else the one that the config in `root` names, else none.
pub fn policy(root: Option<&Path>, given: Option<&Path>) -> Result<Option<Policy>, AppError> {
    let path = match (given, root) {
        (Some(path), _) => path.to_owned(),
        (None, None) => return Ok(None),
        (None, Some(root)) => {
            let file = root.join("cordon.toml");
            if !file.exists() {
                return Ok(None);
            }
            let config = cordon_config::parse("cordon.toml", &read(&file)?)?;
            let Some(witnesses) = config.ledger.witnesses else { return Ok(None) };
            root.join(witnesses.policy)
        }
    };
    let bad = |reason: String| AppError::BadKeyFile { path: path.clone(), reason };
    Policy::parse(read(&path)?.as_bytes()).map(Some).map_err(|e| bad(e.to_string()))
}

/// What is known of a ledger's witnesses.
pub(crate) enum Witnessed {
    /// There is no policy: nothing can be said of so many kept cosignatures.
    Unjudged(usize),
    /// Judged by a policy; whether it asks for any cosignature.
    Judged(Standing, bool),
}

impl Witnessed {
    pub(crate) fn read(
        volume: &FileVolume,
        key: &cordon_ledger::VerifierKey,
        policy: Option<&Policy>,
    ) -> Result<Self, LedgerError> {
        match policy {
            None => Ok(Self::Unjudged(volume.list(BY_WITNESS)?.len())),
            Some(policy) if !policy.accepts(key) => Err(LedgerError::Malformed {
                what: "the policy",
                problem: "its `log` lines do not accept this ledger's key",
            }),
            Some(policy) => Ok(Self::Judged(witnessed::standing(volume, key, policy)?, policy.asks())),
        }
    }

    /// Records under a checkpoint that met the quorum.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Unjudged(_) => 0,
            Self::Judged(standing, _) => standing.witnessed(),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Unjudged(kept) => json!({"state": "unwitnessed", "policy": false, "unchecked": kept}),
            Self::Judged(s, _) => json!({
                "state": if s.quorum.is_some() { "witnessed" } else { "unwitnessed" },
                "policy": true,
                "quorum": s.quorum.is_some(),
                "size": s.witnessed(),
                "of": s.size,
                "by": s.by().iter().map(|w| json!({"name": w.name, "time": w.time})).collect::<Vec<_>>(),
                "witnesses": s.witnesses.iter().map(|(name, seen)| json!({
                    "name": name,
                    "size": seen.map_or(0, |(size, _)| size),
                    "time": seen.map(|(_, time)| time),
                })).collect::<Vec<_>>(),
            }),
        }
    }

    /// One line, without a full stop.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Unjudged(0) => "unwitnessed: no policy names a witness".to_owned(),
            Self::Unjudged(n) => format!(
                "unwitnessed: no policy names a witness ({n} kept cosignatures were not checked; name a policy with \
                 --policy)"
            ),
            Self::Judged(_, false) => "unwitnessed: the policy asks for no cosignature".to_owned(),
            Self::Judged(s, true) => {
                let each: Vec<String> = s
                    .witnesses
                    .iter()
                    .map(|(name, seen)| match seen {
                        Some((size, _)) => format!("{name} at {size}"),
                        None => format!("{name} never"),
                    })
                    .collect();
                if s.quorum.is_none() {
                    return format!("unwitnessed: quorum not met ({})", each.join(", "));
                }
                let by: Vec<&str> = s.by().iter().map(|w| w.name.as_str()).collect();
                format!(
                    "witnessed up to {} of {} records by {}, quorum met ({})",
                    s.witnessed(),
                    s.size,
                    by.join(", "),
                    each.join(", ")
                )
            }
        }
    }
}

/// The head line of a listing: how far the ledger is witnessed, and the number of records that are.
pub fn head(ledger: &Path, key: &Path, policy: Option<&Policy>) -> Result<(String, u64), AppError> {
    let (key, volume) = (verifier_key(key)?, FileVolume::open_read_only(ledger)?);
    let witnessed = Witnessed::read(&volume, &key, policy)?;
    Ok((witnessed.words(), witnessed.size()))
}
