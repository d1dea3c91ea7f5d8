//! Keeping and giving up: epochs of digests, salts, legal holds, erasure with a receipt, pruning.
//!
//! ```text
//! erase   holds? -> order pending -> key or salt overwritten, removed -> control record -> receipt
//! prune   holds? -> control record -> under a checkpoint -> minimum index -> salts -> bundles
//! ```
//! What always holds: the tree never changes, so every proof ever made stays good; nothing under a legal hold is
//! destroyed; whatever was destroyed left a record in the log; what a crash cut off is finished at the next start.
//!
//! What it does not do: touch files but through two [`Volume`]s (the ledger's directory, and the data directory
//! as the *vault*), read a clock, make randomness. It runs one at a time: its owner sees to that.

pub mod epochs;
mod error;
pub mod holds;
pub mod receipt;
pub mod retention;
pub mod salts;
mod sealed;
pub(crate) mod statement;

pub use epochs::{Epoch, Epochs};
pub use error::CustodyError;
pub use holds::{Hold, Scope};
pub use receipt::{Order, Receipt, What};
pub use retention::{Plan, Retention, Stop};
pub use salts::{Opening, Salted};

use crate::{
    error::LedgerError,
    filter::Filter,
    minimum::{self, MINIMUM, Minimum},
    name::Name,
    note::Signer,
    record::{Control, ControlKind, Record},
    show::show,
    tile,
    verify::extra,
    volume::Volume,
};
use cordon_types::Millis;
use receipt::PENDING;
use std::collections::BTreeSet;
use zeroize::Zeroizing;

/// The log, as far as this needs it.
pub trait Trail {
    /// Appends a control record; durable on return. Its index.
    fn append(&self, record: &Control) -> Result<u64, LedgerError>;
    /// Returns when a signed checkpoint covers the record.
    fn covered(&self, index: u64) -> Result<(), CustodyError>;
    /// How many records are durable.
    fn durable(&self) -> u64;
}

/// Keeps and gives up, over one data directory.
pub struct Custody<'a> {
    /// The ledger's directory.
    pub ledger: &'a dyn Volume,
    /// The data directory.
    pub vault: &'a dyn Volume,
    /// The ledger's key.
    pub signer: &'a Signer,
    /// The log.
    pub trail: &'a dyn Trail,
}

/// Overwrites a whole file and removes it; nothing where there is none.
fn shred(vault: &dyn Volume, path: &str) -> Result<(), CustodyError> {
    let Some(bytes) = vault.read(path)? else { return Ok(()) };
    let length = Zeroizing::new(bytes).len();
    vault.overwrite(path, 0, &vec![0; length])?;
    Ok(vault.remove(path)?)
}

