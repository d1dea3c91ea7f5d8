//! What a start finds on the disk: the checkpoint's right edge, and the journal beyond it.
//!
//! What always holds: every entry of a whole journal frame is taken over, in order and without a gap, or the
//! start is refused; what the journal says of published entries agrees with the tiles.

use crate::{
    checkpoint::Checkpoint,
    error::LedgerError,
    files, journal,
    log::{CHECKPOINT, Recovery},
    note::VerifierKey,
    tile::{self, Edge},
    tree::{self, Hash},
    verify::{Class, Tamper, checkpoint_tamper},
    volume::Volume,
};

/// What was found.
pub(crate) struct Found {
    pub(crate) edge: Edge,
    pub(crate) bundle: Vec<u8>,
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) journals: Vec<u64>,
    pub(crate) has_checkpoint: bool,
    pub(crate) report: Recovery,
}

pub(crate) fn read(volume: &dyn Volume, key: &VerifierKey) -> Result<Found, LedgerError> {
    let head = match volume.read(CHECKPOINT)? {
        Some(bytes) => Some(open(&bytes, key)?),
        None => None,
    };
    let size = head.as_ref().map_or(0, |h| h.size);
    let (edge, bundle) = right_edge(volume, size)?;
    if head.as_ref().is_some_and(|h| h.root != edge.root()) {
        return Err(Tamper::new(
            Class::RootMismatch,
            CHECKPOINT,
            None,
            "the right edge's tiles do not lead to its root",
        )
        .into());
    }
    let Journals { serials: journals, entries, torn: torn_bytes } = read_journals(volume, size)?;
    if head.is_none() && entries.is_empty() && !volume.list("tile")?.is_empty() {
        return Err(Tamper::new(
            Class::MissingCheckpoint,
            CHECKPOINT,
            None,
            "there are tiles and no checkpoint",
        )
        .into());
    }
    let report = Recovery { published: size, recovered: entries.len() as u64, torn_bytes };
    let found = Found { edge, bundle, entries, journals, has_checkpoint: head.is_some(), report };
    beyond(volume, size, size + report.recovered)?;
    crate::witnessed::check_size(volume, key, size)?;
    Ok(found)
}

fn open(bytes: &[u8], key: &VerifierKey) -> Result<Checkpoint, LedgerError> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    Ok(Checkpoint::open(text, key).map_err(checkpoint_tamper)?)
}

/// The partial tiles of the tree of `size` leaves, and the last bundle, which must agree with its tile.
fn right_edge(volume: &dyn Volume, size: u64) -> Result<(Edge, Vec<u8>), LedgerError> {
    let mut levels: Vec<Vec<Hash>> = Vec::new();
    for level in 0_u8..8 {
        let hashes = size.checked_shr(8 * u32::from(level)).unwrap_or(0);
        if hashes == 0 {
            break;
        }
        let width = hashes % tile::WIDTH;
        let tile =
            if width == 0 { Vec::new() } else { files::hashes(volume, level, hashes / tile::WIDTH, width)? };
        levels.push(tile);
    }
    let mut encoded = Vec::new();
    let width = size % tile::WIDTH;
    if width > 0 {
        let (path, bytes) = files::bundle(volume, size / tile::WIDTH, width)?;
        let broken =
            || Tamper::new(Class::BundleTruncated, &path, None, "it does not hold the entries of its tile");
        let mut entries = tile::entries(&bytes).ok_or_else(broken)?;
        let leaves = levels.first().map(Vec::as_slice).unwrap_or_default();
        entries.truncate(leaves.len());
        if entries.len() != leaves.len() {
            return Err(broken().into());
        }
        for (entry, leaf) in entries.iter().zip(leaves) {
            if tree::leaf_hash(entry) != *leaf {
                return Err(Tamper::new(
                    Class::EntryChanged,
                    &path,
                    None,
                    "an entry does not fit its leaf hash",
                )
                .into());
            }
            tile::push_entry(&mut encoded, entry);
        }
    }
    Ok((Edge::restore(levels, size), encoded))
}

