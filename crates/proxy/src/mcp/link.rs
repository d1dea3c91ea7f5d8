//! One connection to one tool server, for one client: the handshake, and requests over it.
//!
//! ```text
//! open: (client without sessions) server/discover, else initialize     (client with one) initialize, else discover
//! ask:  envelope and `_meta` of Cordon's own around what was judged --> Replies
//! ```
//! What always holds: the server learns Cordon's name, not the client's; it is told of a client's abilities only as far
//! as the client has them and the manifest allows them; nothing of the client's credential or headers goes its way.

use crate::mcp::duplex::Duplex;
use crate::mcp::failure::Failure;
use crate::mcp::hub::lock;
use crate::mcp::openapi::{self, Interface};
use crate::mcp::outward::{self, Behalf};
use crate::mcp::replies::Replies;
use crate::mcp::server::{Server, Transport};
use crate::mcp::session::Abilities;
use crate::mcp::tasks;
use crate::worker::Worker;
use bytes::Bytes;
use cordon_policy::Permit;
use cordon_upstream::{ApiRequest, Incoming, ToolRequest};
use cordon_wire::mcp::{
    ErrorCode, Id, Message, MessageKind, Method, Revision, encode_header, notification, request, string,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method as Verb, header};
use std::fmt::Write as _;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

pub(crate) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
pub(crate) const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
pub(crate) const METHOD: HeaderName = HeaderName::from_static("mcp-method");
pub(crate) const NAME: HeaderName = HeaderName::from_static("mcp-name");
pub(crate) const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");

pub(crate) const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
pub(crate) const META_INFO: &str = "io.modelcontextprotocol/clientInfo";
pub(crate) const META_ABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
pub(crate) const META_LOG: &str = "io.modelcontextprotocol/logLevel";

/// How long a server that was too slow has to answer a ping.
const PING: Duration = Duration::from_secs(5);
/// Requests of a server's that wait for a call to look at them.
const ASIDE: usize = 16;

/// Who Cordon is, towards servers.
const SELF: &str = concat!("{\"name\":\"cordon\",\"version\":\"", env!("CARGO_PKG_VERSION"), "\"}");

/// Whose words a message is made of.
#[derive(Clone)]
pub(crate) enum Words {
    /// The gateway's own.
    Own,
    /// A caller's, permitted.
    Permitted(Arc<Permit>),
}

/// What is asked of a server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ask {
    pub method: &'static str,
    /// Members of the parameters: key and JSON text.
    pub params: Vec<(&'static str, String)>,
    /// What `Mcp-Name` says, where the method has it.
    pub name: Option<String>,
    /// Further headers (2026-07-28, `Mcp-Param-*`).
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Progress is wanted.
    pub progress: bool,
    /// The level of log messages that are wanted.
    pub log: Option<String>,
    /// Which of the client's abilities count for this request (2026-07-28).
    pub abilities: Abilities,
    /// The request that a call of an HTTP interface is.
    pub api: Option<ApiRequest>,
    /// On whose behalf; without, on behalf of whoever used the connection last, which is the same caller.
    pub behalf: Behalf,
}

#[derive(Debug)]
pub(crate) enum Way {
    Http {
        session: Option<HeaderValue>,
    },
    Duplex(Arc<Duplex>),
    /// No connection: each call is a request of its own.
    OpenApi(Arc<Interface>),
}

/// See the module.
pub(crate) struct Link {
    server: Arc<Server>,
    pub revision: Revision,
    pub way: Way,
    /// The server's answer to the handshake.
    pub hello: Message,
    next: AtomicU64,
    over: AtomicBool,
    /// Calls under way.
    calls: Mutex<Vec<mpsc::Sender<Message>>>,
    /// With which token its caller last came.
    behalf: Mutex<Behalf>,
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Way::Duplex(duplex) = &self.way {
            duplex.stop();
        }
    }
}

