//! Keeping and giving up records, over a data directory: joins `ledger`'s custody to the files, the clock, the
//! randomness and the running recorder.
//!
//! What always holds: one order at a time; each leaves a control record with who gave it.

use crate::data::DataDir;
use crate::error::AppError;
use crate::system::SystemEntropy;
use cordon_api::{AuditOrder, Operator, Refused};
use cordon_identity::{KillScope, KillSwitch};
use cordon_ledger::custody::{Order, Plan, Stop};
use cordon_ledger::{
    Committer, Control, Custody, CustodyError, Digester, Epochs, FIRST_EPOCH, Hold, LedgerError, Receipt,
    Retention, Scope, Signer, Trail, What,
};
use cordon_pipeline::Recorder;
use cordon_store::volume::FileVolume;
use cordon_types::{Clock, Entropy as _, Millis};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use zeroize::Zeroizing;

/// Longest wait for a checkpoint over a record, and how long between two looks.
const COVER_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A new key.
pub(crate) fn fresh_key() -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    SystemEntropy.fill(&mut *key);
    key
}

/// Whether any kill switch is for a user.
pub(crate) fn user_kills(kills: &KillSwitch) -> bool {
    kills.load().kills().iter().any(|k| matches!(k.scope, KillScope::User(_)))
}

/// See the module.
pub(crate) struct Custodian {
    ledger: FileVolume,
    vault: FileVolume,
    signer: Signer,
    committer: Arc<Committer>,
    recorder: Arc<Recorder>,
    kills: Arc<KillSwitch>,
    clock: Arc<dyn Clock>,
    retention: Retention,
    /// How long an epoch lasts, in milliseconds.
    epoch: Option<u64>,
    /// Users' kill switches stand under epoch 1's key: a directory from before there were epochs.
    kills_in_first_epoch: bool,
    busy: Mutex<()>,
}

