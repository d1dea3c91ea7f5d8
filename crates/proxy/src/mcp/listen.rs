//! `subscriptions/listen` (2026-07-28): a stream of changes, for a client without a session.
//!
//! ```text
//! client --filter--> Cordon --each server: its own listen, or its standing stream--> word of changes, with the client's id
//! ```
//! What always holds: a client hears of what it asked for, and of resources only where it may read them; the words are
//! Cordon's own, but for a URI.

use crate::body::{Broken, OutBody};
use crate::call::Asked;
use crate::mcp::calls::member;
use crate::mcp::context::{Context, Fail};
use crate::mcp::flow::event_of;
use crate::mcp::link::{Ask, Link, Words, object};
use crate::mcp::target::{by_uri, outward_uri};
use crate::respond;
use crate::worker::Worker;
use bytes::Bytes;
use cordon_pipeline::{Tally, Why, hands};
use cordon_policy::Permit;
use cordon_types::{Operation, ServerId};
use cordon_wire::SseReader;
use cordon_wire::json::Kind;
use cordon_wire::mcp::{ErrorCode, Id, Message, Method, notification, response, string};
use futures_util::StreamExt as _;
use futures_util::stream;
use http::Response;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Most resources in one subscription.
const MAX_URIS: usize = 256;
/// Changes that wait for a client; what is beyond is dropped, since each says only that something changed.
const QUEUE: usize = 64;
/// A comment on a stream that says nothing else.
const PULSE: Duration = Duration::from_secs(15);

/// What a client wants to hear of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Wanted {
    tools: bool,
    prompts: bool,
    resources: bool,
    uris: Vec<String>,
}

impl Wanted {
    fn read(message: &Message) -> Option<Self> {
        let doc = message.doc();
        let filter = message.get("notifications").filter(|n| doc.kind(*n) == Kind::Object)?;
        let flag = |key: &str| doc.given(filter, key).and_then(|n| doc.boolean(n)).unwrap_or(false);
        let uris = doc.given(filter, "resourceSubscriptions");
        let uris: Vec<String> = uris
            .into_iter()
            .flat_map(|n| doc.items(n))
            .filter_map(|n| Some(doc.string(n)?.into_owned()))
            .collect();
        let wanted = Self {
            tools: flag("toolsListChanged"),
            prompts: flag("promptsListChanged"),
            resources: flag("resourcesListChanged"),
            uris,
        };
        (wanted.uris.len() <= MAX_URIS).then_some(wanted)
    }

    fn to_json(&self) -> String {
        let mut members = Vec::new();
        for (key, on) in [
            ("toolsListChanged", self.tools),
            ("promptsListChanged", self.prompts),
            ("resourcesListChanged", self.resources),
        ] {
            if on {
                members.push((key, "true".to_owned()));
            }
        }
        if !self.uris.is_empty() {
            let list: Vec<String> = self.uris.iter().map(|u| string(u)).collect();
            members.push(("resourceSubscriptions", format!("[{}]", list.join(","))));
        }
        object(&members)
    }
}

/// What one server is asked, and the judge's word on it.
struct Part {
    link: Arc<Link>,
    wanted: Wanted,
    permit: Option<Arc<Permit>>,
}

pub(crate) async fn listen(context: Context, id: &Id, message: &Message) -> Response<OutBody> {
    let Some(mut wanted) = Wanted::read(message) else {
        let fail =
            Fail::new(400, Why::Header, ErrorCode::InvalidParams, "`notifications` says what is wanted");
        return context.refused(id, Operation::McpSession, fail).await;
    };
    let parts = parts(&context, &mut wanted).await;
    if let Err(fail) = crate::mcp::handshake::recorded(&context).await {
        return context.failed(id, &fail);
    }
    let (changes, changed) = mpsc::channel(QUEUE);
    let worker = context.asked.worker.clone();
    let joined = context.is_joined();
    for part in parts {
        let (worker, changes, id) = (worker.clone(), changes.clone(), id.clone());
        let spawner = worker.spawner.clone();
        spawner.spawn(
            "listen",
            Box::pin(async move {
                tokio::select! {
                    () = hear(&worker, &part, &changes, &id, joined) => {}
                    () = changes.closed() => {}
                }
            }),
        );
    }
    let meta = subscription(id);
    let ack = object(&[("_meta", meta), ("notifications", wanted.to_json())]);
    let ack = notification("notifications/subscriptions/acknowledged", &ack);
    let shared = &context.asked.worker.shared;
    let state = Listening {
        first: Some(ack),
        id: id.clone(),
        changed,
        _changes: changes,
        draining: shared.draining.clone(),
        kills: shared.kill_signal.clone(),
        over: false,
        asked: context.asked,
    };
    let (dialect, request) = (state.asked.dialect, state.asked.id);
    let body = stream::unfold(state, |mut state| async move { Some((state.next().await?, state)) });
    respond::events(dialect, request, OutBody::Stream(body.boxed()))
}

fn subscription(id: &Id) -> String {
    format!("{{\"io.modelcontextprotocol/subscriptionId\":{}}}", id.as_json())
}

