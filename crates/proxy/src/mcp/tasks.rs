//! Tasks: what a tool's call can become where it takes long (2026-07-28, extension `io.modelcontextprotocol/tasks`,
//! SEP-2663).
//!
//! ```text
//! tools/call --> judged, sent --> "it is a task" --> kept here under a handle of Cordon's own --> the client
//! tasks/get, /update, /cancel + handle --> whose? still allowed? --> the server's own id --> inspected like a result
//! ```
//! What always holds: a handle serves the key whose call became the task, and none other; whoever may not call the tool
//! any more learns nothing of its tasks; the permit of the call covers what its caller adds to it; what a task brings is
//! inspected and labelled as the tool's result is. What it does not do: keep handles over a restart, carry a server's
//! pushes of a task's status (the client asks).

use crate::mcp::calls::Call;
use crate::mcp::context::{Context, Fail};
use crate::mcp::convert::{self, Place};
use crate::mcp::failure::Failure;
use crate::mcp::flow::Flow;
use crate::mcp::link::{Ask, Link, Words, object};
use crate::mcp::questions::{may_all, may_not};
use crate::mcp::server::Server;
use cordon_pipeline::{End, Refusal, Tally, Why};
use cordon_policy::Permit;
use cordon_types::{Digest, KeyId};
use cordon_wire::mcp::{ErrorCode, Message, Method, Texts, string, texts};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The extension's name among capabilities.
pub(crate) const EXTENSION: &str = "io.modelcontextprotocol/tasks";
/// The longest id of a server's that is kept.
const MAX_ID: usize = 1_024;
/// How long a task is known that says nothing of its time, or asks for more.
const MAX_TTL: Duration = Duration::from_secs(24 * 3_600);

/// What a call became.
pub(crate) struct Task {
    /// Whose.
    pub key: KeyId,
    pub server: Arc<Server>,
    /// The tool, by its server's name.
    pub tool: String,
    /// The server's name for it.
    pub id: String,
    /// The tool's definition when it was called.
    pub pin: Option<Digest>,
    /// The judge's word on the call.
    pub permit: Arc<Permit>,
    /// Until when it is known.
    pub until: Instant,
}

/// A task, and what its caller knows it by.
#[derive(Clone)]
pub(crate) struct Named {
    pub handle: String,
    pub task: Arc<Task>,
}

/// The member of capabilities that says it.
pub(crate) fn advertised() -> (&'static str, String) {
    ("extensions", object(&[(EXTENSION, "{}".to_owned())]))
}

/// Whether a server says that its calls can become tasks.
pub(crate) fn served(link: &Link) -> bool {
    link.capability("extensions").and_then(|n| link.hello.doc().given(n, EXTENSION)).is_some()
}

/// What a client hears that did not say that it knows tasks.
pub(crate) fn needed() -> Fail {
    let text = "say in `_meta` that the client knows the extension of tasks";
    let fail = Fail::new(400, Why::Header, ErrorCode::MissingCapability, text);
    let (key, value) = advertised();
    Fail { data: Some(object(&[("requiredCapabilities", object(&[(key, value)]))])), ..fail }
}

/// The request about a task, as a call of its tool.
pub(crate) fn find(context: &Context, method: Method, message: &Message) -> Option<Call> {
    let handle = message.text("taskId")?;
    let shared = &context.asked.worker.shared;
    let task = shared.hub.task(&handle, &context.asked.principal.key)?;
    // SECURITY: a server that was replaced under the same name knows nothing of it.
    let same = shared.hub.servers().get(task.server.id()).is_some_and(|s| Arc::ptr_eq(s, &task.server));
    let here = context.one.as_ref().is_none_or(|one| Arc::ptr_eq(one, &task.server));
    (same && here).then(|| Call {
        method,
        server: task.server.clone(),
        tool: task.tool.clone(),
        arguments: object(&[("taskId", string(&task.id))]),
        name: Some(task.id.clone()),
        pin: task.pin,
        task: Some(Named { handle, task }),
    })
}

/// The server made a task of the call.
pub(crate) async fn created(flow: &mut Flow, message: &Message) {
    let wanted = flow.call.method == Method::ToolsCall && flow.context.abilities.tasks;
    let id = message.text("taskId").filter(|id| wanted && !id.is_empty() && id.len() <= MAX_ID);
    let Some(id) = id else {
        let detail = "a task that nobody can ask for".to_owned();
        return flow.failed(&Failure { detail, ..Failure::broken() }).await;
    };
    let ttl = message.get("ttlMs").and_then(|n| message.raw(n).parse().ok()).map(Duration::from_millis);
    let task = Task {
        key: flow.context.asked.principal.key.clone(),
        server: flow.call.server.clone(),
        tool: flow.call.tool.clone(),
        id: id.clone(),
        pin: flow.call.pin,
        permit: flow.permit.clone(),
        until: Instant::now() + ttl.unwrap_or(MAX_TTL).min(MAX_TTL),
    };
    let shared = flow.context.asked.worker.shared.clone();
    let Some(handle) = shared.hub.keep_task(shared.entropy.as_ref(), task) else {
        abandon(flow, &id);
        let refusal =
            Refusal::new(503, Why::Limit, "too many tasks are under way; try again when some are over");
        return flow.refuse(End::Refused(Why::Limit), &refusal).await;
    };
    let mut tally = Tally { received: flow.received(), ..Tally::default() };
    let mut read = Texts::default();
    texts(message.doc(), message.body().unwrap_or(0), false, &mut read);
    convert::pass_over(&mut read, message.get("taskId"));
    let judged =
        convert::inspected(&flow.exchange, message, &read, &mut tally, flow.now(), |m, body, edits| {
            edits.set(m.doc(), body, "taskId", string(&handle));
        });
    if judged.is_err() {
        abandon(flow, &id);
    }
    flow.settle(judged, tally).await;
}

/// How a task stands, and what it brought.
pub(crate) async fn told(flow: &mut Flow, message: &Message) {
    let named = flow.call.task.clone();
    let Some(named) = named.filter(|n| message.text("taskId").as_ref() == Some(&n.task.id)) else {
        let detail = "an answer about another task".to_owned();
        return flow.failed(&Failure { detail, ..Failure::broken() }).await;
    };
    if !may_all(flow, message) {
        return flow.refuse(End::UpstreamFailed("input_required"), &may_not()).await;
    }
    let mut tally = Tally { received: flow.received(), ..Tally::default() };
    let place = Place {
        revision: flow.context.revision,
        joined: flow.context.is_joined(),
        handle: Some(&named.handle),
    };
    let judged = convert::result(&flow.exchange, flow.call.method, message, &place, &mut tally, flow.now());
    flow.settle(judged, tally).await;
}

/// Nobody will ask for this task: its server may stop. Whether it hears that is its own affair.
fn abandon(flow: &Flow, id: &str) {
    let ask = Ask {
        method: Method::TasksCancel.name(),
        params: vec![("taskId", string(id))],
        name: Some(id.to_owned()),
        abilities: flow.context.abilities.clone(),
        ..Ask::default()
    };
    let worker = flow.context.asked.worker.clone();
    let asking = flow.link.ask(&worker, Words::Permitted(flow.permit.clone()), ask);
    worker.spawner.spawn("cancel", Box::pin(async move { drop(asking.await) }));
}
