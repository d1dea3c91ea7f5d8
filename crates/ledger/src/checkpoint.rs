//! Checkpoints (C2SP tlog-checkpoint): origin, size, root, signed.
//!
//! What always holds: a [`Checkpoint`] that came from [`Checkpoint::open`] was signed by the key it was opened
//! with, and its origin is that key's name.

use crate::{
    note::{Signer, Unsigned, VerifierKey},
    tree::Hash,
};
use data_encoding::BASE64;

/// A tree's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log.
    pub origin: String,
    /// How many leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// Signs it: the file's text.
    #[must_use]
    pub fn sign(&self, signer: &Signer) -> String {
        signer.sign(&format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(&self.root)))
    }

    /// Reads and checks a signed checkpoint.
    pub fn open(note: &str, key: &VerifierKey) -> Result<Self, Unsigned> {
        let text = key.open(note)?;
        let head = Self::parse(text).ok_or(Unsigned::Malformed)?;
        if head.origin != key.name() {
            return Err(Unsigned::OtherKey);
        }
        Ok(head)
    }

    /// Reads the body. Extension lines are allowed and not looked at.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let canonical = size.bytes().all(|b| b.is_ascii_digit()) && (size == "0" || !size.starts_with('0'));
        if origin.is_empty() || !canonical || lines.any(str::is_empty) {
            return None;
        }
        let root = BASE64.decode(root.as_bytes()).ok()?.try_into().ok()?;
        Some(Self { origin: origin.to_owned(), size: size.parse().ok()?, root })
    }
}
