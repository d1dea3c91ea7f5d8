//! One request: route, authenticate, admit, carry out. Told top to bottom.

use crate::advise;
use crate::body::{Buffered, OutBody};
use crate::busy::Work;
use crate::call::{self, Asked};
use crate::mcp;
use crate::open::killed_refusal;
use crate::respond;
use crate::route::{self, NoRoute, Route, SESSION, USER, VOUCHER};
use crate::worker::{Shared, Worker};
use cordon_identity::oauth::{Verified, looks_like_token};
use cordon_identity::{AuthError, KeyKind, Principal, Target};
use cordon_pipeline::{Caller, Refusal, Why};
use cordon_types::{AgentId, Dialect, Digest, Operation, RequestId, UserRef};
use futures_util::FutureExt as _;
use http::{HeaderMap, Request, Response, header};
use hyper::body::Incoming;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Answers one request. Never fails: whatever goes wrong becomes an answer in the caller's dialect.
pub(crate) async fn handle(
    worker: Arc<Worker>,
    work: &Work,
    request: Request<Incoming>,
) -> Response<OutBody> {
    let shared = &worker.shared;
    let mut random = [0; 16];
    shared.entropy.fill(&mut random);
    let id = RequestId(u128::from_be_bytes(random));
    let dialect = route::dialect_of(request.uri().path(), request.headers());
    let endpoint = route::tools(request.uri().path());
    let presented = request.headers().contains_key(header::AUTHORIZATION);
    let under_way = InFlight::enter(shared);
    // SECURITY: a panic in one request ends that request, closed; it is caught here so that the caller gets an
    // answer and the connection's other streams go on.
    let result = match under_way {
        Some(under_way) => AssertUnwindSafe(answer((&worker, work), under_way, id, dialect, request))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| {
                tracing::error!(request = %id, "a request panicked; it was refused");
                Err(Refusal::internal())
            }),
        None => Err(Refusal {
            retry_after: Some(1),
            ..Refusal::new(
                503,
                Why::Limit,
                "the gateway is at its limit of concurrent requests; try again shortly",
            )
        }),
    };
    result.unwrap_or_else(|refusal| {
        tracing::debug!(request = %id, why = refusal.why.name(), status = refusal.status, "refused");
        let mut response = respond::refusal(dialect, id, &refusal);
        if let Some(server) = endpoint {
            mcp::challenge(shared, &mut response, server.as_ref(), presented);
        }
        response
    })
}

/// Counts a request until its answer is over.
pub(crate) struct InFlight(Arc<Shared>);

impl InFlight {
    fn enter(shared: &Arc<Shared>) -> Option<Self> {
        let before = shared.in_flight.fetch_add(1, Ordering::Relaxed);
        shared.metrics.in_flight.inc();
        let entered = Self(shared.clone());
        (before < shared.limits.requests).then_some(entered)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.0.metrics.in_flight.dec();
    }
}

