//! Tiles and entry bundles (C2SP tlog-tiles): paths, encoding, and the growing right edge of a tree.
//!
//! What always holds: a tile has height 8, so 256 hashes; a partial tile of width W is a prefix of every later
//! version of that tile; no partial tile is hashed into the level above.

use crate::tree::{self, Hash};

/// Hashes in a full tile, entries in a full bundle.
pub const WIDTH: u64 = 256;
/// The same as a count in memory.
pub const WIDTH_USIZE: usize = 256;

/// Which file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Hashes at a level.
    Tile(u8),
    /// Entries.
    Entries,
}

/// `x001/x234/067` for 1234067.
fn index_path(n: u64) -> String {
    let mut path = format!("{:03}", n % 1000);
    let mut rest = n / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    path
}

/// The path of a full file.
#[must_use]
pub fn path(kind: Kind, n: u64) -> String {
    match kind {
        Kind::Tile(level) => format!("tile/{level}/{}", index_path(n)),
        Kind::Entries => format!("tile/entries/{}", index_path(n)),
    }
}

/// The path of the file when it is `width` wide (1 to 256).
#[must_use]
pub fn path_of_width(kind: Kind, n: u64, width: u64) -> String {
    let full = path(kind, n);
    if width >= WIDTH { full } else { format!("{full}.p/{width}") }
}

/// How wide the `n`-th tile at `level` (or bundle: level 0) is in a tree of `size` leaves; 0: not there.
#[must_use]
pub fn width_at(level: u8, n: u64, size: u64) -> u64 {
    let hashes = size.checked_shr(8 * u32::from(level)).unwrap_or(0);
    hashes.saturating_sub(n.saturating_mul(WIDTH)).min(WIDTH)
}

/// Adds an entry to a bundle: its length in two bytes, big-endian, then itself.
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) {
    let length = u16::try_from(entry.len()).unwrap_or(u16::MAX);
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend(entry.iter().take(length.into()));
}

/// The entries of a bundle; `None` when it ends amid one.
#[must_use]
pub fn entries(mut bundle: &[u8]) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    while !bundle.is_empty() {
        let (length, rest) = bundle.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        found.push(entry);
        bundle = rest;
    }
    Some(found)
}

/// The hashes of a tile; `None` when its length is no multiple of 32.
#[must_use]
pub fn hashes(tile: &[u8]) -> Option<Vec<Hash>> {
    let (whole, rest) = tile.as_chunks::<32>();
    rest.is_empty().then(|| whole.to_vec())
}

/// The right edge of a tree: at each level the hashes of the tile that is not yet full.
#[derive(Clone, Debug, Default)]
pub struct Edge {
    levels: Vec<Vec<Hash>>,
    size: u64,
}

impl Edge {
    /// How many leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf; `full` is told of each tile that it completes, from the lowest.
    pub fn push(&mut self, leaf: Hash, mut full: impl FnMut(u8, u64, &[Hash])) {
        let (mut hash, mut at) = (leaf, self.size);
        self.size += 1;
        for level in 0_u8..8 {
            let here = usize::from(level);
            if self.levels.len() <= here {
                self.levels.push(Vec::with_capacity(WIDTH_USIZE));
            }
            let Some(tile) = self.levels.get_mut(here) else { return };
            tile.push(hash);
            if tile.len() < WIDTH_USIZE {
                return;
            }
            at /= WIDTH;
            full(level, at, tile);
            hash = tree::fold(tile);
            tile.clear();
        }
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Hash {
        // Right to left: lower levels stand to the right, and join what stands left of them.
        let mut root = None;
        for tile in &self.levels {
            let mut rest = tile.as_slice();
            // Subtrees of the tile, as powers of two from the left.
            let mut left = Vec::new();
            while !rest.is_empty() {
                let (whole, after) = rest.split_at(1 << rest.len().ilog2());
                left.push(tree::fold(whole));
                rest = after;
            }
            for hash in left.iter().rev() {
                root = Some(root.map_or(*hash, |r| tree::node_hash(hash, &r)));
            }
        }
        root.unwrap_or_else(tree::empty_root)
    }

    /// The tiles that are not full: level, index, hashes. Empty ones are left out.
    pub fn partial(&self) -> impl Iterator<Item = (u8, u64, &[Hash])> {
        let size = self.size;
        (0_u8..).zip(&self.levels).filter(|(_, tile)| !tile.is_empty()).map(move |(level, tile)| {
            let index = size.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0);
            (level, index, tile.as_slice())
        })
    }

    /// An edge from what a published tree of `size` leaves has in its partial tiles.
    #[must_use]
    pub const fn restore(levels: Vec<Vec<Hash>>, size: u64) -> Self {
        Self { levels, size }
    }
}
