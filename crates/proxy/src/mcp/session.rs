//! A client's session in the revisions that have them: who opened it, what it can do, what waits for it.
//!
//! What always holds: it belongs to the key that opened it and to the endpoint it was opened at; what waits for its
//! client is bounded, oldest first out.

use crate::mcp::hub::lock;
use crate::mcp::link::Link;
use crate::mcp::resume::{CallStream, Shelf};
use bytes::Bytes;
use cordon_types::{KeyId, ServerId};
use cordon_wire::mcp::{Id, Message, Revision};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

/// Most events kept for a client that comes back, and most bytes of them.
const MAX_KEPT: usize = 256;
const MAX_KEPT_BYTES: usize = 1 << 20;
/// Most questions of servers that a client may leave open.
const MAX_OPEN_QUESTIONS: usize = 64;

/// What a client says that it can do, as far as Cordon passes it on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Abilities {
    /// JSON text of `elicitation`, where it has it.
    pub elicitation: Option<String>,
    /// JSON text of `sampling`.
    pub sampling: Option<String>,
    /// JSON text of `roots`.
    pub roots: Option<String>,
    /// It takes a task for an answer (2026-07-28, extension `io.modelcontextprotocol/tasks`).
    pub tasks: bool,
}

/// One event of the standing stream.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub number: u64,
    pub message: Bytes,
}

#[derive(Default)]
struct Outbox {
    last: u64,
    kept: VecDeque<Kept>,
    bytes: usize,
}

/// Most resources that one session follows.
const MAX_FOLLOWED: usize = 1_000;

/// See the module.
pub(crate) struct Session {
    pub id: String,
    pub key: KeyId,
    /// The one server of the endpoint; none at the endpoint of all.
    pub endpoint: Option<ServerId>,
    pub revision: Revision,
    pub abilities: Abilities,
    used: Mutex<Instant>,
    links: Mutex<HashMap<ServerId, Arc<Link>>>,
    /// One opening of a link at a time, so that two calls at once do not open two.
    pub opening: tokio::sync::Mutex<()>,
    outbox: Mutex<Outbox>,
    /// Something new is in the outbox.
    pub news: Notify,
    questions: Mutex<HashMap<Id, oneshot::Sender<Message>>>,
    calls: Mutex<HashMap<Id, oneshot::Sender<()>>>,
    streams: Mutex<HashMap<u64, Arc<CallStream>>>,
    /// Resources of which the client asked to hear, by server.
    followed: Mutex<BTreeSet<(ServerId, String)>>,
    next: AtomicU64,
    over: watch::Sender<bool>,
    /// The standing stream that is open; 0: none.
    standing: AtomicU64,
}

impl Session {
    pub(crate) fn new(
        id: String,
        key: KeyId,
        endpoint: Option<ServerId>,
        revision: Revision,
        abilities: Abilities,
    ) -> Self {
        Self {
            id,
            key,
            endpoint,
            revision,
            abilities,
            used: Mutex::new(Instant::now()),
            links: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            outbox: Mutex::default(),
            news: Notify::new(),
            questions: Mutex::default(),
            calls: Mutex::default(),
            streams: Mutex::default(),
            followed: Mutex::default(),
            next: AtomicU64::new(1),
            over: watch::Sender::new(false),
            standing: AtomicU64::new(0),
        }
    }

    /// The client wants to hear of a resource's changes.
    pub(crate) fn follow(&self, server: &ServerId, uri: &str) {
        let mut followed = lock(&self.followed);
        if followed.len() < MAX_FOLLOWED {
            followed.insert((server.clone(), uri.to_owned()));
        }
    }

    /// Whether it does. What a server names besides could be any words of its own.
    pub(crate) fn follows(&self, server: &ServerId, uri: &str) -> bool {
        lock(&self.followed).contains(&(server.clone(), uri.to_owned()))
    }

    pub(crate) fn touch(&self) {
        *lock(&self.used) = Instant::now();
    }

    pub(crate) fn idle(&self) -> Duration {
        if self.standing.load(Ordering::Relaxed) == 0 { lock(&self.used).elapsed() } else { Duration::ZERO }
    }

