//! What stands beside calls: a session's stream of changes, its end, and the level of its log.

use crate::body::{Broken, OutBody};
use crate::call as recording;
use crate::call::Asked;
use crate::mcp::context::{Context, Fail};
use crate::mcp::link::{Ask, LAST_EVENT, Link, SESSION, Way, Words};
use crate::mcp::resume::{self, Reader};
use crate::mcp::session::Session;
use crate::mcp::target::outward_uri;
use crate::respond;
use crate::route::single;
use crate::worker::Worker;
use bytes::Bytes;
use cordon_pipeline::{Refusal, Why};
use cordon_policy::Interaction;
use cordon_types::{Operation, ServerId};
use cordon_wire::SseReader;
use cordon_wire::mcp::{ErrorCode, Id, Message, MessageKind, Method, notification, string};
use futures_util::StreamExt as _;
use futures_util::stream;
use http::{HeaderMap, Response};
use std::sync::Arc;
use std::time::Duration;

/// A comment on a stream that says nothing else, so that what stands between does not take it for dead.
const PULSE: Duration = Duration::from_secs(15);
/// Between two attempts to hear a server's standing stream.
const AGAIN: Duration = Duration::from_secs(5);
/// Attempts that bring nothing, in a row.
const MAX_ATTEMPTS: u8 = 5;

fn session_of(
    asked: &Asked,
    server: Option<&ServerId>,
    headers: &HeaderMap,
) -> Result<Arc<Session>, Refusal> {
    let bad = |text: String| Refusal::new(400, Why::Header, text);
    let id = single(headers, &SESSION).map_err(bad)?;
    let id = id.ok_or_else(|| Refusal {
        param: Some("POST".to_owned()),
        ..Refusal::new(405, Why::Route, "a stream needs a session; send `initialize` first")
    })?;
    let session = asked.worker.shared.hub.session(id, &asked.principal.key, server);
    session.ok_or_else(|| Refusal::new(404, Why::Header, "there is no such session; send `initialize` again"))
}

/// The end of a session, at its client's wish.
pub(crate) async fn end(
    asked: Asked,
    server: Option<&ServerId>,
    headers: &HeaderMap,
) -> Result<Response<OutBody>, Refusal> {
    let session = match session_of(&asked, server, headers) {
        Ok(session) => session,
        Err(refusal) => return Err(recording::refuse(&asked, Operation::McpSession, refusal).await),
    };
    let links = session.links();
    asked.worker.shared.hub.close(&session);
    let worker = asked.worker.clone();
    worker.spawner.clone().spawn(
        "end-session",
        Box::pin(async move {
            for link in links {
                link.close(&worker).await;
            }
        }),
    );
    Ok(respond::mcp_done(asked.id))
}

/// The standing stream of a session.
pub(crate) async fn open(
    asked: Asked,
    server: Option<&ServerId>,
    headers: &HeaderMap,
) -> Result<Response<OutBody>, Refusal> {
    let session = match session_of(&asked, server, headers) {
        Ok(session) => session,
        Err(refusal) => return Err(recording::refuse(&asked, Operation::McpSession, refusal).await),
    };
    let last = single(headers, &LAST_EVENT).ok().flatten();
    if let Some((call, event)) = last.and_then(resume::position) {
        let Some(kept) = session.stream(call) else {
            let refusal = Refusal::new(404, Why::Header, "there is no such stream to come back to");
            return Err(recording::refuse(&asked, Operation::McpSession, refusal).await);
        };
        let reader = Reader::new(kept, Some(event));
        let body = stream::unfold(reader, |mut r| async move { Some((r.next().await?, r)) });
        return Ok(respond::events(asked.dialect, asked.id, OutBody::Stream(body.boxed())));
    }
    let after = last.and_then(|v| v.parse::<u64>().ok());
    let state = Stream {
        over: session.over(),
        last: after.unwrap_or_else(|| session.last_event()),
        draining: asked.worker.shared.draining.clone(),
        kills: asked.worker.shared.kill_signal.clone(),
        number: session.stand(),
        session,
        begun: false,
        asked,
    };
    let (dialect, id) = (state.asked.dialect, state.asked.id);
    let body = stream::unfold(state, |mut state| async move { Some((state.next().await?, state)) });
    Ok(respond::events(dialect, id, OutBody::Stream(body.boxed())))
}

struct Stream {
    session: Arc<Session>,
    number: u64,
    over: tokio::sync::watch::Receiver<bool>,
    draining: tokio::sync::watch::Receiver<bool>,
    kills: tokio::sync::watch::Receiver<u64>,
    last: u64,
    begun: bool,
    asked: Asked,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.session.fall(self.number);
    }
}

impl Stream {
    async fn next(&mut self) -> Option<Result<Bytes, Broken>> {
        if !std::mem::replace(&mut self.begun, true) {
            return Some(Ok(Bytes::from_static(b": open\n\n")));
        }
        loop {
            if !self.session.stands(self.number) {
                return None;
            }
            if let Some(kept) = self.session.after(self.last) {
                self.last = kept.number;
                let mut out = format!("id: {}\n", kept.number).into_bytes();
                out.extend_from_slice(&crate::mcp::flow::event_of(&kept.message));
                return Some(Ok(out.into()));
            }
            tokio::select! {
                _ = self.over.wait_for(|over| *over) => return None,
                _ = self.draining.wait_for(|d| *d) => return None,
                changed = self.kills.changed() => {
                    if changed.is_err() || self.asked.is_stopped() {
                        return None;
                    }
                }
                () = self.asked.expired() => return None,
                () = self.session.news.notified() => {}
                () = tokio::time::sleep(PULSE) => return Some(Ok(Bytes::from_static(b": pulse\n\n"))),
            }
        }
    }
}