impl Link {
    /// Connects and shakes hands.
    pub(crate) async fn open(
        worker: &Arc<Worker>,
        server: &Arc<Server>,
        abilities: &Abilities,
        stateless_first: bool,
        behalf: Behalf,
    ) -> Result<Self, Failure> {
        let opening = Box::pin(Self::shake(worker, server, abilities, stateless_first, behalf));
        timeout(server.settings.timeout, opening).await.unwrap_or_else(|_| Err(Failure::too_slow()))
    }

    async fn shake(
        worker: &Arc<Worker>,
        server: &Arc<Server>,
        abilities: &Abilities,
        stateless_first: bool,
        behalf: Behalf,
    ) -> Result<Self, Failure> {
        let duplex = match &server.settings.transport {
            Transport::Http => None,
            Transport::Sse => Some(Duplex::connect(worker, server).await?),
            Transport::Stdio(child) => Some(Duplex::start(worker, server, child)?),
            Transport::OpenApi(interface) => {
                let (revision, hello) = openapi::hello(worker)?;
                let way = Way::OpenApi(interface.clone());
                return Ok(Half { worker, server, way, behalf }.done(revision, hello));
            }
        };
        let bare = |way| Half { worker, server, way, behalf };
        let half = bare(duplex.map_or(Way::Http { session: None }, Way::Duplex));
        // The older transport is older than any server without sessions.
        let stateless = |_: &Half<'_>| !matches!(server.settings.transport, Transport::Sse);
        if stateless_first && stateless(&half) {
            match half.discover().await {
                Ok(hello) => return Ok(half.done(Revision::V2026_07_28, hello)),
                Err(e) if e.name != REFUSED => return Err(e),
                Err(_) => {}
            }
            return half.initialize(abilities).await;
        }
        match half.try_initialize(abilities).await {
            Ok((way, revision, hello)) => Ok(Half { way, ..half }.done(revision, hello)),
            Err(e) if e.name == REFUSED && stateless(&half) => {
                let hello = half.discover().await?;
                Ok(half.done(Revision::V2026_07_28, hello))
            }
            Err(e) => Err(e),
        }
    }

    /// The server.
    pub(crate) fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// Whether it serves no more.
    pub(crate) fn is_over(&self) -> bool {
        let ended = matches!(&self.way, Way::Duplex(d) if d.is_over());
        ended || self.over.load(Ordering::Relaxed)
    }

    /// It serves no more.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// With which token the caller comes now. INVARIANT: a connection is one caller's, so it is the same caller.
    pub(crate) fn renew(&self, behalf: &Behalf) {
        lock(&self.behalf).clone_from(behalf);
    }

    pub(crate) fn behalf(&self) -> Behalf {
        lock(&self.behalf).clone()
    }

    /// A capability that the server named: the node of it in `hello`.
    pub(crate) fn capability(&self, name: &str) -> Option<u32> {
        self.hello.doc().given(self.hello.get("capabilities")?, name)
    }

    /// Sends a request; its answer comes as [`Replies`].
    pub(crate) fn ask(
        self: &Arc<Self>,
        worker: &Arc<Worker>,
        words: Words,
        ask: Ask,
    ) -> impl Future<Output = Result<Replies, Failure>> + Send + use<> {
        let (this, worker) = (self.clone(), worker.clone());
        async move { this.carry(worker, words, ask).await }
    }

    async fn carry(self: Arc<Self>, worker: Arc<Worker>, words: Words, ask: Ask) -> Result<Replies, Failure> {
        let id = Id::number(self.next.fetch_add(1, Ordering::Relaxed));
        let params = self.params(&ask, &id);
        let body = request(&id, ask.method, &params);
        if let Way::OpenApi(interface) = &self.way {
            let interface = interface.clone();
            return openapi::ask(self, interface, worker, words, ask, id).await;
        }
        if let Way::Duplex(duplex) = &self.way {
            let waiting = duplex.expect(&id);
            duplex.send(&worker, &self.server, words, body).await?;
            return Ok(Replies::duplex(self, worker, id, waiting));
        }
        let mut headers = self.headers();
        if self.revision.is_stateless() {
            insert(&mut headers, METHOD, ask.method);
            if let Some(name) = &ask.name {
                insert(&mut headers, NAME, &encode_header(name));
            }
            for (name, value) in ask.headers {
                headers.insert(name, value);
            }
        }
        let behalf = ask.behalf.or_else(|| self.behalf());
        let answer = post(&worker, &self.server, words, &behalf, headers, body).await?;
        Replies::http(self, worker, id, answer).await
    }

