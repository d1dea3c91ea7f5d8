//! What breaks, at which operation, with how much of the unsynced bytes surviving: nothing acknowledged is
//! lost, nothing corrupt is served as good.

use crate::{key, leaf, options, signer};
use cordon_ledger::{Filter, Ledger, LedgerError, show, verify};
use cordon_testkit::{BreakingVolume, Fault, MemoryVolume};

/// A script over two openings: appends of several sizes, checkpoints between them. What was acknowledged.
fn script(volume: &BreakingVolume) -> (u64, Result<(), LedgerError>) {
    let mut acknowledged = 0;
    let mut run = || -> Result<(), LedgerError> {
        for sizes in [[1, 3, 250, 10, 2], [5, 260, 1, 1, 40]] {
            let (mut ledger, _) = Ledger::open(Box::new(volume.clone()), signer(), &options())?;
            for (round, size) in sizes.into_iter().enumerate() {
                let first = ledger.size();
                let leaves: Vec<_> = (first..first + size).map(leaf).collect();
                assert_eq!(ledger.append_batch(&leaves)?, first);
                acknowledged = first + size;
                if round % 2 == 0 {
                    ledger.publish();
                }
                while round % 3 != 1 && ledger.step()? {}
            }
        }
        Ok(())
    };
    let result = run();
    (acknowledged, result)
}

#[test]
fn nothing_acknowledged_is_lost_whatever_breaks() {
    let whole = BreakingVolume::new(MemoryVolume::new(), usize::MAX, Fault::Refused);
    let (all, result) = script(&whole);
    result.unwrap();
    let operations = whole.operations();
    assert!(operations > 40, "{operations}");
    for fault in [Fault::Refused, Fault::Torn, Fault::DoneButFailed, Fault::ThenDead] {
        for at in 0..operations {
            let disk = MemoryVolume::new();
            let (acknowledged, result) = script(&BreakingVolume::new(disk.clone(), at, fault));
            assert!(acknowledged <= all && (result.is_err() || at + 1 == operations));
            for keep in [0, 500, 1000] {
                let survived = disk.copy();
                survived.lose_power(keep);
                check(&survived, acknowledged, &format!("{fault:?} at {at}, keep {keep}"));
            }
            let survived = disk.copy();
            survived.lose_power_at_the_front(400);
            check(&survived, acknowledged, &format!("{fault:?} at {at}, only the end kept"));
        }
    }
}

fn check(disk: &MemoryVolume, acknowledged: u64, case: &str) {
    // Before the next start the files may be half way, but the verifier must not blame anyone for that.
    match verify(disk, &key()) {
        Ok(before) => assert!(before.size + before.pending >= acknowledged, "{case}"),
        Err(LedgerError::Damaged(t)) => {
            assert_eq!(t.class, cordon_ledger::Class::MissingCheckpoint, "{case}: {t}");
        }
        Err(other) => panic!("{case}: {other}"),
    }
    let (mut ledger, _) =
        Ledger::open(Box::new(disk.clone()), signer(), &options()).unwrap_or_else(|e| panic!("{case}: {e}"));
    let size = ledger.size();
    assert!(size >= acknowledged, "{case}: {size} of {acknowledged}");
    ledger.append_batch(&[leaf(size)]).unwrap();
    ledger.close().unwrap();
    let after = verify(disk, &key()).unwrap_or_else(|e| panic!("{case}: {e}"));
    assert_eq!((after.size, after.pending, after.torn_bytes), (size + 1, 0, 0), "{case}");
    let filter = Filter::default();
    for (index, shown) in (0..).zip(show(disk, &key(), &filter).unwrap()) {
        assert_eq!(shown.unwrap().leaf, leaf(index), "{case}");
    }
}

#[test]
fn a_flipped_bit_in_the_journal_is_refused_or_only_in_an_unfinished_tail() {
    let disk = MemoryVolume::new();
    let (mut ledger, _) = Ledger::open(Box::new(disk.clone()), signer(), &options()).unwrap();
    for index in 0..3 {
        ledger.append_batch(&[leaf(index)]).unwrap();
    }
    let path = disk.paths().into_iter().find(|p| p.starts_with("journal/")).unwrap();
    let frame = 36 + 2 + leaf(0).len();
    for at in 0..2 * frame {
        let copy = disk.copy();
        copy.tamper(&path, |bytes| {
            let mut bytes = bytes.unwrap();
            bytes[at] ^= 4;
            Some(bytes)
        });
        let result = Ledger::open(Box::new(copy), signer(), &options());
        assert!(matches!(result, Err(LedgerError::Damaged(_))), "bit at {at} was not noticed");
    }
}