/// What a custodian is made of, beside the directory.
pub(crate) struct Parts {
    pub(crate) committer: Arc<Committer>,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) kills: Arc<KillSwitch>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Custodian {
    pub(crate) fn new(dir: &DataDir, config: &cordon_config::Ledger, parts: Parts) -> Result<Self, AppError> {
        let ms = |d: Option<Duration>| d.map(|d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX));
        Ok(Self {
            ledger: FileVolume::open_beside(&dir.path("ledger"))?,
            vault: dir.vault()?,
            signer: dir.signer()?,
            committer: parts.committer,
            recorder: parts.recorder,
            kills: parts.kills,
            clock: parts.clock,
            retention: Retention { exchanges: ms(config.keep_exchanges), control: ms(config.keep_control) },
            epoch: ms(config.epoch),
            kills_in_first_epoch: !dir.path("keys/users.key").exists(),
            busy: Mutex::default(),
        })
    }

    /// Finishes what a crash cut off.
    pub(crate) fn resume(&self) -> Result<(), AppError> {
        let finished = self.with(None, |custody, _| custody.resume())?;
        if let Some(receipt) = finished {
            tracing::warn!(record = receipt.record, "an erasure that a crash had cut off was finished");
        }
        Ok(())
    }

    /// Begins the next epoch if the current one is over by the config.
    pub(crate) fn rotate_if_due(&self) {
        let Some(lasts) = self.epoch else { return };
        let due = |epochs: &Epochs| epochs.current().begun.saturating_add(lasts) <= self.clock.now();
        let rotated = match Epochs::read(&self.vault) {
            Ok(epochs) if due(&epochs) => self.rotate(None).map(Some),
            Ok(_) => Ok(None),
            Err(e) => Err(e),
        };
        match rotated {
            Ok(None) => {}
            Ok(Some(epochs)) => {
                tracing::info!(epoch = epochs.current().number, "the next epoch of digests began")
            }
            Err(error) => tracing::error!(%error, "the next epoch of digests could not be begun"),
        }
    }

    /// Carries out an operator's order.
    pub(crate) fn order(&self, by: &Operator, order: &AuditOrder) -> Result<Value, Refused> {
        self.answer(by, order).map_err(|e| refused(&e))
    }

    fn answer(&self, by: &Operator, order: &AuditOrder) -> Result<Value, CustodyError> {
        match order {
            AuditOrder::Epochs => Epochs::read(&self.vault).map(|e| epochs_json(&e)),
            AuditOrder::RotateEpoch => self.rotate(Some(by)).map(|e| epochs_json(&e)),
            AuditOrder::EraseEpoch(n) => self.erase(by, What::Epoch(*n)),
            AuditOrder::EraseRecord(n) => self.erase(by, What::Record(*n)),
            AuditOrder::EraseBefore(t) => self.erase(by, What::Before(*t)),
            AuditOrder::Holds => {
                let holds = self.with(Some(by), |custody, _| custody.holds())?;
                Ok(json!({"holds": holds.iter().map(hold_json).collect::<Vec<_>>()}))
            }
            AuditOrder::Hold(scope) => {
                let scope = Scope {
                    from: scope.from,
                    to: scope.to,
                    agent: scope.agent.clone(),
                    request: scope.request,
                };
                Ok(hold_json(&self.with(Some(by), |custody, now| custody.hold(scope, now))?))
            }
            AuditOrder::Lift(n) => Ok(hold_json(&self.with(Some(by), |custody, now| custody.lift(*n, now))?)),
            AuditOrder::Prune { dry_run } => {
                let plan = self.with(Some(by), |custody, now| {
                    if *dry_run {
                        custody.plan(&self.retention, now)
                    } else {
                        custody.prune(&self.retention, now)
                    }
                })?;
                Ok(plan_json(&plan, *dry_run))
            }
        }
    }

    fn rotate(&self, by: Option<&Operator>) -> Result<Epochs, CustodyError> {
        let epochs = self.with(by, |custody, now| custody.rotate(now, &fresh_key()))?;
        self.recorder.begin_epoch(epochs.digester(&self.vault)?);
        Ok(epochs)
    }

    fn erase(&self, by: &Operator, what: What) -> Result<Value, CustodyError> {
        let receipt = self.with(Some(by), |custody, now| {
            let order = custody.order(what, now)?;
            // SECURITY: a kill switch must not stop holding because its digest can no longer be made.
            let first = order.epochs.contains(&FIRST_EPOCH);
            if first && self.kills_in_first_epoch && user_kills(&self.kills) {
                return Err(CustodyError::KillsDepend);
            }
            custody.erase(what, now)
        })?;
        Ok(receipt_json(&receipt, &receipt.to_text(&self.signer)))
    }

    fn with<T>(
        &self,
        by: Option<&Operator>,
        work: impl FnOnce(&Custody<'_>, Millis) -> Result<T, CustodyError>,
    ) -> Result<T, CustodyError> {
        let _busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let trail = Recorded { custodian: self, by };
        let custody =
            Custody { ledger: &self.ledger, vault: &self.vault, signer: &self.signer, trail: &trail };
        work(&custody, self.clock.now())
    }
}

/// The log, with who gave the order.
struct Recorded<'a> {
    custodian: &'a Custodian,
    by: Option<&'a Operator>,
}

impl Trail for Recorded<'_> {
    fn append(&self, record: &Control) -> Result<u64, LedgerError> {
        let mut record = record.clone();
        if let Some(Operator::Key(id)) = self.by {
            let digester = self.custodian.recorder.digester();
            record.by = Some(digester.linkable("operator", id.as_str().as_bytes()));
            record.epoch = digester.epoch();
        }
        wait(self.custodian.committer.append(record.encode()))
    }

    fn covered(&self, index: u64) -> Result<(), CustodyError> {
        let looks = COVER_WITHIN.as_millis() / LOOK_EVERY.as_millis();
        for _ in 0..looks {
            let head =
                cordon_ledger::verify::checkpoint(&self.custodian.ledger, &self.custodian.signer.verifier())?;
            if head.size > index {
                return Ok(());
            }
            self.custodian.committer.publish_soon();
            std::thread::sleep(LOOK_EVERY);
        }
        Err(CustodyError::NotCovered { index })
    }

    fn durable(&self) -> u64 {
        self.custodian.committer.size()
    }
}

