//! What happened to a held call, for the record and for those who are told. No arguments, no values.

use crate::decide::{DenyReason, Person};
use cordon_types::{AgentId, ApprovalId, Effect, KeyId, Millis, RequestId};
use std::sync::Arc;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// It began to wait.
    Asked,
    /// Somebody allowed it.
    Allowed,
    /// The end user allowed it, as far as their client can be believed.
    Consented,
    /// Somebody denied it, or took an unused grant back; without a person, the end user did.
    Denied,
    /// Its time was over.
    Expired,
    /// A grant was used.
    Used,
}

/// One thing that happened to a held call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// When.
    pub at: Millis,
    /// To which.
    pub id: ApprovalId,
    /// The exchange that asked, or that used the grant.
    pub request: Option<RequestId>,
    /// The agent that called.
    pub agent: AgentId,
    /// With which key.
    pub key: KeyId,
    /// `server__tool`: to be recorded as a name only where the operator's files have it.
    pub tool: Arc<str>,
    /// What the tool does.
    pub effect: Effect,
    /// Who decided. Their name is to be recorded as a pseudonym.
    pub by: Option<Person>,
    /// Why somebody denied it.
    pub reason: Option<DenyReason>,
    /// People that must still allow it; for a use: uses that are left.
    pub left: u32,
    /// Until when it waits, or the grant may be used.
    pub expires_at: Millis,
}

/// Who is told of what happens by itself: asking, expiring, using. Decisions are given to whoever decides.
pub trait Observer: Send + Sync {
    /// Takes note. Called under the desk's lock, in order: it must not wait and must not call the desk.
    fn noted(&self, event: Event);
}
