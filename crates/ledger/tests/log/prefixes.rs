//! Trees as they were: every earlier size leads to the root that it had, and its proofs stay the same.

use crate::{key, leaf, ledger, signer};
use cordon_ledger::{
    Checkpoint, InclusionProof, LedgerError, Prefix, Signer, Tamper, VerifierKey, consistency, leaves,
    verify, verify_consistency, verify_proof,
};
use proptest::prelude::*;

#[test]
fn every_size_has_the_root_that_it_had() {
    let grown = ledger(600);
    for size in [0, 1, 2, 3, 100, 255, 256, 257, 300, 511, 512, 513, 599, 600] {
        let (then, now) = (ledger(size), Prefix::at(&grown, &key(), size).unwrap());
        assert_eq!(*now.root(), verify(&then, &key()).unwrap().root, "size {size}");
        assert_eq!((now.size(), now.origin()), (size, signer().name()));
        let text = now.sign(&signer()).unwrap();
        let published = then.copy();
        let mut kept = String::new();
        published.tamper("checkpoint", |bytes| {
            kept = String::from_utf8(bytes.clone().unwrap()).unwrap();
            bytes
        });
        assert_eq!(text, kept, "the checkpoint that was published then, byte for byte");
    }
    assert!(matches!(Prefix::at(&grown, &key(), 601), Err(LedgerError::NoEntry { index: 601, size: 600 })));
}

#[test]
fn only_this_logs_key_signs() {
    let volume = ledger(9);
    let tree = Prefix::at(&volume, &key(), 5).unwrap();
    assert!(tree.sign(&Signer::generate("example.com/other", [42; 32]).unwrap()).is_err());
    let text = tree.sign(&signer()).unwrap();
    assert!(matches!(tree.prove(&key(), &text, 5), Err(LedgerError::NoEntry { index: 5, size: 5 })));
    // A checkpoint of another size is no place for its proofs.
    let other = Prefix::at(&volume, &key(), 6).unwrap().sign(&signer()).unwrap();
    assert!(tree.prove(&key(), &other, 2).is_err());
}

#[test]
fn a_tree_that_the_checkpoint_does_not_extend_is_not_signed() {
    let volume = ledger(300);
    volume.tamper("tile/0/000", |bytes| {
        bytes.map(|mut b| {
            b[40] ^= 1;
            b
        })
    });
    assert!(Prefix::at(&volume, &key(), 5).is_err());
    let stranger: VerifierKey = Signer::generate("example.com/other", [1; 32]).unwrap().verifier();
    let refused = Prefix::at(&ledger(3), &stranger, 2).err();
    assert!(matches!(refused, Some(LedgerError::Damaged(Tamper { .. }))), "another key's log");
}

#[test]
fn leaves_come_in_order() {
    let volume = ledger(600);
    let all: Vec<_> = leaves(&volume, &key()).unwrap().map(Result::unwrap).collect();
    assert_eq!(all, (0..600).map(|i| (i, leaf(i))).collect::<Vec<_>>());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn proofs_within_a_prefix_hold_and_it_is_one(size in 1_u64..900, more in 0_u64..400, index in any::<prop::sample::Index>()) {
        let index = index.index(usize::try_from(size).unwrap()) as u64;
        let (before, after) = (ledger(size), ledger(size + more));
        let proof = |volume| {
            let tree = Prefix::at(volume, &key(), size).unwrap();
            let text = tree.sign(&signer()).unwrap();
            let (entry, proof) = tree.prove(&key(), &text, index).unwrap();
            (entry, proof.to_text(), text)
        };
        let (entry, text, old) = proof(&after);
        prop_assert_eq!(&proof(&before), &(entry.clone(), text.clone(), old.clone()), "growing changes nothing");
        prop_assert_eq!(&entry, &leaf(index));
        verify_proof(&InclusionProof::from_text(&text).unwrap(), &entry, &key()).unwrap();
        let new = Prefix::at(&after, &key(), size + more).unwrap().sign(&signer()).unwrap();
        let tie = consistency(&after, &key(), size, size + more).unwrap();
        verify_consistency(&tie, &old, &new, &key()).unwrap();
        prop_assert_eq!(Checkpoint::open(&old, &key()).unwrap().size, size);
    }
}