impl Custody<'_> {
    /// Finishes what a crash cut off: an order to destroy, and bundles that are given up and still there.
    pub fn resume(&self) -> Result<Option<Receipt>, CustodyError> {
        let receipt = match self.vault.read(PENDING)? {
            None => None,
            Some(bytes) => {
                let text = String::from_utf8(bytes).unwrap_or_default();
                let order =
                    Order::open(&text, &self.signer.verifier()).map_err(|_| receipt::changed(PENDING))?;
                Some(self.carry_out(order)?)
            }
        };
        let minimum = minimum::lowest(self.ledger, &self.signer.verifier())?;
        if minimum > 0 {
            salts::shred(self.vault, |index| index < minimum, true)?;
            self.remove_bundles(minimum)?;
        }
        Ok(receipt)
    }

    /// Begins an epoch, and records it.
    pub fn rotate(&self, now: Millis, fresh: &Zeroizing<[u8; 32]>) -> Result<Epochs, CustodyError> {
        // Not the current key: where that was lost, a new epoch is the way on.
        let mut epochs = Epochs::read(self.vault)?;
        epochs.begin(self.vault, now, fresh)?;
        let current = epochs.current().number;
        self.trail.append(&Control {
            of: Some(current.into()),
            epoch: current,
            ..Control::new(ControlKind::EpochBegun, now)
        })?;
        Ok(epochs)
    }

    // ---- holds

    /// Every hold, in force or lifted. Checked against the log.
    pub fn holds(&self) -> Result<Vec<Hold>, CustodyError> {
        Ok(self.holds_and_records()?.0)
    }

    /// The holds, and the highest number that the log knows.
    fn holds_and_records(&self) -> Result<(Vec<Hold>, u64), CustodyError> {
        // Records that no checkpoint covers yet may be under a hold too.
        if let Some(last) = self.trail.durable().checked_sub(1) {
            self.trail.covered(last)?;
        }
        let key = self.signer.verifier();
        let holds = holds::read(self.vault, &key)?;
        let (filter, mut highest) = (Filter::default(), 0);
        for shown in show(self.ledger, &key, &filter)? {
            if let Some(Record::Control(record)) = shown?.record {
                holds::backed(&holds, &record)?;
                if record.kind == ControlKind::HoldSet {
                    highest = highest.max(record.of.unwrap_or_default());
                }
            }
        }
        Ok((holds, highest))
    }

    fn in_force(&self) -> Result<Vec<Hold>, CustodyError> {
        Ok(self.holds()?.into_iter().filter(|h| h.lifted.is_none()).collect())
    }

    /// Sets a hold: in force at once, then recorded.
    pub fn hold(&self, scope: Scope, now: Millis) -> Result<Hold, CustodyError> {
        let (all, highest) = self.holds_and_records()?;
        let number = all.last().map_or(0, |h| h.number).max(highest).saturating_add(1);
        let hold = holds::add(self.vault, self.signer, scope, number, now)?;
        self.trail.append(&hold.record(ControlKind::HoldSet, now))?;
        Ok(hold)
    }

    /// Lifts a hold: recorded first, then no longer in force.
    pub fn lift(&self, number: u64, now: Millis) -> Result<Hold, CustodyError> {
        let found = self.in_force()?.into_iter().find(|h| h.number == number);
        let mut hold = found.ok_or(CustodyError::NoHold { hold: number })?;
        self.trail.append(&hold.record(ControlKind::HoldLifted, now))?;
        hold.lifted = Some(now);
        holds::write(self.vault, self.signer, &hold)?;
        Ok(hold)
    }

    // ---- erasure

    /// Destroys a key or salts, for good. Refused under a legal hold.
    pub fn erase(&self, what: What, now: Millis) -> Result<Receipt, CustodyError> {
        self.resume()?;
        let order = self.order(what, now)?;
        self.vault.write_atomic(PENDING, order.to_text(self.signer).as_bytes())?;
        self.carry_out(order)
    }

    /// What would be destroyed; an error where a hold covers any of it, or where there is nothing.
    pub fn order(&self, what: What, now: Millis) -> Result<Order, CustodyError> {
        let holds = self.in_force()?;
        let (mut epochs, mut salts) = (Vec::new(), 0);
        let all = Epochs::read(self.vault)?;
        match what {
            What::Epoch(number) => {
                let epoch = all.get(number).ok_or(CustodyError::NoEpoch { epoch: number })?;
                if epoch.shredded {
                    return Err(CustodyError::EpochShredded { epoch: number });
                }
                let ended = all.ended(number).ok_or(CustodyError::CurrentEpoch { epoch: number })?;
                free_time(&holds, epoch.begun, ended)?;
                self.free_records(&holds, |_, r| has_digests_of(r, &[number]))?;
                epochs.push(number);
            }
            What::Record(index) => {
                salts = self.salted(|i| i == index)?.len() as u64;
                self.free_records(&holds, |i, _| i == index)?;
            }
            What::Before(end) => {
                for epoch in all.all().iter().filter(|e| !e.shredded) {
                    if all.ended(epoch.number).is_some_and(|ended| ended <= end) {
                        free_time(&holds, epoch.begun, all.ended(epoch.number).unwrap_or(end))?;
                        epochs.push(epoch.number);
                    }
                }
                let records = self.salted_before(end)?;
                self.free_records(&holds, |i, r| records.contains(&i) || has_digests_of(r, &epochs))?;
                salts = records.len() as u64;
            }
        }
        if epochs.is_empty() && salts == 0 {
            let problem = match what {
                What::Record(_) => "the record has no salt, or it was destroyed before",
                _ => "no epoch ended and no salt was made before that time",
            };
            return Err(CustodyError::Nothing { problem });
        }
        Ok(Order { what, at: now, epochs, salts })
    }

    /// Destroys, records, gives the receipt. Can be done again from any point.
    fn carry_out(&self, order: Order) -> Result<Receipt, CustodyError> {
        let mut epochs = Epochs::read(self.vault)?;
        for number in &order.epochs {
            epochs.shred(self.vault, *number)?;
        }
        match order.what {
            What::Epoch(_) => {}
            What::Record(wanted) => salts::shred(self.vault, |index| index == wanted, false)?,
            What::Before(end) => {
                let records = self.salted_before(end)?;
                salts::shred(self.vault, |index| records.contains(&index), true)?;
            }
        }
        let mut record = 0;
        for number in &order.epochs {
            let of = Some(u64::from(*number));
            record =
                self.trail.append(&Control { of, ..Control::new(ControlKind::EpochShredded, order.at) })?;
        }
        match order.what {
            What::Epoch(_) => {}
            What::Record(index) => {
                let of = Some(index);
                record = self
                    .trail
                    .append(&Control { of, ..Control::new(ControlKind::SaltShredded, order.at) })?;
            }
            What::Before(end) => {
                let (to, count) = (Some(end), Some(order.salts));
                let kind = ControlKind::SaltsShredded;
                record = self.trail.append(&Control { to, count, ..Control::new(kind, order.at) })?;
            }
        }
        let receipt = Receipt { order, record };
        self.vault.write_atomic(&receipt.path(), receipt.to_text(self.signer).as_bytes())?;
        self.vault.remove(PENDING)?;
        Ok(receipt)
    }

    /// Records whose salt is there, broken or not.
    fn salted(&self, wanted: impl Fn(u64) -> bool) -> Result<BTreeSet<u64>, CustodyError> {
        let all = salts::read(self.vault)?;
        let there = |p: &&salts::Place| p.state != salts::State::Shredded && wanted(p.index);
        Ok(all.iter().filter(there).map(|p| p.index).collect())
    }

    /// Records whose salt is there and that are from before a time. A salt whose record is not in the log (a crash
    /// between the two, or entries that were given up) has nothing to keep it for.
    fn salted_before(&self, end: Millis) -> Result<BTreeSet<u64>, CustodyError> {
        let mut found = self.salted(|_| true)?;
        let (key, filter) = (self.signer.verifier(), Filter::default());
        for shown in show(self.ledger, &key, &filter)? {
            let shown = shown?;
            if found.contains(&shown.index) && shown.record.is_none_or(|r| r.at() >= end) {
                found.remove(&shown.index);
            }
        }
        let size = crate::verify::checkpoint(self.ledger, &key)?.size;
        // Not yet under a checkpoint: a matter of the next time.
        found.retain(|index| *index < size);
        Ok(found)
    }

    fn free_records(
        &self,
        holds: &[Hold],
        concerned: impl Fn(u64, &Record) -> bool,
    ) -> Result<(), CustodyError> {
        if holds.is_empty() {
            return Ok(());
        }
        let (key, filter) = (self.signer.verifier(), Filter::default());
        for shown in show(self.ledger, &key, &filter)? {
            let shown = shown?;
            let Some(record) = shown.record.as_ref().filter(|r| concerned(shown.index, r)) else { continue };
            if let Some(hold) = holds.iter().find(|h| h.scope.covers(record)) {
                return Err(CustodyError::Held { hold: hold.number });
            }
        }
        Ok(())
    }

    // ---- pruning

    /// What pruning would do.
    pub fn plan(&self, retention: &Retention, now: Millis) -> Result<Plan, CustodyError> {
        retention::plan(self.ledger, &self.signer.verifier(), retention, &self.in_force()?, now)
    }

    /// Gives up the entries that retention and holds let go: the record of it is under a signed checkpoint before
    /// the first bundle is removed.
    pub fn prune(&self, retention: &Retention, now: Millis) -> Result<Plan, CustodyError> {
        self.resume()?;
        let plan = self.plan(retention, now)?;
        if plan.bundles() == 0 {
            return Ok(plan);
        }
        let (of, count) = (Some(plan.new), Some(plan.bundles()));
        let record = self.trail.append(&Control { of, count, ..Control::new(ControlKind::Pruned, now) })?;
        self.trail.covered(record)?;
        let minimum = Minimum { index: plan.new, record };
        self.ledger.write_atomic(MINIMUM, minimum.to_text(self.signer).as_bytes())?;
        // INVARIANT: from here on the bundles are given up; what is still there is removed by whoever comes next.
        salts::shred(self.vault, |index| index < plan.new, true)?;
        self.remove_bundles(plan.new)?;
        Ok(plan)
    }

    /// Removes every bundle below the minimum index that is there.
    fn remove_bundles(&self, minimum: u64) -> Result<(), CustodyError> {
        let mut listed = Vec::new();
        extra::walk(self.ledger, "tile/entries", &mut listed)?;
        for path in listed {
            if extra::parse(&path).is_some_and(|(_, n, _)| (n + 1).saturating_mul(tile::WIDTH) <= minimum) {
                self.ledger.remove(&path)?;
            }
        }
        Ok(())
    }
}

/// Whether a record may hold linkable digests of one of these epochs.
fn has_digests_of(record: &Record, epochs: &[u32]) -> bool {
    let any = match record {
        Record::Intent(_) | Record::Outcome(_) => true,
        Record::Control(c) => c.by.is_some() || matches!(c.target, Some(Name::Hidden(_))),
    };
    any && epochs.contains(&record.epoch())
}

/// A hold on a time alone is minded even where no record of that time is under a checkpoint yet.
fn free_time(holds: &[Hold], begun: Millis, ended: Millis) -> Result<(), CustodyError> {
    let by_time = |h: &&Hold| h.scope.agent.is_none() && h.scope.request.is_none();
    match holds.iter().filter(by_time).find(|h| h.scope.overlaps(begun, ended)) {
        Some(hold) => Err(CustodyError::Held { hold: hold.number }),
        None => Ok(()),
    }
}