fn wait(appended: cordon_ledger::Appended) -> Result<u64, LedgerError> {
    // A runtime of its own: this is called from threads in which none is entered.
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|e| LedgerError::Thread { message: e.to_string() })?;
    runtime.block_on(appended)
}

/// Makes digests in the directory's current epoch; whether this call began it.
pub(crate) fn digester(vault: &FileVolume, now: Millis) -> Result<(Digester, bool), AppError> {
    let begun = Epochs::read(vault).is_err();
    let epochs = Epochs::open(vault, now, &fresh_key())?;
    Ok((epochs.digester(vault)?, begun))
}

fn refused(e: &CustodyError) -> Refused {
    let (status, code) = match e {
        CustodyError::Held { .. } => (409, "on_hold"),
        CustodyError::CurrentEpoch { .. } => (409, "current_epoch"),
        CustodyError::KillsDepend => (409, "kills_depend"),
        CustodyError::EpochShredded { .. } | CustodyError::Nothing { .. } => (409, "nothing_to_erase"),
        CustodyError::NoEpoch { .. } => (404, "no_epoch"),
        CustodyError::NoHold { .. } => (404, "no_hold"),
        CustodyError::BadScope { .. } => (400, "bad_scope"),
        CustodyError::NotCovered { .. } | CustodyError::Ledger(_) => (503, "record_unavailable"),
    };
    Refused { status, code, message: e.to_string() }
}

fn epochs_json(epochs: &Epochs) -> Value {
    let current = epochs.current().number;
    let one = |e: &cordon_ledger::custody::Epoch| {
        let state = match (e.shredded, e.number == current) {
            (true, _) => "shredded",
            (_, true) => "current",
            _ => "kept",
        };
        json!({"epoch": e.number, "begun": e.begun, "ended": epochs.ended(e.number), "state": state})
    };
    json!({"epochs": epochs.all().iter().map(one).collect::<Vec<_>>()})
}

fn hold_json(hold: &Hold) -> Value {
    json!({
        "hold": hold.number,
        "set": hold.set,
        "lifted": hold.lifted,
        "from": hold.scope.from,
        "to": hold.scope.to,
        "agent": hold.scope.agent.as_ref().map(ToString::to_string),
        "request": hold.scope.request.map(|r| format!("{:032x}", r.0)),
    })
}

fn plan_json(plan: &Plan, dry_run: bool) -> Value {
    let (stop, until, hold) = match plan.stop {
        Stop::Forever => ("kept for ever", None, None),
        Stop::Until(t) => ("kept until", Some(t), None),
        Stop::Held(n) => ("held", None, Some(n)),
        Stop::Unknown => ("unknown record", None, None),
        Stop::End => ("end", None, None),
    };
    json!({
        "dry_run": dry_run, "minimum_before": plan.old, "minimum": plan.new, "bundles": plan.bundles(),
        "stopped_at": plan.at, "because": stop, "until": until, "hold": hold,
    })
}

/// A receipt as JSON, with the signed text.
pub(crate) fn receipt_json(receipt: &Receipt, text: &str) -> Value {
    let Order { what, at, epochs, salts } = &receipt.order;
    let what = match what {
        What::Epoch(n) => json!({"epoch": n}),
        What::Record(n) => json!({"record": n}),
        What::Before(t) => json!({"before": t}),
    };
    json!({
        "erased": what, "at": at, "epochs": epochs, "salts": salts, "recorded_at": receipt.record,
        "receipt_file": receipt.path(), "receipt": text,
    })
}
