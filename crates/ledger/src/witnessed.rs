//! What witnesses cosigned, kept beside the ledger's checkpoint, and what that says of the files.
//!
//! | path | what |
//! |---|---|
//! | `checkpoint.cosigned` | the newest checkpoint whose cosignatures met the quorum, with them |
//! | `cosigned/<16 digits>` | the newest checkpoint that one witness cosigned; named by the hash of its key |
//!
//! Both are plain signed checkpoints (C2SP tlog-checkpoint) that other software reads.
//!
//! What always holds: a ledger that is shorter than a checkpoint that it signed, or that has another history, is
//! named so, whoever kept that checkpoint. What it cannot know: whether these files were put back together with
//! the rest; a checkpoint kept elsewhere ([`against`]), or the witness itself, tells.

use crate::{
    checkpoint::Checkpoint,
    error::LedgerError,
    files::{self, TileNodes},
    note::{Note, Unsigned, VerifierKey},
    policy::{Judged, Policy, Seen},
    proof::{InclusionProof, verify_proof},
    tree,
    verify::{self, Class, Tamper},
    volume::Volume,
};
use sha2::{Digest as _, Sha256};

/// The newest checkpoint under a quorum.
pub const COSIGNED: &str = "checkpoint.cosigned";
/// The folder of what each witness cosigned last.
pub const BY_WITNESS: &str = "cosigned";
const DIGITS: usize = 16;

/// The file of what a witness cosigned last.
#[must_use]
pub fn path_of(witness: &VerifierKey) -> String {
    let hash = Sha256::digest(witness.to_text().as_bytes());
    format!("{BY_WITNESS}/{}", hash.iter().take(DIGITS / 2).map(|b| format!("{b:02x}")).collect::<String>())
}

/// How far a ledger is witnessed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The ledger's own size.
    pub size: u64,
    /// The newest checkpoint that met the quorum: its text, and what it is worth.
    pub quorum: Option<(String, Judged)>,
    /// Each witness of the policy, and the size and time of what it cosigned last.
    pub witnesses: Vec<(String, Option<(u64, u64)>)>,
}

impl Standing {
    /// Entries under a checkpoint that met the quorum.
    #[must_use]
    pub fn witnessed(&self) -> u64 {
        self.quorum.as_ref().map_or(0, |(_, judged)| judged.head.size)
    }

    /// Who cosigned that checkpoint.
    #[must_use]
    pub fn by(&self) -> &[Seen] {
        self.quorum.as_ref().map_or(&[], |(_, judged)| &judged.by)
    }
}

/// A signed checkpoint in a file of the ledger's.
fn kept(
    volume: &dyn Volume,
    path: &str,
    key: &VerifierKey,
) -> Result<Option<(String, Checkpoint)>, LedgerError> {
    let Some(bytes) = volume.read(path)? else { return Ok(None) };
    let text = String::from_utf8(bytes).unwrap_or_default();
    let head = Checkpoint::open(&text, key).map_err(|why| tampered(path, why))?;
    Ok(Some((text, head)))
}

fn tampered(path: &str, why: Unsigned) -> Tamper {
    Tamper { path: path.to_owned(), ..verify::checkpoint_tamper(why) }
}

/// Checks that all that is kept agrees with the tree under `head`; for the verifier.
pub(crate) fn check(volume: &dyn Volume, key: &VerifierKey, head: &Checkpoint) -> Result<(), LedgerError> {
    let mut paths = vec![COSIGNED.to_owned()];
    for name in volume.list(BY_WITNESS)? {
        let path = format!("{BY_WITNESS}/{name}");
        if name.len() != DIGITS || !name.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(
                Tamper::new(Class::ForeignFile, &path, None, "it is named by no witness's key").into()
            );
        }
        paths.push(path);
    }
    for path in paths {
        if let Some((_, older)) = kept(volume, &path, key)? {
            agrees(volume, key, head, &older, &path)?;
        }
    }
    Ok(())
}

/// That the ledger under `head` holds all that an older checkpoint of it says. A gateway may be writing: a kept
/// checkpoint that is newer than `head` is compared with the checkpoint of this moment.
fn agrees(
    volume: &dyn Volume,
    key: &VerifierKey,
    head: &Checkpoint,
    older: &Checkpoint,
    path: &str,
) -> Result<(), LedgerError> {
    if older.size > head.size {
        let now = verify::checkpoint(volume, key)?;
        return if older.size > now.size {
            Err(shorter(path, &now).into())
        } else {
            extends(volume, &now, older, path)
        };
    }
    extends(volume, head, older, path)
}

fn shorter(path: &str, head: &Checkpoint) -> Tamper {
    let detail =
        "the ledger is older than this checkpoint of it: its end was cut off, or a backup was put back";
    Tamper::new(Class::HistoryShorter, path, Some(head.size), detail)
}

