//! The gateway for tool servers: one endpoint that joins all servers an agent may use, and one for each.
//!
//! ```text
//! POST  headers, one message --(revision, session)--> handshake | list | call | answer, cancellation, ...
//! GET   the standing stream of a session            DELETE  its end
//! ```
//! What always holds: who calls is known before a body is read; what goes to a server was judged, and its record is
//! durable; what comes back was inspected; a session belongs to the key that opened it. What it does not do: pass on a
//! client's credential, name or headers.

mod calls;
mod consent;
mod context;
mod convert;
mod duplex;
mod failure;
mod flow;
mod handshake;
mod headers;
mod hub;
mod learn;
mod link;
mod listen;
mod lists;
mod mirror;
mod openapi;
mod outward;
mod park;
mod pins;
mod questions;
mod refusals;
mod replies;
mod resume;
mod scopes;
mod seal;
mod server;
mod session;
mod standing;
mod target;
mod tasks;

pub use hub::Hub;
pub use learn::watch;
pub use openapi::Interface;
pub use pins::{Barred, NotPinned, Pin, PinChange, PinEvent, PinKeeper, Pins, Review};
pub use scopes::Scopes;
pub use server::{Health, Server, ServerSettings, Transport};

use crate::body::{self, OutBody};
use crate::call::{self, Asked, content_length};
use crate::mcp::context::{Context, Fail};
use crate::worker::Shared;
use bytes::Bytes;
use cordon_pipeline::{Refusal, Why};
use cordon_types::{Operation, ServerId};
use cordon_wire::mcp::{ErrorCode, Message, MessageKind, Method};
use http::{Method as Verb, Response, StatusCode, header, request::Parts};

/// Carries out a request at `/mcp` (`server`: none) or `/mcp/{server}`.
pub(crate) async fn handle(
    mut asked: Asked,
    server: Option<ServerId>,
    parts: Parts,
    body: hyper::body::Incoming,
) -> Result<Response<OutBody>, Refusal> {
    let shared = asked.worker.shared.clone();
    if let Err(refusal) = headers::origin(&shared, &parts.headers) {
        return Err(call::refuse(&asked, Operation::McpSession, refusal).await);
    }
    let servers = shared.hub.servers();
    let gate = shared.gate.load_full();
    let manifest = gate.policy.manifest(&asked.principal.agent);
    let one = match &server {
        None => None,
        // SECURITY: one answer for a server that is not there and one of which the agent has nothing, so that nobody
        // learns of it, or starts it, who may not use it.
        Some(id) => match servers.get(id).filter(|_| manifest.is_some_and(|m| context::uses(m, id))) {
            Some(server) => Some(server.clone()),
            None => {
                let refusal = Refusal::new(404, Why::Route, "there is no tool server of that name here");
                return Err(call::refuse(&asked, Operation::McpSession, refusal).await);
            }
        },
    };
    match parts.method {
        Verb::GET => standing::open(asked, server.as_ref(), &parts.headers).await,
        Verb::DELETE => standing::end(asked, server.as_ref(), &parts.headers).await,
        _ => {
            let read = async {
                headers::content(&parts.headers)?;
                let declared = content_length(&parts.headers)?;
                body::read(body, declared, &shared.limits.body, &mut asked.buffered).await
            };
            let body = match read.await {
                Ok(body) => body,
                Err(refusal) => return Err(call::refuse(&asked, Operation::McpSession, refusal).await),
            };
            Ok(post(asked, one, &parts, body).await)
        }
    }
}

async fn post(
    asked: Asked,
    one: Option<std::sync::Arc<Server>>,
    parts: &Parts,
    body: Bytes,
) -> Response<OutBody> {
    let limits = asked.worker.shared.gate.load().limits;
    let message = match Message::parse(body, &limits) {
        Ok(message) => message,
        Err(e) => {
            let refusal = Refusal::from_wire(e);
            let code = cordon_wire::mcp::refusal_code(refusal.why.name());
            let refusal = call::refuse(&asked, Operation::McpSession, refusal).await;
            return context::plain_error(&asked, 400, None, code, &refusal.public);
        }
    };
    let id = message.id().cloned();
    let context = match Context::find(asked, one, &parts.headers, &message) {
        Ok(context) => context,
        Err(boxed) => {
            let (asked, fail) = *boxed;
            let refusal = Refusal::new(fail.status, fail.why, fail.message.clone());
            call::refuse(&asked, Operation::McpSession, refusal).await;
            return context::fail_response(&asked, id.as_ref(), &fail);
        }
    };
    match message.kind() {
        MessageKind::Request => request(context, message).await,
        MessageKind::Notification => {
            notified(&context, &message);
            context.accepted()
        }
        MessageKind::Response | MessageKind::Error => {
            if let Some(session) = &context.session {
                session.answer(message);
            }
            context.accepted()
        }
    }
}

async fn request(context: Context, message: Message) -> Response<OutBody> {
    let Some(id) = message.id().cloned() else { return context.accepted() };
    let Some(method) = Method::find(message.method(), context.revision) else {
        let fail = Fail::new(404, Why::Route, ErrorCode::MethodNotFound, "this revision has no such method");
        return context.refused(&id, Operation::McpSession, fail).await;
    };
    if let Err(e) = message.check_params(method) {
        let fail = Fail::wire(e);
        return context.refused(&id, context::operation(method), fail).await;
    }
    match method {
        Method::Initialize => handshake::initialize(context, &id, &message).await,
        Method::Discover => handshake::discover(context, &id).await,
        Method::Ping => context.result(&id, "{}"),
        Method::ToolsList | Method::ResourcesList | Method::TemplatesList | Method::PromptsList => {
            lists::list(context, method, &id).await
        }
        Method::SetLevel => standing::set_level(context, &id, &message).await,
        Method::Listen => listen::listen(context, &id, &message).await,
        Method::ToolsCall
        | Method::ResourcesRead
        | Method::ResourcesSubscribe
        | Method::ResourcesUnsubscribe
        | Method::PromptsGet
        | Method::Complete
        | Method::TasksGet
        | Method::TasksUpdate
        | Method::TasksCancel => calls::call(context, method, &id, &message).await,
    }
}

/// A notification. Of those that clients send, one means something here: that a call is wanted no more.
fn notified(context: &Context, message: &Message) {
    let Some(session) = &context.session else { return };
    if message.method() == "notifications/cancelled" {
        let id = message.get("requestId").and_then(|n| cordon_wire::mcp::Id::read(message.doc(), n));
        if let Some(id) = id {
            session.cancel(&id);
        }
    }
}

/// What a client that may not be served hears: `401` says how to do better (RFC 6750, RFC 9728).
pub(crate) fn challenge(
    shared: &Shared,
    response: &mut Response<OutBody>,
    server: Option<&ServerId>,
    presented: bool,
) {
    if response.status() != StatusCode::UNAUTHORIZED {
        return;
    }
    match shared.federation.load() {
        Some(federated) => {
            let error = presented.then_some("invalid_token");
            federated.challenge(response, server, error, &federated.scopes);
        }
        None => {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, http::HeaderValue::from_static("Bearer"));
        }
    }
}
