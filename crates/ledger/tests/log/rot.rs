//! Bit rot in every kind of file: found by name, or not served. And what the disk or the clock may do besides.

use super::committing::wait;
use crate::{key, leaf, ledger, options, signer};
use cordon_ledger::{
    Class, Committer, Ledger, LedgerError, Options, Volume as _, prove, tile, tree, verify, verify_proof,
};
use cordon_testkit::{BreakingVolume, FakeClock, Fault, MemoryVolume};
use std::{collections::BTreeSet, sync::Arc};

fn flipped(volume: &MemoryVolume, path: &str, at: usize, bit: usize) -> MemoryVolume {
    let copy = volume.copy();
    copy.tamper(path, |bytes| {
        let mut bytes = bytes.unwrap();
        bytes[at] ^= 1 << bit;
        Some(bytes)
    });
    copy
}

/// A place in each part of a file: its beginning, its end, and spread between.
fn places(length: usize, n: usize) -> BTreeSet<usize> {
    (0..n).map(|i| i * (length - 1) / (n - 1)).collect()
}

#[test]
fn any_bit_of_any_file_is_found() {
    let volume = ledger(700);
    let kinds: BTreeSet<_> =
        volume.paths().iter().filter_map(|p| p.split(['/', '.']).nth(1).map(str::to_owned)).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["0", "1", "entries"]);
    for path in volume.paths() {
        let length = volume.read(&path).unwrap().unwrap().len();
        for (n, at) in places(length, 40).into_iter().enumerate() {
            let rotten = flipped(&volume, &path, at, n % 8);
            match verify(&rotten, &key()) {
                Err(LedgerError::Damaged(t)) => {
                    assert!(t.path == path || path == "checkpoint", "{path}: {t}")
                }
                other => panic!("{path} at {at}: {other:?}"),
            }
        }
    }
}

#[test]
fn rot_far_up_in_a_large_tree_is_found() {
    let volume = ledger(66_000);
    for path in ["tile/0/x000/100", "tile/1/000", "tile/1/001.p/1", "tile/2/000.p/1", "tile/entries/200"] {
        let path = path.replace("x000/", "");
        let length = volume.read(&path).unwrap().unwrap_or_else(|| panic!("{path}")).len();
        let at = length / 2;
        let found = verify(&flipped(&volume, &path, at, 3), &key());
        assert!(matches!(found, Err(LedgerError::Damaged(ref t)) if t.path == path), "{path}: {found:?}");
    }
}

#[test]
fn a_rotten_tile_or_entry_makes_no_proof_that_checks() {
    let volume = ledger(700);
    for path in volume.paths() {
        let length = volume.read(&path).unwrap().unwrap().len();
        for (n, at) in places(length, 12).into_iter().enumerate() {
            let rotten = flipped(&volume, &path, at, n % 8);
            for index in [0, 255, 256, 300, 511, 512, 699] {
                if let Ok(proof) = prove(&rotten, &key(), index) {
                    verify_proof(&proof, &leaf(index), &key()).unwrap();
                }
            }
        }
    }
}

#[test]
fn a_start_serves_nothing_from_a_rotten_right_edge() {
    let volume = ledger(700);
    for path in ["checkpoint", "tile/0/002.p/188", "tile/1/000.p/2", "tile/entries/002.p/188"] {
        let length = volume.read(path).unwrap().unwrap().len();
        for at in places(length, 30) {
            let rotten = flipped(&volume, path, at, at % 8);
            let opened = Ledger::open(Box::new(rotten), signer(), &options());
            assert!(matches!(opened, Err(LedgerError::Damaged(_))), "{path} at {at}");
        }
    }
}

#[test]
fn what_a_lock_file_holds_does_not_matter() {
    let volume = ledger(300);
    volume.tamper("lock", |_| Some(vec![1, 2, 3]));
    verify(&volume, &key()).unwrap();
}

