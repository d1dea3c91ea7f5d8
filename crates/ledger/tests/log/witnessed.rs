//! What a ledger's own files say of witnesses, and what a checkpoint kept elsewhere finds out.

use crate::log::notes::cosigner;
use crate::log::policies::vkey;
use crate::log::witnesses::{checkpoint, forked};
use crate::{key, leaf, ledger, options, signer};
use cordon_ledger::witnessed::{self, COSIGNED, against, demand_quorum, path_of, prove_under, standing};
use cordon_ledger::{
    Algorithm, Class, Ledger, LedgerError, Policy, VerifierKey, Volume as _, verify, verify_proof,
};
use cordon_testkit::MemoryVolume;

fn policy(quorum: &str) -> Policy {
    let text = format!("witness a {}\nwitness b {}\ngroup both all a b\nquorum {quorum}\n", vkey(0), vkey(1));
    Policy::parse(text.as_bytes()).unwrap()
}

fn witness(n: u8) -> cordon_ledger::Signer {
    let algorithm = if n == 0 { Algorithm::CosignatureEd25519 } else { Algorithm::CosignatureMlDsa44 };
    cosigner(algorithm, &format!("witness.example/{n}"), n)
}

fn class(result: Result<impl std::fmt::Debug, LedgerError>) -> Class {
    match result {
        Err(LedgerError::Damaged(tamper)) => tamper.class,
        other => panic!("{other:?}"),
    }
}

/// The files as a gateway leaves them whose checkpoint these witnesses cosigned.
fn cosigned(volume: &MemoryVolume, by: &[u8], quorum: bool) {
    let (text, _) = checkpoint(volume);
    let body = text.split_once("\n\n").unwrap().0.to_owned() + "\n";
    let lines: Vec<String> = by.iter().map(|n| witness(*n).line(&body, 77).unwrap()).collect();
    for (n, line) in by.iter().zip(&lines) {
        volume.write_atomic(&path_of(&witness(*n).verifier()), format!("{text}{line}").as_bytes()).unwrap();
    }
    if quorum {
        volume.write_atomic(COSIGNED, format!("{text}{}", lines.concat()).as_bytes()).unwrap();
    }
}

fn grow(volume: &MemoryVolume, from: u64, to: u64) {
    let (mut ledger, _) = Ledger::open(Box::new(volume.clone()), signer(), &options()).unwrap();
    assert_eq!(ledger.size(), from);
    ledger.append_batch(&(from..to).map(leaf).collect::<Vec<_>>()).unwrap();
    ledger.close().unwrap();
}

