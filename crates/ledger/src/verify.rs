//! The offline verifier: files and a public key, nothing else. One pass over all entries in bounded memory.
//!
//! ```text
//! bundle -> leaf hashes == level-0 tile -> its fold == hash in the level-1 tile -> ... -> root == checkpoint
//! ```
//!
//! What always holds: `Ok` means that every entry under the checkpoint is what it was when the checkpoint was
//! signed, that each tile agrees, that an entry is missing only where the log itself says that entries so far back
//! were given up ([`crate::minimum`]; its hashes are there and agree all the same), that nothing on the disk goes
//! beyond the checkpoint except what the journal holds, and that all of what witnesses cosigned of it is in it. What
//! it cannot know: whether the holder of the key signed another history and put back what witnesses cosigned, too
//! (a witness can).

mod class;
pub(crate) mod extra;

pub(crate) use class::checkpoint_tamper;
pub use class::{Class, Tamper};

use crate::{
    checkpoint::Checkpoint,
    error::LedgerError,
    files,
    log::CHECKPOINT,
    minimum::{self, Minimum},
    note::VerifierKey,
    tile::{self, Edge, Kind},
    tree::{self, Hash},
    volume::Volume,
};

/// Bundles between two words of progress: about 65,000 entries.
const WATCHED_BUNDLES: u64 = 256;

/// What was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The log.
    pub origin: String,
    /// Entries under the checkpoint.
    pub size: u64,
    /// The root.
    pub root: Hash,
    /// The lowest entry that is kept; those below were given up, and their hashes verified.
    pub minimum: u64,
    /// Tiles that were compared.
    pub tiles: u64,
    /// Bundles that were read.
    pub bundles: u64,
    /// Entries that are durable in the journal and not yet under the checkpoint.
    pub pending: u64,
    /// Bytes of a torn frame at the journal's end.
    pub torn_bytes: u64,
}

/// The checkpoint on the volume, signed by `key`.
pub fn checkpoint(volume: &dyn Volume, key: &VerifierKey) -> Result<Checkpoint, LedgerError> {
    let missing = || Tamper::new(Class::MissingCheckpoint, CHECKPOINT, None, "it is not there");
    let bytes = volume.read(CHECKPOINT)?.ok_or_else(missing)?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    Ok(Checkpoint::open(text, key).map_err(checkpoint_tamper)?)
}

/// Verifies the whole ledger.
pub fn verify(volume: &dyn Volume, key: &VerifierKey) -> Result<Verified, LedgerError> {
    verify_watched(volume, key, &|_, _| ())
}

/// Verifies the whole ledger; `watch` is told now and then how many of how many entries were looked at.
pub fn verify_watched(
    volume: &dyn Volume,
    key: &VerifierKey,
    watch: &dyn Fn(u64, u64),
) -> Result<Verified, LedgerError> {
    // Before the checkpoint: what backs it is then under that.
    let minimum = minimum::read(volume, key)?;
    let verified = verify_from(volume, key, minimum, watch);
    let missing = |e: &LedgerError| matches!(e, LedgerError::Damaged(t) if t.class == Class::MissingBundle);
    // A gateway may be pruning right now.
    if verified.as_ref().is_err_and(missing) {
        let now = minimum::read(volume, key)?;
        if now != minimum {
            return verify_from(volume, key, now, watch);
        }
    }
    verified
}

fn verify_from(
    volume: &dyn Volume,
    key: &VerifierKey,
    minimum: Option<Minimum>,
    watch: &dyn Fn(u64, u64),
) -> Result<Verified, LedgerError> {
    let head = checkpoint(volume, key)?;
    if let Some(unbacked) = minimum.filter(|m| m.record >= head.size) {
        return Err(unbacked.unbacked("the record that it names is not in the log").into());
    }
    let mut pass = Pass { volume, size: head.size, minimum, edge: Edge::default(), tiles: 0, bundles: 0 };
    let mut n = 0;
    while n * tile::WIDTH < head.size {
        pass.bundle(n)?;
        n += 1;
        if n.is_multiple_of(WATCHED_BUNDLES) {
            watch((n * tile::WIDTH).min(head.size), head.size);
        }
    }
    let rest: Vec<_> =
        pass.edge.partial().filter(|(level, ..)| *level > 0).map(|(l, n, h)| (l, n, h.to_vec())).collect();
    for (level, n, expected) in rest {
        pass.upper(level, n, &expected)?;
    }
    if pass.edge.root() != head.root {
        return Err(Tamper::new(Class::RootMismatch, CHECKPOINT, None, "the entries do not lead to its root: entries and tiles were changed together, or it belongs to another ledger").into());
    }
    let beyond = extra::check(volume, key, &head)?;
    crate::witnessed::check(volume, key, &head)?;
    Ok(Verified {
        origin: head.origin,
        size: head.size,
        root: head.root,
        minimum: minimum.map_or(0, |m| m.index),
        tiles: pass.tiles,
        bundles: pass.bundles,
        pending: beyond.pending,
        torn_bytes: beyond.torn,
    })
}

struct Pass<'a> {
    volume: &'a dyn Volume,
    size: u64,
    minimum: Option<Minimum>,
    edge: Edge,
    tiles: u64,
    bundles: u64,
}