/// What all journals hold.
pub(crate) struct Journals {
    /// The serial number of each.
    pub(crate) serials: Vec<u64>,
    /// The entries beyond the checkpoint.
    pub(crate) entries: Vec<Vec<u8>>,
    /// Bytes of a torn frame.
    pub(crate) torn: u64,
}

/// Reads every journal beside a checkpoint of `size`.
pub(crate) fn read_journals(volume: &dyn Volume, size: u64) -> Result<Journals, LedgerError> {
    let mut serials = Vec::new();
    for name in volume.list(journal::DIR)? {
        let foreign = || Tamper::new(Class::ForeignFile, &name, None, "it is no journal of this ledger");
        serials.push(journal::serial(&name).ok_or_else(foreign)?);
    }
    serials.sort_unstable();
    let (mut entries, mut torn) = (Vec::new(), 0);
    let mut known = Published::default();
    for serial in &serials {
        let path = journal::path(*serial);
        let Some(bytes) = volume.read(&path)? else { continue };
        let contents = journal::read(&path, &bytes)?;
        torn += contents.torn;
        let mut expected = None;
        for frame in contents.frames {
            let gap = |index| {
                Tamper::new(Class::JournalGap, &path, Some(index), "entries before this one are missing")
            };
            if expected.is_some_and(|e| e != frame.first) || frame.first > size + entries.len() as u64 {
                return Err(gap(frame.first).into());
            }
            for (index, entry) in (frame.first..).zip(&frame.entries) {
                let next = size + entries.len() as u64;
                if index == next {
                    entries.push(entry.to_vec());
                } else if index > next {
                    return Err(gap(index).into());
                } else if index < size {
                    known.check(volume, size, index, entry, &path)?;
                } else {
                    return Err(Tamper::new(
                        Class::JournalDamaged,
                        &path,
                        Some(index),
                        "the index stands in two frames",
                    )
                    .into());
                }
            }
            expected = Some(frame.first + frame.entries.len() as u64);
        }
    }
    Ok(Journals { serials, entries, torn })
}

/// The last level-0 tile that was looked at.
#[derive(Default)]
struct Published(Option<(u64, Vec<Hash>)>);

impl Published {
    fn check(
        &mut self,
        volume: &dyn Volume,
        size: u64,
        index: u64,
        entry: &[u8],
        path: &str,
    ) -> Result<(), LedgerError> {
        let n = index / tile::WIDTH;
        if self.0.as_ref().is_none_or(|(kept, _)| *kept != n) {
            self.0 = Some((n, files::hashes(volume, 0, n, tile::width_at(0, n, size))?));
        }
        let at = usize::try_from(index % tile::WIDTH).unwrap_or(usize::MAX);
        let leaf = self.0.as_ref().and_then(|(_, all)| all.get(at));
        if leaf == Some(&tree::leaf_hash(entry)) {
            return Ok(());
        }
        Err(Tamper::new(Class::JournalDamaged, path, Some(index), "the entry differs from the published one")
            .into())
    }
}

/// A full bundle beyond all that the checkpoint and the journal know: an older checkpoint was put back.
fn beyond(volume: &dyn Volume, published: u64, size: u64) -> Result<(), LedgerError> {
    let n = size / tile::WIDTH;
    for n in [n, n + 1] {
        let path = tile::path(tile::Kind::Entries, n);
        if volume.read(&path)?.is_some() && (n + 1) * tile::WIDTH > size.max(published) {
            return Err(Tamper::new(
                Class::CheckpointRolledBack,
                CHECKPOINT,
                Some(size),
                "entries beyond it are on the disk",
            )
            .into());
        }
    }
    Ok(())
}

/// A file on the disk differs from what the entries give.
pub(crate) fn differs(path: &str) -> Tamper {
    Tamper::new(Class::TileChanged, path, None, "it differs from what the journal's entries give")
}