    /// A request took too long. A server behind one stream that does not even answer a ping serves nobody any more: it
    /// is let go, and the next call begins anew.
    pub(crate) fn suspect(&self, worker: &Arc<Worker>) {
        let Way::Duplex(duplex) = &self.way else { return };
        let id = Id::number(self.next.fetch_add(1, Ordering::Relaxed));
        let ping = request(&id, Method::Ping.name(), &self.params(&Ask::default(), &id));
        let (duplex, server, worker_too) = (duplex.clone(), self.server.clone(), worker.clone());
        let asking = async move {
            let mut waiting = duplex.expect(&id);
            let answered = async {
                duplex.send(&worker_too, &server, Words::Own, ping).await?;
                waiting.answer().await
            };
            // An error is an answer too.
            if !matches!(timeout(PING, answered).await, Ok(Ok(_))) && !duplex.is_over() {
                tracing::warn!(server = %server.id(), "a tool server answers nothing any more; it was let go");
                duplex.stop();
            }
        };
        worker.spawner.spawn("ping", Box::pin(asking));
    }

    /// Where a server's own requests come that arrive beside any call.
    pub(crate) fn aside(&self) -> mpsc::Receiver<Message> {
        let (sender, receiver) = mpsc::channel(ASIDE);
        lock(&self.calls).push(sender);
        receiver
    }

    /// Gives such a request to the one call under way; gives it back when there is none, or more.
    pub(crate) fn to_call(&self, message: Message) -> Result<(), Message> {
        let mut calls = lock(&self.calls);
        calls.retain(|c| !c.is_closed());
        match calls.as_slice() {
            [one] => one.try_send(message).map_err(|e| e.into_inner()),
            _ => Err(message),
        }
    }

    /// Sends a notification, or an answer to a server's request.
    pub(crate) async fn tell(
        &self,
        worker: &Arc<Worker>,
        words: Words,
        message: Bytes,
    ) -> Result<(), Failure> {
        match &self.way {
            Way::Duplex(duplex) => duplex.send(worker, &self.server, words, message).await,
            // There is nobody to tell.
            Way::OpenApi(_) => Ok(()),
            Way::Http { .. } => {
                let answer =
                    post(worker, &self.server, words, &self.behalf(), self.headers(), message).await?;
                if answer.status.is_success() { Ok(()) } else { Err(Failure::broken()) }
            }
        }
    }

    /// The standing stream of the server, from after that event on.
    pub(crate) async fn stream(
        &self,
        worker: &Arc<Worker>,
        after: Option<&str>,
    ) -> Result<Incoming, Failure> {
        if matches!(self.way, Way::OpenApi(_)) {
            return Err(Failure::broken());
        }
        let mut headers = self.headers();
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
        headers.remove(header::CONTENT_TYPE);
        if let Some(after) = after {
            insert(&mut headers, LAST_EVENT, after);
        }
        let request =
            ToolRequest { method: Verb::GET, headers, body: Bytes::new(), path: None, bearer: None };
        let answer = outward::send(worker, &self.server, &Words::Own, &self.behalf(), request).await?;
        let is_events = answer
            .headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|t| t.as_bytes().starts_with(b"text/event-stream"));
        if answer.status.is_success() && is_events { Ok(answer) } else { Err(Failure::broken()) }
    }

    /// Ends the server's session, where it has one. What it answers does not matter.
    pub(crate) async fn close(&self, worker: &Arc<Worker>) {
        self.end();
        if let Way::Http { session: Some(_) } = &self.way {
            let (headers, body) = (self.headers(), Bytes::new());
            let request = ToolRequest { method: Verb::DELETE, headers, body, path: None, bearer: None };
            let _ = outward::send(worker, &self.server, &Words::Own, &self.behalf(), request).await;
        }
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = basic_headers();
        insert(&mut headers, VERSION, self.revision.name());
        if let Way::Http { session: Some(session) } = &self.way {
            headers.insert(SESSION, session.clone());
        }
        headers
    }

    fn params(&self, ask: &Ask, id: &Id) -> String {
        let mut meta: Vec<(&str, String)> = Vec::new();
        if ask.progress {
            meta.push(("progressToken", id.as_json().to_owned()));
        }
        if self.revision.is_stateless() {
            stateless_meta(&mut meta, &ask.abilities);
            meta.extend(ask.log.iter().map(|level| (META_LOG, string(level))));
        }
        let mut members: Vec<(&str, String)> = ask.params.iter().map(|(k, v)| (*k, v.clone())).collect();
        if !meta.is_empty() {
            members.push(("_meta", object(&meta)));
        }
        object(&members)
    }
}

