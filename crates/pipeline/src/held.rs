//! Calls that wait for people: what the judge needs of whoever keeps them.
//!
//! What always holds: a grant is for one call, byte for byte, of one principal under one version of the rules; it is
//! used up before the call goes out. What it deliberately does not do: keep calls or ask anybody; `approvals` does.

use crate::exchange::Caller;
use cordon_policy::Reason;
use cordon_types::{Digest, Effect, Labels, Millis};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;

/// A call that people are asked about. What is borrowed here is shown to them live and stored nowhere.
#[derive(Debug)]
pub struct HeldCall<'a> {
    /// Whose it is.
    pub caller: &'a Caller,
    /// The tool, as `server__tool`.
    pub tool: &'a str,
    /// What it does, where the operator says.
    pub effect: Option<Effect>,
    /// Its arguments, as they would leave.
    pub arguments: &'a Value,
    /// Names exactly this call: see [`binding`].
    pub binding: Digest,
    /// Why people are asked.
    pub reason: &'a Reason,
    /// How many must say so.
    pub needed: u8,
    /// The session's labels.
    pub labels: Option<Labels>,
}

/// A call waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Names the question, for the caller and for the people.
    pub id: String,
    /// When the answer becomes no.
    pub expires_at: Millis,
}

/// Why nobody could be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAsked {
    /// Too many calls wait already, or people said no to this one.
    Refused,
    /// The grant could not be used up durably.
    Unavailable,
}

/// Keeps calls that wait, and the answers.
pub trait HeldCalls: Send + Sync {
    /// Uses up a grant for exactly this call. True is durable: the same grant serves no second call, over a restart
    /// neither.
    fn take(&self, call: &HeldCall<'_>, now: Millis) -> Result<bool, NotAsked>;
    /// Asks people. The same call again is the same question.
    fn ask(&self, call: &HeldCall<'_>, now: Millis) -> Result<Waiting, NotAsked>;
}

/// Nobody is there to ask: what is held is refused.
#[derive(Debug, Default)]
pub struct Nobody;

impl HeldCalls for Nobody {
    fn take(&self, _call: &HeldCall<'_>, _now: Millis) -> Result<bool, NotAsked> {
        Ok(false)
    }

    fn ask(&self, _call: &HeldCall<'_>, _now: Millis) -> Result<Waiting, NotAsked> {
        Err(NotAsked::Refused)
    }
}

/// What a grant is bound to, besides the principal and the tool.
pub(crate) struct Bound<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) tool: &'a str,
    /// The bytes as they would leave.
    pub(crate) arguments: &'a str,
    pub(crate) pin: Option<Digest>,
    pub(crate) labels: Option<Labels>,
    pub(crate) policy: Digest,
}

/// Names one call exactly: one changed byte of the arguments, another key, tool, pin, label or version of the rules,
/// and it is another call. Keyed, so that the name of a short call does not give the call away.
pub(crate) fn binding(key: &[u8; 32], b: &Bound<'_>) -> Digest {
    // The key is 32 bytes, the block is 64: a shorter key is padded as RFC 2104 says, which no length can fail.
    let Ok(mut mac) = <Hmac<sha2::Sha256> as KeyInit>::new_from_slice(key) else { return Digest::default() };
    let mut part = |bytes: &[u8]| {
        mac.update(&(bytes.len() as u64).to_be_bytes());
        mac.update(bytes);
    };
    part(b.caller.agent.as_str().as_bytes());
    part(b.caller.key.as_str().as_bytes());
    part(b.caller.user.as_ref().map_or(&[][..], |u| &u.0));
    part(b.tool.as_bytes());
    part(b.arguments.as_bytes());
    part(b.pin.as_ref().map_or(&[][..], |p| &p.0));
    part(&b.labels.map_or([255, 255], |l| [l.integrity as u8, l.class as u8]));
    part(&b.policy.0);
    Digest(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordon_types::{AgentId, Class, KeyId};

    fn caller(agent: &str, user: Option<Digest>) -> Caller {
        Caller {
            key: KeyId::new("k1").unwrap(),
            agent: AgentId::new(agent).unwrap(),
            on_behalf: user.is_some(),
            user,
            front: false,
        }
    }

    #[test]
    fn one_changed_part_is_another_call() {
        let (a, b, c) = (caller("a", None), caller("b", None), caller("a", Some(Digest([1; 32]))));
        let floor = Some(Labels::floor(Class::Restricted));
        let base = |caller, tool, arguments| Bound {
            caller,
            tool,
            arguments,
            pin: None,
            labels: None,
            policy: Digest([7; 32]),
        };
        let all = [
            base(&a, "t", "{}"),
            base(&b, "t", "{}"),
            base(&c, "t", "{}"),
            base(&a, "u", "{}"),
            base(&a, "t", "{ }"),
            base(&a, "t{", "}"),
            Bound { pin: Some(Digest([0; 32])), ..base(&a, "t", "{}") },
            Bound { labels: floor, ..base(&a, "t", "{}") },
            Bound { policy: Digest([8; 32]), ..base(&a, "t", "{}") },
        ];
        let names: std::collections::HashSet<Digest> = all.iter().map(|b| binding(&[3; 32], b)).collect();
        assert_eq!(names.len(), all.len());
        assert_ne!(binding(&[3; 32], &all[0]), binding(&[4; 32], &all[0]), "keyed");
        assert_eq!(binding(&[3; 32], &all[0]), binding(&[3; 32], &base(&a, "t", "{}")));
    }
}
