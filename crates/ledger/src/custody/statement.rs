//! What the ledger's key says beside checkpoints: a signed note (C2SP signed-note) of a header, the log's origin
//! and a few lines of `key value`.
//!
//! ```text
//! cordon-receipt/v1
//! <origin>
//! <key> <value>
//! ...
//!
//! — <origin> <signature>
//! ```
//! What always holds: a statement has one spelling, and none of them can be taken for a checkpoint, whose first
//! line is the origin and whose second is a number.

use crate::note::{Signer, Unsigned, VerifierKey};

/// Signs the fields under that header.
pub(crate) fn sign(header: &str, fields: &[(&str, String)], signer: &Signer) -> String {
    let mut text = format!("{header}\n{}\n", signer.name());
    for (key, value) in fields {
        text.push_str(key);
        text.push(' ');
        text.push_str(value);
        text.push('\n');
    }
    signer.sign(&text)
}

/// The fields of a statement of that header which this key signed.
pub(crate) fn open<'a>(
    header: &str,
    note: &'a str,
    key: &VerifierKey,
) -> Result<Vec<(&'a str, &'a str)>, Unsigned> {
    let text = key.open(note)?;
    let mut lines = text.strip_suffix('\n').ok_or(Unsigned::Malformed)?.split('\n');
    if lines.next() != Some(header) {
        return Err(Unsigned::Malformed);
    }
    if lines.next() != Some(key.name()) {
        return Err(Unsigned::OtherKey);
    }
    lines.map(|line| line.split_once(' ').ok_or(Unsigned::Malformed)).collect()
}

/// Takes fields one by one, in their order.
pub(crate) struct Fields<'a>(std::iter::Peekable<std::vec::IntoIter<(&'a str, &'a str)>>);

impl<'a> Fields<'a> {
    pub(crate) fn new(fields: Vec<(&'a str, &'a str)>) -> Self {
        Self(fields.into_iter().peekable())
    }

    /// The next field, if it is this one.
    pub(crate) fn opt(&mut self, key: &str) -> Option<&'a str> {
        self.0.next_if(|(k, _)| *k == key).map(|(_, v)| v)
    }

    /// The next field, which must be this one, as a number.
    pub(crate) fn number<N: std::str::FromStr + ToString>(&mut self, key: &str) -> Option<N> {
        super::sealed::number(self.opt(key)?)
    }

    /// The next field as a number: `Some(None)` where it is another one, `None` where it is no number.
    pub(crate) fn opt_number(&mut self, key: &str) -> Option<Option<u64>> {
        match self.opt(key) {
            None => Some(None),
            Some(text) => super::sealed::number(text).map(Some),
        }
    }

    /// Nothing may be left.
    pub(crate) fn done(mut self) -> Option<()> {
        self.0.next().is_none().then_some(())
    }
}
