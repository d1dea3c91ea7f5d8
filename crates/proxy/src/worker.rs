//! What every request needs: the rules in force, the keys, the ledger, the clocks, one upstream client a thread.

use crate::body::BodyLimits;
use crate::mcp::Hub;
use crate::metrics::Metrics;
use crate::oauth::Federation;
use arc_swap::ArcSwap;
use cordon_identity::oauth::is_federated;
use cordon_identity::{Keyring, KillSwitch};
use cordon_ledger::Committer;
use cordon_pipeline::meter::Meter;
use cordon_pipeline::{Gate, Recorder};
use cordon_policy::Budgets;
use cordon_types::{Clock, Digest, Entropy, KeyId, ModelName};
use cordon_upstream::oauth::Tokens;
use cordon_upstream::{Client, Spawn, ToolServers};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;
use tokio::sync::watch;

/// Limits of the listening side. Each is a setting; see `docs/configuration.md`.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of a caller's body.
    pub body: BodyLimits,
    /// Most bytes of an answer, streamed or not.
    pub answer_bytes: usize,
    /// Most bytes of bodies and answers held at the same time, over all requests.
    pub buffered_bytes: usize,
    /// Most bytes of one event of a stream.
    pub event_bytes: usize,
    /// Most bytes of tool-call arguments held back in one stream.
    pub arguments_bytes: usize,
    /// Most bytes of a request's headers.
    pub header_bytes: usize,
    /// Most headers of a request.
    pub headers: usize,
    /// Longest for a request's headers to arrive.
    pub header_read: Duration,
    /// Longest that a kept connection may wait for its next request.
    pub idle: Duration,
    /// Longest for a whole exchange.
    pub total: Duration,
    /// Longest that a caller may not read.
    pub write_idle: Duration,
    /// Most connections.
    pub connections: usize,
    /// Most requests at once.
    pub requests: usize,
    /// Most streams of one HTTP/2 connection.
    pub h2_streams: u32,
}

/// What is shared by all threads.
pub struct Shared {
    /// The rules in force.
    pub gate: ArcSwap<Gate>,
    /// Budgets of models, from the config.
    pub model_budgets: ArcSwap<HashMap<ModelName, Budgets>>,
    /// The keys.
    pub keys: Arc<Keyring>,
    /// Access tokens that are taken beside keys.
    pub federation: Federation,
    /// The gateway's own tokens for tool servers.
    pub tokens: Arc<Tokens>,
    /// The kill switches.
    pub kills: Arc<KillSwitch>,
    /// Changes at every kill, so that running exchanges look again.
    pub kill_signal: watch::Receiver<u64>,
    /// Rates and budgets.
    pub meter: Arc<Meter>,
    /// Turns what happened into leaves.
    pub recorder: Arc<Recorder>,
    /// Makes leaves durable.
    pub ledger: Arc<Committer>,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for request ids.
    pub entropy: Arc<dyn Entropy>,
    /// The limits.
    pub limits: Limits,
    /// Names under which callers may reach this gateway: lower case, without port; any when empty.
    pub trusted_hosts: Arc<[String]>,
    /// The listener is reachable from this machine alone.
    pub loopback: bool,
    /// Tool servers, and the sessions of their clients.
    pub hub: Hub,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// Turns true when Cordon drains.
    pub draining: watch::Receiver<bool>,
    /// Requests under way. The ledger's own count: it says how long records may gather.
    pub in_flight: Arc<AtomicUsize>,
    /// Bytes of bodies and answers held.
    pub buffered: AtomicUsize,
    /// Connections open.
    pub connections: AtomicUsize,
    /// Whether an intent holds a salted commitment to the body.
    pub commit: bool,
    /// The pseudonym that stands for a user.
    pub user_digest: Arc<dyn Fn(&str) -> Digest + Send + Sync>,
    /// Links to acknowledge notes: which were used, how many come.
    pub links: crate::acknowledge::Links,
}

impl Shared {
    /// Whether a key was revoked, or is not known any more. Callers with an access token have none: kill switches stop
    /// them, and their tokens' end.
    pub(crate) fn is_revoked(&self, key: &KeyId) -> bool {
        !is_federated(key) && self.keys.get(key.as_str()).is_none_or(|k| k.revoked.is_some())
    }
}

/// One thread's share.
pub struct Worker {
    /// What all threads share.
    pub shared: Arc<Shared>,
    upstream: ArcSwap<Client>,
    tools: ArcSwap<ToolServers>,
    /// Starts tasks on this thread.
    pub(crate) spawner: Arc<dyn Spawn>,
}

impl Worker {
    /// A worker over what is shared, with its own way out.
    #[must_use]
    pub fn new(shared: Arc<Shared>, upstream: Client, tools: ToolServers, spawner: Arc<dyn Spawn>) -> Self {
        Self {
            shared,
            upstream: ArcSwap::from_pointee(upstream),
            tools: ArcSwap::from_pointee(tools),
            spawner,
        }
    }

    /// This thread's way out.
    pub(crate) fn upstream(&self) -> Arc<Client> {
        self.upstream.load_full()
    }

    /// Closes upstream connections that have been idle for too long.
    pub fn expire_idle(&self) {
        self.upstream.load().expire();
        self.tools.load().expire();
    }

    /// This thread's way to tool servers.
    pub(crate) fn tools(&self) -> Arc<ToolServers> {
        self.tools.load_full()
    }

    /// Replaces the way to tool servers, at a reload.
    pub fn replace_tools(&self, tools: ToolServers) {
        self.tools.store(Arc::new(tools));
    }

    /// Replaces the way out, at a reload. Exchanges under way end on the old one.
    pub fn replace_upstream(&self, client: Client) {
        self.upstream.store(Arc::new(client));
    }
}
