//! The keys that are known, as an immutable snapshot that is swapped whole: a request sees all of a change or
//! nothing of it, and never waits for one.

use crate::{
    auth::AuthError,
    key::{KeyKind, KeyRecord, digest_of},
    text::KeyText,
};
use arc_swap::ArcSwap;
use cordon_types::{AgentId, Digest, KeyId, Millis};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use subtle::ConstantTimeEq as _;

/// Who calls: made by `Keyring::authenticate`, and by `oauth::Trust::verify` where a token came instead of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal {
    /// The key that was presented.
    pub key: KeyId,
    /// What the key is for.
    pub kind: KeyKind,
    /// The agent that calls: always there for `agent` and `front`, never for `admin`.
    pub agent: Option<AgentId>,
}

/// By id. Ids come from whoever administers keys, so a hash without a secret will do.
type Map = FxHashMap<Box<str>, KeyRecord>;

/// The keys that are known.
#[derive(Debug, Default)]
pub struct Keyring(ArcSwap<Map>);

impl Keyring {
    /// A keyring of these records.
    #[must_use]
    pub fn new(records: impl IntoIterator<Item = KeyRecord>) -> Self {
        Self(ArcSwap::from_pointee(index(records)))
    }

    /// Replaces all records, at once.
    pub fn replace(&self, records: impl IntoIterator<Item = KeyRecord>) {
        self.0.store(Arc::new(index(records)));
    }

    /// Adds or replaces these records, at once. Save them first: a key must not be known here and forgotten by a restart.
    pub fn put(&self, records: &[KeyRecord]) {
        self.0.rcu(|map| {
            let mut map = Map::clone(map);
            map.extend(records.iter().map(|r| (r.id.as_str().into(), r.clone())));
            map
        });
    }

    /// The record of that id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<KeyRecord> {
        self.0.load().get(id).cloned()
    }

    /// All records, sorted by creation, then id.
    #[must_use]
    pub fn records(&self) -> Vec<KeyRecord> {
        let mut list: Vec<KeyRecord> = self.0.load().values().cloned().collect();
        list.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        list
    }

    /// Whose key `presented` is, if it is one that is known and live at `now`.
    pub fn authenticate(&self, presented: &str, now: Millis) -> Result<Principal, AuthError> {
        let text = KeyText::read(presented)?;
        let digest = digest_of(text.body);
        let map = self.0.load();
        let record = map.get(text.id);
        // SECURITY: an unknown id costs the same digest and comparison as a known one, and the comparison takes
        // the same time wherever the digests differ.
        let kept = record.map_or(Digest([0; 32]), |r| r.digest);
        let same = bool::from(kept.0.ct_eq(&digest.0));
        let record = record.ok_or(AuthError::Unknown)?;
        if !same || record.kind != text.kind {
            return Err(AuthError::WrongSecret);
        }
        if record.revoked.is_some() {
            return Err(AuthError::Revoked);
        }
        if !record.is_live(now) {
            return Err(AuthError::Expired);
        }
        Ok(Principal { key: record.id.clone(), kind: record.kind, agent: record.agent.clone() })
    }
}

fn index(records: impl IntoIterator<Item = KeyRecord>) -> Map {
    records.into_iter().map(|r| (r.id.as_str().into(), r)).collect()
}

#[cfg(test)]
#[allow(clippy::string_slice, reason = "keys are ASCII")]
mod tests {
    use super::*;
    use crate::key::{mint, revoke, rotate};
    use proptest::prelude::*;

    fn agent_key(seed: u8, expires: Option<Millis>) -> crate::MintedKey {
        mint(KeyKind::Agent, Some(AgentId::new("bot").unwrap()), "", expires, &[seed; 40], 10).unwrap()
    }

    #[test]
    fn the_life_of_a_key() {
        let (a, b) = (agent_key(1, Some(100)), agent_key(2, None));
        let ring = Keyring::new([a.record.clone()]);
        let ask = |key: &crate::MintedKey, now| ring.authenticate(key.text.expose(), now).map(|p| p.key);
        assert_eq!(ask(&a, 99), Ok(a.record.id.clone()));
        assert_eq!(ask(&a, 100), Err(AuthError::Expired));
        assert_eq!(ask(&b, 20), Err(AuthError::Unknown));
        ring.put(std::slice::from_ref(&b.record));
        assert_eq!(ask(&b, 20), Ok(b.record.id.clone()));
        ring.put(&[revoke(&b.record, 30)]);
        assert_eq!(ask(&b, 31), Err(AuthError::Revoked));
        assert_eq!(ask(&a, 31), Ok(a.record.id.clone()));
        ring.replace([]);
        assert_eq!(ask(&a, 31), Err(AuthError::Unknown));
    }

    #[test]
    fn both_keys_hold_during_a_rotation_and_one_after() {
        let old = agent_key(1, None);
        let (new, ending) = rotate(&old.record, 50, None, &[2; 40], 100).unwrap();
        let ring = Keyring::new([old.record]);
        ring.put(&[new.record, ending]);
        assert!(ring.authenticate(old.text.expose(), 149).is_ok());
        assert!(ring.authenticate(new.text.expose(), 149).is_ok());
        assert_eq!(ring.authenticate(old.text.expose(), 150), Err(AuthError::Expired));
        assert!(ring.authenticate(new.text.expose(), 150).is_ok());
    }

    #[test]
    fn the_same_id_with_another_secret_or_kind_is_refused() {
        let known = agent_key(1, None);
        let mut entropy = [1; 40];
        entropy[39] ^= 1;
        let agent = known.record.agent.clone();
        let forged = mint(KeyKind::Agent, agent.clone(), "", None, &entropy, 10).unwrap();
        let raised = mint(KeyKind::Admin, None, "", None, &[1; 40], 10).unwrap();
        assert_eq!((&forged.record.id, &raised.record.id), (&known.record.id, &known.record.id));
        let ring = Keyring::new([known.record]);
        for key in [forged, raised] {
            assert_eq!(ring.authenticate(key.text.expose(), 20), Err(AuthError::WrongSecret));
        }
    }

    #[test]
    fn a_zero_digest_opens_nothing() {
        let key = agent_key(1, None);
        let ring = Keyring::new([KeyRecord { digest: Digest([0; 32]), ..key.record }]);
        assert_eq!(ring.authenticate(key.text.expose(), 20), Err(AuthError::WrongSecret));
    }

    proptest! {
        #[test]
        fn minted_keys_are_let_in_and_changed_ones_are_not(
            a: [u8; 32], b: [u8; 8], at in 0usize..85, new in "[0-9a-v_A-Z]",
        ) {
            let mut entropy = [0; 40];
            entropy[..8].copy_from_slice(&b);
            entropy[8..].copy_from_slice(&a);
            let agent = AgentId::new("bot").unwrap();
            let key = mint(KeyKind::Agent, Some(agent.clone()), "", None, &entropy, 1).unwrap();
            let ring = Keyring::new([key.record.clone()]);
            let text = key.text.expose();
            prop_assert_eq!(
                ring.authenticate(text, 2),
                Ok(Principal { key: key.record.id, kind: KeyKind::Agent, agent: Some(agent) })
            );
            let mut changed = text.to_owned();
            changed.replace_range(at..=at, &new);
            prop_assert_eq!(ring.authenticate(&changed, 2).is_ok(), changed == text);
            prop_assert!(ring.authenticate(&text[..at], 2).is_err());
        }
    }
}
