//! The audit record: leaves, Merkle tree, checkpoints, proofs, verifier.
