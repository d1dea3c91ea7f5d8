//! The records: what is written of an exchange, and of what an operator does.
//!
//! What always holds: **no field takes free text.** Each is an enum, a bounded number, an id of the operator's
//! files, or a digest; so no prompt, answer, argument or stranger's name can get in. One record has exactly
//! one encoding. `docs/records.md` says what each field means.

mod codes;
mod decode;
mod encode;
#[cfg(test)]
mod tests;

pub use codes::{ControlKind, Decision, Failed, Finish, Obligation, Reason};
pub use decode::{DecodeError, peek_at};

use crate::name::{Bucket, Commitment, FIRST_EPOCH, Known, Linkable, Name, Word};
use cordon_types::{
    AgentId, ApprovalId, Class, Dialect, Digest, Effect, Feature, FindingKind, KeyId, Millis, Mode,
    Operation, RequestId, SpanKind, UpstreamId,
};

/// What was judged and how it came out.
#[derive(Debug, PartialEq, Eq)]
pub struct Judged {
    /// The decision.
    pub decision: Decision,
    /// Why, unless simply allowed.
    pub reason: Option<Reason>,
    /// The policies that decided.
    pub policies: Vec<Known>,
    /// Argument predicates and how they came out.
    pub predicates: Vec<PredicateResult>,
    /// Findings, counted by kind and place.
    pub findings: Vec<FindingCount>,
    /// What enforcement did, counted.
    pub obligations: Vec<ObligationCount>,
}

impl Judged {
    /// Allowed, with nothing to say about it.
    #[must_use]
    pub const fn allowed() -> Self {
        Self::plain(Decision::Allowed, None)
    }

    /// A decision with a reason and nothing else.
    #[must_use]
    pub const fn plain(decision: Decision, reason: Option<Reason>) -> Self {
        Self {
            decision,
            reason,
            policies: Vec::new(),
            predicates: Vec::new(),
            findings: Vec::new(),
            obligations: Vec::new(),
        }
    }
}

/// One argument predicate.
#[derive(Debug, PartialEq, Eq)]
pub struct PredicateResult {
    /// The argument.
    pub argument: Name,
    /// The predicate.
    pub predicate: Word,
    /// Whether it held.
    pub held: bool,
}

/// How many findings of a kind in spans of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindingCount {
    /// What.
    pub kind: FindingKind,
    /// Where.
    pub span: SpanKind,
    /// How many.
    pub count: u32,
}

/// How often an obligation was carried out for a kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObligationCount {
    /// What was done.
    pub obligation: Obligation,
    /// For which kind of finding; none for a cap.
    pub kind: Option<FindingKind>,
    /// How often.
    pub count: u32,
}

/// A session's labels, as numbers that only grow in meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Labels {
    /// 0: untrusted content came in. 1: none did.
    pub integrity: u8,
    /// Class of the data read: 0 public, 1 internal, 2 confidential, 3 restricted.
    pub confidentiality: u8,
}

impl From<cordon_types::Labels> for Labels {
    fn from(l: cordon_types::Labels) -> Self {
        Self { integrity: l.integrity as u8, confidentiality: l.class as u8 }
    }
}

/// The call of a tool, where the exchange is one.
#[derive(Debug, PartialEq, Eq)]
pub struct ToolCalled {
    /// Which, by the name that the manifest uses; also a resource or prompt, as `server__resources/read`.
    pub tool: Name,
    /// What it does, by the operator's word.
    pub effect: Option<Effect>,
    /// Who supplied its target: `user`, `trusted`, `untrusted`, `unknown`; `cleared`, `none`.
    pub target: Option<Word>,
    /// The session it belongs to.
    pub session: Option<Linkable>,
    /// The class that its result adds to the session's.
    pub result_class: Option<Class>,
    /// Cordon was asked and does not carry it: whether the answer was heeded is not known.
    pub advisory: bool,
}

/// Durable before the first byte goes upstream.
#[derive(Debug, PartialEq, Eq)]
pub struct Intent {
    /// When the request had been read.
    pub at: Millis,
    /// Names the exchange.
    pub request: RequestId,
    /// Who.
    pub agent: Option<AgentId>,
    /// With which key.
    pub key: Option<KeyId>,
    /// On whose behalf.
    pub user: Option<Linkable>,
    /// What is asked.
    pub operation: Operation,
    /// In which dialect.
    pub dialect: Dialect,
    /// Of which model.
    pub model: Option<Name>,
    /// Which upstream it is to go to.
    pub upstream: Option<UpstreamId>,
    /// How the manifest is applied.
    pub mode: Mode,
    /// The decision about the prompt.
    pub judged: Judged,
    /// Whether a stream is asked for.
    pub stream: bool,
    /// Size of the body.
    pub body: Bucket,
    /// Tools offered to the model.
    pub tools: u32,
    /// Tools taken out because the manifest does not list them.
    pub tools_removed: u32,
    /// Whether a bounded decoding hit its bound: part of the text was not looked into.
    pub truncated: bool,
    /// What was not inspected.
    pub not_inspected: Vec<Feature>,
    /// Which failures the operator had chosen to open, and did occur.
    pub opened: Vec<Failed>,
    /// The session's labels.
    pub labels: Option<Labels>,
    /// Which tool is called, where one is.
    pub call: Option<ToolCalled>,
    /// Version of everything that decides.
    pub policy: Option<Digest>,
    /// Version of the detectors' rules.
    pub detector: Option<Word>,
    /// A salted digest of the body; off by default.
    pub commitment: Option<Commitment>,
    /// The epoch of its linkable digests.
    pub epoch: u32,
}

