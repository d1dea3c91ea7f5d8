//! Tree mathematics against another implementation, and proofs for every index.

use crate::{key, leaf, ledger};
use cordon_ledger::{InclusionProof, consistency, prove, tree, verify, verify_consistency, verify_proof};
use proptest::prelude::*;
use tlog_tiles::{Hash, HashReader, tlog::Error as TlogError};

/// The other implementation keeps its hashes in one list, in its own storage order.
struct Stored(Vec<Hash>);

impl HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, TlogError> {
        Ok(indexes.iter().map(|i| self.0[usize::try_from(*i).unwrap()]).collect())
    }
}

fn other(size: u64) -> Stored {
    let mut stored = Stored(Vec::new());
    for n in 0..size {
        let more = tlog_tiles::stored_hashes(n, &leaf(n), &stored).unwrap();
        stored.0.extend(more);
    }
    stored
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn another_implementation_agrees(size in 1_u64..1500, index in any::<prop::sample::Index>(), old in any::<prop::sample::Index>()) {
        let (index, old) = (index.index(usize::try_from(size).unwrap()) as u64, old.index(usize::try_from(size).unwrap()) as u64 + 1);
        let (volume, stored) = (ledger(size), other(size));
        let root = verify(&volume, &key()).unwrap().root;
        prop_assert_eq!(root, tlog_tiles::tree_hash(size, &stored).unwrap().0);
        let ours = prove(&volume, &key(), index).unwrap();
        let theirs: Vec<_> = tlog_tiles::prove_record(size, index, &stored).unwrap().into_iter().map(|h| h.0).collect();
        prop_assert_eq!(&ours.hashes, &theirs);
        let ours = consistency(&volume, &key(), old, size).unwrap();
        let theirs: Vec<_> = tlog_tiles::prove_tree(size, old, &stored).unwrap().into_iter().map(|h| h.0).collect();
        prop_assert_eq!(&ours.hashes, &theirs);
    }
}

#[test]
fn every_index_of_several_sizes() {
    for size in [1, 2, 3, 7, 255, 256, 257, 600] {
        let volume = ledger(size);
        for index in 0..size {
            let proof = prove(&volume, &key(), index).unwrap();
            let text = proof.to_text();
            let read = InclusionProof::from_text(&text).unwrap();
            assert_eq!(read, proof);
            assert_eq!(verify_proof(&read, &leaf(index), &key()).unwrap().size, size);
            assert!(verify_proof(&read, &leaf(index + 1), &key()).is_err());
            let wrong = InclusionProof { index: index + 1, ..read.clone() };
            assert!(verify_proof(&wrong, &leaf(index), &key()).is_err());
            for at in 0..read.hashes.len() {
                let mut wrong = read.clone();
                wrong.hashes[at][0] ^= 1;
                assert!(verify_proof(&wrong, &leaf(index), &key()).is_err());
            }
        }
        assert!(prove(&volume, &key(), size).is_err());
    }
}

#[test]
fn consistency_between_checkpoints() {
    let read = |v: &cordon_testkit::MemoryVolume| {
        String::from_utf8(cordon_ledger::Volume::read(v, "checkpoint").unwrap().unwrap()).unwrap()
    };
    let (old, new) = (ledger(300), ledger(700));
    let proof = consistency(&new, &key(), 300, 700).unwrap();
    verify_consistency(&proof, &read(&old), &read(&new), &key()).unwrap();
    let mut wrong = proof.clone();
    wrong.hashes[0][0] ^= 1;
    assert!(verify_consistency(&wrong, &read(&old), &read(&new), &key()).is_err());
    assert!(verify_consistency(&proof, &read(&ledger(299)), &read(&new), &key()).is_err());
    assert!(tree::consistent(0, &tree::empty_root(), 5, &[1; 32], &[]));
}