async fn answer(
    (worker, work): (&Arc<Worker>, &Work),
    in_flight: InFlight,
    id: RequestId,
    dialect: Dialect,
    request: Request<Incoming>,
) -> Result<Response<OutBody>, Refusal> {
    let shared = &worker.shared;
    let (parts, body) = request.into_parts();
    let route = match route::find(&parts.method, parts.uri.path(), parts.uri.query(), &parts.headers) {
        Ok(Route::Health) => return Ok(respond::probe(true)),
        Ok(Route::Ready) => return Ok(respond::probe(shared.ledger.healthy() && !*shared.draining.borrow())),
        other => other,
    };
    let route = match (route, shared.federation.load()) {
        (Ok(Route::Resource(server)), Some(federated)) => {
            addressed(shared, &parts)?;
            let body = federated.metadata(server.as_ref()).to_string();
            return Ok(respond::json(200, dialect, id, body.into()));
        }
        (Ok(Route::Resource(_)), None) => Err(NoRoute::Path),
        (Ok(Route::Acknowledge), _) => {
            addressed(shared, &parts)?;
            return Ok(Box::pin(crate::acknowledge::answer(shared, id, &parts, body)).await);
        }
        (route, _) => route,
    };
    let admitted = admit(shared, id, &parts, &route).await;
    let Admitted { principal, user, token, session } = admitted.inspect_err(|refusal| {
        // Before a credential holds, a stranger could fill the disk with records: these are counted instead, and
        // the counts are recorded.
        shared.recorder.turned_away(refusal.why);
        shared.metrics.ended("none", refusal.why.name());
    })?;
    work.admit();
    let asked = Asked {
        worker: worker.clone(),
        in_flight: Some(in_flight),
        buffered: Buffered::new(shared.clone()),
        id,
        dialect,
        principal,
        user,
        token,
        started: shared.clock.ticks(),
        session,
    };
    if is_killed(&asked) {
        let op = match route {
            Ok(Route::Call(op) | Route::Advise(op)) => op,
            Ok(Route::Mcp(_)) => Operation::McpSession,
            _ => Operation::Models,
        };
        return Err(Box::pin(call::refuse(&asked, op, killed_refusal())).await);
    }
    // All but a model call are boxed, or each model call would carry the room of the largest of them around.
    match route {
        Err(none) => Err(Box::pin(call::refuse(&asked, Operation::Models, no_route(&none))).await),
        Ok(Route::Call(op)) => call::call(Box::new(asked), op, parts.headers, body).await,
        Ok(Route::Advise(op)) => Box::pin(advise::call(asked, op, parts.headers, body)).await,
        Ok(Route::Models(dialect)) => Box::pin(call::models(asked, dialect, None)).await,
        Ok(Route::Model(dialect, name)) => Box::pin(call::models(asked, dialect, Some(name))).await,
        Ok(Route::Mcp(server)) => Box::pin(mcp::handle(asked, server, parts, body)).await,
        Ok(Route::Health | Route::Ready | Route::Resource(_) | Route::Acknowledge) => {
            Err(Refusal::internal())
        }
    }
}

/// Whether the caller is stopped, before it is known what it asks for; the model and upstream come later.
pub(crate) fn is_killed(asked: &Asked) -> bool {
    let target = Target {
        key: &asked.principal.key,
        agent: Some(&asked.principal.agent),
        user: asked.user.as_ref().map(|(_, digest)| digest),
        model: None,
        upstream: None,
    };
    asked.worker.shared.kills.load().hit(&target).is_some()
}

/// One framing, one name, each said once, and the name one of the operator's where the operator named some. A proxy
/// before Cordon and Cordon must not read two things in one request.
fn addressed(shared: &Shared, parts: &http::request::Parts) -> Result<(), Refusal> {
    let refuse = |status, text: &str| Err(Refusal::new(status, Why::Header, text.to_owned()));
    // RFC 9112, section 6.1: what is not understood is refused. hyper looks at the last coding alone.
    let mut codings = parts.headers.get_all(header::TRANSFER_ENCODING).iter();
    if codings.next().is_some_and(|c| !c.as_bytes().eq_ignore_ascii_case(b"chunked"))
        || codings.next().is_some()
    {
        return refuse(400, "of transfer codings, `chunked` alone is taken, once");
    }
    let Ok(host) = route::single(&parts.headers, &header::HOST) else {
        return refuse(400, "the header `host` must be sent once, in printable ASCII");
    };
    let authority = parts.uri.authority().map(http::uri::Authority::as_str);
    let name = match (authority, host) {
        (Some(a), Some(b)) if !a.eq_ignore_ascii_case(b) => {
            return refuse(400, "the request's target and its `host` name two hosts");
        }
        (None, None) if parts.version != http::Version::HTTP_10 => {
            return refuse(400, "send the header `host`");
        }
        (Some(name), _) | (None, Some(name)) => name,
        (None, None) => "",
    };
    let trusted = &shared.trusted_hosts;
    if trusted.is_empty() || trusted.iter().any(|t| t.eq_ignore_ascii_case(route::host_name(name))) {
        return Ok(());
    }
    refuse(421, "this gateway does not answer under that host name; see `listen.trusted_hosts`")
}

/// Who may go on.
struct Admitted {
    principal: Caller,
    user: Option<(UserRef, Digest)>,
    token: Option<Arc<Verified>>,
    session: Option<String>,
}