    /// Opens a standing stream; its number. An older one may be a connection that nobody knows to be dead: the new one
    /// takes its place, since an event goes to one stream.
    pub(crate) fn stand(&self) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.standing.store(number, Ordering::Release);
        self.news.notify_waiters();
        number
    }

    /// Whether that standing stream is the session's still.
    pub(crate) fn stands(&self, number: u64) -> bool {
        self.standing.load(Ordering::Acquire) == number
    }

    /// That standing stream is over.
    pub(crate) fn fall(&self, number: u64) {
        // Another one has taken its place: then nothing changes.
        let _ = self.standing.compare_exchange(number, 0, Ordering::AcqRel, Ordering::Relaxed);
        self.touch();
    }

    /// Ends it: its streams close, its connections to servers are let go.
    pub(crate) fn end(&self) {
        self.over.send_replace(true);
        lock(&self.links).clear();
        lock(&self.questions).clear();
        lock(&self.calls).clear();
        lock(&self.streams).clear();
    }

    /// Turns true at its end.
    pub(crate) fn over(&self) -> watch::Receiver<bool> {
        self.over.subscribe()
    }

    pub(crate) fn link(&self, server: &ServerId) -> Option<Arc<Link>> {
        lock(&self.links).get(server).filter(|l| !l.is_over()).cloned()
    }

    pub(crate) fn links(&self) -> Vec<Arc<Link>> {
        lock(&self.links).values().cloned().collect()
    }

    pub(crate) fn keep(&self, link: &Arc<Link>) {
        lock(&self.links).insert(link.server().id().clone(), link.clone());
    }

    pub(crate) fn drop_link(&self, link: &Arc<Link>) {
        let mut links = lock(&self.links);
        if links.get(link.server().id()).is_some_and(|l| Arc::ptr_eq(l, link)) {
            links.remove(link.server().id());
        }
    }

    pub(crate) fn keep_links(&self, keep: impl Fn(&ServerId, &Arc<Link>) -> bool) {
        lock(&self.links).retain(|id, link| keep(id, link));
    }

    /// Puts a message into the standing stream.
    pub(crate) fn post(&self, message: Bytes) {
        let mut outbox = lock(&self.outbox);
        outbox.last += 1;
        let number = outbox.last;
        outbox.bytes += message.len();
        outbox.kept.push_back(Kept { number, message });
        while outbox.kept.len() > MAX_KEPT || outbox.bytes > MAX_KEPT_BYTES {
            let Some(old) = outbox.kept.pop_front() else { break };
            outbox.bytes -= old.message.len();
        }
        drop(outbox);
        self.news.notify_one();
    }

    /// The number of the last event.
    pub(crate) fn last_event(&self) -> u64 {
        lock(&self.outbox).last
    }

    /// The first kept event after this one.
    pub(crate) fn after(&self, number: u64) -> Option<Kept> {
        lock(&self.outbox).kept.iter().find(|k| k.number > number).cloned()
    }

    /// A new question to the client: its id, and where the answer comes; `None` when too many are open.
    pub(crate) fn ask(&self) -> Option<(Id, oneshot::Receiver<Message>)> {
        let mut questions = lock(&self.questions);
        questions.retain(|_, q| !q.is_closed());
        if questions.len() >= MAX_OPEN_QUESTIONS {
            return None;
        }
        let id = Id::number(self.next.fetch_add(1, Ordering::Relaxed));
        let (answer, answered) = oneshot::channel();
        questions.insert(id.clone(), answer);
        Some((id, answered))
    }

    /// The client's answer to a question; false when nobody asked it.
    pub(crate) fn answer(&self, message: Message) -> bool {
        let asked = message.id().and_then(|id| lock(&self.questions).remove(id));
        asked.is_some_and(|q| q.send(message).is_ok())
    }

    /// A stream that the client can come back to.
    pub(crate) fn open_stream(&self, retry: u64, shelf: &Arc<Shelf>) -> Arc<CallStream> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let stream = Arc::new(CallStream::new(number, retry, shelf.clone()));
        let mut streams = lock(&self.streams);
        streams.retain(|_, s| s.is_kept() && !s.is_stale());
        streams.insert(stream.number(), stream.clone());
        stream
    }

    /// The stream of that number.
    pub(crate) fn stream(&self, number: u64) -> Option<Arc<CallStream>> {
        lock(&self.streams).get(&number).filter(|s| s.is_kept()).cloned()
    }

    /// A call under way, so that it can be cancelled by its id.
    pub(crate) fn begin(&self, id: &Id) -> oneshot::Receiver<()> {
        let (cancel, cancelled) = oneshot::channel();
        let mut calls = lock(&self.calls);
        calls.retain(|_, c| !c.is_closed());
        calls.insert(id.clone(), cancel);
        cancelled
    }

    /// Cancels the call of that id.
    pub(crate) fn cancel(&self, id: &Id) {
        if let Some(cancel) = lock(&self.calls).remove(id) {
            let _ = cancel.send(());
        }
    }
}
