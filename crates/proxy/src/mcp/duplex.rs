//! A connection on which all requests of one client share one stream of messages back: a program's standard output, or
//! the event stream of the older transport (2024-11-05, "HTTP with SSE").
//!
//! ```text
//! answers        by their id, to the request that waits
//! progress       by its token, which is the request's id
//! other words    to the one request under way; with none, or several, to the session's standing stream
//! ```
//! What always holds: a server's own request is given to a call only when it is the only one under way, since nothing
//! says which call it belongs to; else it is refused.

use crate::mcp::failure::Failure;
use crate::mcp::hub::lock;
use crate::mcp::link::Words;
use crate::mcp::outward;
use crate::mcp::server::Server;
use crate::worker::Worker;
use bytes::Bytes;
use cordon_upstream::{Child, ChildLine, ChildSettings, IncomingBody, ToolRequest};
use cordon_wire::mcp::{ErrorCode, Id, Message, MessageKind, error, response};
use cordon_wire::{Limits, SseReader};
use http::{HeaderMap, HeaderValue, Method, header};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Messages that wait for one request.
const QUEUE: usize = 256;
/// Places in that queue which only an answer may take.
const SPARE: usize = 8;
/// Lines of a child that wait to be read.
const LINES: usize = 16;
/// Between two starts of a program that failed; doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

enum Out {
    Child(Child),
    /// Where to post.
    Path(String),
}

/// See the module.
pub(crate) struct Duplex {
    out: Mutex<Option<Arc<Out>>>,
    waiting: Mutex<HashMap<Id, mpsc::Sender<Message>>>,
    /// Messages that belong to no request.
    loose: mpsc::Sender<Message>,
    loose_out: Mutex<Option<mpsc::Receiver<Message>>>,
    over: AtomicBool,
    stop: tokio::sync::Notify,
}

impl std::fmt::Debug for Duplex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Duplex(..)")
    }
}

/// What comes for one request. Dropped, nothing more is kept for it.
pub(crate) struct Waiting {
    messages: mpsc::Receiver<Message>,
    id: Id,
    duplex: Arc<Duplex>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        lock(&self.duplex.waiting).remove(&self.id);
    }
}

impl Waiting {
    pub(crate) async fn next(&mut self) -> Result<Message, Failure> {
        self.messages.recv().await.ok_or_else(Failure::gone)
    }

    /// The answer; what comes before it is passed over.
    pub(crate) async fn answer(&mut self) -> Result<Message, Failure> {
        loop {
            let message = self.next().await?;
            if matches!(message.kind(), MessageKind::Response | MessageKind::Error) {
                return Ok(message);
            }
        }
    }
}

impl Duplex {
    fn new(out: Option<Out>) -> Arc<Self> {
        let (loose, loose_out) = mpsc::channel(QUEUE);
        Arc::new(Self {
            out: Mutex::new(out.map(Arc::new)),
            waiting: Mutex::default(),
            loose,
            loose_out: Mutex::new(Some(loose_out)),
            over: AtomicBool::new(false),
            stop: tokio::sync::Notify::new(),
        })
    }

