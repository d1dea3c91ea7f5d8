//! Starting, running, draining.

use crate::admin::{self, Side};
use crate::approvals::{Held, Queue};
use crate::custody::{self, Custodian};
use crate::data::DataDir;
use crate::error::AppError;
use crate::load::{Loaded, load};
use crate::oauth::{Issuers, vault::Vault};
use crate::pins::Keeper;
use crate::reload::{Reloader, gate};
use crate::runtime::{Live, append, append_leaf, user_digest};
use crate::settings;
use crate::system::{SystemClock, SystemEntropy};
use crate::witnessing::Witnessing;
use crate::worker::{self, Plan, Thread};
use arc_swap::ArcSwap;
use cordon_api::Admin;
use cordon_approvals::Desk;
use cordon_config::FailureMode;
use cordon_flow::Sessions;
use cordon_identity::{KeyKind, KeyStore as _, Keyring, KillSet, KillStore as _, KillSwitch};
use cordon_ledger::{Committer, Control, ControlKind};
use cordon_pipeline::meter::Meter;
use cordon_pipeline::{Issued, Lasting, Nobody, Recorder};
use cordon_proxy::mcp::Hub;
use cordon_proxy::oauth::Federation;
use cordon_proxy::{Metrics, Shared};
use cordon_store::Store;
use cordon_store::volume::FileVolume;
use cordon_types::{AgentId, Clock, Entropy, Secret};
use cordon_upstream::oauth::Tokens;
use prometheus_client::registry::Registry;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

/// What the command line may change about a start.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Instead of the config's `listen.address`.
    pub address: Option<SocketAddr>,
    /// Instead of the config's `listen.admin_address`.
    pub admin_address: Option<SocketAddr>,
}

/// Where the gateway can be reached.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// The model path.
    pub model: SocketAddr,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// The admin side.
    pub admin: SocketAddr,
    /// The owner's socket.
    pub control: PathBuf,
}

/// Keys that a first start made, to be shown once.
pub struct FirstKeys {
    /// For administration.
    pub admin: Secret,
    /// For the agent `dev`.
    pub agent: Secret,
}

/// A running gateway.
pub struct Running {
    /// Where it can be reached.
    pub addresses: Addresses,
    /// Keys that this start made; only at a first start.
    pub first_keys: Option<FirstKeys>,
    shared: Arc<Shared>,
    threads: Arc<Mutex<Vec<Thread>>>,
    admin: JoinHandle<()>,
    live: Arc<Live>,
    held: Arc<Queue>,
    witnessing: Option<Witnessing>,
    draining: watch::Sender<bool>,
    stop_admin: watch::Sender<bool>,
    drain: Duration,
    dir: DataDir,
}

impl Running {
    /// Starts the gateway over an open data directory. Nothing listens unless everything is ready.
    pub fn start(dir: DataDir, options: &Options) -> Result<Self, AppError> {
        let mut loaded = load(dir.root())?;
        let plan = loaded.witnessing.take();
        crate::logging::start(&loaded.config.log);
        let config = loaded.config.clone();
        let address = options.address.unwrap_or(config.listen.address);
        let admin_address = options.admin_address.unwrap_or(config.listen.admin_address);
        within_the_operators_word(&config.listen, address, admin_address)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let store = Arc::new(Store::open(&dir.path("state.db"))?);
        let mut parts = Parts::open(&dir, &loaded, &store, clock.clone())?;
        let held = Held::open(&dir, &config, store.clone(), clock.now())?;
        parts.lasting.held = held.desk.clone();
        let rules = gate(loaded, parts.lasting.clone(), parts.shared.kills.clone());
        parts.shared.gate.store(Arc::new(rules));
        let pins = Keeper::open(store.clone(), &parts.shared)?;
        append(&parts.shared, &Control::new(ControlKind::Start, clock.now())).map_err(AppError::Record)?;
        let custodian = custodian(&dir, &config, &parts, &clock)?;
        let witnessing = plan.map(|plan| parts.witnessing(&dir, plan, clock.clone())).transpose()?;
        let issuers = issuers(&dir, &config, &parts.shared, &clock)?;
        let (model, tls, threads) = model_side(&dir, &config, address, &parts.shared, &clock)?;
        let threads = Arc::new(Mutex::new(threads));
        let reloader = Arc::new(Reloader::new(
            dir.root(),
            parts.shared.clone(),
            threads.clone(),
            clock.clone(),
            parts.lasting,
            issuers.clone(),
        ));
        let live = Arc::new(Live {
            shared: parts.shared.clone(),
            signal: parts.signal,
            reloader,
            custodian,
            held: held.queue.clone(),
            pins,
            started: clock.now(),
            witnessing: witnessing.as_ref().map(|w| w.board.clone()),
        });
        let api = Arc::new(admin_api(&parts.shared, &store, held.desk.clone(), live.clone()));
        let (stop_admin, stop) = watch::channel(false);
        let registry = Arc::new(parts.registry);
        let (shared, live_too) = (parts.shared.clone(), live.clone());
        let queue = held.queue.clone();
        let side = Side { admin: api, shared, held, registry, stop, live: live_too, issuers };
        let (admin_bound, control_path, admin) = admin::start(admin_address, &dir, side)?;
        let addresses = Addresses { model, tls, admin: admin_bound, control: control_path };
        // Last of all: keys of a start that failed would never be shown.
        let first_keys = mint_first(&store, &parts.shared)?;
        Ok(Self {
            addresses,
            first_keys,
            shared: parts.shared,
            threads,
            admin,
            live,
            held: queue,
            witnessing,
            draining: parts.draining,
            stop_admin,
            drain: config.limits.timeouts.drain,
            dir,
        })
    }