/// Who is asked for what; `wanted` keeps only what is granted.
async fn parts(context: &Context, wanted: &mut Wanted) -> Vec<Part> {
    let now = context.asked.worker.shared.clock.now();
    let mut by_server: BTreeMap<ServerId, (Vec<String>, Option<Arc<Permit>>)> = BTreeMap::new();
    wanted.uris.retain(|uri| {
        let Some(target) = by_uri(context, uri) else { return false };
        let arguments = object(&[("uri", string(&target.name))]);
        let exchange = hands::CallExchange {
            gate: context.gate.clone(),
            caller: context.asked.principal.clone(),
            server: target.server.id().clone(),
            tool: Method::ResourcesRead.name().to_owned(),
            session: context.asked.session.clone(),
            pin: None,
        };
        if !crate::mcp::scopes::suffice(context, &target.server, Method::ResourcesRead.name()) {
            return false;
        }
        let judged = hands::call(&exchange, &arguments, &mut Tally::default(), now);
        let Ok(judged) = judged else { return false };
        let Some(judged_uri) = member(&judged.arguments, "uri", &context.gate.limits) else { return false };
        let entry = by_server.entry(target.server.id().clone()).or_default();
        entry.0.push(judged_uri);
        entry.1 = Some(Arc::new(judged.permit));
        true
    });
    let mut parts = Vec::new();
    for server in context.servers() {
        let Ok(link) = context.link(&server).await else { continue };
        let (uris, permit) = by_server.remove(server.id()).unwrap_or_default();
        parts.push(Part { link, wanted: Wanted { uris, ..wanted.clone() }, permit });
    }
    parts
}

async fn hear(worker: &Arc<Worker>, part: &Part, changes: &mpsc::Sender<Bytes>, id: &Id, joined: bool) {
    let words = part.permit.clone().map_or(Words::Own, Words::Permitted);
    if part.link.revision.is_stateless() {
        let params = vec![("notifications", part.wanted.to_json())];
        let ask = Ask { method: Method::Listen.name(), params, ..Ask::default() };
        let Ok(mut replies) = part.link.ask(worker, words, ask).await else { return };
        while let Ok(message) = replies.message().await {
            pass(part, &message, changes, id, joined);
        }
        return;
    }
    for uri in &part.wanted.uris {
        let params = vec![("uri", string(uri))];
        let ask = Ask { method: Method::ResourcesSubscribe.name(), params, ..Ask::default() };
        if let Ok(mut replies) = part.link.ask(worker, words.clone(), ask).await {
            let _ = replies.next().await;
        }
    }
    let Ok(answer) = part.link.stream(worker, None).await else { return };
    let limits = worker.shared.gate.load().limits;
    let (mut body, mut reader) = (answer.body, SseReader::new(part.link.server().settings.result_bytes));
    while let Some(Ok(chunk)) = body.chunk().await {
        reader.push(&chunk);
        while let Ok(Some(frame)) = reader.next() {
            if let Ok(message) = Message::parse(frame.data, &limits) {
                pass(part, &message, changes, id, joined);
            }
        }
    }
}

/// Hands on the word of a change that was asked for.
fn pass(part: &Part, message: &Message, changes: &mpsc::Sender<Bytes>, id: &Id, joined: bool) {
    let wanted = &part.wanted;
    let mut members = vec![("_meta", subscription(id))];
    let method = match message.method() {
        name @ "notifications/tools/list_changed" if wanted.tools => name,
        name @ "notifications/prompts/list_changed" if wanted.prompts => name,
        name @ "notifications/resources/list_changed" if wanted.resources => name,
        name @ "notifications/resources/updated" => {
            let Some(uri) = message.text("uri").filter(|u| wanted.uris.contains(u)) else { return };
            members.push(("uri", string(&outward_uri(joined, part.link.server().id(), &uri))));
            name
        }
        _ => return,
    };
    let _ = changes.try_send(notification(method, &object(&members)));
}

struct Listening {
    first: Option<Bytes>,
    id: Id,
    changed: mpsc::Receiver<Bytes>,
    /// Kept, so that the stream stays open when no server has anything to say.
    _changes: mpsc::Sender<Bytes>,
    draining: watch::Receiver<bool>,
    kills: watch::Receiver<u64>,
    over: bool,
    asked: Asked,
}

impl Listening {
    async fn next(&mut self) -> Option<Result<Bytes, Broken>> {
        if let Some(first) = self.first.take() {
            return Some(Ok(event_of(&first)));
        }
        if self.over {
            return None;
        }
        loop {
            tokio::select! {
                _ = self.draining.wait_for(|d| *d) => {
                    self.over = true;
                    let result = object(&[("resultType", string("complete")), ("_meta", subscription(&self.id))]);
                    return Some(Ok(event_of(&response(&self.id, &result))));
                }
                changed = self.kills.changed() => {
                    if changed.is_err() || self.asked.is_stopped() {
                        return None;
                    }
                }
                () = self.asked.expired() => return None,
                message = self.changed.recv() => return Some(Ok(event_of(&message?))),
                () = tokio::time::sleep(PULSE) => return Some(Ok(Bytes::from_static(b": pulse\n\n"))),
            }
        }
    }
}