    /// Starts the program.
    pub(crate) fn start(
        worker: &Arc<Worker>,
        server: &Arc<Server>,
        settings: &ChildSettings,
    ) -> Result<Arc<Self>, Failure> {
        may_start(server)?;
        let place = server.places.clone().try_acquire_owned();
        let place =
            place.map_err(|_| Failure::new("busy", "the tool server has no free place; try again later"))?;
        let (lines, mut said) = mpsc::channel(LINES);
        let child = Child::start(settings, worker.spawner.as_ref(), lines).inspect_err(|_| failed(server))?;
        tracing::info!(server = %server.id(), pid = child.id(), "a tool server was started");
        let this = Self::new(Some(Out::Child(child)));
        let (mine, worker_too, server) = (this.clone(), worker.clone(), server.clone());
        worker.spawner.spawn(
            "tool-server-reader",
            Box::pin(async move {
                let limits = worker_too.shared.gate.load().limits;
                let mut spoke = false;
                loop {
                    let line = tokio::select! {
                        line = said.recv() => line,
                        () = mine.stop.notified() => break,
                    };
                    match line {
                        Some(ChildLine::Message(line)) => match Message::parse(line, &limits) {
                            Ok(message) => {
                                if !std::mem::replace(&mut spoke, true) {
                                    *lock(&server.failures) = (0, None);
                                }
                                mine.route(&worker_too, &server, message).await;
                            }
                            // Programs print to their output what belongs to no one: it is passed over, not read.
                            Err(e) => tracing::debug!(server = %server.id(), why = e.code.name(), "a line is no message"),
                        },
                        Some(ChildLine::TooLong) => {
                            tracing::warn!(server = %server.id(), "a tool server sent a message over its size; it was ended");
                            break;
                        }
                        // One that was let go ends because nobody needs it any more.
                        Some(ChildLine::Over) | None if mine.is_over() => break,
                        Some(ChildLine::Over) | None => {
                            failed(&server);
                            tracing::warn!(server = %server.id(), "a tool server ended");
                            break;
                        }
                    }
                }
                mine.stop();
                drop(place);
            }),
        );
        Ok(this)
    }