/// The agent that calls, and the user whom a front end vouches for.
async fn admit(
    shared: &Shared,
    id: RequestId,
    parts: &http::request::Parts,
    route: &Result<Route, NoRoute>,
) -> Result<Admitted, Refusal> {
    addressed(shared, parts)?;
    let headers = &parts.headers;
    let session = route::single(headers, &SESSION);
    let session = session.map_err(|text| Refusal::new(400, Why::Header, text))?.map(str::to_owned);
    let now = shared.clock.now();
    let header = |text: String| Refusal::new(400, Why::Header, text);
    let authorization = route::single(headers, &header::AUTHORIZATION).map_err(header)?;
    let api_key = route::single(headers, &route::API_KEY).map_err(header)?;
    let credential = |e: AuthError| Refusal::new(401, Why::Credential, e.public());
    let key = cordon_identity::presented(authorization, api_key).map_err(credential)?;
    // SECURITY: tokens are issued for the tool endpoints, by a header that no page's form can send; anywhere else they
    // are no key.
    let (principal, token) = match (route, shared.federation.load()) {
        (Ok(Route::Mcp(server)), Some(federated)) if authorization.is_some() && looks_like_token(key) => {
            let verified =
                Box::pin(shared.federation.verify(shared, &federated, key, server.as_ref())).await?;
            (verified.principal.clone(), Some(Arc::new(verified)))
        }
        _ => (shared.keys.authenticate(key, now).map_err(credential)?, None),
    };
    let agent = agent_of(&principal)?;
    let user = match route::single(headers, &USER).map_err(header)? {
        None => None,
        Some(user) => Some(vouched(shared, &principal, headers, user, now)?),
    };
    // `x-cordon-user` needs a front end's word, so who names a user has it.
    let front = user.is_some() || principal.kind == KeyKind::Front;
    let digest = user.as_ref().map(|(_, digest)| *digest);
    let caller = Caller {
        key: principal.key,
        agent,
        on_behalf: user.is_some(),
        user: digest,
        front,
        request: Some(id),
    };
    Ok(Admitted { principal: caller, user, token, session })
}

fn agent_of(principal: &Principal) -> Result<AgentId, Refusal> {
    match (&principal.kind, &principal.agent) {
        (KeyKind::Agent | KeyKind::Front, Some(agent)) => Ok(agent.clone()),
        _ => Err(Refusal::new(
            403,
            Why::Credential,
            "this key is for administration; model calls need an agent's key (`cordon key create --agent NAME`)",
        )),
    }
}

/// Words are on a user's behalf only where a front end says so with a credential that the agent does not hold.
fn vouched(
    shared: &Shared,
    principal: &Principal,
    headers: &HeaderMap,
    user: &str,
    now: u64,
) -> Result<(UserRef, Digest), Refusal> {
    let refuse = |text: &str| Refusal::new(403, Why::Vouching, text.to_owned());
    let user = UserRef::new(user).map_err(|e| Refusal::new(400, Why::Header, e.to_string()))?;
    if principal.kind != KeyKind::Front {
        let voucher = route::single(headers, &VOUCHER)
            .map_err(|text| Refusal::new(400, Why::Header, text))?
            .ok_or_else(|| refuse("`x-cordon-user` needs a front end's key in `x-cordon-front-key`"))?;
        let front = shared
            .keys
            .authenticate(voucher, now)
            .map_err(|_| refuse("the key in `x-cordon-front-key` is not valid"))?;
        if front.kind != KeyKind::Front || front.agent != principal.agent {
            return Err(refuse("the key in `x-cordon-front-key` is not a front end's key for this agent"));
        }
    }
    let digest = (shared.user_digest)(user.as_str());
    Ok((user, digest))
}

fn no_route(none: &NoRoute) -> Refusal {
    match none {
        NoRoute::Path => Refusal::new(
            404,
            Why::Route,
            "no such route; this gateway carries POST /v1/chat/completions, /v1/messages, \
             /v1/messages/count_tokens, GET /v1/models, for tools /mcp, and POST /cordon/v1/sessions, \
             /cordon/v1/authorize and /cordon/v1/report",
        ),
        NoRoute::Method(allowed) => Refusal {
            param: Some((*allowed).to_owned()),
            ..Refusal::new(405, Why::Route, format!("this route takes {allowed} only"))
        },
        NoRoute::Query => {
            Refusal::new(400, Why::Route, "this route takes no such query parameters; leave them out")
        }
    }
}
