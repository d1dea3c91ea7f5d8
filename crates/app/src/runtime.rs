//! What the admin API asks of the running gateway.

use crate::approvals::Queue;
use crate::custody::Custodian;
use crate::pins::Keeper;
use crate::reload::Reloader;
use cordon_api::{
    AuditOrder, Change, ManifestChange, NotTaken, Operator, PinOrder, PostureProblem, Refused, Runtime,
};
use cordon_approvals::{Event, Observer as _};
use cordon_ledger::{Catalogue, Control, ControlKind, Digester, Name};
use cordon_proxy::Shared;
use cordon_types::{AgentId, Digest, time};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::watch;

/// See the module.
pub(crate) struct Live {
    pub(crate) shared: Arc<Shared>,
    pub(crate) signal: watch::Sender<u64>,
    pub(crate) reloader: Arc<Reloader>,
    pub(crate) custodian: Arc<Custodian>,
    pub(crate) held: Arc<Queue>,
    pub(crate) pins: Arc<Keeper>,
    pub(crate) started: u64,
    pub(crate) witnessing: Option<Arc<crate::witnessing::Board>>,
}

impl Live {
    /// Appends a control record and waits until it is durable. Not for the model path's threads.
    pub(crate) fn append(&self, record: &Control) -> Result<(), String> {
        append(&self.shared, record)
    }
}

/// Appends a control record and waits until it is durable.
pub(crate) fn append(shared: &Shared, record: &Control) -> Result<(), String> {
    append_leaf(shared, record.encode())
}

/// The same, for a record that is encoded already.
pub(crate) fn append_leaf(shared: &Shared, leaf: Vec<u8>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|e| e.to_string())?;
    // A runtime of its own: this is called from the admin's blocking threads, where none is entered.
    runtime.block_on(shared.ledger.append(leaf)).map(|_| ()).map_err(|e| e.to_string())
}

impl Runtime for Live {
    fn record(&self, by: &Operator, change: &Change) -> Result<(), String> {
        let now = self.shared.clock.now();
        let digester = self.shared.recorder.digester();
        let by = match by {
            Operator::Owner => None,
            Operator::Key(id) => Some(digester.linkable("operator", id.as_str().as_bytes())),
        };
        let record = match change {
            Change::KeyCreated(key, agent) => Control {
                key: Some(key.clone()),
                agent: agent.clone(),
                ..Control::new(ControlKind::KeyCreated, now)
            },
            Change::KeyRevoked(key, agent) => Control {
                key: Some(key.clone()),
                agent: agent.clone(),
                ..Control::new(ControlKind::KeyRevoked, now)
            },
            Change::Kill(scope) => {
                Control { target: Some(self.scope(scope, &digester)), ..Control::new(ControlKind::Kill, now) }
            }
            Change::Unkill(scope) => Control {
                target: Some(self.scope(scope, &digester)),
                ..Control::new(ControlKind::Unkill, now)
            },
            Change::Approval(event) => {
                // Behind what happened before it: that the call was asked, above all.
                self.held.noted(Event::clone(event));
                return self.held.record(&self.shared);
            }
        };
        self.append(&Control { by, epoch: digester.epoch(), ..record })
    }

    fn signal(&self) {
        self.signal.send_modify(|n| *n = n.wrapping_add(1));
    }

    fn reload(&self) -> Result<(), Vec<String>> {
        self.reloader.reload()
    }

    fn under_way(&self) -> u64 {
        self.shared.in_flight.load(Ordering::Relaxed) as u64
    }