/// A tool call in an answer, judged before any of it was released.
#[derive(Debug, PartialEq, Eq)]
pub struct CallJudged {
    /// The tool.
    pub tool: Name,
    /// What it does, where the operator says.
    pub effect: Option<Effect>,
    /// Who supplied its target, where the flow of information was judged.
    pub target: Option<Word>,
    /// The decision.
    pub decision: Decision,
    /// Why, unless simply allowed.
    pub reason: Option<Reason>,
    /// The policies that decided.
    pub policies: Vec<Known>,
    /// Argument predicates and how they came out.
    pub predicates: Vec<PredicateResult>,
}

/// Durable before the answer's last event is released.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// When it ended.
    pub at: Millis,
    /// Names the exchange.
    pub request: RequestId,
    /// The index of its intent.
    pub intent: u64,
    /// Who.
    pub agent: Option<AgentId>,
    /// How it ended.
    pub finish: Finish,
    /// The status that the caller got.
    pub status: u16,
    /// The status that the upstream gave.
    pub upstream_status: Option<u16>,
    /// The decision about the answer.
    pub judged: Judged,
    /// Tool calls in it, in order.
    pub calls: Vec<CallJudged>,
    /// Tool calls beyond those listed in `calls`.
    pub calls_unlisted: u32,
    /// Whether it was streamed.
    pub stream: bool,
    /// Size of the upstream's answer.
    pub answer: Bucket,
    /// How much had been released to the caller.
    pub released: Bucket,
    /// Tokens in, as the upstream counts.
    pub tokens_in: Option<u64>,
    /// Tokens out.
    pub tokens_out: Option<u64>,
    /// Of those in, from a cache.
    pub tokens_cached: Option<u64>,
    /// Millionths of the price table's currency.
    pub cost_micros: Option<u64>,
    /// From the request's last byte to here.
    pub total_ms: u32,
    /// To the upstream's first byte.
    pub upstream_ms: Option<u32>,
    /// Whether a bounded decoding hit its bound.
    pub truncated: bool,
    /// What was not inspected, or not judged before its effect.
    pub not_inspected: Vec<Feature>,
    /// Which failures the operator had chosen to open, and did occur.
    pub opened: Vec<Failed>,
    /// The epoch of its linkable digests.
    pub epoch: u32,
}

/// What is not an exchange: starts, reloads, keys, kill switches, refusals without a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// When.
    pub at: Millis,
    /// What.
    pub kind: ControlKind,
    /// Names the request, for a refusal.
    pub request: Option<RequestId>,
    /// The agent concerned.
    pub agent: Option<AgentId>,
    /// The key concerned.
    pub key: Option<KeyId>,
    /// What else it is about: a model, an upstream, a user.
    pub target: Option<Name>,
    /// Who did it.
    pub by: Option<Linkable>,
    /// Why.
    pub reason: Option<Reason>,
    /// Version of everything that decides, after it.
    pub policy: Option<Digest>,
    /// How many, where that says something.
    pub count: Option<u64>,
    /// What was reviewed or approved: the SHA-256 of the snapshot that is kept beside the ledger, or of a server's tools.
    pub snapshot: Option<Digest>,
    /// Which one, by number: an epoch, a record, a hold, the first entry that is kept.
    pub of: Option<u64>,
    /// Not before, where it concerns a time.
    pub from: Option<Millis>,
    /// Before, where it concerns a time.
    pub to: Option<Millis>,
    /// The held call that it is about.
    pub approval: Option<ApprovalId>,
    /// The epoch of its linkable digests.
    pub epoch: u32,
}

impl Control {
    /// A control record of that kind and nothing else.
    #[must_use]
    pub const fn new(kind: ControlKind, at: Millis) -> Self {
        Self {
            at,
            kind,
            request: None,
            agent: None,
            key: None,
            target: None,
            by: None,
            reason: None,
            policy: None,
            count: None,
            snapshot: None,
            of: None,
            from: None,
            to: None,
            approval: None,
            epoch: FIRST_EPOCH,
        }
    }
}

/// Any record.
#[derive(Debug, PartialEq, Eq)]
pub enum Record {
    /// Before an exchange.
    Intent(Intent),
    /// After it.
    Outcome(Outcome),
    /// Beside exchanges.
    Control(Control),
}
