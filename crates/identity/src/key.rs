//! Virtual keys: minting, rotating, revoking. A value in, a value out; saving is `KeyStore`'s.
//!
//! What always holds: the text of a key leaves here once, in `MintedKey`; a record holds only its SHA-256 digest.
//! Plain SHA-256 is right here, and a slow password hash would be wrong: the secret is 256 uniformly random bits,
//! so there is nothing to guess, and each request pays for the digest.

use crate::text;
use cordon_types::{AgentId, Digest, KeyId, Millis, Secret};
use ring::digest::{SHA256, digest};
use std::fmt;

/// Longest label of a key, in bytes.
pub const MAX_LABEL_BYTES: usize = 128;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyKind {
    /// An agent calls models with it.
    Agent,
    /// A front end calls with it, for an agent, and may vouch for the user on whose behalf it does.
    Front,
    /// An operator manages Cordon with it. It calls no model.
    Admin,
}

impl KeyKind {
    /// Every kind, in a fixed order.
    pub const ALL: [KeyKind; 3] = [KeyKind::Agent, KeyKind::Front, KeyKind::Admin];

    /// The name in a key's text, in lists and in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            KeyKind::Agent => "agent",
            KeyKind::Front => "front",
            KeyKind::Admin => "admin",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.name() == name)
    }
}

/// What is kept of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its public name.
    pub id: KeyId,
    /// What it is for.
    pub kind: KeyKind,
    /// Whose it is: always there for `agent` and `front`, never for `admin`.
    pub agent: Option<AgentId>,
    /// SHA-256 of the key's text without its checksum: kind, id and secret.
    pub digest: Digest,
    /// When it was minted.
    pub created: Millis,
    /// From when on it is refused.
    pub expires: Option<Millis>,
    /// When it was revoked. There is no way back.
    pub revoked: Option<Millis>,
    /// The key that it was minted to replace.
    pub replaces: Option<KeyId>,
    /// The operator's note. Not for logs or records.
    pub label: String,
}

impl KeyRecord {
    /// Whether it still opens anything at `now`.
    #[must_use]
    pub fn is_live(&self, now: Millis) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|e| now < e)
    }
}

/// A new key: its text, to be shown once, and what is kept of it.
#[derive(Clone, Debug)]
pub struct MintedKey {
    /// The key itself.
    pub text: Secret,
    /// What is kept.
    pub record: KeyRecord,
}

/// Why a key was not minted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MintError {
    /// An `agent` or `front` key needs an agent.
    AgentMissing,
    /// An `admin` key belongs to no agent.
    AgentGiven,
    /// The expiry is not in the future.
    AlreadyExpired,
    /// The label is too long or has control characters.
    Label,
    /// A key that is revoked or expired is not rotated.
    NotLive,
}

impl fmt::Display for MintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AgentMissing => "a key of this kind belongs to an agent; name the agent",
            Self::AgentGiven => "an admin key belongs to no agent; leave the agent out",
            Self::AlreadyExpired => "the expiry is not in the future; give a later one",
            Self::Label => "a label has at most 128 bytes and no control characters; shorten it",
            Self::NotLive => "the key is revoked or expired and cannot be rotated; create a new one",
        })
    }
}

impl std::error::Error for MintError {}

/// Mints a key from `entropy`, which must be fresh from the operating system's generator and used for nothing else.
pub fn mint(
    kind: KeyKind,
    agent: Option<AgentId>,
    label: &str,
    expires: Option<Millis>,
    entropy: &[u8; 40],
    now: Millis,
) -> Result<MintedKey, MintError> {
    match (kind, &agent) {
        (KeyKind::Agent | KeyKind::Front, None) => return Err(MintError::AgentMissing),
        (KeyKind::Admin, Some(_)) => return Err(MintError::AgentGiven),
        _ => {}
    }
    if expires.is_some_and(|e| e <= now) {
        return Err(MintError::AlreadyExpired);
    }
    if label.len() > MAX_LABEL_BYTES || label.chars().any(char::is_control) {
        return Err(MintError::Label);
    }
    let (id, mut text) = text::write(kind, entropy).ok_or(MintError::Label)?;
    let digest = text::KeyText::parse(&text).map(|t| digest_of(t.body)).ok_or(MintError::Label)?;
    let label = label.to_owned();
    let record =
        KeyRecord { id, kind, agent, digest, created: now, expires, revoked: None, replaces: None, label };
    Ok(MintedKey { text: Secret::new(std::mem::take(&mut *text)), record })
}

