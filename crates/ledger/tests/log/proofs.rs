//! Tree mathematics against another implementation, and proofs for every index.

use crate::{key, leaf, ledger, options, signer};
use cordon_ledger::{
    InclusionProof, Ledger, Volume as _, consistency, prove,
    tile::{self, Kind},
    tree, verify, verify_consistency, verify_proof,
};
use cordon_testkit::MemoryVolume;
use proptest::prelude::*;
use tlog_tiles::{Hash, HashReader, tlog::Error as TlogError};

/// The other implementation keeps its hashes in one list, in its own storage order.
struct Stored(Vec<Hash>);

impl HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, TlogError> {
        Ok(indexes.iter().map(|i| self.0[usize::try_from(*i).unwrap()]).collect())
    }
}

fn other(size: u64) -> Stored {
    let mut stored = Stored(Vec::new());
    for n in 0..size {
        let more = tlog_tiles::stored_hashes(n, &leaf(n), &stored).unwrap();
        stored.0.extend(more);
    }
    stored
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn another_implementation_agrees(size in 1_u64..1500, index in any::<prop::sample::Index>(), old in any::<prop::sample::Index>()) {
        let (index, old) = (index.index(usize::try_from(size).unwrap()) as u64, old.index(usize::try_from(size).unwrap()) as u64 + 1);
        let (volume, stored) = (ledger(size), other(size));
        let root = verify(&volume, &key()).unwrap().root;
        prop_assert_eq!(root, tlog_tiles::tree_hash(size, &stored).unwrap().0);
        let ours = prove(&volume, &key(), index).unwrap();
        let theirs: Vec<_> = tlog_tiles::prove_record(size, index, &stored).unwrap().into_iter().map(|h| h.0).collect();
        prop_assert_eq!(&ours.hashes, &theirs);
        let ours = consistency(&volume, &key(), old, size).unwrap();
        let theirs: Vec<_> = tlog_tiles::prove_tree(size, old, &stored).unwrap().into_iter().map(|h| h.0).collect();
        prop_assert_eq!(&ours.hashes, &theirs);
    }
}

/// A ledger of random entries, cut into commits at random.
fn random(entries: &[Vec<u8>], cuts: &[prop::sample::Index]) -> MemoryVolume {
    let volume = MemoryVolume::new();
    let (mut ledger, _) = Ledger::open(Box::new(volume.clone()), signer(), &options()).unwrap();
    let mut at: Vec<_> = cuts.iter().map(|c| c.index(entries.len() + 1)).chain([entries.len()]).collect();
    at.sort_unstable();
    let mut from = 0;
    for to in at {
        ledger.append_batch(&entries[from..to]).unwrap();
        ledger.publish();
        while ledger.step().unwrap() {}
        from = to;
    }
    ledger.close().unwrap();
    volume
}

