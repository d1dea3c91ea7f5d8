//! What is destroyed, and the signed receipt that says so.
//!
//! ```text
//! receipts/pending       what is being destroyed: a crash in between is finished from it
//! receipts/<record>      the receipt; <record> is the index of the control record that says the same in the log
//! ```
//! What always holds: a receipt names what was destroyed and no value of it; it is checked offline with the
//! ledger's public key, and against the log by the record that it names.

use super::{sealed::number, statement};
use crate::{
    note::{Signer, Unsigned, VerifierKey},
    verify::{Class, Tamper},
};
use cordon_types::Millis;

pub(super) const DIR: &str = "receipts";
pub(super) const PENDING: &str = "receipts/pending";
const HEADER: &str = "cordon-receipt/v1";
const PENDING_HEADER: &str = "cordon-pending/v1";

/// What is to be destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The key of an epoch: no digest of that epoch can be recomputed any more.
    Epoch(u32),
    /// The salt of one record: its commitment says nothing any more.
    Record(u64),
    /// All salts of records before a time, and the keys of epochs that ended before it.
    Before(Millis),
}

/// An order under way, or done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What.
    pub what: What,
    /// When it was given.
    pub at: Millis,
    /// The epochs whose keys it destroys.
    pub epochs: Vec<u32>,
    /// How many salts it destroys.
    pub salts: u64,
}

/// A receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// What was destroyed, and when it was ordered.
    pub order: Order,
    /// The index of the control record that says so in the log.
    pub record: u64,
}

impl Order {
    fn fields(&self) -> Vec<(&'static str, String)> {
        let what = match self.what {
            What::Epoch(n) => ("epoch", n.to_string()),
            What::Record(n) => ("index", n.to_string()),
            What::Before(t) => ("before", t.to_string()),
        };
        let mut fields = vec![what, ("at", self.at.to_string())];
        fields.extend(self.epochs.iter().map(|n| ("epoch-key", n.to_string())));
        fields.push(("salts", self.salts.to_string()));
        fields
    }

    fn read(f: &mut statement::Fields<'_>) -> Option<Self> {
        let what = if let Some(n) = f.opt("epoch") {
            What::Epoch(number(n)?)
        } else if let Some(n) = f.opt("index") {
            What::Record(number(n)?)
        } else {
            What::Before(f.number("before")?)
        };
        let (at, mut epochs) = (f.number("at")?, Vec::new());
        while let Some(n) = f.opt("epoch-key") {
            epochs.push(number(n)?);
        }
        Some(Self { what, at, epochs, salts: f.number("salts")? })
    }

    pub(super) fn to_text(&self, signer: &Signer) -> String {
        statement::sign(PENDING_HEADER, &self.fields(), signer)
    }

    /// Reads an order under way.
    pub fn open(note: &str, key: &VerifierKey) -> Result<Self, Unsigned> {
        let mut f = statement::Fields::new(statement::open(PENDING_HEADER, note, key)?);
        Self::read(&mut f).and_then(|o| f.done().map(|()| o)).ok_or(Unsigned::Malformed)
    }
}

impl Receipt {
    /// The signed text.
    #[must_use]
    pub fn to_text(&self, signer: &Signer) -> String {
        let mut fields = self.order.fields();
        fields.push(("record", self.record.to_string()));
        statement::sign(HEADER, &fields, signer)
    }

    /// Reads a receipt that this key signed.
    pub fn open(note: &str, key: &VerifierKey) -> Result<Self, Unsigned> {
        let mut f = statement::Fields::new(statement::open(HEADER, note, key)?);
        let read = |f: &mut statement::Fields<'_>| Some((Order::read(f)?, f.number("record")?));
        let (order, record) = read(&mut f).ok_or(Unsigned::Malformed)?;
        f.done().ok_or(Unsigned::Malformed)?;
        Ok(Self { order, record })
    }

    /// Its file's path.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{DIR}/{}", self.record)
    }
}

pub(super) fn changed(path: &str) -> Tamper {
    Tamper::new(Class::ReceiptChanged, path, None, "it is none that this ledger's key signed")
}