    /// Loads the files anew; every problem where they are refused.
    pub fn reload(&self) -> Result<(), Vec<String>> {
        self.live.reloader.reload()
    }

    /// The same, without waiting: for a signal. It says in the log how it went.
    pub fn reload_in_background(&self) {
        let reloader = self.live.reloader.clone();
        if let Err(error) =
            std::thread::Builder::new().name("cordon-reload".to_owned()).spawn(move || reloader.reload())
        {
            tracing::error!(%error, "the reload could not be started");
        }
    }

    /// Writes the first start's keys to files that only the owner reads; gives the paths (admin, agent).
    pub fn write_first_keys(&self, keys: &FirstKeys) -> Result<(PathBuf, PathBuf), AppError> {
        self.dir.write_first_keys(keys)
    }

    /// Whether the ledger still writes. When it does not, all traffic is refused.
    #[must_use]
    pub fn healthy(&self) -> bool {
        self.shared.ledger.healthy()
    }

    /// Stops accepting, lets exchanges end within the drain time, writes the last checkpoint.
    pub fn stop(self) -> Result<(), AppError> {
        tracing::info!(seconds = self.drain.as_secs(), "draining");
        self.draining.send_replace(true);
        self.shared.hub.stop();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            thread.join();
        }
        self.stop_admin.send_replace(true);
        let _ = self.admin.join();
        let _ = std::fs::remove_file(&self.addresses.control);
        let now = self.shared.clock.now();
        // Those turned away since the admin thread last looked.
        let mut counts = self.shared.recorder.flush_turned_away(now).into_iter();
        let recorded = counts
            .try_for_each(|leaf| append_leaf(&self.shared, leaf))
            .and_then(|()| self.held.record(&self.shared))
            .and_then(|()| self.live.pins.record(&self.shared))
            .and_then(|()| append(&self.shared, &Control::new(ControlKind::Stop, now)));
        self.shared.ledger.stop()?;
        if let Some(witnessing) = self.witnessing {
            witnessing.finish();
        }
        if let Err(error) = recorded {
            tracing::error!(%error, "the stop could not be recorded");
        }
        drop(self.dir);
        Ok(())
    }
}

/// The admin API over the parts that serve.
fn admin_api(shared: &Shared, store: &Arc<Store>, desk: Arc<Desk>, live: Arc<Live>) -> Admin {
    Admin {
        keys: shared.keys.clone(),
        key_store: store.clone(),
        kills: shared.kills.clone(),
        kill_store: store.clone(),
        desk,
        runtime: live,
        clock: shared.clock.clone(),
        entropy: shared.entropy.clone(),
    }
}

/// SECURITY: what the config may not say, the command line may not say either.
fn within_the_operators_word(
    listen: &cordon_config::Listen,
    address: SocketAddr,
    admin: SocketAddr,
) -> Result<(), AppError> {
    for (address, plain) in [(address, listen.tls.is_none()), (admin, true)] {
        if plain && !address.ip().is_loopback() && !listen.plaintext_beyond_loopback {
            return Err(AppError::Plaintext { address });
        }
    }
    Ok(())
}

