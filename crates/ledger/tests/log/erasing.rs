//! Erasure: what was destroyed cannot be had again, every proof stays good, a hold forbids it, a receipt says it.

use super::{
    committing::wait,
    house::{Below, DAY, House, intent, key},
};
use crate::{options, signer};
use cordon_ledger::{
    Class, Committer, ControlKind, CustodyError, Digester, Epochs, LedgerError, Receipt, Record, Scope,
    Volume, What, consistency, custody::salts, prove, verify, verify_consistency, verify_proof,
};
use cordon_testkit::{FakeClock, MemoryVolume};
use cordon_types::{AgentId, Entropy, RequestId};
use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};
use zeroize::Zeroizing;

const USER: &[u8] = b"jane@example.com";

/// No file of the directory holds these bytes, as they are or in hexadecimal.
fn nowhere(disk: &MemoryVolume, secret: &[u8]) -> bool {
    let hex = secret.iter().map(|b| format!("{b:02x}")).collect::<String>();
    disk.paths().iter().all(|path| {
        let bytes = disk.read(path).unwrap().unwrap();
        !bytes.windows(secret.len()).any(|w| w == secret)
            && !bytes.windows(hex.len()).any(|w| w == hex.as_bytes())
    })
}

/// A directory with two epochs, 300 records of a user in the first, 10 in the second.
fn two_epochs(disk: &MemoryVolume) -> House<MemoryVolume> {
    let house = House::open(disk).unwrap();
    let first = house.epochs().unwrap().digester(disk).unwrap();
    let records = |digester: &Digester, at: u64, n: u64| -> Vec<Vec<u8>> {
        let user = digester.linkable("user", USER);
        (0..n).map(|i| intent(at + i, "bot", i.into(), Some(user), digester.epoch()).encode()).collect()
    };
    house.write(&records(&first, 10, 300)).unwrap();
    let epochs = house.custody().rotate(DAY, &key(2)).unwrap();
    house.write(&records(&epochs.digester(disk).unwrap(), DAY, 10)).unwrap();
    house
}

#[test]
fn an_epochs_key_is_gone_for_good_and_every_proof_stays() {
    let disk = MemoryVolume::new();
    let house = two_epochs(&disk);
    let public = signer().verifier();
    let head = |v: &dyn Volume| String::from_utf8(v.read("checkpoint").unwrap().unwrap()).unwrap();
    let (before, size) = (head(&house.ledger), house.size());
    let proofs: Vec<_> = (0..size).map(|i| prove(&house.ledger, &public, i).unwrap()).collect();
    let leaves: Vec<_> =
        (0..size).map(|i| cordon_ledger::entry(&house.ledger, &public, i).unwrap()).collect();
    let Ok(Record::Intent(old)) = Record::decode(&leaves[0]) else { panic!("an intent") };
    assert_eq!(house.epochs().unwrap().key(&disk, 1).unwrap(), key(1));
    assert!(!nowhere(&disk, &[1; 32]));

    let receipt = house.custody().erase(What::Epoch(1), 2 * DAY).unwrap();

    // The pseudonym cannot be recomputed: the key is in no file, and what can be had gives another digest.
    assert!(nowhere(&disk, &[1; 32]), "the key is still there");
    let epochs = house.epochs().unwrap();
    assert!(matches!(epochs.key(&disk, 1), Err(CustodyError::EpochShredded { epoch: 1 })));
    assert_ne!(epochs.digester(&disk).unwrap().linkable("user", USER), old.user.unwrap());
    // The tree is what it was: old proofs, new proofs, consistency, every file.
    house.write(&[]).unwrap();
    for (index, (proof, leaf)) in proofs.iter().zip(&leaves).enumerate() {
        verify_proof(proof, leaf, &public).unwrap();
        let now = prove(&house.ledger, &public, index as u64).unwrap();
        verify_proof(&now, leaf, &public).unwrap();
    }
    let grown = consistency(&house.ledger, &public, size, house.size()).unwrap();
    verify_consistency(&grown, &before, &head(&house.ledger), &public).unwrap();
    verify(&house.ledger, &public).unwrap();
    // The receipt is signed, and the log says the same.
    let text = String::from_utf8(disk.read(&receipt.path()).unwrap().unwrap()).unwrap();
    assert_eq!(Receipt::open(&text, &public).unwrap(), receipt);
    assert!(Receipt::open(&text.replace("epoch 1", "epoch 2"), &public).is_err());
    let leaf = cordon_ledger::entry(&house.ledger, &public, receipt.record).unwrap();
    let Ok(Record::Control(record)) = Record::decode(&leaf) else { panic!("a control record") };
    assert_eq!((record.kind, record.of), (ControlKind::EpochShredded, Some(1)));
    assert!(matches!(
        house.custody().erase(What::Epoch(1), 3 * DAY),
        Err(CustodyError::EpochShredded { epoch: 1 })
    ));
}

