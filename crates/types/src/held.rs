//! Tool calls that wait for a person: what the judge hands over, and what it gets back.
//!
//! ```text
//! judged Held -> take(claim): a grant for exactly this call? -> go on, once
//!                `-> none -> ask(call) -> Waiting(id, until): answered at once, tried again later
//! ```
//! What always holds: a grant is for a keyed digest of the call, so that one changed byte is another call. The live
//! text of a call is in memory only, cannot be printed, and is wiped when the value is dropped.
//!
//! What it deliberately does not do: decide, keep or show. `approvals` does; the judge in `pipeline` knows only
//! [`HeldCalls`].

use crate::{AgentId, ApprovalId, Digest, Effect, KeyId, Labels, Millis, RequestId};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A call that a person must see.
pub struct HeldCall {
    /// The exchange in which it was asked.
    pub request: Option<RequestId>,
    /// The agent that calls.
    pub agent: AgentId,
    /// The key with which it does.
    pub key: KeyId,
    /// The keyed digest of the user on whose behalf it does.
    pub user: Option<Digest>,
    /// `server__tool`.
    pub tool: Arc<str>,
    /// The operator's word for what it does.
    pub effect: Effect,
    /// The session's labels.
    pub labels: Labels,
    /// HMAC over everything that an approval binds: the outgoing argument bytes after restoration, the tool's pin,
    /// principal, labels and policy version.
    pub binding: Digest,
    /// HMAC over what a wider grant binds: tool, pin, principal, labels, policy version and each target argument with
    /// its value. `None` where no wider grant may be offered.
    pub predicate: Option<Digest>,
    /// The arguments that say where it goes.
    pub targets: Vec<HeldTarget>,
    /// The arguments as they would go out: JSON text.
    pub arguments: Zeroizing<String>,
    /// Why it is held: stable codes of the judge's, never text of a caller's.
    pub why: Vec<&'static str>,
    /// People that must allow it: 1 or 2.
    pub people: u8,
    /// How long it may wait; `None`: as the config says.
    pub wait_ms: Option<u64>,
}

impl fmt::Debug for HeldCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeldCall({} of {}, ..)", self.effect.name(), self.agent)
    }
}

/// One argument that says where a call goes.
#[derive(Clone)]
pub struct HeldTarget {
    /// The argument, as the manifest names it.
    pub argument: Arc<str>,
    /// Its value, live.
    pub value: Zeroizing<String>,
    /// The keyed digest of the value.
    pub digest: Digest,
}

impl fmt::Debug for HeldTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeldTarget({}, ..)", self.digest)
    }
}

/// What a call shows to use a grant.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The exchange that would use it.
    pub request: Option<RequestId>,
    /// As in [`HeldCall::binding`].
    pub binding: &'a Digest,
    /// As in [`HeldCall::predicate`].
    pub predicate: Option<&'a Digest>,
}

/// Leave for one call. It was used up by being given.
#[must_use = "a grant is used up when it is given: let the call go on, or refuse it"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The approval that gave it.
    pub id: ApprovalId,
    /// Whether it was for this very call, not for calls like it.
    pub exact: bool,
}

/// A call that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its name.
    pub id: ApprovalId,
    /// From then on it is denied.
    pub expires_at: Millis,
}

/// What came of asking.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It waits, or did already.
    Waiting(Waiting),
    /// A person denied this very call; it is not asked about again before then.
    Denied(Waiting),
    /// So many calls of this agent wait already that none is added.
    AgentFull,
    /// So many calls wait already, over all agents, that none is added.
    Full,
    /// The arguments are longer than a person can be shown: what cannot be seen cannot be allowed.
    TooLarge,
}

/// Why held calls could not be asked about or used: the store. The call is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HeldError(pub String);

/// What an end user is asked, where their word is enough. The texts are escaped, fit to be shown.
pub struct Invitation {
    /// What must come back with the answer.
    pub token: String,
    /// The tool.
    pub tool: String,
    /// The arguments that say where the call goes, and their values.
    pub targets: Vec<(String, Zeroizing<String>)>,
    /// All arguments.
    pub arguments: Zeroizing<String>,
    /// Until when the answer counts.
    pub expires_at: Millis,
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invitation({}, ..)", self.expires_at)
    }
}

/// Where the judge asks for a person. May write to disk: a grant is marked as used before it is given.
pub trait HeldCalls: Send + Sync {
    /// Takes a grant for exactly this call, or one of its kind, if a person gave one that is not used up.
    fn take(&self, claim: &Claim<'_>, now: Millis) -> Result<Option<Grant>, HeldError>;
    /// Puts a call before people. The same call, asked again, waits under the same id.
    fn ask(&self, call: HeldCall, now: Millis) -> Result<Asked, HeldError>;
    /// What to ask the end user about a call that waits, where one word is enough; for the key that made the call.
    fn invite(&self, id: ApprovalId, key: &KeyId, now: Millis) -> Option<Invitation> {
        let _ = (id, key, now);
        None
    }
    /// The end user's answer, with the token of the question: a grant for exactly that call, or a denial. `false`, and
    /// nothing changed, where the token does not hold.
    fn consent(
        &self,
        id: ApprovalId,
        token: &str,
        key: &KeyId,
        yes: bool,
        now: Millis,
    ) -> Result<bool, HeldError> {
        let _ = (id, token, key, yes, now);
        Ok(false)
    }
}