/// Listens to what a server says outside of calls, for as long as the session lasts.
pub(crate) fn attend(worker: &Arc<Worker>, session: &Arc<Session>, link: &Arc<Link>) {
    let (session, weak, worker_too) = (session.clone(), Arc::downgrade(link), worker.clone());
    let loose = match &link.way {
        Way::Duplex(duplex) => duplex.take_loose(),
        Way::Http { session: None } | Way::OpenApi(_) => return,
        Way::Http { .. } => None,
    };
    let joined = session.endpoint.is_none();
    worker.spawner.spawn(
        "tool-server-listener",
        Box::pin(async move {
            let mut over = session.over();
            let listening = async {
                match loose {
                    Some(mut loose) => {
                        while let Some(message) = loose.recv().await {
                            let Some(link) = weak.upgrade() else { return };
                            note(&session, &link, &message, joined);
                        }
                    }
                    None => hear(&worker_too, &session, &weak, joined).await,
                }
            };
            tokio::select! {
                () = listening => {}
                _ = over.wait_for(|o| *o) => {}
            }
        }),
    );
}

/// A server's standing stream over HTTP; where it has none, nothing is heard.
async fn hear(worker: &Arc<Worker>, session: &Arc<Session>, weak: &std::sync::Weak<Link>, joined: bool) {
    let (mut attempts, mut last, mut pause) = (0, None::<String>, AGAIN);
    while attempts < MAX_ATTEMPTS {
        let Some(link) = weak.upgrade().filter(|l| !l.is_over()) else { return };
        let limit = link.server().settings.result_bytes;
        let opened = link.stream(worker, last.as_deref()).await;
        let Ok(answer) = opened else { return };
        attempts += 1;
        drop(link);
        let (mut body, mut reader) = (answer.body, SseReader::new(limit));
        let limits = worker.shared.gate.load().limits;
        while let Some(Ok(chunk)) = body.chunk().await {
            reader.push(&chunk);
            while let Ok(Some(frame)) = reader.next() {
                if frame.id.is_some() {
                    last = frame.id;
                }
                if let Some(ms) = frame.retry {
                    pause =
                        Duration::from_millis(ms).clamp(Duration::from_millis(10), Duration::from_secs(60));
                }
                if frame.data.is_empty() {
                    continue;
                }
                attempts = 0;
                let Some(link) = weak.upgrade() else { return };
                match Message::parse(frame.data, &limits) {
                    Ok(message) if message.kind() == MessageKind::Request => {
                        if let Err(message) = link.to_call(message) {
                            refuse(worker, &link, &message).await;
                        }
                    }
                    Ok(message) => note(session, &link, &message, joined),
                    Err(_) => return,
                }
            }
        }
        tokio::time::sleep(pause).await;
    }
}

/// A server's request that belongs to no call.
async fn refuse(worker: &Arc<Worker>, link: &Arc<Link>, message: &Message) {
    let Some(id) = message.id() else { return };
    let reply = if message.method() == "ping" {
        cordon_wire::mcp::response(id, "{}")
    } else {
        cordon_wire::mcp::error(
            Some(id),
            ErrorCode::MethodNotFound,
            "no call is under way that this belongs to",
        )
    };
    let _ = link.tell(worker, Words::Own, reply).await;
}

/// A word of a server's that came with a call and does not belong to it.
pub(crate) fn loose(context: &Context, session: &Arc<Session>, link: &Arc<Link>, message: &Message) {
    note(session, link, message, context.is_joined());
}

/// Puts what a server says outside of calls into the session's stream: that something changed, and nothing else.
fn note(session: &Session, link: &Link, message: &Message, joined: bool) {
    match message.method() {
        name @ ("notifications/tools/list_changed"
        | "notifications/resources/list_changed"
        | "notifications/prompts/list_changed") => session.post(notification(name, "{}")),
        "notifications/resources/updated" => {
            let server = link.server().id();
            if let Some(uri) = message.text("uri").filter(|uri| session.follows(server, uri)) {
                let uri = outward_uri(joined, link.server().id(), &uri);
                session.post(notification(
                    "notifications/resources/updated",
                    &format!("{{\"uri\":{}}}", string(&uri)),
                ));
            }
        }
        _ => {}
    }
}

/// The levels of servers' logs.
pub(crate) const LEVELS: [&str; 8] =
    ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/// From which level on the servers' log is wanted.
pub(crate) async fn set_level(context: Context, id: &Id, message: &Message) -> Response<OutBody> {
    let level = message.text("level").filter(|l| LEVELS.contains(&l.as_str()));
    let Some(level) = level else {
        let fail = Fail::new(400, Why::Header, ErrorCode::InvalidParams, "there is no such level");
        return context.refused(id, Operation::McpSession, fail).await;
    };
    if !context.allows(Interaction::Logging) {
        let fail =
            Fail::new(403, Why::Route, ErrorCode::MethodNotFound, "this agent may not have servers' logs");
        return context.refused(id, Operation::McpSession, fail).await;
    }
    for server in context.servers() {
        let Ok(link) = context.link(&server).await else { continue };
        if link.revision.is_stateless() || link.capability("logging").is_none() {
            continue;
        }
        // INVARIANT: one of eight words, which are the gateway's own.
        let ask = Ask {
            method: Method::SetLevel.name(),
            params: vec![("level", string(&level))],
            ..Ask::default()
        };
        if let Ok(mut replies) = link.ask(&context.asked.worker, Words::Own, ask).await {
            let wait = tokio::time::timeout(server.settings.timeout, replies.next()).await;
            drop(wait);
        }
    }
    match crate::mcp::handshake::recorded(&context).await {
        Ok(()) => context.result(id, "{}"),
        Err(fail) => context.failed(id, &fail),
    }
}