#[test]
fn a_disk_that_takes_nothing_refuses_the_start() {
    for fault in [Fault::Refused, Fault::Torn, Fault::DoneButFailed] {
        let readonly = BreakingVolume::new(MemoryVolume::new(), 0, fault);
        let opened = Ledger::open(Box::new(readonly), signer(), &options());
        assert!(matches!(opened, Err(LedgerError::Volume(_))), "{fault:?}");
    }
    // One that holds records already: they are read, and the first append is refused.
    let full = BreakingVolume::new(ledger(300), 0, Fault::Refused);
    let committer =
        Committer::start(Box::new(full), signer(), options(), Arc::new(FakeClock::default())).unwrap();
    assert!(matches!(wait(committer.append(leaf(300))), Err(LedgerError::Unavailable)));
    assert!(!committer.healthy());
}

#[test]
fn a_clock_that_goes_back_changes_nothing_in_the_log() {
    let (volume, clock) = (MemoryVolume::new(), Arc::new(FakeClock::default()));
    let quick = Options { publish_every_ms: 20, ..options() };
    let committer =
        Committer::start(Box::new(volume.clone()), signer(), quick, Arc::<FakeClock>::clone(&clock)).unwrap();
    for n in 0..300 {
        clock.step_to(1_767_225_600_000 - n * 3_600_000);
        assert_eq!(wait(committer.append(leaf(n))).unwrap(), n);
        clock.advance_ms(1);
    }
    // A checkpoint is due by the clock that cannot go back.
    while verify(&volume, &key()).map_or(0, |v| v.size) == 0 {
        clock.advance_ms(1);
        std::thread::yield_now();
    }
    committer.stop().unwrap();
    assert_eq!(verify(&volume, &key()).unwrap().size, 300);
}

#[test]
fn a_tail_cut_off_at_any_byte_loses_nothing_before_it() {
    let disk = MemoryVolume::new();
    let (mut ledger, _) = Ledger::open(Box::new(disk.clone()), signer(), &options()).unwrap();
    for index in 0..4 {
        ledger.append_batch(&[leaf(index)]).unwrap();
    }
    let path = disk.paths().into_iter().find(|p| p.starts_with("journal/")).unwrap();
    let frame = 36 + 2 + leaf(0).len();
    for cut in 3 * frame..4 * frame {
        let copy = disk.copy();
        copy.tamper(&path, |bytes| Some(bytes.unwrap()[..cut].to_vec()));
        let (opened, found) = Ledger::open(Box::new(copy.clone()), signer(), &options()).unwrap();
        assert_eq!((opened.size(), found.torn_bytes > 0), (3, cut > 3 * frame), "cut at {cut}");
        opened.close().unwrap();
        let verified = verify(&copy, &key()).unwrap();
        assert_eq!((verified.size, verified.torn_bytes), (3, 0));
    }
}

#[test]
fn a_history_written_anew_with_the_key_contradicts_a_kept_checkpoint() {
    // Files and checkpoint agree: only who kept an older checkpoint can tell.
    let read = |v: &MemoryVolume| String::from_utf8(v.read("checkpoint").unwrap().unwrap()).unwrap();
    let kept = read(&ledger(300));
    let other = MemoryVolume::new();
    let (mut log, _) = Ledger::open(Box::new(other.clone()), signer(), &options()).unwrap();
    let rewritten: Vec<_> = (0..700).map(|n| if n == 7 { b"{}".to_vec() } else { leaf(n) }).collect();
    log.append_batch(&rewritten).unwrap();
    log.close().unwrap();
    verify(&other, &key()).unwrap();
    let proof = cordon_ledger::consistency(&other, &key(), 300, 700).unwrap();
    assert!(cordon_ledger::verify_consistency(&proof, &kept, &read(&other), &key()).is_err());
    let shorter = ledger(200);
    assert!(cordon_ledger::consistency(&shorter, &key(), 300, 300).is_err(), "a truncated tail is smaller");
}

#[test]
fn every_class_has_a_name_of_its_own() {
    let names: BTreeSet<_> = Class::ALL.iter().map(|c| c.name()).collect();
    assert_eq!(names.len(), Class::ALL.len());
    assert!(names.len() >= 25);
    assert_eq!(tree::fold(&[]), tree::empty_root());
    assert_eq!(tile::WIDTH, 256);
}