/// The parts that threads share.
struct Parts {
    shared: Arc<Shared>,
    lasting: Lasting,
    registry: Registry,
    /// The ledger's files, for what the committer does not touch.
    volume: Arc<FileVolume>,
    signal: watch::Sender<u64>,
    draining: watch::Sender<bool>,
    /// This start began the epoch of digests.
    epoch_begun: bool,
}

impl Parts {
    /// Begins to send checkpoints to witnesses.
    fn witnessing(
        &mut self,
        dir: &DataDir,
        plan: crate::witnessing::Plan,
        clock: Arc<dyn Clock>,
    ) -> Result<Witnessing, AppError> {
        let key = dir.signer()?.verifier();
        Witnessing::start(dir, plan, self.volume.clone(), key, clock, &mut self.registry)
    }

    fn open(
        dir: &DataDir,
        loaded: &Loaded,
        store: &Arc<Store>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, AppError> {
        let (digester, epoch_begun) = custody::digester(&dir.vault()?, clock.now())?;
        let volume = Arc::new(FileVolume::open(&dir.path("ledger"))?);
        let ledger = Committer::start_with_vault(
            Box::new(volume.clone()),
            Some(Arc::new(dir.vault()?)),
            dir.signer()?,
            settings::ledger(&loaded.config),
            clock.clone(),
        )?;
        let kills = Arc::new(KillSwitch::new(KillSet::new(store.load_kills()?)));
        let users = dir.users_key(custody::user_kills(&kills))?;
        let lasting = Lasting {
            issued: Arc::new(Issued::new(*custody::fresh_key())),
            sessions: Arc::new(Sessions::new(cordon_flow::Limits::default())),
            calls: Arc::default(),
            differences: Arc::default(),
            held: Arc::new(Nobody),
            binding_key: binding_key(&users),
        };
        let mut registry = Registry::default();
        let metrics = Arc::new(Metrics::new(&mut registry));
        let (signal, kill_signal) = watch::channel(0);
        let (draining, is_draining) = watch::channel(false);
        let shut = shut(loaded, &lasting)?;
        let shared = Arc::new(Shared {
            gate: ArcSwap::from_pointee(shut),
            model_budgets: ArcSwap::from_pointee(settings::model_budgets(&loaded.config)),
            keys: Arc::new(Keyring::new(store.load_keys()?)),
            federation: Federation::default(),
            tokens: Arc::new(Tokens::new(Arc::new(Vault::new(dir.root())), clock.clone())),
            kills,
            kill_signal,
            meter: Arc::new(Meter::open(store.clone(), loaded.config.failure.store == FailureMode::Open)?),
            recorder: Arc::new(Recorder::new(digester)),
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            limits: settings::proxy_limits(&loaded.config),
            trusted_hosts: loaded.config.listen.trusted_hosts.clone().into(),
            loopback: loaded.config.listen.address.ip().is_loopback(),
            hub: Hub::new(settings::servers(dir.root(), loaded)),
            metrics,
            draining: is_draining,
            in_flight: ledger.crowd(),
            ledger: Arc::new(ledger),
            connections: AtomicUsize::new(0),
            buffered: AtomicUsize::new(0),
            commit: loaded.config.ledger.commit,
            user_digest: Arc::new(user_digest(*users)),
            links: cordon_proxy::acknowledge::Links::default(),
        });
        Ok(Self { shared, lasting, registry, volume, signal, draining, epoch_begun })
    }
}

/// The rules proper are put in before anything listens; until then nothing is allowed.
fn shut(loaded: &Loaded, lasting: &Lasting) -> Result<cordon_pipeline::Gate, AppError> {
    let empty = cordon_policy::PolicySet::build(Vec::new(), Vec::new(), &[])?;
    Ok(cordon_pipeline::Gate {
        policy: empty,
        detectors: loaded.detectors.clone(),
        guards: loaded.guards,
        detector_may_fail: false,
        limits: cordon_wire::Limits::default(),
        models: cordon_pipeline::ModelTable::default(),
        catalogue: loaded.catalogue.clone(),
        tool_killed: Arc::new(|_| true),
        servers: BTreeSet::new(),
        clean: cordon_pipeline::Clean::new(&lasting.binding_key),
        staged: None,
        lasting: lasting.clone(),
    })
}

/// The key under which held calls are named: the same over a restart, as grants are, and of no other use.
fn binding_key(users: &[u8; 32]) -> [u8; 32] {
    use sha2::{Digest as _, Sha256};
    Sha256::new().chain_update(b"names of held calls").chain_update(users).finalize().into()
}

/// The keeper of the record, after it has finished what a crash cut off.
fn custodian(
    dir: &DataDir,
    config: &cordon_config::Config,
    parts: &Parts,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<Custodian>, AppError> {
    let made_of = custody::Parts {
        committer: parts.shared.ledger.clone(),
        recorder: parts.shared.recorder.clone(),
        kills: parts.shared.kills.clone(),
        clock: clock.clone(),
    };
    let custodian = Arc::new(Custodian::new(dir, &config.ledger, made_of)?);
    if parts.epoch_begun {
        let epoch = parts.shared.recorder.digester().epoch();
        let begun =
            Control { of: Some(epoch.into()), epoch, ..Control::new(ControlKind::EpochBegun, clock.now()) };
        append(&parts.shared, &begun).map_err(AppError::Record)?;
    }
    custodian.resume()?;
    Ok(custodian)
}

/// Whose access tokens are taken, and the gateway's own tokens for tool servers.
fn issuers(
    dir: &DataDir,
    config: &cordon_config::Config,
    shared: &Arc<Shared>,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<Issuers>, AppError> {
    let issuers = Arc::new(Issuers::new(shared.clone(), clock.clone()));
    issuers.put(Issuers::read(dir.root(), config)?);
    shared.tokens.set(settings::tokens(dir.root(), config)?);
    Ok(issuers)
}

/// Binds and starts the threads of the model path.
fn model_side(
    dir: &DataDir,
    config: &cordon_config::Config,
    address: SocketAddr,
    shared: &Arc<Shared>,
    clock: &Arc<dyn Clock>,
) -> Result<(SocketAddr, bool, Vec<Thread>), AppError> {
    let upstreams = settings::upstreams(dir.root(), config)?;
    let tools = settings::tool_servers(dir.root(), config)?;
    let tls = config.listen.tls.as_ref().map(|t| acceptor(dir, t)).transpose()?;
    let count = match usize::from(config.listen.workers) {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        n => n,
    };
    let (bound, listeners) = worker::bind(address, count)?;
    let start = |(index, listener)| {
        let plan = Plan {
            shared: shared.clone(),
            upstreams: upstreams.clone(),
            tools: tools.clone(),
            clock: clock.clone(),
            tls: tls.clone(),
            drain: config.limits.timeouts.drain,
        };
        worker::start(index, listener, plan)
    };
    let threads = listeners.into_iter().enumerate().map(start).collect::<Result<Vec<_>, _>>()?;
    if let Some(first) = threads.first() {
        first.watch();
    }
    Ok((bound, tls.is_some(), threads))
}

/// The first start's keys, where there are none yet: one for administration, one for the starter manifest's agent.
fn mint_first(store: &Store, shared: &Shared) -> Result<Option<FirstKeys>, AppError> {
    let keys = first_keys(store, shared.clock.now())?;
    shared.keys.replace(store.load_keys()?);
    Ok(keys)
}

/// Makes the first keys in a store that has none.
pub(crate) fn first_keys(store: &Store, now: u64) -> Result<Option<FirstKeys>, AppError> {
    if !store.load_keys()?.is_empty() {
        return Ok(None);
    }
    let mint = |kind, agent| {
        let mut entropy = [0; 40];
        SystemEntropy.fill(&mut entropy);
        cordon_identity::mint(kind, agent, "first start", None, &entropy, now)
            .map_err(|e| AppError::Keys(e.to_string()))
    };
    let admin = mint(KeyKind::Admin, None)?;
    let agent = mint(KeyKind::Agent, AgentId::new("dev").ok())?;
    store.put_keys(&[admin.record, agent.record])?;
    Ok(Some(FirstKeys { admin: admin.text, agent: agent.text }))
}

fn acceptor(dir: &DataDir, tls: &cordon_config::Tls) -> Result<tokio_rustls::TlsAcceptor, AppError> {
    use rustls_pki_types::PrivateKeyDer;
    use rustls_pki_types::pem::PemObject as _;
    let chain = settings::certificates(&dir.root().join(&tls.cert))?;
    let text = zeroize::Zeroizing::new(crate::data::read(&dir.root().join(&tls.key))?);
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes())
        .map_err(|e| AppError::Tls(format!("{}: {e:?}; it must be a PEM private key", tls.key)))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|b| b.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|e| AppError::Tls(e.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(tokio_rustls::TlsAcceptor::from(Arc::new(config)))
}