/// What C2SP tlog-tiles says of a path, written anew: level or `entries`, then the index in groups of three
/// digits, all but the last with an `x`, then the width of a partial one.
fn by_the_specification(path: &str) -> Option<(Option<u8>, u64, u64)> {
    let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
    let level = if level == "entries" { None } else { Some(level.parse().ok()?) };
    let (index, width) = rest.split_once(".p/").map_or((rest, Some(256)), |(i, w)| (i, w.parse().ok()));
    let groups: Vec<_> = index.split('/').collect();
    let (last, others) = groups.split_last()?;
    let digits = |group: &&str| group.len() == 3 && group.bytes().all(|b| b.is_ascii_digit());
    let others: Vec<_> = others.iter().map(|group| group.strip_prefix('x')).collect::<Option<_>>()?;
    if !digits(last) || !others.iter().all(digits) {
        return None;
    }
    let all = others.concat() + last;
    Some((level, all.parse().ok()?, width?))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn another_implementation_reads_and_checks_random_trees(
        seed in any::<u64>(),
        size in 1_usize..1200,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        pick in any::<prop::sample::Index>(),
        past in any::<prop::sample::Index>(),
    ) {
        let entry = |n: u64| tree::leaf_hash(&[seed.to_be_bytes(), n.to_be_bytes()].concat())[..(n % 33) as usize].to_vec();
        let entries: Vec<_> = (0..size as u64).map(entry).collect();
        let volume = random(&entries, &cuts);
        let mut stored = Stored(Vec::new());
        for (n, entry) in (0..).zip(&entries) {
            let more = tlog_tiles::stored_hashes(n, entry, &stored).unwrap();
            stored.0.extend(more);
        }
        let (size, root) = (size as u64, verify(&volume, &key()).unwrap().root);
        prop_assert_eq!(root, tlog_tiles::tree_hash(size, &stored).unwrap().0);
        // They check our proofs, and we check theirs.
        let index = pick.index(entries.len()) as u64;
        let leaf = &entries[pick.index(entries.len())];
        let ours: Vec<_> = prove(&volume, &key(), index).unwrap().hashes.into_iter().map(Hash).collect();
        let hash = tlog_tiles::record_hash(leaf);
        tlog_tiles::check_record(&ours, size, Hash(root), index, hash).unwrap();
        let theirs: Vec<_> = tlog_tiles::prove_record(size, index, &stored).unwrap().into_iter().map(|h| h.0).collect();
        prop_assert_eq!(tree::root_by_inclusion(tree::leaf_hash(leaf), index, size, &theirs), Some(root));
        let old = past.index(entries.len()) as u64 + 1;
        let old_root = tlog_tiles::tree_hash(old, &stored).unwrap();
        let ours: Vec<_> = consistency(&volume, &key(), old, size).unwrap().hashes.into_iter().map(Hash).collect();
        tlog_tiles::check_tree(&ours, size, Hash(root), old, old_root).unwrap();
        let theirs: Vec<_> = tlog_tiles::prove_tree(size, old, &stored).unwrap().into_iter().map(|h| h.0).collect();
        prop_assert!(tree::consistent(old, &old_root.0, size, &root, &theirs));
        // Every tile that it computes is the file that we wrote, but for its own layout of paths: it puts the
        // tile's height into them, which C2SP tlog-tiles does not.
        for one in tlog_tiles::Tile::new_tiles(8, 0, size) {
            let path = tile::path_of_width(Kind::Tile(one.level()), one.level_index(), one.width().into());
            prop_assert_eq!(one.path().replacen("tile/8/", "tile/", 1), path.clone());
            prop_assert_eq!(volume.read(&path).unwrap(), Some(one.read_data(&stored).unwrap()), "{}", path);
        }
    }

    #[test]
    fn paths_are_those_of_the_specification(level in 0_u8..8, n in any::<u64>(), narrow in 0_u32..64, width in 1_u64..=256) {
        let n = n >> narrow;
        let tile = tile::path_of_width(Kind::Tile(level), n, width);
        prop_assert_eq!(by_the_specification(&tile), Some((Some(level), n, width)), "{}", tile);
        let bundle = tile::path_of_width(Kind::Entries, n, width);
        prop_assert_eq!(by_the_specification(&bundle), Some((None, n, width)), "{}", bundle);
        prop_assert_eq!(tile.contains(".p/"), width < 256);
    }
}

#[test]
fn the_specifications_own_examples_of_paths() {
    assert_eq!(tile::path(Kind::Tile(0), 1_234_067), "tile/0/x001/x234/067");
    // "a tree of size 70,000 will be represented by ..."
    let widths = |level, n| tile::width_at(level, n, 70_000);
    assert_eq!((widths(0, 272), widths(0, 273), widths(0, 274)), (256, 112, 0));
    assert_eq!((widths(1, 0), widths(1, 1), widths(1, 2)), (256, 17, 0));
    assert_eq!((widths(2, 0), widths(2, 1), widths(3, 0)), (1, 0, 0));
}

#[test]
fn every_index_of_several_sizes() {
    for size in [1, 2, 3, 7, 255, 256, 257, 600] {
        let volume = ledger(size);
        for index in 0..size {
            let proof = prove(&volume, &key(), index).unwrap();
            let text = proof.to_text();
            let read = InclusionProof::from_text(&text).unwrap();
            assert_eq!(read, proof);
            assert_eq!(verify_proof(&read, &leaf(index), &key()).unwrap().size, size);
            assert!(verify_proof(&read, &leaf(index + 1), &key()).is_err());
            let wrong = InclusionProof { index: index + 1, ..read.clone() };
            assert!(verify_proof(&wrong, &leaf(index), &key()).is_err());
            for at in 0..read.hashes.len() {
                let mut wrong = read.clone();
                wrong.hashes[at][0] ^= 1;
                assert!(verify_proof(&wrong, &leaf(index), &key()).is_err());
            }
        }
        assert!(prove(&volume, &key(), size).is_err());
    }
}

#[test]
fn consistency_between_checkpoints() {
    let read = |v: &cordon_testkit::MemoryVolume| {
        String::from_utf8(cordon_ledger::Volume::read(v, "checkpoint").unwrap().unwrap()).unwrap()
    };
    let (old, new) = (ledger(300), ledger(700));
    let proof = consistency(&new, &key(), 300, 700).unwrap();
    verify_consistency(&proof, &read(&old), &read(&new), &key()).unwrap();
    let mut wrong = proof.clone();
    wrong.hashes[0][0] ^= 1;
    assert!(verify_consistency(&wrong, &read(&old), &read(&new), &key()).is_err());
    assert!(verify_consistency(&proof, &read(&ledger(299)), &read(&new), &key()).is_err());
    assert!(tree::consistent(0, &tree::empty_root(), 5, &[1; 32], &[]));
}