#[test]
fn what_must_not_be_erased_is_not() {
    let disk = MemoryVolume::new();
    let house = two_epochs(&disk);
    let erase = |what| house.custody().erase(what, 3 * DAY).unwrap_err();
    assert!(matches!(erase(What::Epoch(2)), CustodyError::CurrentEpoch { epoch: 2 }));
    assert!(matches!(erase(What::Epoch(3)), CustodyError::NoEpoch { epoch: 3 }));
    assert!(matches!(erase(What::Record(0)), CustodyError::Nothing { .. }));
    assert!(matches!(erase(What::Before(1)), CustodyError::Nothing { .. }));
    let agent = |name: &str| Some(AgentId::new(name).unwrap());
    let of = |name| Scope { agent: agent(name), ..Scope::default() };
    let at = |from, to| Scope { from: Some(from), to: Some(to), ..Scope::default() };
    let covering = [
        of("bot"),
        at(15, 16),
        at(0, 11),
        at(DAY - 1, DAY * 9),
        Scope { request: Some(RequestId(299)), ..Scope::default() },
        Scope { from: Some(0), ..of("bot") },
    ];
    for scope in covering {
        let hold = house.custody().hold(scope.clone(), 2 * DAY).unwrap();
        let (what, number) = (erase(What::Epoch(1)), hold.number);
        assert!(matches!(what, CustodyError::Held { hold } if hold == number), "{scope:?}: {what}");
        assert!(matches!(erase(What::Before(DAY)), CustodyError::Held { .. }), "{scope:?}");
        house.custody().lift(number, 2 * DAY).unwrap();
        assert!(matches!(house.custody().lift(number, 2 * DAY), Err(CustodyError::NoHold { .. })));
    }
    for beside in [
        of("other"),
        at(DAY, DAY * 9),
        at(0, 1),
        Scope { request: Some(RequestId(300)), ..Scope::default() },
        Scope { from: Some(400), ..of("bot") },
    ] {
        house.custody().hold(beside, 2 * DAY).unwrap();
    }
    assert_eq!(house.custody().holds().unwrap().len(), 11);
    for bad in [Scope::default(), at(5, 5), at(6, 5)] {
        assert!(matches!(house.custody().hold(bad, 0), Err(CustodyError::BadScope { .. })));
    }
    house.custody().erase(What::Epoch(1), 3 * DAY).unwrap();
}

#[test]
fn a_record_that_no_checkpoint_covers_yet_is_held_too() {
    let disk = MemoryVolume::new();
    let house = House::open(&disk).unwrap();
    house.epochs().unwrap();
    let late = Scope { agent: Some(AgentId::new("late").unwrap()), ..Scope::default() };
    house.custody().hold(late, 1).unwrap();
    house.append_only(&[intent(5, "late", 1, None, 1).encode()]).unwrap();
    house.custody().rotate(DAY, &key(2)).unwrap();
    let erased = house.custody().erase(What::Epoch(1), DAY);
    assert!(matches!(erased, Err(CustodyError::Held { hold: 1 })), "{erased:?}");
}

