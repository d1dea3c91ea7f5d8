//! The admin JSON API: keys, kill switches, reload, status. Transport-neutral: `app` carries it over a loopback
//! listener (with an admin key) and over the control socket in the data directory (for the directory's owner).
//!
//! ```text
//! GET  /cordon/v1/status              what runs
//! GET  /cordon/v1/keys                all keys, never their text
//! POST /cordon/v1/keys                {"kind","agent","label","expires_at"} -> the text, once
//! POST /cordon/v1/keys/{id}/revoke
//! POST /cordon/v1/keys/{id}/rotate    {"grace_seconds"} -> the new text, once
//! GET  /cordon/v1/kills
//! POST /cordon/v1/kills               {"scope"}
//! DELETE /cordon/v1/kills/{scope}
//! GET  /cordon/v1/approvals           calls that wait for a person, their arguments live; grants not used up
//! GET  /cordon/v1/approvals/{id}
//! POST /cordon/v1/approvals/{id}/allow  {"by","scope"}
//! POST /cordon/v1/approvals/{id}/deny   {"by","reason"}; takes an unused grant back too
//! GET  /cordon/v1/servers             tool servers: how they are, which of their tools are quarantined
//! POST /cordon/v1/servers/look        asks them all what they declare, and waits
//! GET  /cordon/v1/servers/{id}        what is different from what was approved
//! POST /cordon/v1/servers/{id}/approve  {"by","digest","accept"}; DELETE .../approve takes it back
//! POST /cordon/v1/reload              whole or not at all
//! GET  /cordon/v1/manifests           on which calls a staged manifest would have decided otherwise
//! POST /cordon/v1/manifests/{agent}/{applied|rolled_back|staged|unstaged}  takes files over that the owner put down
//! GET  /cordon/v1/posture[/{framework}[/since-review]]
//! POST /cordon/v1/posture/reviews     {"by"} -> the review's record
//! POST /cordon/v1/shadow/links        {"service","text","person","hours"} -> a link's token
//! POST /cordon/v1/shadow/acknowledgements  {"service","text","person"} -> the record
//! GET  /cordon/v1/audit/epochs        POST: begin the next
//! POST /cordon/v1/audit/erase         {"epoch"} or {"record"} or {"before"}
//! GET  /cordon/v1/audit/holds         POST {"from","to","agent","request"}; DELETE .../{number}
//! POST /cordon/v1/audit/prune         {"dry_run"}
//! ```
//! What always holds: what opens something (a key, a grant) is saved before it is in force; what stops something (a kill, a
//! revocation) is in force before it is saved; both are handed to the record. What it does not do: open sockets, read files, name SQL.

mod approvals;
#[cfg(test)]
mod approvals_tests;
mod audit;
mod keys;
mod kills;
mod manifests;
mod pins;
mod posture;
mod shadow;
mod shape;

pub use audit::{AuditOrder, HoldScope, Refused};
pub use manifests::{ManifestChange, NotTaken};
pub use pins::PinOrder;
pub use shadow::ShadowOrder;
pub use shape::{Reply, Request};

use cordon_approvals::{Desk, Event};
use cordon_identity::{KeyKind, KeyStore, Keyring, KillStore, KillSwitch};
use cordon_types::{AgentId, Clock, Digest, Entropy, KeyId};
use std::sync::Arc;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operator {
    /// The owner of the data directory, over the control socket: the operating system vouches.
    Owner,
    /// Somebody with an admin key.
    Key(KeyId),
}

/// What was changed: for the record, which `app` writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A key was made.
    KeyCreated(KeyId, Option<AgentId>),
    /// A key was revoked.
    KeyRevoked(KeyId, Option<AgentId>),
    /// A kill switch was set; its scope as text.
    Kill(String),
    /// A kill switch was lifted; its scope as text.
    Unkill(String),
    /// A person decided about a held call.
    Approval(Box<Event>),
}

/// Why there is no posture to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostureProblem {
    /// No such framework; there are these.
    NoFramework(String),
    /// There was no review yet.
    NoReview(String),
    /// The review could not be recorded.
    NotRecorded(String),
    /// The files or the ledger could not be read.
    Failed(String),
}

