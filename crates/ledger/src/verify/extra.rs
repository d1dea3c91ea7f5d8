//! What is on the disk beside the files that the checkpoint names: partial forerunners, files beyond it, the
//! journal.
//!
//! What always holds: a partial file is a prefix of its successor; what goes beyond the checkpoint stands in
//! the journal too (the state between a crash and the next start), or the checkpoint was rolled back.

use super::{Class, Tamper};
use crate::{
    checkpoint::Checkpoint,
    error::LedgerError,
    files,
    note::VerifierKey,
    recover,
    tile::{self, Kind},
    tree,
    volume::Volume,
};

pub(super) struct Beyond {
    pub(super) pending: u64,
    pub(super) torn: u64,
}

pub(super) fn check(
    volume: &dyn Volume,
    key: &VerifierKey,
    head: &Checkpoint,
) -> Result<Beyond, LedgerError> {
    let mut listed = Vec::new();
    walk(volume, "tile", &mut listed)?;
    let recover::Journals { entries, torn, .. } = recover::read_journals(volume, head.size)?;
    let known = head.size + entries.len() as u64;
    let mut beyond = false;
    for path in &listed {
        let Some((kind, n, width)) = parse(path) else {
            return Err(
                Tamper::new(Class::ForeignFile, path, None, "no tile or bundle has such a path").into()
            );
        };
        let level = if let Kind::Tile(level) = kind { level } else { 0 };
        let here = tile::width_at(level, n, head.size);
        if width > tile::width_at(level, n, known) {
            beyond = true;
        } else if width <= here && width < tile::WIDTH {
            partial(volume, path, kind, n, width, here)?;
        }
    }
    // A gateway may be writing right now: what the checkpoint of this moment covers is not beyond it.
    if beyond && super::checkpoint(volume, key)?.size <= head.size {
        return Err(Tamper::new(
            Class::CheckpointRolledBack,
            crate::log::CHECKPOINT,
            Some(head.size),
            "tiles beyond it are on the disk and the journal does not hold their entries",
        )
        .into());
    }
    Ok(Beyond { pending: entries.len() as u64, torn })
}

/// A partial file against the one that the checkpoint names.
fn partial(
    volume: &dyn Volume,
    path: &str,
    kind: Kind,
    n: u64,
    width: u64,
    here: u64,
) -> Result<(), LedgerError> {
    let Some(bytes) = volume.read(path)? else { return Ok(()) };
    let agrees = match kind {
        Kind::Tile(level) => {
            let whole = files::hashes(volume, level, n, here)?;
            let part = tile::hashes(&bytes).unwrap_or_default();
            part.len() as u64 == width && whole.starts_with(&part)
        }
        Kind::Entries => {
            let whole = files::hashes(volume, 0, n, here)?;
            let part: Vec<_> =
                tile::entries(&bytes).unwrap_or_default().into_iter().map(tree::leaf_hash).collect();
            part.len() as u64 == width && whole.starts_with(&part)
        }
    };
    if agrees {
        return Ok(());
    }
    Err(Tamper::new(Class::PartialInconsistent, path, None, "it is no prefix of its successor").into())
}

pub(crate) fn walk(volume: &dyn Volume, dir: &str, found: &mut Vec<String>) -> Result<(), LedgerError> {
    for name in volume.list(dir)? {
        match name.strip_suffix('/') {
            Some(folder) => walk(volume, &format!("{dir}/{folder}"), found)?,
            None => found.push(format!("{dir}/{name}")),
        }
    }
    Ok(())
}

/// Which file a path names; only the canonical spelling counts.
pub(crate) fn parse(path: &str) -> Option<(Kind, u64, u64)> {
    let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
    let kind = if level == "entries" { Kind::Entries } else { Kind::Tile(level.parse().ok()?) };
    let (index, width) = match rest.split_once(".p/") {
        Some((index, width)) => (index, width.parse().ok()?),
        None => (rest, tile::WIDTH),
    };
    let mut n: u64 = 0;
    for part in index.split('/') {
        n = n.checked_mul(1000)?.checked_add(part.strip_prefix('x').unwrap_or(part).parse().ok()?)?;
    }
    (width > 0 && tile::path_of_width(kind, n, width) == path).then_some((kind, n, width))
}