impl Pass<'_> {
    /// One bundle against its tile, and what it completes above.
    fn bundle(&mut self, n: u64) -> Result<(), LedgerError> {
        let width = tile::width_at(0, n, self.size);
        if self.given_up(n)? {
            let leaves = files::hashes(self.volume, 0, n, width)?;
            self.tiles += 1;
            return self.push(&leaves);
        }
        let (path, bytes) = files::bundle(self.volume, n, width)?;
        self.bundles += 1;
        let first = n * tile::WIDTH;
        let Some(entries) = tile::entries(&bytes) else {
            return Err(
                Tamper::new(Class::BundleTruncated, &path, Some(first), "it ends amid an entry").into()
            );
        };
        let mut found: Vec<Hash> = entries.iter().map(|e| tree::leaf_hash(e)).collect();
        let expected = files::hashes(self.volume, 0, n, width)?;
        self.tiles += 1;
        // A full bundle may stand for a partial one: the entries behind the checkpoint are another's business.
        if !path.contains(".p/") && width < tile::WIDTH && found.len() == tile::WIDTH_USIZE {
            found.truncate(expected.len());
        }
        if found != expected {
            return Err(self.blame(n, &path, &found, &expected).into());
        }
        if let Some(minimum) = self.minimum
            && let Some(at) = minimum.record.checked_sub(first).and_then(|at| usize::try_from(at).ok())
            && let Some(entry) = entries.get(at)
        {
            minimum.backed_by(entry)?;
        }
        self.push(&found)
    }

    /// Whether the bundle is not there and may be so. One that is still there is read like any other.
    fn given_up(&self, n: u64) -> Result<bool, LedgerError> {
        let below = self.minimum.is_some_and(|m| (n + 1) * tile::WIDTH <= m.index);
        Ok(below && self.volume.read(&tile::path(Kind::Entries, n))?.is_none())
    }

    /// Takes leaf hashes into the tree, and compares what they complete above.
    fn push(&mut self, leaves: &[Hash]) -> Result<(), LedgerError> {
        let mut full = Vec::new();
        for leaf in leaves {
            self.edge.push(*leaf, |level, n, hashes| {
                if level > 0 {
                    full.push((level, n, hashes.to_vec()));
                }
            });
        }
        for (level, n, expected) in full {
            self.upper(level, n, &expected)?;
        }
        Ok(())
    }

    /// A tile above level 0 must be what the tiles below it give.
    fn upper(&mut self, level: u8, n: u64, expected: &[Hash]) -> Result<(), LedgerError> {
        let found = files::hashes(self.volume, level, n, expected.len() as u64)?;
        self.tiles += 1;
        if found == expected {
            return Ok(());
        }
        let path = tile::path_of_width(Kind::Tile(level), n, expected.len() as u64);
        Err(Tamper::new(Class::TileChanged, &path, None, "a hash is not that of the tile below it").into())
    }

    /// Entries and tile disagree. Which of them was changed, and how?
    fn blame(&self, n: u64, path: &str, found: &[Hash], expected: &[Hash]) -> Tamper {
        let first = n * tile::WIDTH;
        if !self.tile_has_parent(n, expected)
            && found.len() == expected.len()
            && self.tile_has_parent(n, found)
        {
            let path = tile::path_of_width(Kind::Tile(0), n, expected.len() as u64);
            return Tamper::new(Class::TileChanged, &path, Some(first), "a hash is not that of its entry");
        }
        let same = found.iter().zip(expected).take_while(|(a, b)| a == b).count();
        let index = Some(first + same as u64);
        let (rest_found, rest) =
            (found.get(same..).unwrap_or_default(), expected.get(same..).unwrap_or_default());
        let begins = |long: &[Hash], short: &[Hash]| {
            !long.is_empty() && !short.is_empty() && long.iter().zip(short).all(|(a, b)| a == b)
        };
        let (mut sorted_found, mut sorted) = (rest_found.to_vec(), rest.to_vec());
        sorted_found.sort_unstable();
        sorted.sort_unstable();
        if sorted_found == sorted {
            return Tamper::new(Class::EntriesReordered, path, index, "the same entries in another order");
        }
        if found.len() < expected.len() && rest_found.is_empty() {
            return Tamper::new(Class::BundleTruncated, path, index, "entries at its end are missing");
        }
        let without = rest.get(1..).unwrap_or_default();
        if begins(without, rest_found) && rest_found.len() >= without.len() {
            return Tamper::new(Class::EntryRemoved, path, index, "the entries behind it moved up");
        }
        let added = rest_found.get(1..).unwrap_or_default();
        if rest.is_empty() || (begins(rest, added) && found.len() >= expected.len()) {
            return Tamper::new(Class::EntryInserted, path, index, "the entries behind it moved down");
        }
        Tamper::new(Class::EntryChanged, path, index, "an entry does not fit its leaf hash")
    }

    /// Whether the tile above (or the root, for a tree of one tile) knows this tile.
    fn tile_has_parent(&self, n: u64, hashes: &[Hash]) -> bool {
        if hashes.len() < tile::WIDTH_USIZE {
            let mut edge = self.edge.clone();
            hashes.iter().for_each(|h| edge.push(*h, |_, _, _| ()));
            let head = self.volume.read(CHECKPOINT).ok().flatten().unwrap_or_default();
            let text = String::from_utf8(head).unwrap_or_default();
            let body = text.split_once("\n\n").and_then(|(body, _)| Checkpoint::parse(&format!("{body}\n")));
            return body.is_some_and(|b| b.size == edge.size() && b.root == edge.root());
        }
        let above = n / tile::WIDTH;
        let width = tile::width_at(1, above, self.size);
        let at = usize::try_from(n % tile::WIDTH).unwrap_or(usize::MAX);
        files::hashes(self.volume, 1, above, width).is_ok_and(|all| all.get(at) == Some(&tree::fold(hashes)))
    }
}
