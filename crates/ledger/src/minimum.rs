//! The minimum index (C2SP tlog-tiles, "Pruning"): entries below it are given up; their hashes stay.
//!
//! ```text
//! minimum   a statement signed by the ledger's key: the index, and the control record in the log that says so
//! ```
//! What always holds: bundles below it may be gone, tiles never are, so that every root and every proof made
//! before stays good; it only grows, and is a multiple of 256, so that a bundle is kept or given up whole; it
//! counts only where the log itself, at the record named, says the same: whoever removes bundles cannot call it
//! pruning without leaving a record of it.

use crate::{
    custody::statement,
    error::LedgerError,
    note::{Signer, Unsigned, VerifierKey},
    record::{ControlKind, Record},
    tile,
    verify::{Class, Tamper},
    volume::Volume,
};

/// Where it stands in the ledger's directory.
pub const MINIMUM: &str = "minimum";
const HEADER: &str = "cordon-minimum/v1";

/// The minimum index and what backs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minimum {
    /// The lowest index that is kept.
    pub index: u64,
    /// The index of the control record that says so.
    pub record: u64,
}

impl Minimum {
    /// The signed text.
    #[must_use]
    pub fn to_text(&self, signer: &Signer) -> String {
        let fields = [("minimum", self.index.to_string()), ("record", self.record.to_string())];
        statement::sign(HEADER, &fields, signer)
    }

    /// Reads a minimum index that this key signed. One that is no multiple of 256 is malformed, and so is one
    /// that its own record would be below.
    pub fn open(note: &str, key: &VerifierKey) -> Result<Self, Unsigned> {
        let mut f = statement::Fields::new(statement::open(HEADER, note, key)?);
        let read = |f: &mut statement::Fields<'_>| {
            Some(Self { index: f.number("minimum")?, record: f.number("record")? })
        };
        let found = read(&mut f).ok_or(Unsigned::Malformed)?;
        f.done().ok_or(Unsigned::Malformed)?;
        let sane = found.index.is_multiple_of(tile::WIDTH) && found.index <= found.record;
        if sane { Ok(found) } else { Err(Unsigned::Malformed) }
    }

    /// Whether the entry at [`Minimum::record`] says the same.
    pub(crate) fn backed_by(&self, entry: &[u8]) -> Result<(), Tamper> {
        match Record::decode(entry) {
            Ok(Record::Control(c)) if c.kind == ControlKind::Pruned && c.of == Some(self.index) => Ok(()),
            _ => Err(self.unbacked("the record that it names says no such thing")),
        }
    }

    pub(crate) fn unbacked(&self, detail: &'static str) -> Tamper {
        Tamper::new(Class::MinimumUnbacked, MINIMUM, Some(self.record), detail)
    }
}

/// What the ledger's directory says; `None` for a ledger that was never pruned.
pub fn read(volume: &dyn Volume, key: &VerifierKey) -> Result<Option<Minimum>, LedgerError> {
    let Some(bytes) = volume.read(MINIMUM)? else { return Ok(None) };
    let text = String::from_utf8(bytes).unwrap_or_default();
    let found = Minimum::open(&text, key).map_err(|why| {
        let detail = match why {
            Unsigned::Malformed => "it is no signed minimum index",
            Unsigned::OtherKey => "it is not signed by this ledger's key",
            Unsigned::BadSignature => "its signature does not fit its text",
        };
        Tamper::new(Class::MinimumChanged, MINIMUM, None, detail)
    })?;
    Ok(Some(found))
}

/// The lowest index that is kept: 0 for a ledger that was never pruned.
pub fn lowest(volume: &dyn Volume, key: &VerifierKey) -> Result<u64, LedgerError> {
    Ok(read(volume, key)?.map_or(0, |m| m.index))
}
