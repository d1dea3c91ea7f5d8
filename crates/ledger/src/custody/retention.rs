//! How long records are kept, and how far the log may be pruned by that.
//!
//! What always holds: nothing is given up but whole bundles from the front, in which every record is past its
//! class's time and under no hold. A record that this version cannot read is kept.

use super::{error::CustodyError, holds::Hold};
use crate::{filter::Filter, note::VerifierKey, record::Record, show::show, tile, volume::Volume};
use cordon_types::Millis;

/// How long records are kept, by class, in milliseconds. `None`: for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Intents and outcomes.
    pub exchanges: Option<u64>,
    /// All others.
    pub control: Option<u64>,
}

impl Retention {
    fn of(&self, record: &Record) -> Option<u64> {
        match record {
            Record::Intent(_) | Record::Outcome(_) => self.exchanges,
            Record::Control(_) => self.control,
        }
    }
}

/// Why pruning goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The record's class is kept for ever.
    Forever,
    /// Its time is not over before then.
    Until(Millis),
    /// A hold covers it.
    Held(u64),
    /// It is no record that this version knows.
    Unknown,
    /// The rest is one bundle that is not full.
    End,
}

/// What pruning would do, or did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The lowest index kept before.
    pub old: u64,
    /// The lowest index kept after.
    pub new: u64,
    /// The record at which it stops.
    pub at: u64,
    /// And why.
    pub stop: Stop,
}

impl Plan {
    /// How many bundles are given up.
    #[must_use]
    pub const fn bundles(&self) -> u64 {
        self.new.saturating_sub(self.old) / tile::WIDTH
    }
}

/// How far the log may be pruned at `now`.
pub fn plan(
    ledger: &dyn Volume,
    key: &VerifierKey,
    retention: &Retention,
    holds: &[Hold],
    now: Millis,
) -> Result<Plan, CustodyError> {
    let old = crate::minimum::lowest(ledger, key)?;
    let filter = Filter::default();
    let mut end = old;
    let mut stop = Stop::End;
    for shown in show(ledger, key, &filter)? {
        let shown = shown?;
        match stops(shown.record.as_ref(), retention, holds, now) {
            None => end = shown.index + 1,
            Some(why) => {
                stop = why;
                break;
            }
        }
    }
    Ok(Plan { old, new: (end / tile::WIDTH * tile::WIDTH).max(old), at: end, stop })
}

fn stops(record: Option<&Record>, retention: &Retention, holds: &[Hold], now: Millis) -> Option<Stop> {
    let Some(record) = record else { return Some(Stop::Unknown) };
    let Some(keep) = retention.of(record) else { return Some(Stop::Forever) };
    let until = record.at().saturating_add(keep);
    if until > now {
        return Some(Stop::Until(until));
    }
    holds.iter().find(|h| h.lifted.is_none() && h.scope.covers(record)).map(|h| Stop::Held(h.number))
}
