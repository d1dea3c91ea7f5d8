//! The names of a held call: for a grant that is for exactly it, and for one that is for calls like it.
//!
//! What always holds: a grant is for one call, byte for byte, of one principal under one version of the rules. What it
//! deliberately does not do: keep calls or ask anybody; `approvals` does, behind [`HeldCalls`].

use crate::exchange::Caller;
use cordon_types::{Asked, Claim, Digest, Grant, HeldCall, HeldCalls, HeldError, Labels, Millis};
use hmac::{Hmac, KeyInit, Mac};

/// Nobody is there to ask: what is held is refused.
#[derive(Debug, Default)]
pub struct Nobody;

impl HeldCalls for Nobody {
    fn take(&self, _claim: &Claim<'_>, _now: Millis) -> Result<Option<Grant>, HeldError> {
        Ok(None)
    }

    fn ask(&self, _call: HeldCall, _now: Millis) -> Result<Asked, HeldError> {
        Ok(Asked::Full)
    }
}

/// What a grant is bound to, besides the principal and the tool.
#[derive(Clone, Copy)]
pub(crate) struct Bound<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) tool: &'a str,
    /// The bytes as they would leave.
    pub(crate) arguments: &'a str,
    pub(crate) pin: Option<Digest>,
    /// The piece of work: what a person said of a call in one is not said of it in another.
    pub(crate) session: Option<&'a str>,
    pub(crate) labels: Option<Labels>,
    pub(crate) policy: Digest,
}

impl Bound<'_> {
    /// Names calls like this one: all but the arguments, of which only those count that say where it goes.
    pub(crate) fn predicate(&self, key: &[u8; 32], targets: &[(&str, String)]) -> Digest {
        let texts: Vec<String> = targets.iter().map(|(name, value)| format!("{name}\0{value}\0")).collect();
        let arguments = format!("\0{}", texts.concat());
        binding(key, &Bound { arguments: &arguments, ..*self })
    }
}

/// The keyed digest of one target's value.
pub(crate) fn value(key: &[u8; 32], argument: &str, text: &str) -> Digest {
    let Ok(mut mac) = <Hmac<sha2::Sha256> as KeyInit>::new_from_slice(key) else { return Digest::default() };
    mac.update(b"target");
    mac.update(&(argument.len() as u64).to_be_bytes());
    mac.update(argument.as_bytes());
    mac.update(text.as_bytes());
    Digest(mac.finalize().into_bytes().into())
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
    part(b.session.map_or(&[][..], str::as_bytes));
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
            request: None,
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
            session: None,
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
            Bound { session: Some("s"), ..base(&a, "t", "{}") },
            Bound { labels: floor, ..base(&a, "t", "{}") },
            Bound { policy: Digest([8; 32]), ..base(&a, "t", "{}") },
        ];
        let names: std::collections::HashSet<Digest> = all.iter().map(|b| binding(&[3; 32], b)).collect();
        assert_eq!(names.len(), all.len());
        assert_ne!(binding(&[3; 32], &all[0]), binding(&[4; 32], &all[0]), "keyed");
        assert_eq!(binding(&[3; 32], &all[0]), binding(&[3; 32], &base(&a, "t", "{}")));
    }
}
