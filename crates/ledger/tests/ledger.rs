//! The ledger as a whole: the committer over memory, recovery from every fault, tampering by class, proofs.

mod log {
    //! One file a theme.
    pub mod committing;
    pub mod faults;
    pub mod proofs;
    pub mod tampering;
}

use cordon_ledger::{Ledger, Options, Signer, VerifierKey};
use cordon_testkit::MemoryVolume;

pub const ORIGIN: &str = "example.com/cordon/test";

pub fn signer() -> Signer {
    Signer::generate(ORIGIN, [42; 32]).unwrap()
}

pub fn key() -> VerifierKey {
    signer().verifier()
}

pub fn options() -> Options {
    Options { journal_preallocate: 4096, ..Options::new(ORIGIN) }
}

pub fn leaf(index: u64) -> Vec<u8> {
    format!("{{\"entry\":{index}}}").into_bytes()
}

/// A closed ledger with entries 0..size.
pub fn ledger(size: u64) -> MemoryVolume {
    let volume = MemoryVolume::new();
    let (mut ledger, _) = Ledger::open(Box::new(volume.clone()), signer(), &options()).unwrap();
    let leaves: Vec<_> = (0..size).map(leaf).collect();
    for batch in leaves.chunks(100) {
        ledger.append_batch(batch).unwrap();
    }
    ledger.close().unwrap();
    volume
}
