//! Reading records back: an iterator over the entries under the checkpoint, with filters.
//!
//! What always holds: memory is bounded by one bundle; an entry that is no record of a known version is shown
//! as such, never skipped. What it does not do: verify (run [`crate::verify()`] first).

use crate::{
    error::LedgerError,
    files, minimum,
    note::VerifierKey,
    record::{Decision, Record},
    tile, verify,
    volume::Volume,
};
use cordon_types::Millis;

/// Which records are wanted. What is `None` does not matter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Not before.
    pub from: Option<Millis>,
    /// Before.
    pub to: Option<Millis>,
    /// Of this agent.
    pub agent: Option<String>,
    /// With this decision.
    pub decision: Option<Decision>,
}

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

impl Filter {
    fn wants(&self, record: &Record) -> bool {
        let at = record.at();
        self.from.is_none_or(|from| at >= from)
            && self.to.is_none_or(|to| at < to)
            && self.agent.as_deref().is_none_or(|a| record.agent().is_some_and(|id| id.as_str() == a))
            && self.decision.is_none_or(|d| record.decision() == Some(d))
    }

    const fn any(&self) -> bool {
        self.from.is_none() && self.to.is_none() && self.agent.is_none() && self.decision.is_none()
    }
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
        Ok((index, leaf)) => {
            let record = Record::decode(&leaf).ok();
            let wanted = record.as_ref().map_or(filter.any(), |r| filter.wants(r));
            wanted.then_some(Ok(Shown { index, leaf, record }))
        }
        Err(e) => Some(Err(e)),
    }))
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