/// Mints the successor of `old`, for the same kind, agent and label. Returns it with `old` as it is from now on:
/// valid for `grace` more milliseconds, and never for longer than it was before. Save both at once.
pub fn rotate(
    old: &KeyRecord,
    grace: Millis,
    expires: Option<Millis>,
    entropy: &[u8; 40],
    now: Millis,
) -> Result<(MintedKey, KeyRecord), MintError> {
    if !old.is_live(now) {
        return Err(MintError::NotLive);
    }
    let mut new = mint(old.kind, old.agent.clone(), &old.label, expires, entropy, now)?;
    new.record.replaces = Some(old.id.clone());
    let end = now.saturating_add(grace);
    let old = KeyRecord { expires: Some(old.expires.map_or(end, |e| e.min(end))), ..old.clone() };
    Ok((new, old))
}

/// The key, revoked. Revoking again keeps the first time.
#[must_use]
pub fn revoke(record: &KeyRecord, now: Millis) -> KeyRecord {
    KeyRecord { revoked: record.revoked.or(Some(now)), ..record.clone() }
}

/// What is kept of a key's text (without its checksum).
pub(crate) fn digest_of(body: &str) -> Digest {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, body.as_bytes()).as_ref());
    Digest(hash)
}

#[cfg(test)]
#[allow(clippy::string_slice, reason = "keys are ASCII")]
mod tests {
    use super::*;

    fn bot() -> Option<AgentId> {
        Some(AgentId::new("bot").unwrap())
    }

    #[test]
    fn what_may_be_minted() {
        let check = |kind, agent, label: &str, expires, expected: Option<MintError>| {
            assert_eq!(mint(kind, agent, label, expires, &[1; 40], 100).err(), expected, "{kind:?} {label}");
        };
        check(KeyKind::Agent, bot(), "ci", None, None);
        check(KeyKind::Front, bot(), "", Some(101), None);
        check(KeyKind::Admin, None, "", None, None);
        check(KeyKind::Agent, None, "", None, Some(MintError::AgentMissing));
        check(KeyKind::Front, None, "", None, Some(MintError::AgentMissing));
        check(KeyKind::Admin, bot(), "", None, Some(MintError::AgentGiven));
        check(KeyKind::Agent, bot(), "", Some(100), Some(MintError::AlreadyExpired));
        check(KeyKind::Agent, bot(), "a\nb", None, Some(MintError::Label));
        check(KeyKind::Agent, bot(), &"x".repeat(129), None, Some(MintError::Label));
    }

    #[test]
    fn a_record_does_not_hold_the_key() {
        let key = mint(KeyKind::Agent, bot(), "", None, &[9; 40], 1).unwrap();
        let secret = &key.text.expose()[26..];
        assert!(!format!("{key:?}").contains(secret));
        assert!(!format!("{:?}", key.record).contains(secret));
    }

    #[test]
    fn rotation_ends_the_old_key_and_never_prolongs_it() {
        let old = mint(KeyKind::Front, bot(), "web", Some(1_000), &[1; 40], 0).unwrap().record;
        let (new, after) = rotate(&old, 50, None, &[2; 40], 100).unwrap();
        assert_eq!(after.expires, Some(150));
        assert_eq!(new.record.replaces, Some(old.id.clone()));
        assert_eq!((new.record.kind, &new.record.agent, &*new.record.label), (KeyKind::Front, &bot(), "web"));
        assert_eq!(rotate(&old, 5_000, None, &[2; 40], 100).unwrap().1.expires, Some(1_000));
        assert_eq!(rotate(&old, 1, None, &[2; 40], 1_000).err(), Some(MintError::NotLive));
        assert_eq!(rotate(&revoke(&old, 1), 1, None, &[2; 40], 5).err(), Some(MintError::NotLive));
    }

    #[test]
    fn revoking_twice_keeps_the_first_time() {
        let key = mint(KeyKind::Admin, None, "", None, &[1; 40], 0).unwrap().record;
        assert_eq!(revoke(&revoke(&key, 5), 9).revoked, Some(5));
    }
}