/// A connection before its handshake.
struct Half<'a> {
    worker: &'a Arc<Worker>,
    server: &'a Arc<Server>,
    way: Way,
    behalf: Behalf,
}

/// The server understood, and will not.
const REFUSED: &str = "upstream_refused";

impl Half<'_> {
    fn done(self, revision: Revision, hello: Message) -> Link {
        *lock(&self.server.newest) = Some(revision);
        Link {
            server: self.server.clone(),
            revision,
            way: self.way,
            hello,
            // The handshake was the first request.
            next: AtomicU64::new(2),
            over: AtomicBool::new(false),
            calls: Mutex::default(),
            behalf: Mutex::new(self.behalf),
        }
    }

    async fn discover(&self) -> Result<Message, Failure> {
        let mut meta = Vec::new();
        stateless_meta(&mut meta, &Abilities::default());
        let params = object(&[("_meta", object(&meta))]);
        let mut headers = basic_headers();
        insert(&mut headers, VERSION, Revision::V2026_07_28.name());
        insert(&mut headers, METHOD, Method::Discover.name());
        let speaks = |message: &Message, list: Option<u32>| {
            let doc = message.doc();
            let mut named = list.into_iter().flat_map(|l| doc.items(l));
            named.any(|v| doc.string(v).as_deref() == Some(Revision::V2026_07_28.name()))
        };
        let (_, mut hello) = self.answer(Method::Discover.name(), &params, headers.clone()).await?;
        // A server that names this very revision among those it would rather have gets it once more.
        let unsupported = ErrorCode::UnsupportedVersion.number().to_string();
        if hello.kind() == MessageKind::Error && hello.get("code").map(|n| hello.raw(n)) == Some(&unsupported)
        {
            let supported = hello.get("data").and_then(|d| hello.doc().given(d, "supported"));
            if speaks(&hello, supported) {
                (_, hello) = self.answer(Method::Discover.name(), &params, headers).await?;
            }
        }
        let list = hello.get("supportedVersions").filter(|_| hello.kind() == MessageKind::Response);
        if speaks(&hello, list) { Ok(hello) } else { Err(refused()) }
    }

    async fn initialize(self, abilities: &Abilities) -> Result<Link, Failure> {
        let (way, revision, hello) = self.try_initialize(abilities).await?;
        Ok(Half { way, ..self }.done(revision, hello))
    }

    async fn try_initialize(&self, abilities: &Abilities) -> Result<(Way, Revision, Message), Failure> {
        let params = object(&[
            ("protocolVersion", string(Revision::LAST_WITH_SESSIONS.name())),
            ("capabilities", abilities.to_json()),
            ("clientInfo", SELF.to_owned()),
        ]);
        let (session, hello) = self.exchange(Method::Initialize.name(), &params, basic_headers()).await?;
        let named = hello.text("protocolVersion").and_then(|v| Revision::from_name(&v));
        let revision = named.filter(|r| !r.is_stateless()).ok_or_else(refused)?;
        let mut headers = basic_headers();
        insert(&mut headers, VERSION, revision.name());
        let way = match &self.way {
            Way::Duplex(duplex) => Way::Duplex(duplex.clone()),
            Way::Http { .. } => Way::Http { session: session.clone() },
            Way::OpenApi(_) => return Err(refused()),
        };
        headers.extend(session.map(|s| (SESSION, s)));
        let ready = notification("notifications/initialized", "{}");
        match &self.way {
            Way::Duplex(duplex) => duplex.send(self.worker, self.server, Words::Own, ready).await?,
            Way::OpenApi(_) => return Err(refused()),
            Way::Http { .. } => {
                post(self.worker, self.server, Words::Own, &self.behalf, headers, ready).await?;
            }
        }
        Ok((way, revision, hello))
    }

    /// The first request of a connection, and its answer, which is no error.
    async fn exchange(
        &self,
        method: &str,
        params: &str,
        headers: HeaderMap,
    ) -> Result<(Option<HeaderValue>, Message), Failure> {
        let (session, answer) = self.answer(method, params, headers).await?;
        match answer.kind() {
            MessageKind::Response => Ok((session, answer)),
            _ => Err(refused()),
        }
    }

    /// The first request of a connection, and its answer.
    async fn answer(
        &self,
        method: &str,
        params: &str,
        headers: HeaderMap,
    ) -> Result<(Option<HeaderValue>, Message), Failure> {
        let id = Id::number(1);
        let body = request(&id, method, params);
        let (session, answer) = match &self.way {
            Way::Duplex(duplex) => {
                let mut waiting = duplex.expect(&id);
                duplex.send(self.worker, self.server, Words::Own, body).await?;
                (None, waiting.answer().await?)
            }
            // It has no handshake.
            Way::OpenApi(_) => return Err(refused()),
            Way::Http { .. } => {
                let answer = post(self.worker, self.server, Words::Own, &self.behalf, headers, body).await?;
                let session = answer.headers.get(&SESSION).cloned();
                let limit = self.server.settings.result_bytes;
                (session, crate::mcp::replies::first_answer(self.worker, answer, &id, limit).await?)
            }
        };
        Ok((session, answer))
    }
}

