//! Reload: whole or not at all. On any problem the old rules stay, loudly.

use crate::error::AppError;
use crate::load::{Loaded, load};
use crate::oauth::Issuers;
use crate::runtime::append;
use crate::settings;
use crate::worker::Thread;
use cordon_config::FailureMode;
use cordon_identity::KillSwitch;
use cordon_ledger::{Control, ControlKind};
use cordon_pipeline::{Clean, Gate, Lasting};
use cordon_proxy::Shared;
use cordon_types::Clock;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// Puts new files in force.
pub(crate) struct Reloader {
    root: PathBuf,
    shared: Arc<Shared>,
    threads: Arc<Mutex<Vec<Thread>>>,
    clock: Arc<dyn Clock>,
    lasting: Lasting,
    issuers: Arc<Issuers>,
    seen: Mutex<Stamp>,
    /// Documents that the config names.
    documents: Mutex<Vec<PathBuf>>,
}

/// What the files looked like: name, size and time of each. Polled, because a watch would miss the renames of
/// editors and the link swaps of mounted volumes.
type Stamp = Vec<(PathBuf, u64, Option<SystemTime>)>;

impl Reloader {
    pub(crate) fn new(
        root: &Path,
        shared: Arc<Shared>,
        threads: Arc<Mutex<Vec<Thread>>>,
        clock: Arc<dyn Clock>,
        lasting: Lasting,
        issuers: Arc<Issuers>,
    ) -> Self {
        let documents = crate::interfaces::files(root).unwrap_or_default();
        let seen = Mutex::new(stamp(root, &documents));
        Self {
            root: root.to_owned(),
            shared,
            threads,
            clock,
            lasting,
            issuers,
            seen,
            documents: Mutex::new(documents),
        }
    }

    /// The data directory.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Reloads if a file changed since the last look.
    pub(crate) fn look(&self) {
        let changed = {
            let mut documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let changed = *seen != stamp(&self.root, &documents);
            if changed {
                // From a config that cannot be read, nobody learns which they are now.
                *documents = crate::interfaces::files(&self.root).unwrap_or_else(|| documents.clone());
                *seen = stamp(&self.root, &documents);
            }
            changed
        };
        if changed {
            let _ = self.reload(); // says so itself
        }
    }

    /// Loads all files and puts them in force, or gives every problem.
    pub(crate) fn reload(&self) -> Result<(), Vec<String>> {
        match self.swap() {
            Ok(()) => {
                let gate = self.shared.gate.load();
                tracing::info!(policy = %gate.version(), "reloaded: the new rules are in force");
                let done = Control {
                    policy: Some(gate.version()),
                    ..Control::new(ControlKind::Reload, self.clock.now())
                };
                append(&self.shared, &done).map_err(|e| vec![e])
            }
            Err(error) => {
                let problems: Vec<String> = match &error {
                    AppError::Problems(p) => p.0.iter().map(ToString::to_string).collect(),
                    other => vec![other.to_string()],
                };
                tracing::error!(
                    problems = problems.len(),
                    first = problems.first().map_or("", String::as_str),
                    "reload refused: the old rules stay in force; `cordon check` lists every problem"
                );
                let _ = append(&self.shared, &Control::new(ControlKind::ReloadRefused, self.clock.now()));
                Err(problems)
            }
        }
    }

    fn swap(&self) -> Result<(), AppError> {
        // Held from before the files are read: of two reloads at once, the one that read older files must not be the
        // last to put its rules in force.
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = load(&self.root)?;
        let upstreams = settings::upstreams(&self.root, &loaded.config)?;
        let budgets = settings::model_budgets(&loaded.config);
        let clients = threads
            .iter()
            .map(|t| t.client(upstreams.clone(), self.clock.clone()))
            .collect::<Result<Vec<_>, _>>()?;
        let tool_settings = settings::tool_servers(&self.root, &loaded.config)?;
        let tools = threads
            .iter()
            .map(|t| t.tools(tool_settings.clone(), self.clock.clone()))
            .collect::<Result<Vec<_>, _>>()?;
        let issuers = Issuers::read(&self.root, &loaded.config)?;
        let tokens = settings::tokens(&self.root, &loaded.config)?;
        // Nothing can fail from here on.
        self.shared.tokens.set(tokens);
        self.issuers.put(issuers);
        for (thread, tools) in threads.iter().zip(tools) {
            thread.worker.replace_tools(tools);
        }
        let servers = settings::servers(&self.root, &loaded);
        for (thread, client) in threads.iter().zip(clients) {
            thread.worker.replace_upstream(client);
        }
        self.shared.model_budgets.store(Arc::new(budgets));
        self.shared.gate.store(Arc::new(gate(loaded, self.lasting.clone(), self.shared.kills.clone())));
        // Last: new servers are asked at once what they declare, over the new way and under the new rules.
        self.shared.hub.set_servers(servers);
        Ok(())
    }
}

/// The rules that were loaded, ready to judge.
pub(crate) fn gate(loaded: Loaded, lasting: Lasting, kills: Arc<KillSwitch>) -> Gate {
    lasting.differences.begin(loaded.staged.as_ref().map_or(&BTreeMap::new(), |s| &s.agents));
    Gate {
        tool_killed: Arc::new(move |name| kills.load().tool_hit(name).is_some()),
        limits: settings::wire_limits(&loaded.config),
        models: settings::models(&loaded.config),
        detector_may_fail: loaded.config.failure.detector == FailureMode::Open,
        policy: loaded.policy,
        detectors: loaded.detectors,
        guards: loaded.guards,
        catalogue: loaded.catalogue,
        clean: Clean::new(&lasting.binding_key),
        staged: loaded.staged,
        servers: loaded.config.servers.iter().map(|s| s.id.clone()).collect(),
        lasting,
    }
}

fn stamp(root: &Path, documents: &[PathBuf]) -> Stamp {
    let mut stamp = Vec::new();
    let mut note = |path: PathBuf| {
        if let Ok(meta) = std::fs::metadata(&path) {
            stamp.push((path, meta.len(), meta.modified().ok()));
        }
    };
    note(root.join("cordon.toml"));
    documents.iter().cloned().for_each(&mut note);
    for dir in ["agents", "policies", "permissions/staged"] {
        let entries = std::fs::read_dir(root.join(dir)).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|e| e.path()).collect();
        paths.sort();
        paths.into_iter().for_each(&mut note);
    }
    stamp
}
