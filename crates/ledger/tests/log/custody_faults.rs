//! Erasing and pruning over a disk that breaks at every operation: what was begun is finished at the next start,
//! nothing is half destroyed, nothing acknowledged is lost, the verifier blames nobody.

use super::house::{Below, DAY, House, intent, key as fresh, start};
use crate::{key, signer};
use cordon_ledger::{
    CustodyError, Epochs, Filter, LedgerError, Receipt, Retention, Scope, Volume, What, entry, show, verify,
};
use cordon_testkit::{BreakingVolume, Fault, MemoryVolume};

const NOW: u64 = 1_000 * DAY;
const SHORT: Retention = Retention { exchanges: Some(DAY), control: Some(DAY) };

/// What was acknowledged, step by step.
#[derive(Default, Debug)]
struct Done {
    records: u64,
    rotated: bool,
    held: bool,
    lifted: bool,
    erased: Option<u64>,
    pruned: u64,
}

fn leaves(from: u64, n: u64) -> Vec<Vec<u8>> {
    (from..from + n).map(|i| intent(i, "bot", i.into(), None, 1).encode()).collect()
}

fn script(disk: &BreakingVolume) -> (Done, Result<(), CustodyError>) {
    let mut done = Done::default();
    let mut run = || -> Result<(), CustodyError> {
        let house = House::open(disk)?;
        house.epochs()?;
        house.write(&[start(0).encode()])?;
        done.records = 1;
        house.write(&leaves(1, 255))?;
        done.records = 256;
        house.custody().rotate(DAY, &fresh(2))?;
        done.rotated = true;
        let hold = house.custody().hold(Scope { from: Some(0), ..Scope::default() }, 2 * DAY)?;
        done.held = true;
        house.custody().lift(hold.number, 3 * DAY)?;
        done.lifted = true;
        done.erased = Some(house.custody().erase(What::Epoch(1), 4 * DAY)?.record);
        house.write(&leaves(256, 3))?;
        done.records = house.size();
        done.pruned = house.custody().prune(&SHORT, NOW)?.new;
        Ok(())
    };
    let result = run();
    (done, result)
}

#[test]
fn whatever_breaks_it_is_whole_or_finished() {
    let whole = BreakingVolume::new(MemoryVolume::new(), usize::MAX, Fault::Refused);
    let (all, result) = script(&whole);
    result.unwrap();
    assert_eq!((all.pruned, all.rotated, all.held, all.lifted), (256, true, true, true));
    let operations = whole.operations();
    assert!(operations > 40, "{operations}");
    for fault in [Fault::Refused, Fault::Torn, Fault::DoneButFailed, Fault::ThenDead] {
        for at in 0..operations {
            let disk = MemoryVolume::new();
            let (done, result) = script(&BreakingVolume::new(disk.clone(), at, fault));
            assert!(result.is_err() || at + 1 == operations, "{fault:?} at {at}");
            for keep in [0, 1000] {
                let survived = disk.copy();
                survived.lose_power(keep);
                check(&survived, &done, &format!("{fault:?} at {at}, keep {keep}"));
            }
        }
    }
}

fn check(disk: &MemoryVolume, done: &Done, case: &str) {
    // Before the next start the verifier must not blame anyone for a crash.
    match verify(&Below(disk.clone()), &key()) {
        Ok(v) => assert!(v.size + v.pending >= done.records, "{case}"),
        Err(LedgerError::Damaged(t)) => {
            assert_eq!(t.class, cordon_ledger::Class::MissingCheckpoint, "{case}: {t}");
        }
        Err(other) => panic!("{case}: {other}"),
    }
    let house = House::open(disk).unwrap_or_else(|e| panic!("{case}: {e}"));
    let epochs = must(house.epochs(), case);
    assert!(!done.rotated || epochs.current().number >= 2, "{case}");
    let finished = must(house.custody().resume(), case);
    house.write(&[]).unwrap_or_else(|e| panic!("{case}: {e}"));
    assert!(house.size() >= done.records, "{case}");

    // A key is there and whole, or destroyed and receipted: nothing in between, and nothing silently.
    let epochs = must(Epochs::read(disk), case);
    let shredded = epochs.get(1).is_some_and(|e| e.shredded);
    let receipts: Vec<_> = disk.paths().into_iter().filter(|p| p.starts_with("receipts/")).collect();
    assert!(!receipts.contains(&"receipts/pending".to_owned()), "{case}");
    assert_eq!(shredded, !receipts.is_empty(), "{case}: {receipts:?}");
    assert!(finished.is_none() || shredded, "{case}");
    assert!(done.erased.is_none() || shredded, "{case}: acknowledged and not done");
    if shredded {
        assert!(disk.read("keys/epochs/1.key").unwrap().is_none(), "{case}");
    } else {
        assert_eq!(must(epochs.key(disk, 1), case), fresh(1), "{case}");
    }
    for path in receipts {
        let text = String::from_utf8(disk.read(&path).unwrap().unwrap()).unwrap();
        let receipt = Receipt::open(&text, &signer().verifier()).unwrap();
        match entry(&house.ledger, &key(), receipt.record) {
            Ok(said) => assert!(String::from_utf8(said).unwrap().contains("epoch_shredded"), "{case}"),
            // The record of the erasure was past its time as well.
            Err(e) => assert!(matches!(e, LedgerError::Pruned { .. }), "{case}: {e}"),
        }
    }

    // A hold that was acknowledged is there; one whose lifting was acknowledged is lifted.
    let holds = must(house.custody().holds(), case);
    assert!(!done.held || holds.len() == 1, "{case}");
    assert!(!done.lifted || holds.iter().all(|h| h.lifted.is_some()), "{case}");

    // What was given up is gone; all else is there, entry by entry.
    let verified = verify(&house.ledger, &key()).unwrap_or_else(|e| panic!("{case}: {e}"));
    assert!(verified.minimum >= done.pruned, "{case}");
    let filter = Filter::default();
    let shown = show(&house.ledger, &key(), &filter).unwrap_or_else(|e| panic!("{case}: {e}"));
    let indexes: Vec<_> = shown.map(|s| s.unwrap_or_else(|e| panic!("{case}: {e}")).index).collect();
    assert_eq!(indexes, (verified.minimum..verified.size).collect::<Vec<_>>(), "{case}");
    for n in 0..verified.minimum / 256 {
        let path = format!("ledger/tile/entries/{n:03}");
        assert!(disk.read(&path).unwrap().is_none(), "{case}: {path} is still there");
    }
}

fn must<T>(result: Result<T, CustodyError>, case: &str) -> T {
    result.unwrap_or_else(|e| panic!("{case}: {e}"))
}
