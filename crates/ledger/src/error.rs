//! What can go wrong at the ledger's boundary.

use crate::{verify::Tamper, volume::VolumeError};

/// Why the ledger refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    /// A write failed, so nothing more is written until a restart. Traffic must stop.
    #[error("the ledger cannot write; traffic stops until the cause is mended and the gateway restarted")]
    Unavailable,
    /// More is waiting than the queue may hold.
    #[error("the ledger's queue is full ({max} entries); the disk does not keep up")]
    Overloaded {
        /// The queue's bound.
        max: usize,
    },
    /// The committer was told to stop.
    #[error("the ledger is stopping")]
    Stopped,
    /// A leaf is longer than a bundle's length prefix can say.
    #[error("the record is {bytes} bytes; at most 65535 fit into a leaf")]
    LeafTooLarge {
        /// Its length.
        bytes: usize,
    },
    /// The files cannot be read or written.
    #[error("the ledger's files: {0}")]
    Volume(#[from] VolumeError),
    /// The files do not agree with each other or with the key: nothing is written to such a ledger.
    #[error(
        "the ledger on disk does not hold together: {0}; keep a copy, then restore it or start a new ledger directory"
    )]
    Damaged(#[from] Tamper),
    /// A key, checkpoint or proof in text form cannot be read.
    #[error("{what} cannot be read: {problem}")]
    Malformed {
        /// Which text.
        what: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A proof does not show what it claims.
    #[error("the proof does not hold: {problem}")]
    ProofFails {
        /// Which step fails.
        problem: &'static str,
    },
    /// No such entry under the checkpoint.
    #[error("there is no entry {index}; the checkpoint covers {size}")]
    NoEntry {
        /// The index asked for.
        index: u64,
        /// How many entries there are.
        size: u64,
    },
    /// The entry was given up.
    #[error(
        "entry {index} was pruned; {lowest} is the lowest that is kept. A proof made before is still good"
    )]
    Pruned {
        /// The index asked for.
        index: u64,
        /// The lowest index that is kept.
        lowest: u64,
    },
    /// The thread could not be started.
    #[error("the ledger's thread could not be started: {message}")]
    Thread {
        /// What the system said.
        message: String,
    },
}

impl LedgerError {
    pub(crate) const fn malformed(what: &'static str, problem: &'static str) -> Self {
        Self::Malformed { what, problem }
    }
}
