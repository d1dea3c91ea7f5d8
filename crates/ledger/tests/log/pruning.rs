//! Pruning by minimum index: what may go, what stays provable, and what is not pruning but tampering.

use super::house::{DAY, House, foreign, intent, start};
use crate::{key, signer};
use cordon_ledger::{
    Class, ControlKind, Filter, LedgerError, Minimum, Record, Retention, Scope, Signer, Volume, consistency,
    custody::Stop, prove, show, tree, verify, verify_consistency, verify_proof,
};
use cordon_testkit::MemoryVolume;

const NOW: u64 = 1_000 * DAY;
const SHORT: Retention = Retention { exchanges: Some(10 * DAY), control: Some(30 * DAY) };

/// A start record, then an exchange's record an hour.
fn records(n: u64) -> Vec<Vec<u8>> {
    let hour = DAY / 24;
    let one = |i: u64| match i {
        0 => start(0).encode(),
        i => intent(i * hour, if i % 2 == 0 { "even" } else { "odd" }, i.into(), None, 1).encode(),
    };
    (0..n).map(one).collect()
}

fn house(n: u64) -> (MemoryVolume, House<MemoryVolume>) {
    let disk = MemoryVolume::new();
    let house = House::open(&disk).unwrap();
    house.epochs().unwrap();
    house.write(&records(n)).unwrap();
    (disk, house)
}

fn bundles(disk: &MemoryVolume) -> usize {
    disk.paths().iter().filter(|p| p.starts_with("ledger/tile/entries/") && !p.contains(".p/")).count()
}

#[test]
fn entries_go_and_every_proof_stays() {
    let (disk, house) = house(1500);
    let public = key();
    let head =
        |h: &House<MemoryVolume>| String::from_utf8(h.ledger.read("checkpoint").unwrap().unwrap()).unwrap();
    let (old_head, tiles) = (head(&house), disk.paths().iter().filter(|p| p.contains("tile/0/")).count());
    let leaves = records(1500);
    let proofs: Vec<_> = (0..1500).map(|i| prove(&house.ledger, &public, i).unwrap()).collect();
    let plan = house.custody().prune(&SHORT, NOW).unwrap();
    assert_eq!((plan.old, plan.new, plan.bundles(), plan.stop), (0, 1280, 5, Stop::End));
    assert_eq!(bundles(&disk), 0);
    assert!(disk.paths().iter().filter(|p| p.contains("tile/0/")).count() >= tiles, "tiles are kept");
    let verified = verify(&house.ledger, &public).unwrap();
    assert_eq!((verified.minimum, verified.size, verified.bundles), (1280, 1501, 1));
    for (index, proof) in proofs.iter().enumerate() {
        verify_proof(proof, &leaves[index], &public).unwrap();
        let now = prove(&house.ledger, &public, index as u64);
        if index < 1280 {
            assert!(matches!(now, Err(LedgerError::Pruned { lowest: 1280, .. })), "{now:?}");
        } else {
            verify_proof(&now.unwrap(), &leaves[index], &public).unwrap();
        }
    }
    let grown = consistency(&house.ledger, &public, 1500, house.size()).unwrap();
    verify_consistency(&grown, &old_head, &head(&house), &public).unwrap();
    let filter = Filter::default();
    let indexes: Vec<_> = show(&house.ledger, &public, &filter).unwrap().map(|s| s.unwrap().index).collect();
    assert_eq!(indexes, (1280..1501).collect::<Vec<_>>());
    // The directory opens again, grows, and is pruned again.
    drop(house);
    let house = House::open(&disk).unwrap();
    assert_eq!(house.size(), 1501);
    house.write(&records(600)).unwrap();
    let again = house.custody().prune(&SHORT, NOW + 31 * DAY).unwrap();
    assert_eq!((again.old, again.new), (1280, 2048));
    assert_eq!(verify(&house.ledger, &public).unwrap().minimum, 2048);
    let last = house.custody().prune(&SHORT, NOW + 31 * DAY).unwrap();
    assert_eq!(last.bundles(), 0, "nothing more to do");
}

#[test]
fn what_is_kept_stops_it() {
    let plan = |retention: &Retention, now, scope: Option<Scope>| {
        let (_, house) = house(1500);
        scope.map(|s| house.custody().hold(s, 1).unwrap());
        let plan = house.custody().plan(retention, now).unwrap();
        assert_eq!(plan, house.custody().plan(retention, now).unwrap(), "a plan changes nothing");
        (plan.new, plan.at, plan.stop)
    };
    assert_eq!(plan(&Retention::default(), NOW, None), (0, 0, Stop::Forever), "the default keeps all");
    let control = Retention { control: None, ..SHORT };
    assert_eq!(plan(&control, NOW, None), (0, 0, Stop::Forever));
    let exchanges = Retention { exchanges: None, ..SHORT };
    assert_eq!(plan(&exchanges, NOW, None), (0, 1, Stop::Forever));
    // Of an exchange's record an hour, those of ten days and more ago may go.
    let (new, at, stop) = plan(&SHORT, 40 * DAY, None);
    assert_eq!((new, at), (512, 30 * 24 + 1));
    assert!(matches!(stop, Stop::Until(t) if t == (30 * 24 + 1) * DAY / 24 + 10 * DAY), "{stop:?}");
    let agent = Scope { agent: Some(cordon_types::AgentId::new("even").unwrap()), ..Scope::default() };
    let late = Scope { from: Some(600 * DAY / 24), ..agent };
    assert_eq!(plan(&SHORT, NOW, Some(late)), (512, 600, Stop::Held(1)));
    let disk = MemoryVolume::new();
    let house = House::open(&disk).unwrap();
    house.epochs().unwrap();
    house.write(&records(300)).unwrap();
    house.write(&[foreign()]).unwrap();
    house.write(&records(300)).unwrap();
    assert_eq!(house.custody().plan(&SHORT, NOW).unwrap().stop, Stop::Unknown);
}