#[test]
fn how_far_and_by_whom() {
    let volume = ledger(300);
    let none = standing(&volume, &key(), &policy("both")).unwrap();
    assert_eq!((none.witnessed(), none.size), (0, 300));
    assert_eq!(class(demand_quorum(&none, &policy("both"))), Class::QuorumNotMet);
    demand_quorum(&none, &policy("none")).unwrap();
    cosigned(&volume, &[0, 1], true);
    grow(&volume, 300, 700);
    cosigned(&volume, &[1], false);
    verify(&volume, &key()).unwrap();
    let found = standing(&volume, &key(), &policy("both")).unwrap();
    demand_quorum(&found, &policy("both")).unwrap();
    assert_eq!((found.witnessed(), found.size), (300, 700));
    assert_eq!(found.by().iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(found.witnesses, [("a".into(), Some((300, 77))), ("b".into(), Some((700, 77)))]);
    // Under `none` nothing is called witnessed.
    assert_eq!(standing(&volume, &key(), &policy("none")).unwrap().witnessed(), 0);
}

#[test]
fn a_quorum_that_another_policy_asks_for_is_not_met() {
    let volume = ledger(300);
    cosigned(&volume, &[0], true);
    let found = standing(&volume, &key(), &policy("both")).unwrap();
    assert_eq!(class(demand_quorum(&found, &policy("both"))), Class::QuorumNotMet);
    assert_eq!(standing(&volume, &key(), &policy("a")).unwrap().witnessed(), 300);
}

#[test]
fn proofs_carry_the_cosignatures() {
    let volume = ledger(300);
    cosigned(&volume, &[0, 1], true);
    grow(&volume, 300, 700);
    let (text, judged) = standing(&volume, &key(), &policy("both")).unwrap().quorum.unwrap();
    assert!(judged.quorum);
    for index in [0, 255, 256, 299] {
        let proof = prove_under(&volume, &key(), index, &text).unwrap();
        let read = cordon_ledger::InclusionProof::from_text(&proof.to_text()).unwrap();
        assert_eq!(verify_proof(&read, &leaf(index), &key()).unwrap().size, 300);
        assert!(policy("both").judge(&read.checkpoint, &key()).unwrap().quorum);
        assert!(verify_proof(&read, &leaf(index + 1), &key()).is_err());
    }
    assert!(matches!(prove_under(&volume, &key(), 300, &text), Err(LedgerError::NoEntry { .. })));
}

#[test]
fn against_a_checkpoint_kept_elsewhere() {
    for size in [1, 255, 256, 300, 600] {
        let (kept, _) = checkpoint(&ledger(size));
        let name = "kept";
        assert_eq!(against(&ledger(600), &key(), &kept, name).unwrap().size, size);
        // The tail is cut off, or a backup is put back.
        if size > 1 {
            let shorter = ledger(size - 1);
            verify(&shorter, &key()).unwrap();
            assert_eq!(class(against(&shorter, &key(), &kept, name)), Class::HistoryShorter, "{size}");
        }
        // The holder of the key signs a fresh tree.
        let rewritten = forked(600, size - 1);
        verify(&rewritten, &key()).unwrap();
        assert_eq!(class(against(&rewritten, &key(), &kept, name)), Class::HistoryOther, "{size}");
    }
    let (kept, _) = checkpoint(&ledger(5));
    assert_eq!(
        class(against(&ledger(9), &key(), &kept.replace("\n5\n", "\n4\n"), "kept")),
        Class::CheckpointChanged
    );
    assert_eq!(class(against(&ledger(9), &key(), "x", "kept")), Class::CheckpointMalformed);
    let other: VerifierKey = cordon_ledger::Signer::generate(crate::ORIGIN, [9; 32]).unwrap().verifier();
    assert_eq!(class(against(&ledger(9), &other, &kept, "kept")), Class::CheckpointOtherKey);
}

#[test]
fn what_is_kept_belongs_to_the_ledger_for_the_verifier() {
    let check = |change: &dyn Fn(&MemoryVolume), expected: Class| {
        let volume = ledger(300);
        cosigned(&volume, &[0, 1], true);
        verify(&volume, &key()).unwrap();
        change(&volume);
        assert_eq!(class(verify(&volume, &key())), expected);
    };
    let whole =
        |text: String| move |v: &MemoryVolume| v.tamper(COSIGNED, |_| Some(text.clone().into_bytes()));
    check(&whole(checkpoint(&ledger(301)).0), Class::HistoryShorter);
    check(&whole(checkpoint(&forked(300, 299)).0), Class::HistoryOther);
    check(&whole(checkpoint(&forked(200, 100)).0), Class::HistoryOther);
    check(&whole(checkpoint(&ledger(300)).0.replace("\n300\n", "\n200\n")), Class::CheckpointChanged);
    check(&whole("x".to_owned()), Class::CheckpointMalformed);
    let one = path_of(&witness(0).verifier());
    check(&|v| v.tamper(&one, |_| Some(checkpoint(&ledger(301)).0.into_bytes())), Class::HistoryShorter);
    check(&|v| v.tamper("cosigned/notes", |_| Some(b"x".to_vec())), Class::ForeignFile);
}

#[test]
fn a_start_on_less_than_was_cosigned_is_refused() {
    let volume = ledger(299);
    volume.write_atomic(COSIGNED, checkpoint(&ledger(300)).0.as_bytes()).unwrap();
    let refused = Ledger::open(Box::new(volume), signer(), &options()).map(|_| ());
    assert_eq!(class(refused), Class::HistoryShorter);
}

#[test]
fn a_cosignature_that_does_not_verify_is_a_finding() {
    let volume = ledger(300);
    cosigned(&volume, &[0, 1], true);
    let (other, _) = checkpoint(&ledger(200));
    let line = witness(0).line(&(other.split_once("\n\n").unwrap().0.to_owned() + "\n"), 5).unwrap();
    let (text, _) = checkpoint(&volume);
    volume.tamper(COSIGNED, |_| Some(format!("{text}{line}").into_bytes()));
    assert_eq!(class(standing(&volume, &key(), &policy("both"))), Class::CheckpointChanged);
    volume.tamper(COSIGNED, |_| None);
    volume.tamper(&path_of(&witness(1).verifier()), |_| Some(text.clone().into_bytes()));
    assert_eq!(class(witnessed::standing(&volume, &key(), &policy("both"))), Class::CheckpointOtherKey);
}
