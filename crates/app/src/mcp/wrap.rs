//! `cordon mcp wrap`: stands where a client expects a stdio server, and carries its messages to the gateway.
//!
//! ```text
//! client's stdin --a line, a message--> POST /mcp/{server} --JSON or an event stream--> a line each --> client's stdout
//!                                        `- legacy, after initialize: GET, for what the server says by itself
//! ```
//! What always holds: a message goes on as the bytes that came; what is read in it only chooses headers, and the
//! gateway checks those against the body. Each request gets one answer, if only that there was none. What it does not
//! do: judge, start anything, keep anything.
//!
//! MCP 2025-11-25 and before, "Streamable HTTP" (sessions, GET streams), and 2026-07-28 (headers from the body).

use crate::error::AppError;
use crate::settings::certificates;
use crate::system::SystemClock;
use crate::tools::export::Here;
use bytes::Bytes;
use cordon_types::{Secret, UpstreamId};
use cordon_upstream::{
    AuthStyle, BaseUrl, Credential, Delivery, Incoming, IncomingBody, Outgoing, Settings, Target,
    UpstreamError,
};
use cordon_wire::SseReader;
use data_encoding::BASE64;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header::ACCEPT, header::CONTENT_TYPE};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{BufRead, Read as _, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;

/// Longest message, either way.
const MAX_MESSAGE: usize = 16 << 20;
/// Longest that an answer may take to begin, and a stream may be silent: the gateway has limits of its own.
const PATIENCE: Duration = Duration::from_secs(3_600);
/// How long requests under way may go on after the client has closed its side.
const LINGER: Duration = Duration::from_secs(10);
/// Messages that were read and not sent yet.
const READ_AHEAD: usize = 16;

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
/// Where a request of the revision 2026-07-28 names its revision.
const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";

/// Where to carry messages, and as whom.
#[derive(Debug)]
pub struct Gateway {
    /// `http://127.0.0.1:8480`.
    pub url: String,
    /// The server's id.
    pub server: String,
    /// The agent's key.
    pub key: Secret,
}

/// Where the gateway of a data directory listens, as its config says.
pub fn address(root: &Path) -> Result<String, AppError> {
    let config = cordon_config::parse("cordon.toml", &crate::data::read(&root.join("cordon.toml"))?)?;
    let listen = &config.listen;
    let scheme = if listen.tls.is_some() { "https" } else { "http" };
    let mut address = listen.address;
    // A gateway that listens everywhere is here too.
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            Ipv4Addr::LOCALHOST.into()
        } else {
            Ipv6Addr::LOCALHOST.into()
        });
    }
    Ok(format!("{scheme}://{address}"))
}

/// Carries messages until the client closes its side.
pub fn bridge(
    gateway: &Gateway,
    ca: Option<&Path>,
    input: impl BufRead + Send + 'static,
    output: impl Write + 'static,
) -> Result<(), AppError> {
    let carrier = Carrier::new(gateway, ca, output)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(AppError::Thread)?;
    let (lines, incoming) = tokio::sync::mpsc::channel(READ_AHEAD);
    // A thread of its own: a read from a terminal or a pipe cannot be given up.
    std::thread::Builder::new()
        .name("cordon-wrap".to_owned())
        .spawn(move || read_lines(input, &lines))
        .map_err(AppError::Thread)?;
    let tasks = tokio::task::LocalSet::new();
    runtime.block_on(tasks.run_until(carrier.run(incoming)));
    Ok(())
}

/// Reads lines until the end, or one that is too long to be a message.
fn read_lines(mut input: impl BufRead, lines: &tokio::sync::mpsc::Sender<Vec<u8>>) {
    loop {
        let mut line = Vec::new();
        match (&mut input).take(MAX_MESSAGE as u64 + 1).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) if line.len() > MAX_MESSAGE => return,
            Ok(_) => {}
        }
        let line = line.trim_ascii().to_vec();
        if !line.is_empty() && lines.blocking_send(line).is_err() {
            return;
        }
    }
}

/// What of a message chooses headers and order.
#[derive(Debug, Default, PartialEq)]
struct Note {
    /// Present on what wants an answer.
    id: Option<Value>,
    method: Option<String>,
    name: Option<String>,
    /// The revision, where the message names one.
    version: Option<String>,
    /// The request that it takes back.
    cancels: Option<Value>,
}

impl Note {
    fn of(message: &Value) -> Self {
        let text = |v: Option<&Value>| v.and_then(Value::as_str).map(str::to_owned);
        let params = message.get("params");
        let method = text(message.get("method"));
        let field = match method.as_deref() {
            Some("tools/call" | "prompts/get") => Some("name"),
            Some("resources/read") => Some("uri"),
            _ => None,
        };
        let cancels = method.as_deref() == Some("notifications/cancelled");
        Self {
            id: message.get("id").filter(|id| !id.is_null() && method.is_some()).cloned(),
            name: field.and_then(|f| text(params?.get(f))),
            version: text(params.and_then(|p| p.get("_meta")?.get(META_VERSION))),
            cancels: params.filter(|_| cancels).and_then(|p| p.get("requestId").cloned()),
            method,
        }
    }
}

