//! The verified reader: what it hands out, and that it hands out nothing that was changed.

use crate::{key, leaf, ledger};
use cordon_ledger::{
    Filter, Reader, Volume as _, show_last,
    tile::{self, Kind},
    tree,
};
use cordon_testkit::MemoryVolume;

#[test]
fn every_bundle_and_tile_of_several_sizes() {
    for size in [1, 2, 255, 256, 257, 600, 66_000] {
        let volume = ledger(size);
        let mut reader = Reader::open(&volume, &key()).unwrap();
        assert_eq!(reader.head().size, size);
        let mut index = 0;
        for n in 0..size.div_ceil(256) {
            // The first and last ones, and some between.
            if n > 3 && n + 3 < size.div_ceil(256) && n % 50 != 0 {
                index += 256;
                continue;
            }
            let bundle = reader.bundle(n).unwrap();
            assert_eq!(bundle.first, index);
            for (entry, hash) in bundle.entries.iter().zip(&bundle.hashes) {
                assert_eq!(*entry, leaf(index), "of {size}");
                assert_eq!(*hash, tree::leaf_hash(entry));
                index += 1;
            }
        }
        assert_eq!(index, size);
        assert!(reader.bundle(size.div_ceil(256)).is_err());
        for level in 1..3_u8 {
            let width = tile::width_at(level, 0, size);
            assert_eq!(reader.tile(level, 0).map(|t| t.len() as u64).ok(), (width > 0).then_some(width));
        }
    }
}

/// Every byte of every file that it reads: one bit, and it says so.
#[test]
fn a_changed_bit_is_never_handed_out() {
    for size in [3, 256, 300] {
        let volume = ledger(size);
        let good = Reader::open(&volume, &key()).unwrap().bundle(0).unwrap();
        // What the checkpoint names; a forerunner that is still there is nobody's.
        let mut named = vec!["checkpoint".to_owned()];
        for n in 0..size.div_ceil(256) {
            let width = tile::width_at(0, n, size);
            named.extend([Kind::Entries, Kind::Tile(0)].map(|kind| tile::path_of_width(kind, n, width)));
        }
        if size >= 256 {
            named.push(tile::path_of_width(Kind::Tile(1), 0, tile::width_at(1, 0, size)));
        }
        assert!(named.iter().all(|path| volume.paths().contains(path)), "{named:?}");
        for path in volume.paths().iter().filter(|p| p.starts_with("tile/") || *p == "checkpoint") {
            let bytes = volume.read(path).unwrap().unwrap();
            for at in (0..bytes.len()).step_by(37) {
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                volume.write_atomic(path, &changed).unwrap();
                let read = |volume: &MemoryVolume| {
                    let mut reader = Reader::open(volume, &key()).ok()?;
                    let all = (0..size.div_ceil(256))
                        .map(|n| reader.bundle(n))
                        .collect::<Result<Vec<_>, _>>()
                        .ok()?;
                    let tile = if size >= 256 { reader.tile(1, 0).map(|_| ()) } else { Ok(()) };
                    tile.ok().map(|()| all)
                };
                if let Some(all) = read(&volume) {
                    assert_eq!(all[0], good, "{path} at {at} of {size}");
                    assert!(!named.contains(path), "{path} at {at} of {size} was not noticed");
                }
                volume.write_atomic(path, &bytes).unwrap();
            }
        }
    }
}

#[test]
fn growth_is_told_from_rewriting() {
    let (small, large) = (ledger(300), ledger(900));
    let old = Reader::open(&small, &key()).unwrap().head().clone();
    let mut reader = Reader::open(&large, &key()).unwrap();
    assert!(reader.grew_from(old.size, &old.root).unwrap());
    assert!(reader.grew_from(0, &tree::empty_root()).unwrap());
    assert!(!reader.grew_from(old.size, &[7; 32]).unwrap());
    assert!(!reader.grew_from(901, &old.root).unwrap());
    let same = reader.head().clone();
    assert!(reader.grew_from(900, &same.root).unwrap());
    assert!(!reader.grew_from(900, &old.root).unwrap());
}

#[test]
fn the_last_ones_are_found_from_the_end() {
    let volume = ledger(700);
    let last = |most| {
        let found = show_last(&volume, &key(), &Filter::default(), most).unwrap();
        found.iter().map(|s| s.index).collect::<Vec<_>>()
    };
    assert_eq!(last(0), Vec::<u64>::new());
    assert_eq!(last(3), [697, 698, 699]);
    assert_eq!(last(500).first(), Some(&200));
    assert_eq!(last(9_999).len(), 700);
}