    fn status(&self) -> serde_json::Value {
        let gate = self.shared.gate.load();
        serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"),
            "started_at": self.started,
            "policy": gate.version().to_string(),
            "detectors": cordon_detect::VERSION,
            "agents": gate.policy.agents().map(|m| m.agent.as_str()).collect::<Vec<_>>(),
            "models": gate.models.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(),
            "requests_under_way": self.under_way(),
            "connections": self.shared.connections.load(Ordering::Relaxed),
            "ledger": {
                "healthy": self.shared.ledger.healthy(),
                "size": self.shared.ledger.size(),
                "witnessed": self.witnessed(),
            },
            "kills": self.shared.kills.load().kills().len(),
        })
    }

    fn user_digest(&self, user: &str) -> Digest {
        (self.shared.user_digest)(user)
    }

    fn knows_agent(&self, agent: &AgentId) -> bool {
        self.shared.gate.load().policy.manifest(agent).is_some()
    }

    fn audit(&self, by: &Operator, order: &AuditOrder) -> Result<serde_json::Value, Refused> {
        self.custodian.order(by, order)
    }

    fn shadow(&self, order: &cordon_api::ShadowOrder) -> Result<serde_json::Value, Refused> {
        crate::shadow::order(&self.shared, order)
    }

    fn pins(&self, by: &Operator, order: &PinOrder) -> Result<serde_json::Value, Refused> {
        self.pins.order(&self.shared, by, order)
    }

    fn manifest(&self, by: &Operator, agent: &AgentId, change: ManifestChange) -> Result<(), NotTaken> {
        self.reloader.reload().map_err(NotTaken::Problems)?;
        let gate = self.shared.gate.load();
        let digester = self.shared.recorder.digester();
        let snapshot = match change {
            ManifestChange::Applied | ManifestChange::RolledBack => {
                gate.policy.manifest(agent).map(cordon_policy::Manifest::digest)
            }
            ManifestChange::Staged | ManifestChange::Unstaged => {
                gate.staged.as_ref().and_then(|s| s.agents.get(agent).copied())
            }
        };
        let by = match by {
            Operator::Owner => None,
            Operator::Key(id) => Some(digester.linkable("operator", id.as_str().as_bytes())),
        };
        let record = manifest_record(agent, change, snapshot, self.shared.clock.now());
        self.append(&Control { by, policy: Some(gate.version()), epoch: digester.epoch(), ..record })
            .map_err(NotTaken::NotRecorded)
    }

    fn staged(&self) -> serde_json::Value {
        let one = |(d, t): (cordon_pipeline::Difference, cordon_pipeline::Times)| {
            serde_json::json!({
                "agent": d.agent.as_str(), "action": d.action, "resource": d.resource,
                "enforced": d.enforced, "staged": d.staged, "count": t.count,
                "first": time::rfc3339(t.first), "last": time::rfc3339(t.last),
            })
        };
        let gate = self.shared.gate.load();
        let agents = gate.staged.iter().flat_map(|s| s.agents.keys().map(AgentId::as_str));
        serde_json::json!({
            "running": true,
            "agents": agents.collect::<Vec<_>>(),
            "differences": gate.lasting.differences.all().into_iter().map(one).collect::<Vec<_>>(),
        })
    }

    fn posture(&self, framework: &str, since_review: bool) -> Result<serde_json::Value, PostureProblem> {
        crate::evidence::posture(self.reloader.root(), self.shared.clock.now(), framework, since_review)
    }

    fn review(&self, _: &Operator, reviewer: &str) -> Result<serde_json::Value, PostureProblem> {
        let digester = self.shared.recorder.digester();
        let by = (digester.linkable("reviewer", reviewer.as_bytes()), digester.epoch());
        crate::evidence::review(self.reloader.root(), self.shared.clock.now(), by, |r| self.append(r))
    }
}

/// The record of what was done with a manifest.
pub(crate) fn manifest_record(
    agent: &AgentId,
    change: ManifestChange,
    snapshot: Option<Digest>,
    now: u64,
) -> Control {
    let kind = match change {
        ManifestChange::Applied => ControlKind::ManifestApplied,
        ManifestChange::RolledBack => ControlKind::ManifestRolledBack,
        ManifestChange::Staged => ControlKind::ManifestStaged,
        ManifestChange::Unstaged => ControlKind::ManifestUnstaged,
    };
    Control { agent: Some(agent.clone()), snapshot, ..Control::new(kind, now) }
}

impl Live {
    /// How far the ledger is witnessed, and by whom.
    fn witnessed(&self) -> serde_json::Value {
        let none =
            || serde_json::json!({"state": "unwitnessed", "why": "no [ledger.witnesses] in the config"});
        self.witnessing.as_ref().map_or_else(none, |board| board.status())
    }

    /// The readiness probe's detail: words and numbers, no names.
    pub(crate) fn ready_detail(&self) -> String {
        let witnessed = self.witnessing.as_ref();
        witnessed.map_or_else(|| "ledger: unwitnessed".to_owned(), |board| board.line())
    }

    /// A scope in a record: `all` and ids of the operator's files as they are, all else as a digest.
    fn scope(&self, scope: &str, digester: &Digester) -> Name {
        let gate = self.shared.gate.load();
        let known = match scope.split_once(':') {
            None => scope == "all",
            Some(("agent", name)) => gate.policy.agents().any(|m| m.agent.as_str() == name),
            Some(("model", name)) => gate.models.iter().any(|m| m.name.as_str() == name),
            Some(("upstream", name)) => gate.models.iter().any(|m| m.upstream.as_str() == name),
            Some(("tool", name)) => gate.catalogue.known(name).is_some(),
            Some(("key", id)) => self.shared.keys.get(id).is_some(),
            Some(_) => false,
        };
        let catalogue = Catalogue::from_operator(known.then_some(scope));
        catalogue.name(scope, "kill", digester)
    }
}

/// The digest that stands for a user: the same over restarts and epochs, useless without the key. Records hold
/// what the epoch's key makes of it.
pub(crate) fn user_digest(key: [u8; 32]) -> impl Fn(&str) -> Digest + Send + Sync + 'static {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    // No length of key can fail (RFC 2104).
    let keyed = <Hmac<sha2::Sha256>>::new_from_slice(&key).ok();
    move |user| {
        let Some(mut mac) = keyed.clone() else { return Digest::default() };
        mac.update(b"user\0");
        mac.update(user.as_bytes());
        Digest(mac.finalize().into_bytes().into())
    }
}
