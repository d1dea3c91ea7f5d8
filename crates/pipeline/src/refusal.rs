//! Why an exchange was refused: one value for the caller, the record and the metrics.
//!
//! What always holds: `public` tells a developer what to do and an attacker nothing about how it was noticed; the
//! record gets `why` alone. What it does not do: speak a dialect; `wire` does that from these values.

use cordon_policy::{Reason, ReasonCode};
use cordon_types::Waiting;
use cordon_wire::{WireCode, WireError};

/// The cause, as records and metrics name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// No credential, or not a good one.
    Credential,
    /// The access token does not have the scopes that this needs.
    Scope,
    /// A user was named without a front end that vouches.
    Vouching,
    /// The route or method is not one that Cordon carries.
    Route,
    /// The header is not one that Cordon carries, or contradicts another.
    Header,
    /// The bytes are not what the dialect's table allows.
    Wire(WireCode),
    /// The judge said no.
    Policy(ReasonCode),
    /// No such model, or none that this agent may use: one answer for both.
    Model,
    /// A provider-issued block that was not issued to this principal.
    NotIssued,
    /// A replacement would break the text it stands in (signed, a key, a schema).
    CannotSplice,
    /// A request, token, cost or concurrency limit.
    Budget,
    /// A size or time limit.
    Limit,
    /// A kill switch.
    Killed,
    /// The upstream failed.
    Upstream(&'static str),
    /// The ledger cannot write.
    Ledger,
    /// More had to be held back in a stream than the cap allows.
    HoldCap,
    /// A detector failed.
    Detector,
    /// Cordon is draining.
    Draining,
    /// A fault of Cordon's own; closed.
    Internal,
}

impl Why {
    /// The stable name that records, metrics and the `code` of an error carry.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Why::Credential => "invalid_credential",
            Why::Scope => "insufficient_scope",
            Why::Vouching => "user_not_vouched",
            Why::Route => "unknown_route",
            Why::Header => "header_refused",
            Why::Wire(code) => code.name(),
            Why::Policy(code) => code.name(),
            Why::Model => "model_not_found",
            Why::NotIssued => "not_issued_to_caller",
            Why::CannotSplice => "cannot_mask_here",
            Why::Budget => "limit_exceeded",
            Why::Limit => "size_or_time_limit",
            Why::Killed => "killed",
            Why::Upstream(name) => name,
            Why::Ledger => "record_unavailable",
            Why::HoldCap => "hold_cap",
            Why::Detector => "detector_failed",
            Why::Draining => "draining",
            Why::Internal => "internal_error",
        }
    }
}

/// A refusal, ready to be told to the caller in any dialect.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// The cause.
    pub why: Why,
    /// For the developer: what is wrong and what to do.
    pub public: String,
    /// The request's member that is at fault, as a table's path or a caller's own key.
    pub param: Option<String>,
    /// Seconds after which a retry may go through.
    pub retry_after: Option<u32>,
    /// The question that people are asked, where a tool call waits for them.
    pub waiting: Option<Waiting>,
}

impl Refusal {
    /// A refusal with neither parameter nor retry time.
    pub fn new(status: u16, why: Why, public: impl Into<String>) -> Self {
        Self { status, why, public: public.into(), param: None, retry_after: None, waiting: None }
    }

    /// What a fault of Cordon's own looks like from outside.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(500, Why::Internal, "the gateway could not complete this request; nothing was let through")
    }

    /// A request that the dialect's table does not allow.
    #[must_use]
    pub fn from_wire(e: WireError) -> Self {
        let path = (!e.path.is_empty()).then_some(e.path);
        Self {
            status: 400,
            why: Why::Wire(e.code),
            public: e.public,
            param: path,
            retry_after: None,
            waiting: None,
        }
    }

    /// An upstream's answer that the dialect's table does not allow: the caller is not at fault.
    #[must_use]
    pub fn from_answer(e: &WireError) -> Self {
        Self::new(
            502,
            Why::Wire(e.code),
            format!(
                "the upstream's answer was not passed on: it is not what this dialect allows ({})",
                e.code.name()
            ),
        )
    }

    /// The judge's denial.
    #[must_use]
    pub fn from_reason(reason: &Reason) -> Self {
        Self::new(403, Why::Policy(reason.code), reason.public.clone())
    }
}
