//! What is known of each tool server, over all threads: its limits, what it speaks, its tools.

use crate::mcp::openapi::Interface;
use crate::mcp::scopes::Scopes;
use arc_swap::ArcSwap;
use cordon_tools::schema::Schema;
use cordon_types::{Digest, Millis, Problem, ServerId};
use cordon_upstream::ChildSettings;
use cordon_wire::mcp::Revision;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// How a server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Streamable HTTP.
    Http,
    /// The older one: an event stream that names where to post.
    Sse,
    /// A program that Cordon starts.
    Stdio(ChildSettings),
    /// An HTTP interface, whose operations are tools.
    OpenApi(Arc<Interface>),
}

/// What the operator says of a tool server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// Its name.
    pub id: ServerId,
    /// How it is reached.
    pub transport: Transport,
    /// Most bytes of one message from it.
    pub result_bytes: usize,
    /// Longest for one call.
    pub timeout: Duration,
    /// Most calls at the same time.
    pub concurrent: u32,
    /// How often in a row its program may be started anew.
    pub restarts: u32,
    /// The first tools that it declares are approved, if nothing about them needs a person.
    pub first_use: bool,
    /// When one tool is new or changed, all are quarantined.
    pub whole: bool,
    /// Which scopes its tools need of callers with an access token.
    pub scopes: Scopes,
}

/// One tool as its server defines it.
#[derive(Clone, Debug)]
pub(crate) struct Defined {
    /// Its definition: JSON text, as it came.
    pub raw: String,
    /// The digest of its canonical form: what a pin holds it to.
    pub digest: Digest,
    /// Whether its words try to steer their reader.
    pub poisoned: bool,
    /// What its arguments must fit; the problem, where that cannot be used.
    pub schema: Result<Arc<Schema>, Problem>,
}

/// A server's tools, as it last listed them, by name.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    /// Over the listing as it came: the same listing is looked into once.
    pub digest: Digest,
    /// The tools.
    pub tools: BTreeMap<String, Arc<Defined>>,
}

/// What became of the last attempt to ask a server for its tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// When.
    pub at: Millis,
    /// Which revision it speaks, or why it cannot be used.
    pub state: Result<&'static str, String>,
}

/// Definitions that were looked into; bounded, since a server could make up new ones without end.
const MAX_LOOKED_AT: usize = 10_000;

/// One server.
pub struct Server {
    /// What the operator says.
    pub settings: ServerSettings,
    /// Calls under way.
    pub(crate) places: Arc<Semaphore>,
    /// What it turned out to speak when it was asked in the newest revision first.
    pub(crate) newest: Mutex<Option<Revision>>,
    tools: ArcSwap<Option<Listed>>,
    health: ArcSwap<Option<Health>>,
    looked_at: Mutex<HashMap<Digest, bool>>,
    /// Starts that failed in a row, and before when it is not started again.
    pub(crate) failures: Mutex<(u32, Option<tokio::time::Instant>)>,
}

impl Server {
    /// A server of which nothing is known yet.
    #[must_use]
    pub fn new(settings: ServerSettings) -> Self {
        let places = Arc::new(Semaphore::new(usize::try_from(settings.concurrent).unwrap_or(1)));
        Self {
            settings,
            places,
            newest: Mutex::default(),
            tools: ArcSwap::from_pointee(None),
            health: ArcSwap::from_pointee(None),
            looked_at: Mutex::default(),
            failures: Mutex::default(),
        }
    }

    /// Its id.
    pub(crate) fn id(&self) -> &ServerId {
        &self.settings.id
    }

    /// What became of the last attempt to ask it for its tools, if there was one.
    #[must_use]
    pub fn health(&self) -> Arc<Option<Health>> {
        self.health.load_full()
    }

    pub(crate) fn set_health(&self, health: Health) {
        self.health.store(Arc::new(Some(health)));
    }

    /// The tools that it last listed, if it ever did.
    pub(crate) fn tools(&self) -> Arc<Option<Listed>> {
        self.tools.load_full()
    }

    /// What it lists now.
    pub(crate) fn set_tools(&self, tools: Listed) -> Arc<Option<Listed>> {
        let tools = Arc::new(Some(tools));
        self.tools.store(tools.clone());
        tools
    }

    /// Whether a definition is poisoned; `look` is asked once for each.
    pub(crate) fn poisoned(&self, definition: Digest, look: impl FnOnce() -> bool) -> bool {
        let mut seen = self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = seen.get(&definition) {
            return *known;
        }
        let found = look();
        if seen.len() >= MAX_LOOKED_AT {
            seen.clear();
        }
        seen.insert(definition, found);
        found
    }

    /// Definitions are looked into again: the detectors changed.
    pub(crate) fn forget_looks(&self) {
        self.looked_at.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.tools.store(Arc::new(None));
    }
}
