//! Reading tiles and bundles from a volume, a partial one also out of its full successor.
//!
//! What always holds: what is handed out has exactly the width asked for.

use crate::{
    error::LedgerError,
    tile::{self, Kind},
    tree::{self, Hash, Nodes},
    verify::{Class, Tamper},
    volume::Volume,
};

/// The bytes of a file at exactly `width`, or of its full successor when the partial one is gone.
fn raw(volume: &dyn Volume, kind: Kind, n: u64, width: u64) -> Result<(String, Vec<u8>), LedgerError> {
    let exact = tile::path_of_width(kind, n, width);
    if let Some(bytes) = volume.read(&exact)? {
        return Ok((exact, bytes));
    }
    let full = tile::path(kind, n);
    if let Some(bytes) = volume.read(&full)? {
        return Ok((full, bytes));
    }
    let class = if kind == Kind::Entries { Class::MissingBundle } else { Class::MissingTile };
    Err(Tamper::new(class, &exact, None, "the checkpoint covers it and it is not there").into())
}

/// The hashes of a tile at `width`.
pub fn hashes(volume: &dyn Volume, level: u8, n: u64, width: u64) -> Result<Vec<Hash>, LedgerError> {
    let (path, bytes) = raw(volume, Kind::Tile(level), n, width)?;
    let bad = || Tamper::new(Class::TileTruncated, &path, None, "its length does not fit its width");
    let mut hashes = tile::hashes(&bytes).ok_or_else(bad)?;
    let width = usize::try_from(width).map_err(|_| bad())?;
    let expected = if path.contains(".p/") { width } else { tile::WIDTH_USIZE };
    if hashes.len() != expected {
        return Err(bad().into());
    }
    hashes.truncate(width);
    Ok(hashes)
}

/// A bundle's path and bytes, as they stand (a full bundle may stand for a partial one).
pub fn bundle(volume: &dyn Volume, n: u64, width: u64) -> Result<(String, Vec<u8>), LedgerError> {
    raw(volume, Kind::Entries, n, width)
}

/// One entry of a tree of `size` leaves.
pub fn entry(volume: &dyn Volume, index: u64, size: u64) -> Result<Vec<u8>, LedgerError> {
    let n = index / tile::WIDTH;
    let (path, bytes) = bundle(volume, n, tile::width_at(0, n, size))?;
    let bad = || Tamper::new(Class::BundleTruncated, &path, Some(index), "it does not hold the entry");
    let at = usize::try_from(index % tile::WIDTH).map_err(|_| bad())?;
    let entries = tile::entries(&bytes).ok_or_else(bad)?;
    Ok(entries.get(at).ok_or_else(bad)?.to_vec())
}

/// Subtree hashes out of the tiles of a tree of `size` leaves. Keeps the last tile of each level.
pub struct TileNodes<'a> {
    volume: &'a dyn Volume,
    size: u64,
    kept: Vec<Option<(u64, Vec<Hash>)>>,
}

impl<'a> TileNodes<'a> {
    /// Over the tree of `size` leaves.
    #[must_use]
    pub fn new(volume: &'a dyn Volume, size: u64) -> Self {
        Self { volume, size, kept: vec![None; 8] }
    }
}

impl Nodes for TileNodes<'_> {
    type Error = LedgerError;

    fn node(&mut self, level: u32, index: u64) -> Result<Hash, LedgerError> {
        // A subtree of 2^level leaves is 2^(level % 8) hashes of the tile level level/8; one of height 8 is
        // the fold of a full tile, so that level 8 is read as one hash of tile level 1.
        let tile_level = u8::try_from(level / 8).unwrap_or(u8::MAX);
        let inner = level % 8;
        let first = index << inner;
        let n = first / tile::WIDTH;
        let slot = self.kept.get_mut(usize::from(tile_level));
        let missing = || {
            Tamper::new(
                Class::TileTruncated,
                &tile::path(Kind::Tile(tile_level), n),
                None,
                "a hash is not there",
            )
        };
        let slot = slot.ok_or_else(missing)?;
        if slot.as_ref().is_none_or(|(kept, _)| *kept != n) {
            let width = tile::width_at(tile_level, n, self.size);
            *slot = Some((n, hashes(self.volume, tile_level, n, width)?));
        }
        let from = usize::try_from(first % tile::WIDTH).map_err(|_| missing())?;
        let part = slot.as_ref().and_then(|(_, all)| all.get(from..from + (1 << inner)));
        Ok(tree::fold(part.ok_or_else(missing)?))
    }
}
