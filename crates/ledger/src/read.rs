//! Reading entries that are verified as they are read: what leaves the log leaves through here.
//!
//! ```text
//! bundle -> leaf hashes == level-0 tile -> inclusion of its first leaf -> root == signed checkpoint
//! ```
//! What always holds: a [`Bundle`] or tile that was handed out is what the checkpoint covers, all of it: the hashes
//! beside the first one are the siblings that its inclusion proof needs. Memory is bounded by a few tiles.
//! What it does not do: look at files that were not asked for ([`crate::verify()`] looks at all), or at the journal.

use crate::{
    checkpoint::Checkpoint,
    error::LedgerError,
    files::{self, TileNodes},
    log::CHECKPOINT,
    minimum,
    note::VerifierKey,
    tile::{self, Kind},
    tree::{self, Hash, Nodes},
    verify::{self, Class, Tamper},
    volume::Volume,
};

/// A reader at one checkpoint.
pub struct Reader<'a> {
    volume: &'a dyn Volume,
    head: Checkpoint,
    lowest: u64,
    nodes: TileNodes<'a>,
}

/// The entries of one bundle, verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Index of its first entry.
    pub first: u64,
    /// The entries.
    pub entries: Vec<Vec<u8>>,
    /// Their leaf hashes.
    pub hashes: Vec<Hash>,
}

impl<'a> Reader<'a> {
    /// At the volume's checkpoint, whose signature is checked.
    pub fn open(volume: &'a dyn Volume, key: &VerifierKey) -> Result<Self, LedgerError> {
        Self::at(volume, key, verify::checkpoint(volume, key)?)
    }

    /// At a checkpoint that was opened with the log's key.
    pub fn at(volume: &'a dyn Volume, key: &VerifierKey, head: Checkpoint) -> Result<Self, LedgerError> {
        let nodes = TileNodes::new(volume, head.size);
        Ok(Self { volume, lowest: minimum::lowest(volume, key)?, head, nodes })
    }

    /// The checkpoint.
    #[must_use]
    pub const fn head(&self) -> &Checkpoint {
        &self.head
    }

    /// The lowest index whose entry is kept: those below were given up, their hashes were not.
    #[must_use]
    pub const fn lowest(&self) -> u64 {
        self.lowest
    }

    /// The `n`-th bundle.
    pub fn bundle(&mut self, n: u64) -> Result<Bundle, LedgerError> {
        let hashes = self.tile(0, n)?;
        let (path, bytes) = files::bundle(self.volume, n, hashes.len() as u64)?;
        let first = n * tile::WIDTH;
        let wrong = |class, at: usize, detail| Tamper::new(class, &path, Some(first + at as u64), detail);
        let Some(found) = tile::entries(&bytes) else {
            return Err(wrong(Class::BundleTruncated, 0, "it ends amid an entry").into());
        };
        if found.len() < hashes.len() {
            return Err(wrong(Class::BundleTruncated, found.len(), "entries at its end are missing").into());
        }
        if path.contains(".p/") && found.len() > hashes.len() {
            return Err(wrong(Class::EntryInserted, hashes.len(), "it is longer than its width").into());
        }
        let entries: Vec<Vec<u8>> = found.into_iter().take(hashes.len()).map(<[u8]>::to_vec).collect();
        let changed = entries.iter().zip(&hashes).position(|(entry, hash)| tree::leaf_hash(entry) != *hash);
        if let Some(at) = changed {
            return Err(wrong(Class::EntryChanged, at, "an entry does not fit its leaf hash").into());
        }
        Ok(Bundle { first, entries, hashes })
    }

    /// The `n`-th tile at `level`, as wide as the checkpoint makes it.
    pub fn tile(&mut self, level: u8, n: u64) -> Result<Vec<Hash>, LedgerError> {
        let width = tile::width_at(level, n, self.head.size);
        let span = tile::WIDTH.saturating_pow(u32::from(level) + 1);
        let index = n.saturating_mul(span);
        if width == 0 {
            return Err(LedgerError::NoEntry { index, size: self.head.size });
        }
        let hashes = files::hashes(self.volume, level, n, width)?;
        let path = tile::path_of_width(Kind::Tile(level), n, width);
        let wrong = |detail| Tamper::new(Class::TileChanged, &path, Some(index), detail);
        // The first hash is the one that the proof does not compare: it is computed from below.
        if level > 0 {
            let below = files::hashes(self.volume, level - 1, n * tile::WIDTH, tile::WIDTH)?;
            if hashes.first() != Some(&tree::fold(&below)) {
                return Err(wrong("a hash is not that of the tile below it").into());
            }
        }
        let mut held = Held { nodes: &mut self.nodes, level, n, hashes: &hashes };
        let leaf = held.node(0, index)?;
        let proof = tree::inclusion(&mut held, index, self.head.size)?;
        if tree::root_by_inclusion(leaf, index, self.head.size, &proof) != Some(self.head.root) {
            return Err(wrong(
                "it does not lead to the checkpoint's root; `verify` says which file is wrong",
            )
            .into());
        }
        Ok(hashes)
    }

    /// Whether the tree of `size` leaves with this root is what this one grew from.
    pub fn grew_from(&mut self, size: u64, root: &Hash) -> Result<bool, LedgerError> {
        if size > self.head.size {
            return Ok(false);
        }
        let proof = tree::consistency(&mut self.nodes, size, self.head.size)?;
        Ok(tree::consistent(size, root, self.head.size, &self.head.root, &proof))
    }
}

/// Subtree hashes out of one tile at hand, and out of the volume for all else.
struct Held<'a, 'b> {
    nodes: &'b mut TileNodes<'a>,
    level: u8,
    n: u64,
    hashes: &'b [Hash],
}

impl Nodes for Held<'_, '_> {
    type Error = LedgerError;

    fn node(&mut self, level: u32, index: u64) -> Result<Hash, LedgerError> {
        let first = index << (level % 8);
        if level / 8 != u32::from(self.level) || first / tile::WIDTH != self.n {
            return self.nodes.node(level, index);
        }
        let from = usize::try_from(first % tile::WIDTH).unwrap_or(usize::MAX);
        let part = self.hashes.get(from..from.saturating_add(1 << (level % 8)));
        let missing = || Tamper::new(Class::TileTruncated, CHECKPOINT, None, "a hash is not there");
        Ok(tree::fold(part.ok_or_else(missing)?))
    }
}
