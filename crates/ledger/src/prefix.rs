//! The tree as it was: an earlier size of it, checked against the present checkpoint, and proofs within it.
//!
//! ```text
//! present checkpoint (signed) --consistency--> root at `size` --> proofs that stay the same when the log grows
//! ```
//!
//! What always holds: a [`Prefix`] exists only when its root is proven to be a prefix of what the present
//! checkpoint signs, so that signing it says nothing new. What it does not do: bring cosignatures; no witness saw
//! a checkpoint of this size. [`crate::consistency`] ties it to one that a witness did see.

use crate::{
    checkpoint::Checkpoint,
    error::LedgerError,
    files::{self, TileNodes},
    minimum,
    note::{Signer, VerifierKey},
    proof::{InclusionProof, verify_proof},
    show,
    tile::WIDTH,
    tree::{self, Hash},
    verify,
    volume::Volume,
};

/// The log's first `size` entries.
pub struct Prefix<'a> {
    volume: &'a dyn Volume,
    head: Checkpoint,
    size: u64,
    root: Hash,
}

impl<'a> Prefix<'a> {
    /// The tree of the first `size` entries. Errors when the present checkpoint covers fewer, or does not lead
    /// back to it.
    pub fn at(volume: &'a dyn Volume, key: &VerifierKey, size: u64) -> Result<Self, LedgerError> {
        let head = verify::checkpoint(volume, key)?;
        if size > head.size {
            return Err(LedgerError::NoEntry { index: size, size: head.size });
        }
        let mut nodes = TileNodes::new(volume, head.size);
        let root = tree::subtree(&mut nodes, 0, size)?;
        let proof = tree::consistency(&mut nodes, size, head.size)?;
        if !tree::consistent(size, &root, head.size, &head.root, &proof) {
            return Err(LedgerError::ProofFails {
                problem: "the present checkpoint's tree is no extension of it",
            });
        }
        Ok(Self { volume, head, size, root })
    }

    /// How many entries.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root over them.
    #[must_use]
    pub const fn root(&self) -> &Hash {
        &self.root
    }

    /// The log.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.head.origin
    }

    /// A checkpoint of this size, signed. Ed25519 is deterministic: the same tree gives the same text.
    pub fn sign(&self, signer: &Signer) -> Result<String, LedgerError> {
        if signer.name() != self.head.origin {
            return Err(LedgerError::malformed("the signing key", "it must be this log's"));
        }
        let head = Checkpoint { origin: self.head.origin.clone(), size: self.size, root: self.root };
        Ok(head.sign(signer))
    }

    /// An entry and its proof under `checkpoint`, which is of this size. Checked before it is handed out.
    pub fn prove(
        &self,
        key: &VerifierKey,
        checkpoint: &str,
        index: u64,
    ) -> Result<(Vec<u8>, InclusionProof), LedgerError> {
        if index >= self.size {
            return Err(LedgerError::NoEntry { index, size: self.size });
        }
        let hashes = tree::inclusion(&mut TileNodes::new(self.volume, self.head.size), index, self.size)?;
        let proof = InclusionProof { index, hashes, checkpoint: checkpoint.to_owned() };
        let entry = files::entry(self.volume, index, self.head.size)?;
        verify_proof(&proof, &entry, key)?;
        Ok((entry, proof))
    }
}

/// Every leaf under the present checkpoint with its index, oldest first; one bundle in memory at a time. Not
/// decoded: [`crate::record::peek_at`] tells cheaply which are worth it.
pub fn leaves<'a>(
    volume: &'a dyn Volume,
    key: &VerifierKey,
) -> Result<impl Iterator<Item = Result<(u64, Vec<u8>), LedgerError>> + 'a, LedgerError> {
    let size = verify::checkpoint(volume, key)?.size;
    // Entries below the minimum index were given up.
    let first = minimum::lowest(volume, key)? / WIDTH;
    let bundles = (first..size.div_ceil(WIDTH)).map(move |n| show::bundle(volume, n, size));
    Ok(bundles.flat_map(|bundle| match bundle {
        Ok(entries) => entries.into_iter().map(Ok).collect::<Vec<_>>(),
        Err(e) => vec![Err(e)],
    }))
}