struct Carrier {
    delivery: Delivery,
    path: String,
    session: RefCell<Option<HeaderValue>>,
    version: RefCell<Option<HeaderValue>>,
    /// Requests under way, by their id as JSON.
    under_way: RefCell<HashMap<String, AbortHandle>>,
    output: RefCell<Box<dyn Write>>,
}

impl Carrier {
    fn new(gateway: &Gateway, ca: Option<&Path>, output: impl Write + 'static) -> Result<Rc<Self>, AppError> {
        let bad = |reason: String| AppError::Credential { upstream: "gateway".to_owned(), reason };
        let base = BaseUrl::parse(&gateway.url).map_err(bad)?;
        let here = base.host() == "localhost"
            || base.host().parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        // SECURITY: the key must not cross a network in the clear because of one letter in an address.
        if !base.is_tls() && !here {
            return Err(bad(
                "the key would go over the network in the clear; use an https:// address".to_owned()
            ));
        }
        let id = UpstreamId::new("gateway").map_err(|e| bad(e.to_string()))?;
        let mut settings = Settings::new(id, Target::Url(base));
        settings.allow_private = true;
        settings.head = PATIENCE;
        settings.idle = PATIENCE;
        settings.credential = Some(Credential::new(gateway.key.clone()));
        settings.auth = AuthStyle::Bearer;
        settings.ca = ca.map(certificates).transpose()?;
        let delivery = Delivery::new(&settings, Arc::new(Here), Arc::new(SystemClock::new()))?;
        Ok(Rc::new(Self {
            delivery,
            path: format!("/mcp/{}", gateway.server),
            session: RefCell::default(),
            version: RefCell::default(),
            under_way: RefCell::default(),
            output: RefCell::new(Box::new(output)),
        }))
    }