#[test]
fn a_hold_lifted_lets_go() {
    let (_, house) = house(600);
    let hold = house.custody().hold(Scope { from: Some(0), to: Some(DAY), ..Scope::default() }, 1).unwrap();
    assert_eq!(house.custody().prune(&SHORT, NOW).unwrap().bundles(), 0);
    house.custody().lift(hold.number, 2).unwrap();
    assert_eq!(house.custody().prune(&SHORT, NOW).unwrap().bundles(), 2);
}

fn tampered(name: &str, change: impl Fn(&MemoryVolume), expected: Class) {
    let (disk, house) = house(1500);
    house.custody().prune(&Retention { exchanges: Some(10 * DAY), ..SHORT }, 60 * DAY).unwrap();
    assert_eq!(verify(&house.ledger, &key()).unwrap().minimum, 1024);
    change(&disk);
    match verify(&house.ledger, &key()) {
        Err(LedgerError::Damaged(t)) => assert_eq!(t.class, expected, "{name}: {t}"),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn a_missing_bundle_is_pruned_only_where_the_log_says_so() {
    let remove = |path: &'static str| move |d: &MemoryVolume| d.tamper(path, |_| None);
    tampered("at the minimum", remove("ledger/tile/entries/004"), Class::MissingBundle);
    tampered("no minimum at all", remove("ledger/minimum"), Class::MissingBundle);
    let say = |minimum: Minimum, signer: Signer| {
        move |d: &MemoryVolume| {
            d.tamper("ledger/minimum", |_| Some(minimum.to_text(&signer).into_bytes()));
            d.tamper("ledger/tile/entries/004", |_| None);
        }
    };
    let higher = |record| Minimum { index: 1280, record };
    // By whoever holds the key, but the log says nothing of it.
    tampered("of no such record", say(higher(5000), signer()), Class::MinimumUnbacked);
    tampered("of another record", say(higher(1300), signer()), Class::MinimumUnbacked);
    tampered("of the record of a lower one", say(higher(1500), signer()), Class::MinimumUnbacked);
    let thief = Signer::generate(crate::ORIGIN, [9; 32]).unwrap();
    tampered("by another key", say(higher(1500), thief), Class::MinimumChanged);
    tampered("amid a bundle", say(Minimum { index: 1281, record: 1500 }, signer()), Class::MinimumChanged);
    tampered("above its record", say(Minimum { index: 1536, record: 1500 }, signer()), Class::MinimumChanged);
    let raised = |d: &MemoryVolume| {
        d.tamper("ledger/minimum", |b| {
            Some(String::from_utf8(b.unwrap()).unwrap().replace("1024", "1280").into_bytes())
        });
    };
    tampered("changed", raised, Class::MinimumChanged);
    tampered("garbage", |d| d.tamper("ledger/minimum", |_| Some(vec![0xff])), Class::MinimumChanged);
    tampered("empty", |d| d.tamper("ledger/minimum", |_| Some(vec![])), Class::MinimumChanged);
}

#[test]
fn hashes_of_what_was_given_up_are_verified_all_the_same() {
    let flip = |path: &'static str| {
        move |d: &MemoryVolume| {
            d.tamper(path, |b| {
                let mut b = b.unwrap();
                b[40] ^= 1;
                Some(b)
            });
        }
    };
    tampered("a leaf's hash", flip("ledger/tile/0/001"), Class::TileChanged);
    tampered("gone", |d| d.tamper("ledger/tile/0/001", |_| None), Class::MissingTile);
    // One that should have gone and is there is read like any other.
    let back = |d: &MemoryVolume| {
        d.tamper("ledger/tile/entries/001", |_| Some([0, 1, b'x'].repeat(256)));
    };
    tampered("another bundle in its place", back, Class::EntryChanged);
}

#[test]
fn every_bit_of_the_minimum_index_counts() {
    let (disk, house) = house(600);
    house.custody().prune(&SHORT, NOW).unwrap();
    let length = disk.read("ledger/minimum").unwrap().unwrap().len();
    for bit in 0..length * 8 {
        let copy = disk.copy();
        copy.tamper("ledger/minimum", |b| {
            let mut b = b.unwrap();
            b[bit / 8] ^= 1 << (bit % 8);
            Some(b)
        });
        let found = verify(&super::house::Below(copy), &key());
        assert!(
            matches!(found, Err(LedgerError::Damaged(t)) if t.class == Class::MinimumChanged),
            "bit {bit}"
        );
    }
}

#[test]
fn the_log_says_what_was_given_up() {
    let (_, house) = house(600);
    house.custody().prune(&SHORT, NOW).unwrap();
    let record = cordon_ledger::entry(&house.ledger, &key(), 600).unwrap();
    let Ok(Record::Control(record)) = Record::decode(&record) else { panic!("a control record") };
    assert_eq!((record.kind, record.of, record.count), (ControlKind::Pruned, Some(512), Some(2)));
    assert_ne!(tree::empty_root(), verify(&house.ledger, &key()).unwrap().root);
}