    /// Opens the event stream, and waits for the word where to post.
    pub(crate) async fn connect(worker: &Arc<Worker>, server: &Arc<Server>) -> Result<Arc<Self>, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
        let request =
            ToolRequest { method: Method::GET, headers, body: Bytes::new(), path: None, bearer: None };
        let answer = outward::send(worker, server, &Words::Own, &None, request).await?;
        if !answer.status.is_success() || !crate::mcp::replies::is_events(&answer) {
            return Err(Failure::broken());
        }
        let (mut body, mut reader) = (answer.body, SseReader::new(server.settings.result_bytes));
        let path = loop {
            let Some(chunk) = body.chunk().await else { return Err(Failure::gone()) };
            reader.push(&chunk?);
            if let Some(frame) = reader.next().map_err(|e| Failure::unread(&e))? {
                if frame.event.as_deref() != Some("endpoint") {
                    return Err(Failure::broken());
                }
                break post_path(&frame.data).ok_or_else(Failure::broken)?;
            }
        };
        let this = Self::new(Some(Out::Path(path)));
        let (mine, worker_too, server) = (this.clone(), worker.clone(), server.clone());
        worker.spawner.spawn(
            "tool-server-reader",
            Box::pin(async move {
                tokio::select! {
                    () = mine.read(&worker_too, &server, body, reader) => {}
                    () = mine.stop.notified() => {}
                }
                mine.stop();
            }),
        );
        Ok(this)
    }

    async fn read(
        &self,
        worker: &Arc<Worker>,
        server: &Arc<Server>,
        mut body: IncomingBody,
        mut reader: SseReader,
    ) {
        let limits: Limits = worker.shared.gate.load().limits;
        loop {
            loop {
                match reader.next() {
                    Ok(Some(frame)) if frame.data.is_empty() => {}
                    Ok(Some(frame)) => match Message::parse(frame.data, &limits) {
                        Ok(message) => self.route(worker, server, message).await,
                        Err(_) => return,
                    },
                    Ok(None) => break,
                    Err(_) => return,
                }
            }
            match body.chunk().await {
                Some(Ok(chunk)) => reader.push(&chunk),
                _ => return,
            }
        }
    }

    /// Where the messages of a request will come; before it is sent.
    pub(crate) fn expect(self: &Arc<Self>, id: &Id) -> Waiting {
        let (sender, messages) = mpsc::channel(QUEUE);
        lock(&self.waiting).insert(id.clone(), sender);
        Waiting { messages, id: id.clone(), duplex: self.clone() }
    }

    /// Messages that belong to no request; the first who asks gets them.
    pub(crate) fn take_loose(&self) -> Option<mpsc::Receiver<Message>> {
        lock(&self.loose_out).take()
    }

    pub(crate) async fn send(
        &self,
        worker: &Arc<Worker>,
        server: &Arc<Server>,
        words: Words,
        message: Bytes,
    ) -> Result<(), Failure> {
        let out = lock(&self.out).clone().ok_or_else(Failure::gone)?;
        match (out.as_ref(), words) {
            (Out::Child(child), Words::Own) => Ok(child.send_own(message).await?),
            (Out::Child(child), Words::Permitted(permit)) => Ok(child.send(&permit, message).await?),
            (Out::Path(path), words) => {
                let mut headers = HeaderMap::new();
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                let path = Some(path.clone());
                let request =
                    ToolRequest { method: Method::POST, headers, body: message, path, bearer: None };
                // On this transport no token is exchanged: the config refuses it.
                let answer = outward::send(worker, server, &words, &None, request).await?;
                if answer.status.is_success() { Ok(()) } else { Err(Failure::broken()) }
            }
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Ends it: whoever waits learns that nothing more comes.
    pub(crate) fn stop(&self) {
        self.over.store(true, Ordering::Relaxed);
        lock(&self.out).take();
        lock(&self.waiting).clear();
        self.stop.notify_one();
    }

    async fn route(&self, worker: &Arc<Worker>, server: &Arc<Server>, message: Message) {
        let taker = {
            let waiting = lock(&self.waiting);
            match message.kind() {
                MessageKind::Response | MessageKind::Error => {
                    message.id().and_then(|id| waiting.get(id)).cloned()
                }
                _ if message.method() == "notifications/progress" => {
                    let token = message.get("progressToken").and_then(|n| Id::read(message.doc(), n));
                    token.and_then(|id| waiting.get(&id)).cloned()
                }
                MessageKind::Notification if message.method().ends_with("_changed") => None,
                _ if waiting.len() == 1 => waiting.values().next().cloned(),
                _ => None,
            }
        };
        let is_answer = matches!(message.kind(), MessageKind::Response | MessageKind::Error);
        match (taker, message.kind()) {
            (Some(taker), _) => {
                if is_answer || taker.capacity() > SPARE {
                    let _ = taker.try_send(message);
                }
            }
            (None, MessageKind::Request) => {
                let Some(id) = message.id() else { return };
                let reply = if message.method() == "ping" {
                    response(id, "{}")
                } else {
                    error(
                        Some(id),
                        ErrorCode::MethodNotFound,
                        "no call is under way that this could belong to",
                    )
                };
                let _ = self.send(worker, server, Words::Own, reply).await;
            }
            (None, MessageKind::Notification) => {
                let _ = self.loose.try_send(message);
            }
            // An answer that nobody waits for any more.
            (None, _) => {}
        }
    }
}

/// Whether a program may be started now.
fn may_start(server: &Server) -> Result<(), Failure> {
    let (count, not_before) = *lock(&server.failures);
    let stopped =
        Failure::new("not_running", "the tool server is not running; ask the operator of this gateway");
    if count > server.settings.restarts {
        // One more attempt a minute, so that a server that was repaired comes back by itself.
        if not_before.is_some_and(|t| Instant::now() < t) {
            return Err(stopped);
        }
    }
    if not_before.is_some_and(|t| Instant::now() < t) { Err(stopped) } else { Ok(()) }
}

fn failed(server: &Server) {
    let mut failures = lock(&server.failures);
    failures.0 = failures.0.saturating_add(1);
    let pause = FIRST_PAUSE.saturating_mul(1 << failures.0.min(10)).min(LONGEST_PAUSE);
    failures.1 = Some(Instant::now() + pause);
}

/// The path that an `endpoint` event names. SECURITY: only a path of the same server; another host is not followed.
fn post_path(data: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(data).ok()?.trim();
    let path = match text.split_once("://") {
        None => text,
        Some((_, rest)) => rest.get(rest.find('/')?..)?,
    };
    let fine = path.starts_with('/') && !path.starts_with("//") && path.bytes().all(|b| b.is_ascii_graphic());
    (fine && path.len() <= 2_048).then(|| path.to_owned())
}
