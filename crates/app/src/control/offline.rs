//! The API over a data directory on which no gateway runs: changes are saved and recorded all the same.

use crate::data::DataDir;
use crate::error::AppError;
use crate::load::load;
use crate::runtime::user_digest;
use crate::settings;
use crate::system::{SystemClock, SystemEntropy};
use cordon_api::{Admin, Change, Operator, PostureProblem, Runtime};
use cordon_identity::{KeyStore as _, Keyring, KillSet, KillStore as _, KillSwitch};
use cordon_ledger::{Catalogue, Committer, Control, ControlKind, Digester};
use cordon_pipeline::control;
use cordon_store::Store;
use cordon_store::volume::FileVolume;
use cordon_types::{AgentId, Clock, Digest};
use std::collections::BTreeSet;
use std::sync::Arc;

struct Offline {
    ledger: Committer,
    digester: Digester,
    user: Box<dyn Fn(&str) -> Digest + Send + Sync>,
    agents: BTreeSet<String>,
    clock: Arc<dyn Clock>,
    root: std::path::PathBuf,
    _dir: DataDir,
}

pub(super) fn admin(dir: DataDir) -> Result<Admin, AppError> {
    let loaded = load(dir.root())?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let epoch = dir.epoch_key()?;
    let volume = FileVolume::open(&dir.path("ledger"))?;
    let ledger =
        Committer::start(Box::new(volume), dir.signer()?, settings::ledger(&loaded.config), clock.clone())?;
    let store = Arc::new(Store::open(&dir.path("state.db"))?);
    let runtime = Arc::new(Offline {
        ledger,
        digester: Digester::new(*epoch),
        user: Box::new(user_digest(*epoch)),
        agents: loaded.policy.agents().map(|m| m.agent.to_string()).collect(),
        clock: clock.clone(),
        root: dir.root().to_owned(),
        _dir: dir,
    });
    Ok(Admin {
        keys: Arc::new(Keyring::new(store.load_keys()?)),
        kills: Arc::new(KillSwitch::new(KillSet::new(store.load_kills()?))),
        key_store: store.clone(),
        kill_store: store,
        runtime,
        clock,
        entropy: Arc::new(SystemEntropy),
    })
}

impl Runtime for Offline {
    fn record(&self, _by: &Operator, change: &Change) -> Result<(), String> {
        let now = self.clock.now();
        let scope = |kind, scope: &str| Control {
            target: Some(Catalogue::default().name(scope, "kill", &self.digester)),
            ..control(kind, now)
        };
        let key = |kind, key: &cordon_types::KeyId, agent: &Option<AgentId>| Control {
            key: Some(key.clone()),
            agent: agent.clone(),
            ..control(kind, now)
        };
        let record = match change {
            Change::KeyCreated(id, agent) => key(ControlKind::KeyCreated, id, agent),
            Change::KeyRevoked(id, agent) => key(ControlKind::KeyRevoked, id, agent),
            Change::Kill(text) => scope(ControlKind::Kill, text),
            Change::Unkill(text) => scope(ControlKind::Unkill, text),
        };
        self.append(&record)
    }

    fn signal(&self) {}

    fn reload(&self) -> Result<(), Vec<String>> {
        load(&self.root).map(|_| ()).map_err(|e| vec![e.to_string()])
    }

    fn under_way(&self) -> u64 {
        0
    }

    fn status(&self) -> serde_json::Value {
        serde_json::json!({"version": env!("CARGO_PKG_VERSION"), "running": false, "ledger": {"size": self.ledger.size()}})
    }

    fn user_digest(&self, user: &str) -> Digest {
        (self.user)(user)
    }

    fn knows_agent(&self, agent: &AgentId) -> bool {
        self.agents.contains(agent.as_str())
    }

    fn posture(&self, framework: &str, since_review: bool) -> Result<serde_json::Value, PostureProblem> {
        crate::evidence::posture(&self.root, self.clock.now(), framework, since_review)
    }

    fn review(&self, _: &Operator, reviewer: &str) -> Result<serde_json::Value, PostureProblem> {
        let by = self.digester.linkable("reviewer", reviewer.as_bytes());
        crate::evidence::review(&self.root, self.clock.now(), by, |r| self.append(r))
    }
}

impl Offline {
    fn append(&self, record: &Control) -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|e| e.to_string())?;
        runtime.block_on(self.ledger.append(record.encode())).map(|_| ()).map_err(|e| e.to_string())
    }
}

impl Drop for Offline {
    fn drop(&mut self) {
        // The last checkpoint; what was acknowledged is durable without it.
        let _ = self.ledger.stop();
    }
}