fn extends(
    volume: &dyn Volume,
    head: &Checkpoint,
    older: &Checkpoint,
    path: &str,
) -> Result<(), LedgerError> {
    let root = if older.size == head.size {
        head.root
    } else {
        tree::subtree(&mut TileNodes::new(volume, head.size), 0, older.size)?
    };
    if root == older.root {
        return Ok(());
    }
    let detail =
        "the ledger's entries up to there are others than this checkpoint of it says: it was rewritten";
    Err(Tamper::new(Class::HistoryOther, path, Some(older.size), detail).into())
}

/// At a start: a ledger that is shorter than what a quorum cosigned was cut off or put back.
pub(crate) fn check_size(volume: &dyn Volume, key: &VerifierKey, size: u64) -> Result<(), LedgerError> {
    match kept(volume, COSIGNED, key)? {
        Some((_, older)) if older.size > size => {
            let head = Checkpoint { size, ..older };
            Err(shorter(COSIGNED, &head).into())
        }
        _ => Ok(()),
    }
}

/// Checks a ledger against an older checkpoint of it that was kept elsewhere: in a backup, by an auditor, by a
/// witness. What the older one says. `name` stands for it in reports.
pub fn against(
    volume: &dyn Volume,
    key: &VerifierKey,
    older: &str,
    name: &str,
) -> Result<Checkpoint, LedgerError> {
    let older = Checkpoint::open(older, key).map_err(|why| tampered(name, why))?;
    agrees(volume, key, &verify::checkpoint(volume, key)?, &older, name)?;
    Ok(older)
}

/// How far the ledger is witnessed, under a policy. Every cosignature counted is verified here.
pub fn standing(volume: &dyn Volume, key: &VerifierKey, policy: &Policy) -> Result<Standing, LedgerError> {
    let judged = |path: &str| match kept(volume, path, key)? {
        None => Ok(None),
        Some((text, _)) => {
            let judged = policy.judge(&text, key).map_err(|why| tampered(path, why))?;
            Ok::<_, LedgerError>(Some((text, judged)))
        }
    };
    let quorum = judged(COSIGNED)?.filter(|(_, judged)| judged.quorum && policy.asks());
    let mut witnesses = Vec::new();
    for witness in policy.witnesses() {
        let path = path_of(&witness.key);
        let last = match kept(volume, &path, key)? {
            None => None,
            Some((text, head)) => {
                let note = Note::parse(&text).map_err(|why| tampered(&path, why))?;
                let time = witness.key.verify(&note).map_err(|why| tampered(&path, why))?;
                Some((head.size, time.unwrap_or(0)))
            }
        };
        witnesses.push((witness.name.clone(), last));
    }
    // Read last: what is kept is never newer than the ledger's own checkpoint.
    let size = verify::checkpoint(volume, key)?.size;
    Ok(Standing { size, quorum, witnesses })
}

/// Under a policy that asks for cosignatures, a ledger without a quorum is a finding.
pub fn demand_quorum(standing: &Standing, policy: &Policy) -> Result<(), LedgerError> {
    if standing.quorum.is_some() || !policy.asks() {
        return Ok(());
    }
    let detail = "no checkpoint has the cosignatures that the policy asks for";
    Err(Tamper::new(Class::QuorumNotMet, COSIGNED, None, detail).into())
}

/// Proves an entry under a given checkpoint of this ledger, such as a cosigned one. Checked before it is handed
/// out; the files may have grown beyond the checkpoint.
pub fn prove_under(
    volume: &dyn Volume,
    key: &VerifierKey,
    index: u64,
    checkpoint: &str,
) -> Result<InclusionProof, LedgerError> {
    let under = Checkpoint::open(checkpoint, key).map_err(verify::checkpoint_tamper)?;
    let head = verify::checkpoint(volume, key)?;
    if index >= under.size || under.size > head.size {
        return Err(LedgerError::NoEntry { index, size: under.size.min(head.size) });
    }
    let hashes = tree::inclusion(&mut TileNodes::new(volume, head.size), index, under.size)?;
    let proof = InclusionProof { index, hashes, checkpoint: checkpoint.to_owned() };
    verify_proof(&proof, &files::entry(volume, index, head.size)?, key)?;
    Ok(proof)
}

/// What the gateway sends to a witness that cosigned `old` last: the request's body for the checkpoint.
pub fn request(
    volume: &dyn Volume,
    checkpoint: &str,
    head: &Checkpoint,
    old: u64,
) -> Result<String, LedgerError> {
    let proof = tree::consistency(&mut TileNodes::new(volume, head.size), old, head.size)?;
    Ok(crate::witness::AddCheckpoint { old, proof, checkpoint }.to_text())
}
