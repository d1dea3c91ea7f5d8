//! Keys: listed without their text, made, rotated, revoked.

use crate::shape::{Reply, read};
use crate::{Admin, Change, Operator};
use cordon_identity::{KeyKind, KeyRecord, MintedKey};
use cordon_types::{AgentId, Millis};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    kind: String,
    agent: Option<AgentId>,
    #[serde(default)]
    label: String,
    /// Milliseconds since the Unix epoch.
    expires_at: Option<Millis>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotate {
    /// How long the old key stays valid.
    #[serde(default = "one_day")]
    grace_seconds: u64,
}

const fn one_day() -> u64 {
    86_400
}

fn shown(key: &KeyRecord, now: Millis) -> Value {
    json!({
        "id": key.id.as_str(),
        "kind": key.kind.name(),
        "agent": key.agent.as_ref().map(AgentId::as_str),
        "label": key.label,
        "created_at": key.created,
        "expires_at": key.expires,
        "revoked_at": key.revoked,
        "replaces": key.replaces.as_ref().map(|k| k.as_str()),
        "live": key.is_live(now),
    })
}

impl Admin {
    pub(crate) fn list_keys(&self) -> Reply {
        let now = self.clock.now();
        let keys: Vec<Value> = self.keys.records().iter().map(|k| shown(k, now)).collect();
        Reply::ok(json!({"keys": keys}))
    }

    pub(crate) fn create_key(&self, by: &Operator, body: &[u8]) -> Reply {
        let asked: Create = match read(body) {
            Ok(asked) => asked,
            Err(reply) => return reply,
        };
        let Some(kind) = KeyKind::from_name(&asked.kind) else {
            return Reply::error(400, "bad_kind", "`kind` is `agent`, `front` or `admin`");
        };
        if let Some(agent) = &asked.agent
            && !self.runtime.knows_agent(agent)
        {
            return Reply::error(
                404,
                "no_manifest",
                "no manifest names this agent; write one and reload first",
            );
        }
        let minted = cordon_identity::mint(
            kind,
            asked.agent,
            &asked.label,
            asked.expires_at,
            &self.random(),
            self.clock.now(),
        );
        match minted {
            Err(e) => Reply::error(400, "not_minted", &e.to_string()),
            Ok(minted) => self.save_minted(by, minted, None),
        }
    }

    pub(crate) fn rotate_key(&self, by: &Operator, id: &str, body: &[u8]) -> Reply {
        let asked: Rotate = match read(body) {
            Ok(asked) => asked,
            Err(reply) => return reply,
        };
        let Some(old) = self.keys.get(id) else { return Reply::not_found() };
        let grace = asked.grace_seconds.saturating_mul(1_000);
        match cordon_identity::rotate(&old, grace, None, &self.random(), self.clock.now()) {
            Err(e) => Reply::error(409, "not_rotated", &e.to_string()),
            Ok((minted, old)) => self.save_minted(by, minted, Some(old)),
        }
    }

    pub(crate) fn revoke_key(&self, by: &Operator, id: &str) -> Reply {
        let Some(key) = self.keys.get(id) else { return Reply::not_found() };
        let revoked = cordon_identity::revoke(&key, self.clock.now());
        // SECURITY: as with kills, stopping comes before saving.
        self.keys.put(std::slice::from_ref(&revoked));
        self.runtime.signal();
        if let Err(e) = self.key_store.put_keys(std::slice::from_ref(&revoked)) {
            let message = format!("revoked until a restart, but not saved: {e}");
            return Reply::error(500, "not_saved", &message);
        }
        let reply = Reply::ok(json!({"key": shown(&revoked, self.clock.now())}));
        self.recorded(by, &Change::KeyRevoked(revoked.id, revoked.agent), reply)
    }

    fn save_minted(&self, by: &Operator, minted: MintedKey, old: Option<KeyRecord>) -> Reply {
        let records: Vec<KeyRecord> = std::iter::once(minted.record.clone()).chain(old).collect();
        if let Err(e) = self.key_store.put_keys(&records) {
            return Reply::error(500, "not_saved", &e.to_string());
        }
        self.keys.put(&records);
        // The one place where a key's text leaves Cordon: to the operator who asked for it.
        let reply = Reply::ok(json!({
            "key": shown(&minted.record, self.clock.now()),
            "text": minted.text.expose(),
        }));
        self.recorded(by, &Change::KeyCreated(minted.record.id, minted.record.agent), reply)
    }

    fn random(&self) -> [u8; 40] {
        let mut bytes = [0; 40];
        self.entropy.fill(&mut bytes);
        bytes
    }
}
