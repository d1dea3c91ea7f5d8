//! Kill switches: set, lifted, listed. In force at once, over restarts, for running streams too.

use crate::shape::{Reply, read};
use crate::{Admin, Change, Operator};
use cordon_identity::{Kill, KillScope};
use cordon_types::UserRef;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// `all`, `key:..`, `agent:..`, `user:<digest>`, `model:..`, `upstream:..`, `tool:..`; or `user-name:..`,
    /// which is turned into the user's pseudonym here and kept nowhere.
    scope: String,
}

impl Admin {
    pub(crate) fn list_kills(&self) -> Reply {
        let kills: Vec<Value> = self
            .kills
            .load()
            .kills()
            .iter()
            .map(|k| json!({"scope": k.scope.to_string(), "since": k.since}))
            .collect();
        Reply::ok(json!({"kills": kills}))
    }

    pub(crate) fn kill(&self, by: &Operator, body: &[u8]) -> Reply {
        let scope = match read::<Wanted>(body).and_then(|w| self.scope(&w.scope)) {
            Ok(scope) => scope,
            Err(reply) => return reply,
        };
        let kill = Kill { scope, since: self.clock.now() };
        // SECURITY: stopping comes first. A disk that is full must not keep a kill from taking hold.
        self.kills.kill(&kill);
        let sent = self.runtime.under_way();
        self.runtime.signal();
        if let Err(e) = self.kill_store.put_kill(&kill) {
            let message = format!("in force until a restart, but not saved: {e}");
            return Reply::error(500, "not_saved", &message);
        }
        let scope = kill.scope.to_string();
        let reply = Reply::ok(json!({
            "scope": scope,
            "under_way": sent,
            "note": "calls that were already sent upstream are cut off, not undone",
        }));
        self.recorded(by, &Change::Kill(scope), reply)
    }

    pub(crate) fn unkill(&self, by: &Operator, text: &str) -> Reply {
        let scope = match self.scope(text) {
            Ok(scope) => scope,
            Err(reply) => return reply,
        };
        match self.kill_store.remove_kill(&scope) {
            Err(e) => Reply::error(500, "not_saved", &e.to_string()),
            Ok(false) => Reply::error(
                404,
                "not_killed",
                "this scope is not killed; GET /cordon/v1/kills lists those that are",
            ),
            Ok(true) => {
                self.kills.unkill(&scope);
                let scope = scope.to_string();
                self.recorded(by, &Change::Unkill(scope.clone()), Reply::ok(json!({"scope": scope})))
            }
        }
    }

    fn scope(&self, text: &str) -> Result<KillScope, Reply> {
        let bad = |message: &str| Reply::error(400, "bad_scope", message);
        if let Some(user) = text.strip_prefix("user-name:") {
            let user = UserRef::new(user).map_err(|e| bad(&e.to_string()))?;
            return Ok(KillScope::User(self.runtime.user_digest(user.as_str())));
        }
        text.parse().map_err(|e: cordon_identity::KillScopeError| bad(&e.to_string()))
    }
}