#[test]
fn a_hold_cannot_be_taken_away_by_its_file() {
    let disk = MemoryVolume::new();
    let house = two_epochs(&disk);
    house.custody().hold(Scope { from: Some(0), ..Scope::default() }, DAY).unwrap();
    house.write(&[]).unwrap();
    let tampered = |change: fn(Option<Vec<u8>>) -> Option<Vec<u8>>| {
        let copy = disk.copy();
        copy.tamper("holds/1", change);
        let house = House::open(&copy).unwrap();
        match house.custody().erase(What::Epoch(1), 3 * DAY) {
            Err(CustodyError::Ledger(LedgerError::Damaged(t))) => t.class,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(tampered(|_| None), Class::HoldMissing);
    let change = |b: Option<Vec<u8>>| {
        Some(String::from_utf8(b.unwrap()).unwrap().replace("from 0", "from 99999999999999").into_bytes())
    };
    assert_eq!(tampered(change), Class::HoldChanged);
    let lift = |b: Option<Vec<u8>>| {
        Some(String::from_utf8(b.unwrap()).unwrap().replacen("\n\n", "\nlifted 5\n\n", 1).into_bytes())
    };
    assert_eq!(tampered(lift), Class::HoldChanged);
    assert_eq!(tampered(|_| Some(b"hello".to_vec())), Class::HoldChanged);
}

struct Counting(AtomicU8);

impl Entropy for Counting {
    fn fill(&self, out: &mut [u8]) {
        out.fill(self.0.fetch_add(1, Ordering::Relaxed) + 100);
    }
}

/// A directory with 40 intents that commit to their bodies, a day between two.
fn salted(disk: &MemoryVolume) -> Vec<cordon_ledger::Commitment> {
    House::open(disk).unwrap().epochs().unwrap();
    let entropy = Counting(AtomicU8::new(0));
    let committer = Committer::start_with_vault(
        Box::new(Below(disk.clone())),
        Some(Arc::new(disk.clone())),
        signer(),
        options(),
        Arc::new(FakeClock::default()),
    )
    .unwrap();
    let mut all = Vec::new();
    for n in 0..40_u64 {
        let made = cordon_ledger::custody::Salted::new(&entropy, format!("body {n}").as_bytes());
        all.push(made.commitment);
        let record = cordon_ledger::Intent {
            commitment: Some(made.commitment),
            ..intent(n * DAY, "bot", n.into(), None, 1)
        };
        assert_eq!(wait(committer.append_salted(record.encode(), made.salt)).unwrap(), n);
    }
    committer.stop().unwrap();
    all
}

fn opens(disk: &MemoryVolume, all: &[cordon_ledger::Commitment], n: usize, body: &str) -> salts::Opening {
    salts::open(disk, n as u64, &all[n], body.as_bytes()).unwrap()
}

#[test]
fn a_commitment_opens_until_its_salt_is_destroyed() {
    let disk = MemoryVolume::new();
    let all = salted(&disk);
    assert_eq!(opens(&disk, &all, 7, "body 7"), salts::Opening::Same);
    assert_eq!(opens(&disk, &all, 7, "body 8"), salts::Opening::Other);
    assert!(all.windows(2).all(|w| w[0] != w[1]));
    let house = House::open(&disk).unwrap();
    assert!(!nowhere(&disk, &[107; 32]));
    let receipt = house.custody().erase(What::Record(7), DAY).unwrap();
    assert_eq!(receipt.order.salts, 1);
    assert!(nowhere(&disk, &[107; 32]), "the salt is still there");
    assert_eq!(opens(&disk, &all, 7, "body 7"), salts::Opening::Shredded);
    assert_eq!(opens(&disk, &all, 8, "body 8"), salts::Opening::Same);
    assert!(matches!(house.custody().erase(What::Record(7), DAY), Err(CustodyError::Nothing { .. })));
    house.write(&[]).unwrap();
    verify(&house.ledger, &signer().verifier()).unwrap();
    let none = salts::open(&disk, 40, &all[0], b"").unwrap();
    assert_eq!(none, salts::Opening::NoSalt);
}

#[test]
fn all_before_a_time_goes_together() {
    let disk = MemoryVolume::new();
    let all = salted(&disk);
    let house = House::open(&disk).unwrap();
    house.custody().rotate(9 * DAY, &key(2)).unwrap();
    house.custody().rotate(21 * DAY, &key(3)).unwrap();
    let hold = house.custody().hold(Scope { request: Some(RequestId(19)), ..Scope::default() }, 1).unwrap();
    let before = house.custody().erase(What::Before(20 * DAY), 30 * DAY);
    assert!(matches!(before, Err(CustodyError::Held { .. })));
    assert_eq!(opens(&disk, &all, 0, "body 0"), salts::Opening::Same, "refused means untouched");
    house.custody().lift(hold.number, 2).unwrap();
    let receipt = house.custody().erase(What::Before(20 * DAY), 30 * DAY).unwrap();
    assert_eq!((receipt.order.epochs.as_slice(), receipt.order.salts), ([1].as_slice(), 20));
    for n in 0..40 {
        let expected = if n < 20 { salts::Opening::Shredded } else { salts::Opening::Same };
        assert_eq!(opens(&disk, &all, n, &format!("body {n}")), expected, "{n}");
    }
    let states: Vec<_> = Epochs::read(&disk).unwrap().all().iter().map(|e| e.shredded).collect();
    assert_eq!(states, [true, false, false]);
}

#[test]
fn salts_come_back_after_a_restart_and_rot_is_told() {
    let disk = MemoryVolume::new();
    let all = salted(&disk);
    let path = disk.paths().into_iter().find(|p| p.starts_with("salts/")).unwrap();
    for bit in 0..48 * 8 {
        let copy = disk.copy();
        copy.tamper(&path, |b| {
            let mut b = b.unwrap();
            b[48 * 5 + bit / 8] ^= 1 << (bit % 8);
            Some(b)
        });
        match salts::open(&copy, 5, &all[5], b"body 5") {
            Err(LedgerError::Damaged(t)) => assert_eq!(t.class, Class::SaltDamaged),
            // The index is not its own any more.
            Ok(found) => assert_eq!(found, salts::Opening::NoSalt, "bit {bit}"),
            Err(other) => panic!("bit {bit}: {other}"),
        }
    }
    let without =
        Committer::start(Box::new(MemoryVolume::new()), signer(), options(), Arc::new(FakeClock::default()))
            .unwrap();
    assert!(wait(without.append_salted(vec![], Zeroizing::new([0; 32]))).is_err());
}

#[test]
fn a_directory_from_before_there_were_epochs_goes_on() {
    let legacy = "07".repeat(32);
    for text in [legacy.clone(), format!("{legacy}\n")] {
        let disk = MemoryVolume::new();
        disk.write_atomic("keys/epoch.key", text.as_bytes()).unwrap();
        let epochs = Epochs::open(&disk, DAY, &key(2)).unwrap();
        assert_eq!((epochs.current().number, epochs.ended(1)), (2, Some(DAY)));
        assert_eq!(epochs.key(&disk, 1).unwrap(), key(7));
        assert_eq!(epochs.digester(&disk).unwrap().epoch(), 2);
        assert_eq!(Epochs::open(&disk, 2 * DAY, &key(9)).unwrap(), epochs, "a second start finds it again");
        let house = House::open(&disk).unwrap();
        house.custody().erase(What::Epoch(1), 3 * DAY).unwrap();
        assert!(nowhere(&disk, &[7; 32]) && disk.read("keys/epoch.key").unwrap().is_none());
    }
    let broken = MemoryVolume::new();
    broken.write_atomic("keys/epoch.key", b"0707").unwrap();
    assert!(Epochs::open(&broken, DAY, &key(2)).is_err());
}

#[test]
fn rot_in_an_epochs_key_or_in_the_list_is_refused() {
    let disk = MemoryVolume::new();
    two_epochs(&disk);
    for path in ["keys/epochs/2.key", "keys/epochs/index"] {
        let length = disk.read(path).unwrap().unwrap().len();
        for bit in 0..length * 8 {
            let copy = disk.copy();
            copy.tamper(path, |b| {
                let mut b = b.unwrap();
                b[bit / 8] ^= 1 << (bit % 8);
                Some(b)
            });
            match Epochs::open(&copy, 5 * DAY, &key(9)) {
                Err(CustodyError::Ledger(LedgerError::Damaged(t))) => {
                    assert_eq!(t.class, Class::EpochKeyDamaged);
                }
                other => panic!("{path} bit {bit}: {other:?}"),
            }
        }
        let copy = disk.copy();
        copy.tamper(path, |_| None);
        if path.ends_with(".key") {
            assert!(Epochs::open(&copy, 5 * DAY, &key(9)).is_err(), "{path} is gone");
            // The way on where no backup has it.
            let house = House::open(&copy).unwrap();
            assert_eq!(house.custody().rotate(6 * DAY, &key(3)).unwrap().current().number, 3);
        }
    }
}

#[test]
fn a_clock_that_goes_back_does_not_make_an_epoch_end_before_it_began() {
    let disk = MemoryVolume::new();
    let house = two_epochs(&disk);
    let epochs = house.custody().rotate(5, &key(3)).unwrap();
    assert!(epochs.all().windows(2).all(|w| w[0].begun <= w[1].begun));
}
