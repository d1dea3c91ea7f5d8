//! What the gateway for tools shares over all threads: the servers, the sessions of clients, calls that wait for input.

use crate::mcp::link::Link;
use crate::mcp::park::Parked;
use crate::mcp::pins::Pins;
use crate::mcp::resume::Shelf;
use crate::mcp::seal::Seal;
use crate::mcp::server::{Server, ServerSettings};
use crate::mcp::session::Session;
use crate::mcp::tasks::Task;
use arc_swap::ArcSwap;
use cordon_types::{Entropy, KeyId, ServerId};
use cordon_wire::mcp::notification;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

/// Most sessions of clients, and most of one key.
const MAX_SESSIONS: usize = 10_000;
const MAX_SESSIONS_OF_KEY: usize = 500;
/// A session that is not used for so long is forgotten.
const SESSION_IDLE: Duration = Duration::from_secs(3_600);
/// A connection to a server for clients without sessions is let go after so long.
const LINK_IDLE: Duration = Duration::from_secs(600);
/// Most calls that wait for input at once.
const MAX_PARKED: usize = 1_000;
/// Most tasks at once, and most of one key.
const MAX_TASKS: usize = 10_000;
const MAX_TASKS_OF_KEY: usize = 1_000;

/// Connections of clients without sessions, and when each was last used.
type Links = HashMap<(KeyId, ServerId), (Arc<Link>, Instant)>;

/// See the module.
#[derive(Default)]
pub struct Hub {
    servers: ArcSwap<BTreeMap<ServerId, Arc<Server>>>,
    sessions: Mutex<HashMap<String, Arc<Session>>>,
    links: Mutex<Links>,
    parked: Mutex<HashMap<String, Parked>>,
    /// What calls became, by the handle under which the caller knows it.
    tasks: Mutex<HashMap<String, Arc<Task>>>,
    /// Which tools may be used.
    pub pins: Pins,
    /// Who wants to know what servers declare.
    pub(crate) looks: Looks,
    /// What is kept of calls' event streams.
    pub(crate) shelf: Arc<Shelf>,
    seal: OnceLock<Seal>,
}

impl Hub {
    /// A hub with these servers.
    #[must_use]
    pub fn new(settings: Vec<ServerSettings>) -> Self {
        let hub = Self::default();
        hub.set_servers(settings);
        hub
    }

    /// Puts other servers in force. One whose settings did not change keeps what is known of it; connections to the
    /// others are let go.
    pub fn set_servers(&self, settings: Vec<ServerSettings>) {
        let old = self.servers.load_full();
        let kept = |s: &ServerSettings| old.get(&s.id).filter(|o| o.settings == *s).cloned();
        let new: BTreeMap<ServerId, Arc<Server>> = settings
            .into_iter()
            .map(|s| (s.id.clone(), kept(&s).unwrap_or_else(|| Arc::new(Server::new(s)))))
            .collect();
        for server in new.values() {
            server.forget_looks();
        }
        let same = |id: &ServerId, server: &Arc<Server>| new.get(id).is_some_and(|n| Arc::ptr_eq(n, server));
        lock(&self.links).retain(|(_, id), (link, _)| same(id, link.server()));
        for session in lock(&self.sessions).values() {
            session.keep_links(|id, link| same(id, link.server()));
        }
        self.pins.only(&new);
        self.servers.store(Arc::new(new));
        self.looks.wake();
    }

    /// Has every server asked what it declares; resolves when that is done.
    #[must_use]
    pub fn look(&self) -> oneshot::Receiver<()> {
        self.looks.ask()
    }

    /// Tells clients with sessions that the tools they may use are others.
    pub fn tools_changed(&self) {
        let word = notification("notifications/tools/list_changed", "{}");
        lock(&self.sessions).values().for_each(|session| session.post(word.clone()));
    }

    /// All servers, by id.
    pub fn servers(&self) -> Arc<BTreeMap<ServerId, Arc<Server>>> {
        self.servers.load_full()
    }

    /// Keeps a new session under a new id; `None` when there are too many.
    pub(crate) fn open(
        &self,
        entropy: &dyn Entropy,
        make: impl FnOnce(String) -> Session,
    ) -> Option<Arc<Session>> {
        self.sweep();
        let mut sessions = lock(&self.sessions);
        let session = Arc::new(make(token(entropy)));
        let of_key = sessions.values().filter(|s| s.key == session.key).count();
        if sessions.len() >= MAX_SESSIONS || of_key >= MAX_SESSIONS_OF_KEY {
            return None;
        }
        sessions.insert(session.id.clone(), session.clone());
        Some(session)
    }

    /// Ends what nobody used for long, and lets go of what waited in vain: programs run for them.
    pub fn sweep(&self) {
        let mut idle = Vec::new();
        lock(&self.sessions).retain(|_, session| {
            let kept = session.idle() < SESSION_IDLE;
            if !kept {
                idle.push(session.clone());
            }
            kept
        });
        idle.iter().for_each(|session| session.end());
        lock(&self.links).retain(|_, (link, used)| used.elapsed() < LINK_IDLE && !link.is_over());
        let now = Instant::now();
        lock(&self.parked).retain(|_, parked| parked.until > now);
        lock(&self.tasks).retain(|_, task| task.until > now);
    }

