//! The API over a data directory on which no gateway runs: changes are saved and recorded all the same.

use crate::custody::{self, Custodian};
use crate::data::DataDir;
use crate::error::AppError;
use crate::load::load;
use crate::runtime::{manifest_record, user_digest};
use crate::settings;
use crate::system::{SystemClock, SystemEntropy};
use cordon_api::{
    Admin, AuditOrder, Change, ManifestChange, NotTaken, Operator, PostureProblem, Refused, Runtime,
};
use cordon_approvals::{Event, Observer};
use cordon_identity::{KeyStore as _, Keyring, KillSet, KillStore as _, KillSwitch};
use cordon_ledger::{Catalogue, Committer, Control, ControlKind};
use cordon_pipeline::Recorder;
use cordon_store::Store;
use cordon_store::volume::FileVolume;
use cordon_types::{AgentId, Clock, Digest};
use std::collections::BTreeSet;
use std::sync::Arc;

struct Offline {
    ledger: Arc<Committer>,
    recorder: Arc<Recorder>,
    custodian: Custodian,
    user: Box<dyn Fn(&str) -> Digest + Send + Sync>,
    agents: BTreeSet<String>,
    clock: Arc<dyn Clock>,
    names: Catalogue,
    root: std::path::PathBuf,
    _dir: DataDir,
}

/// On a directory where nothing runs, nothing is asked and nothing is used.
struct Still;

impl Observer for Still {
    fn noted(&self, _: Event) {}
}

pub(super) fn admin(dir: DataDir) -> Result<Admin, AppError> {
    let loaded = load(dir.root())?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let (digester, _) = custody::digester(&dir.vault()?, clock.now())?;
    let volume = FileVolume::open(&dir.path("ledger"))?;
    let options = settings::ledger(&loaded.config);
    let ledger = Arc::new(Committer::start(Box::new(volume), dir.signer()?, options, clock.clone())?);
    let store = Arc::new(Store::open(&dir.path("state.db"))?);
    let kills = Arc::new(KillSwitch::new(KillSet::new(store.load_kills()?)));
    let users = dir.users_key(custody::user_kills(&kills))?;
    let recorder = Arc::new(Recorder::new(digester));
    let parts = custody::Parts {
        committer: ledger.clone(),
        recorder: recorder.clone(),
        kills: kills.clone(),
        clock: clock.clone(),
    };
    let custodian = Custodian::new(&dir, &loaded.config.ledger, parts)?;
    custodian.resume()?;
    let desk = crate::approvals::desk(store.clone(), Arc::new(Still), &loaded.config, clock.now())?;
    let runtime = Arc::new(Offline {
        ledger,
        recorder,
        custodian,
        user: Box::new(user_digest(*users)),
        agents: loaded.policy.agents().map(|m| m.agent.to_string()).collect(),
        clock: clock.clone(),
        names: loaded.catalogue,
        root: dir.root().to_owned(),
        _dir: dir,
    });
    Ok(Admin {
        keys: Arc::new(Keyring::new(store.load_keys()?)),
        kills,
        key_store: store.clone(),
        kill_store: store,
        desk: Arc::new(desk),
        runtime,
        clock,
        entropy: Arc::new(SystemEntropy),
    })
}

impl Runtime for Offline {
    fn record(&self, _by: &Operator, change: &Change) -> Result<(), String> {
        let now = self.clock.now();
        let digester = self.recorder.digester();
        let scope = |kind, scope: &str| Control {
            target: Some(Catalogue::default().name(scope, "kill", &digester)),
            epoch: digester.epoch(),
            ..Control::new(kind, now)
        };
        let key = |kind, key: &cordon_types::KeyId, agent: &Option<AgentId>| Control {
            key: Some(key.clone()),
            agent: agent.clone(),
            ..Control::new(kind, now)
        };
        let record = match change {
            Change::KeyCreated(id, agent) => key(ControlKind::KeyCreated, id, agent),
            Change::KeyRevoked(id, agent) => key(ControlKind::KeyRevoked, id, agent),
            Change::Kill(text) => scope(ControlKind::Kill, text),
            Change::Unkill(text) => scope(ControlKind::Unkill, text),
            Change::Approval(event) => crate::approvals::control(event, &self.names, &digester),
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

    fn audit(&self, by: &Operator, order: &AuditOrder) -> Result<serde_json::Value, Refused> {
        self.custodian.order(by, order)
    }

    fn manifest(&self, _by: &Operator, agent: &AgentId, change: ManifestChange) -> Result<(), NotTaken> {
        let loaded = load(&self.root).map_err(|e| NotTaken::Problems(vec![e.to_string()]))?;
        let snapshot = match change {
            ManifestChange::Applied | ManifestChange::RolledBack => {
                loaded.policy.manifest(agent).map(cordon_policy::Manifest::digest)
            }
            ManifestChange::Staged | ManifestChange::Unstaged => {
                loaded.staged.as_ref().and_then(|s| s.agents.get(agent).copied())
            }
        };
        let record = manifest_record(agent, change, snapshot, self.clock.now());
        self.append(&Control { policy: Some(loaded.policy.version()), ..record })
            .map_err(NotTaken::NotRecorded)
    }

    fn posture(&self, framework: &str, since_review: bool) -> Result<serde_json::Value, PostureProblem> {
        crate::evidence::posture(&self.root, self.clock.now(), framework, since_review)
    }

    fn review(&self, _: &Operator, reviewer: &str) -> Result<serde_json::Value, PostureProblem> {
        let digester = self.recorder.digester();
        let by = (digester.linkable("reviewer", reviewer.as_bytes()), digester.epoch());
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
