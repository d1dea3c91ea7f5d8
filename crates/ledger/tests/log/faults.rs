//! What breaks, at which operation, with how much of the unsynced bytes surviving: nothing acknowledged is
//! lost, nothing corrupt is served as good.

use super::committing::wait;
use crate::{key, leaf, ledger as ledger_of, options, signer};
use cordon_ledger::{Committer, Filter, Ledger, LedgerError, Options, show, verify};
use cordon_testkit::{BreakingVolume, FakeClock, Fault, MemoryVolume};
use std::sync::Arc;

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

/// Both of the committer's threads over one breaking volume. What was acknowledged.
fn two_threads(volume: &BreakingVolume) -> u64 {
    let mut acknowledged = 0;
    for round in 0..2 {
        // So few entries a checkpoint that the thread behind writes while the other commits.
        let options = Options { publish_entries: 5, journal_preallocate: 1024, ..options() };
        let clock = Arc::new(FakeClock::default());
        let Ok(committer) = Committer::start(Box::new(volume.clone()), signer(), options, clock) else {
            return acknowledged;
        };
        let first = committer.size();
        let mut refused = false;
        for burst in [1, 3, 8, 1, 300, 2, 1] {
            let size = first.max(acknowledged);
            let all: Vec<_> = (size..size + burst).map(|n| committer.append(leaf(n))).collect();
            for (index, appended) in (size..).zip(all) {
                match wait(appended) {
                    Ok(given) => {
                        assert!(!refused && given == index, "acknowledged behind a refusal");
                        acknowledged = index + 1;
                    }
                    Err(e) => {
                        assert!(matches!(e, LedgerError::Unavailable), "{e}");
                        assert!(!committer.healthy());
                        refused = true;
                    }
                }
            }
        }
        let stopped = committer.stop();
        assert!(!refused || stopped.is_err(), "round {round}: a failure that stop does not tell");
        if stopped.is_err() {
            break;
        }
    }
    acknowledged
}

#[test]
fn nothing_acknowledged_is_lost_whatever_breaks_under_two_threads() {
    let whole = BreakingVolume::new(MemoryVolume::new(), usize::MAX, Fault::Refused);
    assert_eq!(two_threads(&whole), 632);
    // How operations of two threads fall among each other differs; each index is met by some operation.
    let operations = whole.operations();
    assert!(operations > 30, "{operations}");
    for fault in [Fault::Refused, Fault::Torn, Fault::DoneButFailed, Fault::ThenDead] {
        for at in 0..operations {
            let disk = MemoryVolume::new();
            let acknowledged = two_threads(&BreakingVolume::new(disk.clone(), at, fault));
            for keep in [0, 500, 1000] {
                let survived = disk.copy();
                survived.lose_power(keep);
                check(&survived, acknowledged, &format!("two threads, {fault:?} at {at}, keep {keep}"));
            }
        }
    }
}

#[test]
fn a_journal_far_ahead_of_the_tiles_is_taken_over() {
    let disk = MemoryVolume::new();
    let (mut ledger, _) = Ledger::open(Box::new(disk.clone()), signer(), &options()).unwrap();
    for first in (0..70_000).step_by(1000) {
        let leaves: Vec<_> = (first..first + 1000).map(leaf).collect();
        ledger.append_batch(&leaves).unwrap();
    }
    assert!(!disk.paths().iter().any(|p| p.starts_with("tile/")), "nothing was published");
    drop(ledger);
    disk.lose_power(0);
    assert_eq!(verify(&disk, &key()).unwrap().pending, 70_000);
    check(&disk, 70_000, "a journal of 70,000 entries");
}

#[test]
fn journals_are_made_in_advance_and_do_not_pile_up() {
    let disk = MemoryVolume::new();
    let (mut ledger, _) = Ledger::open(Box::new(disk.clone()), signer(), &options()).unwrap();
    let journals = || disk.paths().iter().filter(|p| p.starts_with("journal/")).count();
    for n in 0..600 {
        ledger.append_batch(&[leaf(n)]).unwrap();
        if n % 50 == 0 {
            ledger.publish();
        }
        while ledger.step().unwrap() {}
        assert!(journals() <= 4, "{} journals after {n} entries", journals());
    }
    ledger.close().unwrap();
    assert_eq!(journals(), 0);
}

#[test]
fn a_checkpoint_writes_only_what_changed() {
    let counting = BreakingVolume::new(ledger_of(300), usize::MAX, Fault::Refused);
    let (mut ledger, _) = Ledger::open(Box::new(counting.clone()), signer(), &options()).unwrap();
    let mut publish = |n| {
        ledger.append_batch(&[leaf(n)]).unwrap();
        ledger.publish();
        while ledger.step().unwrap() {}
    };
    publish(300);
    counting.inner().tamper("tile/1/000.p/1", |_| None);
    publish(301);
    assert!(
        !counting.inner().paths().contains(&"tile/1/000.p/1".to_owned()),
        "an unchanged tile was written"
    );
    assert!(counting.inner().paths().contains(&"tile/0/001.p/46".to_owned()));
    for n in 302..513 {
        publish(n);
    }
    let partial = |p: &&String| p.starts_with("tile/0/001.p/") || p.starts_with("tile/entries/001.p/");
    assert_eq!(counting.inner().paths().iter().find(partial), None, "partial files outlive the full one");
}
