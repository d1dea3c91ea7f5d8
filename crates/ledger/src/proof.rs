//! Proofs that stand alone: inclusion (C2SP tlog-proof) and consistency, made from tiles and checked offline.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! index <decimal>
//! <base64 hash>, lowest first, one a line
//!
//! <the signed checkpoint, as it stands>
//! ```
//!
//! What always holds: a proof that checks was made for exactly this entry at this index under a checkpoint that
//! this key signed. What it does not say: that no other checkpoint was ever signed.

use crate::{
    checkpoint::Checkpoint,
    error::LedgerError,
    files::{self, TileNodes},
    log::CHECKPOINT,
    minimum,
    note::VerifierKey,
    tree::{self, Hash},
    verify,
    volume::Volume,
};
use data_encoding::BASE64;

const HEADER: &str = "c2sp.org/tlog-proof@v1\n";
/// A tree of 2^64 leaves has proofs of 64 hashes: one with more is no proof.
const MAX_HASHES: usize = 64;

/// An inclusion proof in text form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    /// Which entry.
    pub index: u64,
    /// The hashes beside its path, lowest first.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint's text.
    pub checkpoint: String,
}

impl InclusionProof {
    /// The `.tlog-proof` file's text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEADER}index {}\n", self.index);
        for hash in &self.hashes {
            text.push_str(&BASE64.encode(hash));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.checkpoint);
        text
    }

    /// Reads the text. Extra data is allowed and left alone: it is not authenticated.
    pub fn from_text(text: &str) -> Result<Self, LedgerError> {
        let bad = |problem| LedgerError::malformed("the proof", problem);
        let rest =
            text.strip_prefix(HEADER).ok_or_else(|| bad("its first line must be c2sp.org/tlog-proof@v1"))?;
        let (head, checkpoint) =
            rest.split_once("\n\n").ok_or_else(|| bad("it has no empty line before the checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        if let Some(extra) = lines.next_if(|l| l.starts_with("extra ")) {
            let data = extra.strip_prefix("extra ").unwrap_or_default();
            BASE64.decode(data.as_bytes()).map_err(|_| bad("its extra data is not base64"))?;
        }
        let index = lines
            .next()
            .and_then(|l| l.strip_prefix("index "))
            .ok_or_else(|| bad("its index line is missing"))?;
        let number: u64 = index.parse().map_err(|_| bad("its index is no number"))?;
        if number.to_string() != index {
            return Err(bad("its index is not in canonical form"));
        }
        let mut hashes = Vec::new();
        for line in lines {
            let hash = BASE64.decode(line.as_bytes()).map_err(|_| bad("a hash is not base64"))?;
            hashes.push(hash.try_into().map_err(|_| bad("a hash has 32 bytes"))?);
        }
        if hashes.len() > MAX_HASHES {
            return Err(bad("it has more hashes than any tree has levels"));
        }
        Ok(Self { index: number, hashes, checkpoint: checkpoint.to_owned() })
    }
}

/// The signed checkpoint's text and what it says.
fn head(volume: &dyn Volume, key: &VerifierKey) -> Result<(String, Checkpoint), LedgerError> {
    let bytes = volume.read(CHECKPOINT)?.unwrap_or_default();
    let text = String::from_utf8(bytes).unwrap_or_default();
    let head = Checkpoint::open(&text, key).map_err(verify::checkpoint_tamper)?;
    Ok((text, head))
}

/// The bytes of an entry under the present checkpoint. Not verified: that is [`prove`]'s or [`verify::verify`]'s.
pub fn entry(volume: &dyn Volume, key: &VerifierKey, index: u64) -> Result<Vec<u8>, LedgerError> {
    let size = verify::checkpoint(volume, key)?.size;
    kept(volume, key, index, size)?;
    files::entry(volume, index, size)
}

fn kept(volume: &dyn Volume, key: &VerifierKey, index: u64, size: u64) -> Result<(), LedgerError> {
    if index >= size {
        return Err(LedgerError::NoEntry { index, size });
    }
    let lowest = minimum::lowest(volume, key)?;
    if index < lowest {
        return Err(LedgerError::Pruned { index, lowest });
    }
    Ok(())
}

/// Proves that an entry is under the present checkpoint. Checked before it is handed out.
pub fn prove(volume: &dyn Volume, key: &VerifierKey, index: u64) -> Result<InclusionProof, LedgerError> {
    let (checkpoint, head) = head(volume, key)?;
    kept(volume, key, index, head.size)?;
    let hashes = tree::inclusion(&mut TileNodes::new(volume, head.size), index, head.size)?;
    let proof = InclusionProof { index, hashes, checkpoint };
    verify_proof(&proof, &files::entry(volume, index, head.size)?, key)?;
    Ok(proof)
}

/// Checks an inclusion proof for `entry`, offline. The checkpoint that it is under.
pub fn verify_proof(
    proof: &InclusionProof,
    entry: &[u8],
    key: &VerifierKey,
) -> Result<Checkpoint, LedgerError> {
    let head = Checkpoint::open(&proof.checkpoint, key).map_err(verify::checkpoint_tamper)?;
    let root = tree::root_by_inclusion(tree::leaf_hash(entry), proof.index, head.size, &proof.hashes);
    let root =
        root.ok_or(LedgerError::ProofFails { problem: "its length does not fit its index and size" })?;
    if root != head.root {
        return Err(LedgerError::ProofFails {
            problem: "the entry and the hashes do not lead to the checkpoint's root",
        });
    }
    Ok(head)
}

/// That the tree under one checkpoint is a prefix of the tree under another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// The size of the older tree.
    pub old: u64,
    /// The size of the newer.
    pub new: u64,
    /// The hashes, in RFC 6962's order.
    pub hashes: Vec<Hash>,
}

/// The consistency proof between two sizes, both at most that of the present checkpoint.
pub fn consistency(
    volume: &dyn Volume,
    key: &VerifierKey,
    old: u64,
    new: u64,
) -> Result<ConsistencyProof, LedgerError> {
    let (_, head) = head(volume, key)?;
    if let Some(index) = [old, new].into_iter().find(|n| *n > head.size) {
        return Err(LedgerError::NoEntry { index, size: head.size });
    }
    if old > new {
        return Err(LedgerError::malformed("the pair of sizes", "the older must not be the larger"));
    }
    let hashes = tree::consistency(&mut TileNodes::new(volume, head.size), old, new)?;
    Ok(ConsistencyProof { old, new, hashes })
}

/// Checks a consistency proof between two signed checkpoints, offline.
pub fn verify_consistency(
    proof: &ConsistencyProof,
    old: &str,
    new: &str,
    key: &VerifierKey,
) -> Result<(), LedgerError> {
    let open = |text| Checkpoint::open(text, key).map_err(verify::checkpoint_tamper);
    let (old, new) = (open(old)?, open(new)?);
    if (proof.old, proof.new) != (old.size, new.size) {
        return Err(LedgerError::ProofFails { problem: "it is for other sizes than the checkpoints'" });
    }
    if !tree::consistent(old.size, &old.root, new.size, &new.root, &proof.hashes) {
        return Err(LedgerError::ProofFails { problem: "the newer tree is no extension of the older" });
    }
    Ok(())
}
