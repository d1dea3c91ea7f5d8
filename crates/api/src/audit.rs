//! Keeping and giving up records: epochs, erasure, legal holds, pruning. The API reads and answers; the runtime
//! does it.

use crate::shape::{Reply, read};
use crate::{Admin, Operator};
use cordon_types::{AgentId, Millis, RequestId};
use serde::Deserialize;
use serde_json::Value;

/// What is asked of the record's keeper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditOrder {
    /// The epochs of linkable digests.
    Epochs,
    /// Begin the next epoch.
    RotateEpoch,
    /// Destroy the key of an epoch.
    EraseEpoch(u32),
    /// Destroy the salt of a record.
    EraseRecord(u64),
    /// Destroy all salts of records before a time, and the keys of epochs that ended before it.
    EraseBefore(Millis),
    /// The legal holds.
    Holds,
    /// Set a legal hold.
    Hold(HoldScope),
    /// Lift a legal hold.
    Lift(u64),
    /// Give up what retention and holds let go; only say what that is where `dry_run`.
    Prune {
        /// Change nothing.
        dry_run: bool,
    },
}

/// What a legal hold covers: records for which everything that is given holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HoldScope {
    /// Not before.
    pub from: Option<Millis>,
    /// Before.
    pub to: Option<Millis>,
    /// Of this agent.
    pub agent: Option<AgentId>,
    /// Of this request.
    pub request: Option<RequestId>,
}

/// Why the record's keeper refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// HTTP status.
    pub status: u16,
    /// A stable code.
    pub code: &'static str,
    /// What is wrong, and what to do.
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EraseBody {
    epoch: Option<u32>,
    record: Option<u64>,
    before: Option<Millis>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldBody {
    from: Option<Millis>,
    to: Option<Millis>,
    agent: Option<String>,
    request: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PruneBody {
    #[serde(default)]
    dry_run: bool,
}

impl Admin {
    pub(crate) fn audit(&self, by: &Operator, method: &str, rest: &[&str], body: &[u8]) -> Reply {
        let order = match (method, rest) {
            ("GET", ["epochs"]) => Ok(AuditOrder::Epochs),
            ("POST", ["epochs"]) => Ok(AuditOrder::RotateEpoch),
            ("POST", ["erase"]) => read(body).and_then(erase),
            ("GET", ["holds"]) => Ok(AuditOrder::Holds),
            ("POST", ["holds"]) => read(body).and_then(hold),
            ("DELETE", ["holds", number]) => match number.parse() {
                Ok(number) => Ok(AuditOrder::Lift(number)),
                Err(_) => Err(bad("a hold has a number")),
            },
            ("POST", ["prune"]) => read(body).map(|b: PruneBody| AuditOrder::Prune { dry_run: b.dry_run }),
            (_, ["epochs" | "erase" | "holds" | "prune", ..]) => Err(Reply::wrong_method()),
            _ => Err(Reply::not_found()),
        };
        match order.map(|order| self.runtime.audit(by, &order)) {
            Ok(Ok(value)) => Reply::ok(value),
            Ok(Err(refused)) => Reply::error(refused.status, refused.code, &refused.message),
            Err(reply) => reply,
        }
    }
}

/// What a runtime without a ledger answers.
pub(crate) fn nowhere() -> Result<Value, Refused> {
    let message = "there is no ledger here".to_owned();
    Err(Refused { status: 404, code: "not_found", message })
}

fn bad(message: &str) -> Reply {
    Reply::error(400, "bad_request", message)
}

fn erase(body: EraseBody) -> Result<AuditOrder, Reply> {
    match (body.epoch, body.record, body.before) {
        (Some(n), None, None) => Ok(AuditOrder::EraseEpoch(n)),
        (None, Some(n), None) => Ok(AuditOrder::EraseRecord(n)),
        (None, None, Some(t)) => Ok(AuditOrder::EraseBefore(t)),
        _ => Err(bad("give one of `epoch`, `record` and `before`")),
    }
}

fn hold(body: HoldBody) -> Result<AuditOrder, Reply> {
    let agent = body.agent.map(|a| AgentId::new(&a).map_err(|e| bad(&e.to_string()))).transpose()?;
    let request = |id: &str| {
        let digits = id.strip_prefix("req_").unwrap_or(id);
        let number = u128::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 32);
        number.map(RequestId).ok_or_else(|| bad("a request id is `req_` and 32 hexadecimal digits"))
    };
    let request = body.request.as_deref().map(request).transpose()?;
    Ok(AuditOrder::Hold(HoldScope { from: body.from, to: body.to, agent, request }))
}