    /// What servers' states are sealed with, for as long as this process lives.
    pub(crate) fn seal(&self, entropy: &dyn Entropy) -> &Seal {
        self.seal.get_or_init(|| Seal::new(entropy))
    }

    /// The session of that id, for the key that opened it. SECURITY: another key's id is as unknown as none.
    pub(crate) fn session(&self, id: &str, key: &KeyId, endpoint: Option<&ServerId>) -> Option<Arc<Session>> {
        let found = lock(&self.sessions).get(id).cloned();
        let found = found.filter(|s| s.key == *key && s.endpoint.as_ref() == endpoint)?;
        found.touch();
        Some(found)
    }

    /// Ends a session.
    pub(crate) fn close(&self, session: &Session) {
        lock(&self.sessions).remove(&session.id);
        session.end();
    }

    /// The connection that clients of this key without sessions share.
    pub(crate) fn link(&self, key: &KeyId, server: &ServerId) -> Option<Arc<Link>> {
        let mut links = lock(&self.links);
        let (link, used) = links.get_mut(&(key.clone(), server.clone()))?;
        *used = Instant::now();
        Some(link.clone()).filter(|link| !link.is_over())
    }

    /// Keeps such a connection.
    pub(crate) fn keep(&self, key: &KeyId, link: &Arc<Link>) {
        let key = (key.clone(), link.server().id().clone());
        lock(&self.links).insert(key, (link.clone(), Instant::now()));
    }

    /// Lets go of one that does not serve any more.
    pub(crate) fn drop_link(&self, key: &KeyId, link: &Arc<Link>) {
        let mut links = lock(&self.links);
        let key = (key.clone(), link.server().id().clone());
        if links.get(&key).is_some_and(|(l, _)| Arc::ptr_eq(l, link)) {
            links.remove(&key);
        }
    }

    /// Keeps a call that waits for its client's input; the token under which it is found, once.
    pub(crate) fn park(&self, entropy: &dyn Entropy, parked: Parked) -> Option<String> {
        let mut all = lock(&self.parked);
        if all.len() >= MAX_PARKED {
            return None;
        }
        let token = token(entropy);
        all.insert(token.clone(), parked);
        Some(token)
    }

    /// Takes a waiting call out, for the key and the request that it waits for.
    pub(crate) fn unpark(&self, token: &str, fits: impl FnOnce(&Parked) -> bool) -> Option<Parked> {
        let mut all = lock(&self.parked);
        let found = all.remove(token)?;
        if found.until > Instant::now() && fits(&found) {
            return Some(found);
        }
        // Somebody else's, or for another call: it stays where it is.
        if found.until > Instant::now() {
            all.insert(token.to_owned(), found);
        }
        None
    }

    /// Keeps what a call became; the handle for its caller. `None` when there are too many.
    pub(crate) fn keep_task(&self, entropy: &dyn Entropy, task: Task) -> Option<String> {
        let mut all = lock(&self.tasks);
        let now = Instant::now();
        all.retain(|_, t| t.until > now);
        let of_key = all.values().filter(|t| t.key == task.key).count();
        if all.len() >= MAX_TASKS || of_key >= MAX_TASKS_OF_KEY {
            return None;
        }
        let handle = token(entropy);
        all.insert(handle.clone(), Arc::new(task));
        Some(handle)
    }

    /// The task of that handle. SECURITY: another key's handle is as unknown as none.
    pub(crate) fn task(&self, handle: &str, key: &KeyId) -> Option<Arc<Task>> {
        let found = lock(&self.tasks).get(handle).cloned();
        found.filter(|t| t.key == *key && t.until > Instant::now())
    }

    /// Lets go of everything: at a drain. Programs that Cordon started end.
    pub fn stop(&self) {
        lock(&self.links).clear();
        lock(&self.parked).clear();
        lock(&self.tasks).clear();
        let sessions = std::mem::take(&mut *lock(&self.sessions));
        sessions.values().for_each(|s| s.end());
    }
}

/// Who waits for a look at the servers.
#[derive(Default)]
pub(crate) struct Looks {
    waiting: Mutex<Vec<oneshot::Sender<()>>>,
    wake: Notify,
}

impl Looks {
    fn ask(&self) -> oneshot::Receiver<()> {
        let (told, hears) = oneshot::channel();
        lock(&self.waiting).push(told);
        self.wake();
        hears
    }

    fn wake(&self) {
        self.wake.notify_one();
    }

    pub(crate) fn take(&self) -> Vec<oneshot::Sender<()>> {
        std::mem::take(&mut *lock(&self.waiting))
    }

    pub(crate) async fn wanted(&self) {
        self.wake.notified().await;
    }
}

/// 32 hexadecimal digits of randomness.
pub(crate) fn token(entropy: &dyn Entropy) -> String {
    let mut random = [0; 16];
    entropy.fill(&mut random);
    format!("{:032x}", u128::from_be_bytes(random))
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that can panic runs under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
