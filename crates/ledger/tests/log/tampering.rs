//! Each way of tampering is caught and named.

use crate::{key, leaf, ledger, signer};
use cordon_ledger::{Checkpoint, Class, LedgerError, Signer, tile, tree, verify};
use cordon_testkit::MemoryVolume;

fn bundle(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    entries.iter().for_each(|e| tile::push_entry(&mut out, e));
    out
}

fn with_entries(path: &'static str, change: fn(&mut Vec<Vec<u8>>)) -> impl Fn(&MemoryVolume) {
    move |v| {
        v.tamper(path, |bytes| {
            let mut entries: Vec<_> =
                tile::entries(&bytes.unwrap()).unwrap().into_iter().map(<[u8]>::to_vec).collect();
            change(&mut entries);
            Some(bundle(&entries))
        });
    }
}

fn with_bytes(path: &'static str, change: fn(Vec<u8>) -> Option<Vec<u8>>) -> impl Fn(&MemoryVolume) {
    move |v| v.tamper(path, |bytes| change(bytes.unwrap()))
}

fn flip(at: usize) -> impl Fn(Vec<u8>) -> Option<Vec<u8>> {
    move |mut bytes| {
        bytes[at] ^= 1;
        Some(bytes)
    }
}

fn check(name: &str, tamper: impl Fn(&MemoryVolume), expected: Class) {
    let volume = ledger(700);
    verify(&volume, &key()).unwrap();
    tamper(&volume);
    match verify(&volume, &key()) {
        Err(LedgerError::Damaged(t)) => assert_eq!(t.class, expected, "{name}: {t}"),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn entries() {
    const FULL: &str = "tile/entries/001";
    check("changed", with_entries(FULL, |e| e[7] = b"{}".to_vec()), Class::EntryChanged);
    check(
        "changed in the partial bundle",
        with_entries("tile/entries/002.p/188", |e| e[7] = b"{}".to_vec()),
        Class::EntryChanged,
    );
    check("removed", with_entries(FULL, |e| drop(e.remove(7))), Class::EntryRemoved);
    check("inserted", with_entries(FULL, |e| e.insert(7, leaf(999))), Class::EntryInserted);
    check(
        "inserted, last one pushed out",
        with_entries(FULL, |e| {
            e.insert(7, leaf(999));
            e.pop();
        }),
        Class::EntryInserted,
    );
    check("appended", with_entries(FULL, |e| e.push(leaf(999))), Class::EntryInserted);
    check("two swapped", with_entries(FULL, |e| e.swap(3, 200)), Class::EntriesReordered);
    check("reversed", with_entries(FULL, |e| e.reverse()), Class::EntriesReordered);
    check("last ones cut off", with_entries(FULL, |e| e.truncate(200)), Class::BundleTruncated);
    check(
        "cut amid an entry",
        with_bytes(FULL, |mut b| {
            b.pop();
            Some(b)
        }),
        Class::BundleTruncated,
    );
    check("bundle gone", with_bytes(FULL, |_| None), Class::MissingBundle);
    check("partial bundle gone", with_bytes("tile/entries/002.p/188", |_| None), Class::MissingBundle);
}

#[test]
fn tiles() {
    check("full tile changed", |v| v.tamper("tile/0/001", |b| flip(40)(b.unwrap())), Class::TileChanged);
    check("upper tile changed", |v| v.tamper("tile/1/000.p/2", |b| flip(40)(b.unwrap())), Class::TileChanged);
    check("truncated", with_bytes("tile/0/001", |b| Some(b[..320].to_vec())), Class::TileTruncated);
    check("uneven", with_bytes("tile/0/001", |b| Some(b[..321].to_vec())), Class::TileTruncated);
    check("gone", with_bytes("tile/0/000", |_| None), Class::MissingTile);
    check("upper gone", with_bytes("tile/1/000.p/2", |_| None), Class::MissingTile);
    check("foreign", |v| v.tamper("tile/0/1", |_| Some(vec![0; 32])), Class::ForeignFile);
    check(
        "older partial tile that is no prefix",
        |v| v.tamper("tile/0/002.p/1", |_| Some(vec![0; 32])),
        Class::PartialInconsistent,
    );
    check(
        "older partial bundle that is no prefix",
        |v| v.tamper("tile/entries/002.p/1", |_| Some(bundle(&[leaf(1)]))),
        Class::PartialInconsistent,
    );
}

#[test]
fn entry_and_tile_changed_together() {
    let both = |v: &MemoryVolume| {
        with_entries("tile/entries/001", |e| e[7] = b"{}".to_vec())(v);
        v.tamper("tile/0/001", |b| {
            let mut b = b.unwrap();
            b[7 * 32..8 * 32].copy_from_slice(&tree::leaf_hash(b"{}"));
            Some(b)
        });
    };
    check("up to level 0", both, Class::TileChanged);
    let all = move |v: &MemoryVolume| {
        both(v);
        let hashes = tile::hashes(&cordon_ledger::Volume::read(v, "tile/0/001").unwrap().unwrap()).unwrap();
        v.tamper("tile/1/000.p/2", |b| {
            let mut b = b.unwrap();
            b[32..64].copy_from_slice(&tree::fold(&hashes));
            Some(b)
        });
    };
    check("up to the root", all, Class::RootMismatch);
}

#[test]
fn checkpoints() {
    let other = |v: &MemoryVolume| {
        let head = Checkpoint { origin: crate::ORIGIN.to_owned(), size: 700, root: [0; 32] };
        let thief = Signer::generate(crate::ORIGIN, [1; 32]).unwrap();
        v.tamper("checkpoint", |_| Some(head.sign(&thief).into_bytes()));
    };
    check("by another key", other, Class::CheckpointOtherKey);
    let body = |v: &MemoryVolume| {
        v.tamper("checkpoint", |b| {
            Some(String::from_utf8(b.unwrap()).unwrap().replace("\n700\n", "\n600\n").into_bytes())
        });
    };
    check("body changed", body, Class::CheckpointChanged);
    check("gone", with_bytes("checkpoint", |_| None), Class::MissingCheckpoint);
    check("garbage", with_bytes("checkpoint", |_| Some(b"hello".to_vec())), Class::CheckpointMalformed);
    let old = cordon_ledger::Volume::read(&ledger(300), "checkpoint").unwrap().unwrap();
    check("an older one put back", |v| v.tamper("checkpoint", |_| Some(old.clone())), Class::MissingTile);
    let old = cordon_ledger::Volume::read(&ledger(512), "checkpoint").unwrap().unwrap();
    check(
        "an older one put back, of whole tiles",
        |v| {
            v.tamper("checkpoint", |_| Some(old.clone()));
        },
        Class::CheckpointRolledBack,
    );
    let rewritten = |v: &MemoryVolume| {
        let head = Checkpoint { origin: crate::ORIGIN.to_owned(), size: 700, root: [9; 32] };
        v.tamper("checkpoint", |_| Some(head.sign(&signer()).into_bytes()));
    };
    check("another root, signed by the right key", rewritten, Class::RootMismatch);
}
