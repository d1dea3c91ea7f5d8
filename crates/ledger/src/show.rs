//! Reading records back: an iterator over the entries under the checkpoint, with filters.
//!
//! What always holds: memory is bounded by one bundle; an entry that is no record of a known version is shown
//! as such, never skipped. What it does not do: verify (run [`crate::verify()`] first).

use crate::{
    error::LedgerError, files, filter::Filter, minimum, note::VerifierKey, record::Record, tile, verify,
    volume::Volume,
};

/// One entry.
#[derive(Debug)]
pub struct Shown {
    /// Its index.
    pub index: u64,
    /// The leaf's bytes.
    pub leaf: Vec<u8>,
    /// The record; `None` when the leaf is no record that this version knows.
    pub record: Option<Record>,
}

/// The wanted records, oldest first.
pub fn show<'a>(
    volume: &'a dyn Volume,
    key: &VerifierKey,
    filter: &'a Filter,
) -> Result<impl Iterator<Item = Result<Shown, LedgerError>> + 'a, LedgerError> {
    let size = verify::checkpoint(volume, key)?.size;
    // Entries below the minimum index were given up.
    let first = minimum::lowest(volume, key)? / tile::WIDTH;
    let bundles = (first..size.div_ceil(tile::WIDTH)).map(move |n| bundle(volume, n, size));
    let each = bundles.flat_map(|bundle| match bundle {
        Ok(entries) => entries.into_iter().map(Ok).collect::<Vec<_>>(),
        Err(e) => vec![Err(e)],
    });
    Ok(each.filter_map(move |entry| match entry {
        Ok((index, leaf)) => shown(filter, index, leaf).map(Ok),
        Err(e) => Some(Err(e)),
    }))
}

/// The last `most` of the wanted records, oldest first. Reads from the end, and no more than it needs.
pub fn show_last(
    volume: &dyn Volume,
    key: &VerifierKey,
    filter: &Filter,
    most: usize,
) -> Result<Vec<Shown>, LedgerError> {
    let size = verify::checkpoint(volume, key)?.size;
    let lowest = minimum::lowest(volume, key)? / tile::WIDTH;
    let mut found = Vec::new();
    for n in (lowest..size.div_ceil(tile::WIDTH)).rev() {
        if found.len() >= most {
            break;
        }
        let wanted: Vec<Shown> = bundle(volume, n, size)?
            .into_iter()
            .rev()
            .filter_map(|(index, leaf)| shown(filter, index, leaf))
            .take(most - found.len())
            .collect();
        found.extend(wanted);
    }
    found.reverse();
    Ok(found)
}

fn shown(filter: &Filter, index: u64, leaf: Vec<u8>) -> Option<Shown> {
    let record = Record::decode(&leaf).ok();
    let wanted = record.as_ref().map_or(filter.any(), |r| filter.wants(r));
    wanted.then_some(Shown { index, leaf, record })
}

pub(crate) fn bundle(volume: &dyn Volume, n: u64, size: u64) -> Result<Vec<(u64, Vec<u8>)>, LedgerError> {
    let width = tile::width_at(0, n, size);
    let (path, bytes) = files::bundle(volume, n, width)?;
    let first = n * tile::WIDTH;
    let broken =
        || verify::Tamper::new(verify::Class::BundleTruncated, &path, Some(first), "it ends amid an entry");
    let entries = tile::entries(&bytes).ok_or_else(broken)?;
    let wanted = usize::try_from(width).unwrap_or(usize::MAX);
    if entries.len() < wanted {
        return Err(broken().into());
    }
    Ok((first..).zip(entries.into_iter().take(wanted).map(<[u8]>::to_vec)).collect())
}