/// What the API asks of the running gateway.
pub trait Runtime: Send + Sync {
    /// Records a change; durable on return. An error stops the change from being acknowledged.
    fn record(&self, by: &Operator, change: &Change) -> Result<(), String>;
    /// Wakes every exchange under way, to look at keys and kill switches again.
    fn signal(&self);
    /// Loads files anew; the problems where they are refused.
    fn reload(&self) -> Result<(), Vec<String>>;
    /// Calls under way that a kill of this scope stopped or will stop: they are not undone.
    fn under_way(&self) -> u64;
    /// What runs.
    fn status(&self) -> serde_json::Value;
    /// The pseudonym that stands for a user.
    fn user_digest(&self, user: &str) -> Digest;
    /// Whether an agent of that name has a manifest.
    fn knows_agent(&self, agent: &AgentId) -> bool;
    /// Where each control of a framework (or of `all`) stands, and what moved since the last review. Reads the whole
    /// ledger: not for the model path's threads.
    fn posture(&self, framework: &str, since_review: bool) -> Result<serde_json::Value, PostureProblem>;
    /// Records a review by that person, whose name becomes a pseudonym; durable on return.
    fn review(&self, by: &Operator, reviewer: &str) -> Result<serde_json::Value, PostureProblem>;
    /// Keeps or gives up records, and records that.
    fn audit(&self, by: &Operator, order: &AuditOrder) -> Result<serde_json::Value, Refused> {
        let _ = (by, order);
        audit::nowhere()
    }
    /// Takes over what the owner did with an agent's manifest, and records it.
    fn manifest(&self, by: &Operator, agent: &AgentId, change: ManifestChange) -> Result<(), NotTaken> {
        let _ = (by, agent, change);
        Err(NotTaken::Problems(vec!["nothing here takes manifests over".to_owned()]))
    }
    /// On which calls staged manifests differ from those in force.
    fn staged(&self) -> serde_json::Value {
        manifests::nothing_staged()
    }
    /// Makes a link by which a person acknowledges the note about a service, or records that they did.
    fn shadow(&self, order: &ShadowOrder) -> Result<serde_json::Value, Refused> {
        let _ = order;
        shadow::nowhere()
    }
    /// Shows what tool servers declare, and approves it. May wait for servers.
    fn pins(&self, by: &Operator, order: &PinOrder) -> Result<serde_json::Value, Refused> {
        let _ = (by, order);
        pins::nowhere()
    }
}

/// The API's state.
pub struct Admin {
    /// The keys in force.
    pub keys: Arc<Keyring>,
    /// Where they are kept.
    pub key_store: Arc<dyn KeyStore>,
    /// The kills in force.
    pub kills: Arc<KillSwitch>,
    /// Where they are kept.
    pub kill_store: Arc<dyn KillStore>,
    /// The calls that wait for a person.
    pub desk: Arc<Desk>,
    /// The running gateway.
    pub runtime: Arc<dyn Runtime>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for new keys.
    pub entropy: Arc<dyn Entropy>,
}

impl Admin {
    /// The operator whom an `Authorization` header names, if it holds a live admin key.
    #[must_use]
    pub fn authenticate(&self, authorization: Option<&str>) -> Option<Operator> {
        let key = cordon_identity::presented(authorization, None).ok()?;
        let principal = self.keys.authenticate(key, self.clock.now()).ok()?;
        (principal.kind == KeyKind::Admin).then_some(Operator::Key(principal.key))
    }

    /// Answers one request of an operator. May write to disk: call it off the model path's threads.
    #[must_use]
    pub fn handle(&self, by: &Operator, request: &Request<'_>) -> Reply {
        let Some(path) = request.path.strip_prefix("/cordon/v1/") else { return Reply::not_found() };
        let parts: Vec<&str> = path.splitn(3, '/').collect();
        match (request.method, parts.as_slice()) {
            ("GET", ["status"]) => Reply::ok(self.runtime.status()),
            ("POST", ["reload"]) => match self.runtime.reload() {
                Ok(()) => Reply::ok(serde_json::json!({"reloaded": true})),
                Err(problems) => Reply::problems(&problems),
            },
            ("GET", ["keys"]) => self.list_keys(),
            ("POST", ["keys"]) => self.create_key(by, request.body),
            ("POST", ["keys", id, "revoke"]) => self.revoke_key(by, id),
            ("POST", ["keys", id, "rotate"]) => self.rotate_key(by, id, request.body),
            ("GET", ["kills"]) => self.list_kills(),
            ("POST", ["kills"]) => self.kill(by, request.body),
            (method, ["manifests", rest @ ..]) => self.manifests(by, method, rest),
            (method, ["servers", rest @ ..]) => self.servers(by, method, rest, request.body),
            (method, ["audit", rest @ ..]) => self.audit(by, method, rest, request.body),
            ("DELETE", ["kills", ..]) => self.unkill(by, path.strip_prefix("kills/").unwrap_or_default()),
            (method, ["approvals", rest @ ..]) => self.approvals(by, method, rest, request.body),
            ("GET", ["posture", rest @ ..]) => self.posture(rest),
            ("POST", ["posture", "reviews"]) => self.review(by, request.body),
            ("POST", ["shadow", what]) => self.shadow(what, request.body),
            (_, ["status" | "reload" | "shadow" | "keys" | "kills" | "posture", ..]) => Reply::wrong_method(),
            _ => Reply::not_found(),
        }
    }

    fn recorded(&self, by: &Operator, change: &Change, reply: Reply) -> Reply {
        match self.runtime.record(by, change) {
            Ok(()) => reply,
            Err(error) => {
                tracing::error!(%error, "a change is in force but could not be recorded");
                Reply::error(
                    503,
                    "record_unavailable",
                    "the change is in force, but its record could not be written",
                )
            }
        }
    }
}

#[cfg(test)]
mod tests;