fn refused() -> Failure {
    Failure::new(REFUSED, "the tool server speaks no revision of the protocol that this gateway speaks")
}

impl Abilities {
    /// Whether the client can put a form before its user. An ability without a mode means that (2025-11-25).
    pub(crate) fn elicitation_form(&self) -> bool {
        self.elicitation.as_ref().is_some_and(|e| e == "{}" || e.contains("\"form\""))
    }

    /// As a server reads it.
    pub(crate) fn to_json(&self) -> String {
        let all = [("elicitation", &self.elicitation), ("sampling", &self.sampling), ("roots", &self.roots)];
        let mut members: Vec<(&str, String)> =
            all.into_iter().filter_map(|(key, json)| Some((key, json.clone()?))).collect();
        members.extend(self.tasks.then(tasks::advertised));
        object(&members)
    }
}

fn stateless_meta(meta: &mut Vec<(&str, String)>, abilities: &Abilities) {
    meta.push((META_VERSION, string(Revision::V2026_07_28.name())));
    meta.push((META_INFO, SELF.to_owned()));
    meta.push((META_ABILITIES, abilities.to_json()));
}

/// An object of these members: key and JSON text.
pub(crate) fn object(members: &[(&str, String)]) -> String {
    let mut out = String::from("{");
    for (at, (key, json)) in members.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = write!(out, "{comma}{}:{json}", string(key));
    }
    out.push('}');
    out
}

fn basic_headers() -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    headers
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

async fn post(
    worker: &Arc<Worker>,
    server: &Arc<Server>,
    words: Words,
    behalf: &Behalf,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Incoming, Failure> {
    let request = ToolRequest { method: Verb::POST, headers, body, path: None, bearer: None };
    outward::send(worker, server, &words, behalf, request).await
}