    async fn run(self: Rc<Self>, mut lines: tokio::sync::mpsc::Receiver<Vec<u8>>) {
        let mut requests = tokio::task::JoinSet::new();
        let mut listening = None;
        while let Some(line) = lines.recv().await {
            while requests.try_join_next().is_some() {}
            let Ok(message) = serde_json::from_slice::<Value>(&line) else {
                self.say(
                    &json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32700, "message": "not JSON"}}),
                );
                continue;
            };
            let note = Note::of(&message);
            if note.cancels.is_some() && self.cancel(&note) {
                continue;
            }
            match (&note.id, note.method.as_deref()) {
                // What follows needs its session: it is waited for. So is all that wants no answer, to keep its order.
                (Some(_), Some("initialize")) | (None, _) => {
                    let initialized = note.method.as_deref() == Some("notifications/initialized");
                    self.clone().carry(line.into(), note).await;
                    if initialized && listening.is_none() {
                        let this = self.clone();
                        listening = Some(tokio::task::spawn_local(async move { this.listen().await }));
                    }
                }
                (Some(id), _) => {
                    let key = id.to_string();
                    let task = requests.spawn_local(self.clone().carry(line.into(), note));
                    self.under_way.borrow_mut().insert(key, task);
                }
            }
        }
        let _ = tokio::time::timeout(LINGER, async { while requests.join_next().await.is_some() {} }).await;
        requests.abort_all();
        if let Some(listening) = listening {
            listening.abort();
        }
        if self.session.borrow().is_some() {
            let _ =
                tokio::time::timeout(LINGER, self.send(Method::DELETE, Bytes::new(), &Note::default())).await;
        }
    }

    /// Gives a request of the current revision up by ending its exchange; an older one is told.
    fn cancel(&self, note: &Note) -> bool {
        if self.version.borrow().is_some() {
            return false;
        }
        let id = note.cancels.as_ref().map(Value::to_string).unwrap_or_default();
        let Some(task) = self.under_way.borrow_mut().remove(&id) else { return false };
        task.abort();
        true
    }

    /// Carries one message and writes what comes back.
    async fn carry(self: Rc<Self>, line: Bytes, note: Note) {
        let problem = match self.send(Method::POST, line, &note).await {
            Ok(answer) => self.receive(answer, &note).await,
            Err(e) => Some(format!("the gateway could not be reached: {e}")),
        };
        if let Some(id) = &note.id {
            self.under_way.borrow_mut().remove(&id.to_string());
            if let Some(message) = problem {
                self.say(&json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32000, "message": message}}));
            }
        }
    }

    async fn send(&self, method: Method, body: Bytes, note: &Note) -> Result<Incoming, UpstreamError> {
        let mut headers = HeaderMap::new();
        let post = method == Method::POST;
        if post {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let accept = if post { "application/json, text/event-stream" } else { "text/event-stream" };
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        match &note.version {
            Some(version) => {
                let all =
                    [(VERSION, Some(version)), (METHOD, note.method.as_ref()), (NAME, note.name.as_ref())];
                for (name, text) in all {
                    if let Some(value) = text.and_then(|t| header(t)) {
                        headers.insert(name, value);
                    }
                }
            }
            None => {
                let (session, version) = (self.session.borrow(), self.version.borrow());
                for (name, value) in [(SESSION, session.as_ref()), (VERSION, version.as_ref())] {
                    if let Some(value) = value {
                        headers.insert(name, value.clone());
                    }
                }
            }
        }
        self.delivery.send(Outgoing { method, path: self.path.clone().into(), headers, body }, None).await
    }

    /// Writes an answer to the client. `Some` is what went wrong, where the client got no answer.
    async fn receive(&self, mut answer: Incoming, note: &Note) -> Option<String> {
        let status = answer.status;
        if note.method.as_deref() == Some("initialize")
            && let Some(session) = answer.headers.get(&SESSION)
        {
            self.session.replace(Some(session.clone()));
        }
        let kind = answer.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if kind.starts_with("text/event-stream") {
            return self.stream(&mut answer.body, note).await;
        }
        let body = match whole(&mut answer.body).await {
            Ok(body) => body,
            Err(problem) => return Some(problem),
        };
        let value = serde_json::from_slice::<Value>(&body).unwrap_or_default();
        // An error may come with a status, and still be the answer that the client waits for.
        if value.get("jsonrpc").is_some() && note.id.is_some() && value.get("id") == note.id.as_ref() {
            self.note_version(&value, note);
            self.line(&body);
            return None;
        }
        let said = value.get("error").and_then(|e| e.get("message")?.as_str()).unwrap_or("no reason given");
        Some(format!("the gateway answered {}: {said}", status.as_u16()))
    }

    async fn stream(&self, body: &mut IncomingBody, note: &Note) -> Option<String> {
        let mut reader = SseReader::new(MAX_MESSAGE);
        let mut answered = false;
        while let Some(chunk) = body.chunk().await {
            let Ok(chunk) = chunk else { break };
            reader.push(&chunk);
            loop {
                match reader.next() {
                    Ok(Some(frame)) => answered |= self.event(&frame.data, note),
                    Ok(None) => break,
                    Err(_) => return (!answered).then(|| "the gateway's stream is broken".to_owned()),
                }
            }
        }
        (!answered).then(|| "the gateway's stream ended before the answer".to_owned())
    }

    /// Writes one event. Whether it is the answer.
    fn event(&self, data: &[u8], note: &Note) -> bool {
        let Ok(value) = serde_json::from_slice::<Value>(data) else { return false };
        self.line(data);
        let answer =
            note.id.is_some() && value.get("method").is_none() && value.get("id") == note.id.as_ref();
        if answer {
            self.note_version(&value, note);
        }
        answer
    }

    /// The revision that an older server chose: every later request names it.
    fn note_version(&self, answer: &Value, note: &Note) {
        if note.method.as_deref() == Some("initialize")
            && let Some(version) = answer.get("result").and_then(|r| r.get("protocolVersion")?.as_str())
        {
            self.version.replace(header(version));
        }
    }

    /// What an older server says by itself. A gateway that has no such stream answers 405, and that is fine.
    async fn listen(&self) {
        let none = Note::default();
        while let Ok(mut answer) = self.send(Method::GET, Bytes::new(), &none).await {
            if !answer.status.is_success() || self.stream(&mut answer.body, &none).await.is_none() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// One message, one line: newlines stand only between a message's parts, never within a string.
    fn line(&self, message: &[u8]) {
        let mut line: Vec<u8> =
            message.iter().map(|b| if matches!(b, b'\n' | b'\r') { b' ' } else { *b }).collect();
        line.push(b'\n');
        let mut output = self.output.borrow_mut();
        // A client that closed its side is noticed at its other one.
        let _ = output.write_all(&line).and_then(|()| output.flush());
    }

    fn say(&self, message: &Value) {
        self.line(message.to_string().as_bytes());
    }
}

async fn whole(body: &mut IncomingBody) -> Result<Vec<u8>, String> {
    let mut all = Vec::new();
    while let Some(chunk) = body.chunk().await {
        all.extend_from_slice(&chunk.map_err(|e| e.to_string())?);
        if all.len() > MAX_MESSAGE {
            return Err("the gateway's answer is too long".to_owned());
        }
    }
    Ok(all)
}

/// A value as MCP 2026-07-28 (SEP-2243) writes it in a header: as it is, or in Base64 where a header could not bear it.
fn header(text: &str) -> Option<HeaderValue> {
    let plain = text.bytes().all(|b| matches!(b, b' '..=b'~'))
        && text.trim() == text
        && !text.starts_with("=?base64?");
    if plain {
        return HeaderValue::from_str(text).ok();
    }
    HeaderValue::from_str(&format!("=?base64?{}?=", BASE64.encode(text.as_bytes()))).ok()
}

#[cfg(test)]
#[path = "wrap_tests.rs"]
mod tests;
