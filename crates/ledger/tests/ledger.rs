//! The ledger as a whole: the committer over memory, recovery from every fault, tampering by class, proofs.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's own functions fail by panicking, as its cases do"
)]

mod log {
    //! One file a theme.
    pub(crate) mod committing;
    pub(crate) mod custody_faults;
    pub(crate) mod erasing;
    pub(crate) mod faults;
    pub(crate) mod house;
    pub(crate) mod notes;
    pub(crate) mod policies;
    pub(crate) mod prefixes;
    pub(crate) mod proofs;
    pub(crate) mod pruning;
    pub(crate) mod reading;
    pub(crate) mod rot;
    pub(crate) mod tampering;
    pub(crate) mod witnessed;
    pub(crate) mod witnesses;
}

use cordon_ledger::{Ledger, Options, Signer, VerifierKey};
use cordon_testkit::MemoryVolume;

pub(crate) const ORIGIN: &str = "example.com/cordon/test";

pub(crate) fn signer() -> Signer {
    Signer::generate(ORIGIN, [42; 32]).unwrap()
}

pub(crate) fn key() -> VerifierKey {
    signer().verifier()
}

pub(crate) fn options() -> Options {
    Options { journal_preallocate: 4096, ..Options::new(ORIGIN) }
}

pub(crate) fn leaf(index: u64) -> Vec<u8> {
    format!("{{\"entry\":{index}}}").into_bytes()
}

/// A closed ledger with entries 0..size.
pub(crate) fn ledger(size: u64) -> MemoryVolume {
    let volume = MemoryVolume::new();
    let (mut ledger, _) = Ledger::open(Box::new(volume.clone()), signer(), &options()).unwrap();
    let leaves: Vec<_> = (0..size).map(leaf).collect();
    for batch in leaves.chunks(100) {
        ledger.append_batch(batch).unwrap();
    }
    ledger.close().unwrap();
    volume
}
