//! A model call, from its body to its answer.

use crate::body::{self, Buffered, OutBody};
use crate::open::{Open, killed_refusal, ledger_refusal};
use crate::respond;
use crate::route;
use crate::service::InFlight;
use crate::stream;
use crate::worker::Worker;
use bytes::{Bytes, BytesMut};
use cordon_identity::Target;
use cordon_identity::oauth::Verified;
use cordon_ledger::custody::Salted;
use cordon_pipeline::meter::{NotAdmitted, Scope, ScopeName, Ticket};
use cordon_pipeline::{About, Arrival, Caller, End, Prompt, Refusal, Refused, Tally, Why};
use cordon_policy::Budgets;
use cordon_types::{Dialect, Digest, Nanos, Operation, RequestId, ServerId, UpstreamId, UserRef};
use cordon_upstream::{Incoming as Upstream, IncomingBody, Outgoing, UpstreamError};
use http::{HeaderMap, HeaderValue, Method, Response, header};
use std::pin::pin;
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};

/// Everything that is known of a request before its body is read.
pub(crate) struct Asked {
    pub(crate) worker: Arc<Worker>,
    pub(crate) in_flight: Option<InFlight>,
    pub(crate) buffered: Buffered,
    pub(crate) id: RequestId,
    pub(crate) dialect: Dialect,
    pub(crate) principal: Caller,
    pub(crate) user: Option<(UserRef, Digest)>,
    /// The access token that the caller came with, where it came with one.
    pub(crate) token: Option<Arc<Verified>>,
    pub(crate) started: Nanos,
    /// The piece of work that the call belongs to.
    pub(crate) session: Option<String>,
}

impl Asked {
    pub(crate) fn about(&self, op: Operation) -> About {
        About {
            request: self.id,
            key: self.principal.key.clone(),
            agent: self.principal.agent.clone(),
            user: self.user.as_ref().map(|(_, digest)| *digest),
            op,
            dialect: self.dialect,
        }
    }

    /// Whether a kill switch stops calls of this caller to that server.
    pub(crate) fn is_killed_at(&self, server: &ServerId) -> bool {
        let upstream = UpstreamId::new(server.as_str()).ok();
        let target = Target {
            key: &self.principal.key,
            agent: Some(&self.principal.agent),
            user: self.user.as_ref().map(|(_, digest)| digest),
            model: None,
            upstream: upstream.as_ref(),
        };
        self.worker.shared.kills.load().hit(&target).is_some()
    }

    /// Resolves when the caller's access token has expired; never for one with a key.
    pub(crate) async fn expired(&self) {
        crate::oauth::expired(&self.worker.shared, self.token.as_deref()).await;
    }

    /// Whether this caller may not go on, as of now: a kill, or a key that was revoked.
    pub(crate) fn is_stopped(&self) -> bool {
        crate::service::is_killed(self) || self.worker.shared.is_revoked(&self.principal.key)
    }
}

/// Records a refusal, then gives it back to be told. Where even that cannot be recorded, the ledger is the refusal.
pub(crate) async fn refuse(asked: &Asked, op: Operation, refusal: Refusal) -> Refusal {
    refuse_with(asked, op, Refused { refusal, tally: Tally::default(), model: None, asked: None }).await
}

async fn refuse_with(asked: &Asked, op: Operation, refused: Refused) -> Refusal {
    let shared = &asked.worker.shared;
    shared.metrics.ended(op.name(), refused.refusal.why.name());
    shared.metrics.found(&refused.tally, "prompt");
    let took = shared.clock.ticks().saturating_sub(asked.started);
    let gate = shared.gate.load();
    let leaf = shared.recorder.refused(&asked.about(op), &gate, &refused, took, shared.clock.now());
    match shared.ledger.append(leaf).await {
        Ok(_) => refused.refusal,
        Err(_) => ledger_refusal(),
    }
}

/// Carries out a model call. What it carries along is boxed: else each step would have room for it in the call's
/// future, which is made anew and moved for every request.
pub(crate) async fn call(
    mut asked: Box<Asked>,
    op: Operation,
    headers: HeaderMap,
    body: hyper::body::Incoming,
) -> Result<Response<OutBody>, Refusal> {
    let shared = asked.worker.shared.clone();
    let deadline = Instant::now() + shared.limits.total;
    let gate = shared.gate.load_full();
    // Rates come before the body is read and inspected: a caller over its limit costs next to nothing.
    let mut tickets = match admit(&asked, own_scopes(&asked, &gate)) {
        Ok(ticket) => vec![ticket],
        Err(refusal) => return Err(Box::pin(refuse(&asked, op, refusal)).await),
    };
    let read = match content_length(&headers) {
        Ok(declared) => body::read(body, declared, &shared.limits.body, &mut asked.buffered).await,
        Err(refusal) => Err(refusal),
    };
    let (body, (version, betas)) = match read.and_then(|body| Ok((body, version_and_betas(&headers)?))) {
        Ok(both) => both,
        Err(refusal) => return Err(Box::pin(refuse(&asked, op, refusal)).await),
    };
    // Of what the caller sent, as it was sent: that is what the caller can show again.
    let salted = shared.commit.then(|| Salted::new(shared.entropy.as_ref(), &body));
    let prompt = match cordon_pipeline::prompt(
        &gate,
        &asked.principal,
        Arrival { op, betas: betas.clone(), body, session: asked.session.clone() },
        shared.clock.now(),
    ) {
        Ok(prompt) => Box::new(prompt),
        Err(refused) => return Err(Box::pin(refuse_with(&asked, op, *refused)).await),
    };
    match model_alive(&asked, &prompt).and_then(|()| admit(&asked, model_scope(&asked, &prompt))) {
        Ok(ticket) => tickets.push(ticket),
        Err(refusal) => {
            let Prompt { tally, model, .. } = *prompt;
            let refused = Refused { refusal, tally, model: Some(model), asked: None };
            return Err(Box::pin(refuse_with(&asked, op, refused)).await);
        }
    }
    shared.metrics.found(&prompt.tally, "prompt");
    let open = record_intent(&mut asked, op, &gate, &prompt, salted, tickets, deadline).await?;
    send(asked, open, prompt, version, betas).await
}

/// The limits of the agent and of its key, from its manifest.
pub(crate) fn own_scopes(asked: &Asked, gate: &cordon_pipeline::Gate) -> Vec<Scope> {
    let caller = &asked.principal;
    let Some(manifest) = gate.policy.manifest(&caller.agent) else { return Vec::new() };
    let mut scopes = Vec::new();
    if manifest.budgets != Budgets::default() {
        scopes.push(Scope { name: ScopeName::Agent(caller.agent.clone()), budgets: manifest.budgets });
    }
    if manifest.key_budgets != Budgets::default() {
        scopes.push(Scope { name: ScopeName::Key(caller.key.clone()), budgets: manifest.key_budgets });
    }
    scopes
}

/// Refuses where a kill switch stops the model or its upstream: only now is it known which they are.
fn model_alive(asked: &Asked, prompt: &Prompt) -> Result<(), Refusal> {
    let target = Target {
        key: &asked.principal.key,
        agent: Some(&asked.principal.agent),
        user: asked.user.as_ref().map(|(_, digest)| digest),
        model: Some(&prompt.model.name),
        upstream: Some(&prompt.model.upstream),
    };
    let hit = asked.worker.shared.kills.load().hit(&target).is_some();
    if hit { Err(killed_refusal()) } else { Ok(()) }
}

/// The limits of the model, from the config.
fn model_scope(asked: &Asked, prompt: &Prompt) -> Vec<Scope> {
    let budgets = asked.worker.shared.model_budgets.load();
    let found = budgets.get(&prompt.model.name);
    found
        .map(|b| Scope { name: ScopeName::Model(prompt.model.name.clone()), budgets: *b })
        .into_iter()
        .collect()
}

/// Counts the request against these limits, or against none of them.
pub(crate) fn admit(asked: &Asked, scopes: Vec<Scope>) -> Result<Ticket, Refusal> {
    let shared = &asked.worker.shared;
    shared.meter.admit(scopes, shared.clock.now()).map_err(|e| match e {
        NotAdmitted::Exceeded(exceeded) => Refusal {
            retry_after: Some(exceeded.retry_after),
            ..Refusal::new(429, Why::Budget, exceeded.public())
        },
        NotAdmitted::Store => Refusal::internal(),
    })
}

/// Makes the intent durable: from here on the exchange has an outcome, whatever happens.
async fn record_intent(
    asked: &mut Asked,
    op: Operation,
    gate: &Arc<cordon_pipeline::Gate>,
    prompt: &Prompt,
    salted: Option<Salted>,
    tickets: Vec<Ticket>,
    deadline: Instant,
) -> Result<Box<Open>, Refusal> {
    let shared = &asked.worker.shared;
    let about = asked.about(op);
    let commitment = salted.as_ref().map(|s| s.commitment);
    let leaf = shared.recorder.intent(&about, gate, prompt, commitment, shared.clock.now());
    let appended = match salted {
        Some(salted) => shared.ledger.append_salted(leaf, salted.salt),
        None => shared.ledger.append(leaf),
    };
    let intent = appended.queued().ok_or_else(ledger_refusal)?;
    // Before the wait: a caller that goes away meanwhile leaves an outcome too.
    let mut open = Box::new(Open {
        worker: asked.worker.clone(),
        gate: gate.clone(),
        about,
        stream: prompt.stream,
        _in_flight: asked.in_flight.take(),
        buffered: std::mem::replace(&mut asked.buffered, Buffered::new(shared.clone())),
        user: asked.user.as_ref().map(|(_, digest)| *digest),
        model: Some(prompt.model.clone()),
        upstream: Some(prompt.model.upstream.clone()),
        intent,
        tally: Tally::default(),
        tickets,
        started: asked.started,
        sent: prompt.body.len() as u64,
        deadline,
        closed: false,
        // Taken before the first look, so that no kill falls in between.
        signal: shared.kill_signal.clone(),
        looked: false,
    });
    if appended.await.is_err() {
        open.closed = true;
        return Err(ledger_refusal());
    }
    let shared = &open.worker.shared;
    let gated = shared.clock.ticks().saturating_sub(open.started);
    #[allow(clippy::cast_precision_loss, reason = "a histogram needs no nanosecond")]
    shared.metrics.gate_seconds.observe(gated as f64 / 1e9);
    Ok(open)
}

/// Sends the request and brings back the answer, whole or as a stream.
async fn send(
    asked: Box<Asked>,
    mut open: Box<Open>,
    mut prompt: Box<Prompt>,
    version: &'static str,
    betas: Vec<String>,
) -> Result<Response<OutBody>, Refusal> {
    let (dialect, id) = (asked.dialect, asked.id);
    let stream = prompt.stream;
    let outgoing = Outgoing {
        method: Method::POST,
        path: route::upstream_path(open.about.op).into(),
        headers: outgoing_headers(dialect, stream, version, &betas),
        body: std::mem::take(&mut prompt.body),
    };
    let deadline = open.deadline;
    let client = asked.worker.upstream();
    let head = {
        // Pinned: a timeout that takes it whole is another copy of it. It ends with this block, so that what was stopped
        // goes no further while that is recorded.
        let sending = pin!(client.send(&prompt.permit, &prompt.model.upstream, outgoing));
        tokio::select! {
            biased;
            head = timeout_at(deadline, sending) => Some(head),
            () = open.killed() => None,
        }
    };
    let upstream = match head {
        Some(Ok(Ok(upstream))) => upstream,
        Some(Ok(Err(e))) => {
            tracing::warn!(request = %id, upstream = %prompt.model.upstream, error = %e, "the upstream failed");
            let refusal = Refusal::new(e.status(), Why::Upstream(e.name()), e.public());
            return fail(&mut open, End::UpstreamFailed(e.name()), refusal).await;
        }
        Some(Err(_)) => return fail(&mut open, End::TimedOut, too_long()).await,
        None => return fail(&mut open, End::Killed, killed_refusal()).await,
    };
    if !upstream.status.is_success() {
        return Box::pin(upstream_said_no(&mut open, &prompt.exchange, upstream)).await;
    }
    let content_type =
        upstream.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let is_events = content_type.starts_with("text/event-stream");
    if is_events != stream {
        let refusal = Refusal::new(
            502,
            Why::Upstream("wrong_content_type"),
            "the upstream answered in another form than was asked for; it was not passed on",
        );
        return fail(&mut open, End::UpstreamFailed("wrong_content_type"), refusal).await;
    }
    if stream {
        return Box::pin(stream::respond(open, prompt.exchange, upstream.body, id, dialect)).await;
    }
    whole(open, &prompt.exchange, upstream.body, id, dialect).await
}

/// An answer that is not streamed: read, judged, recorded, sent.
async fn whole(
    mut open: Box<Open>,
    exchange: &cordon_pipeline::Exchange,
    body: IncomingBody,
    id: RequestId,
    dialect: Dialect,
) -> Result<Response<OutBody>, Refusal> {
    let body = match collect(&mut open, body).await {
        Ok(body) => body,
        Err((end, refusal)) => return fail(&mut open, end, refusal).await,
    };
    // An upstream that answers at once leaves no moment in which the wait for a kill would have been looked at.
    if open.is_stopped() {
        return fail(&mut open, End::Killed, killed_refusal()).await;
    }
    let now = open.worker.shared.clock.now();
    let mut tally = Tally::default();
    let judged = cordon_pipeline::answer(exchange, body, &mut tally, now);
    open.tally = tally;
    match judged {
        Ok(body) => {
            open.close(End::Complete).await?;
            Ok(respond::json(200, dialect, id, body))
        }
        Err(refusal) => {
            open.tally.released = 0;
            let end = End::Refused(refusal.why);
            fail(&mut open, end, refusal).await
        }
    }
}

/// Reads an upstream's body whole, within size and time.
async fn collect(open: &mut Open, mut body: IncomingBody) -> Result<Bytes, (End, Refusal)> {
    let limit = open.worker.shared.limits.answer_bytes;
    let deadline = open.deadline;
    let mut all: Option<Bytes> = None;
    let mut more = BytesMut::new();
    loop {
        let chunk = tokio::select! {
            biased;
            chunk = timeout_at(deadline, body.chunk()) => chunk,
            () = open.killed() => return Err((End::Killed, killed_refusal())),
        };
        let data = match chunk {
            Err(_) => return Err((End::TimedOut, too_long())),
            Ok(None) => break,
            Ok(Some(Err(e))) => return Err(upstream_failed(&e)),
            Ok(Some(Ok(data))) => data,
        };
        if all.as_ref().map_or(0, Bytes::len) + more.len() + data.len() > limit {
            let refusal =
                Refusal::new(502, Why::Limit, "the upstream's answer is larger than this gateway takes");
            return Err((End::UpstreamFailed("answer_too_large"), refusal));
        }
        open.buffered.take(data.len()).map_err(|refusal| (End::Refused(refusal.why), refusal))?;
        match &all {
            None => all = Some(data),
            Some(_) => more.extend_from_slice(&data),
        }
    }
    let first = all.unwrap_or_default();
    if more.is_empty() {
        return Ok(first);
    }
    let mut joined = BytesMut::with_capacity(first.len() + more.len());
    joined.extend_from_slice(&first);
    joined.extend_from_slice(&more);
    Ok(joined.freeze())
}

/// The upstream refused: the caller gets the kind of error and, where nothing was found in it, its message.
async fn upstream_said_no(
    open: &mut Open,
    exchange: &cordon_pipeline::Exchange,
    upstream: Upstream,
) -> Result<Response<OutBody>, Refusal> {
    let status = upstream.status.as_u16();
    let retry_after = upstream
        .headers
        .get(header::RETRY_AFTER)
        .and_then(|v| v.to_str().ok()?.parse::<u32>().ok())
        .filter(|s| *s <= 86_400);
    let body = collect(open, upstream.body).await.unwrap_or_default();
    let mut refusal = exchange.upstream_refusal(status, &body);
    refusal.retry_after = retry_after;
    let end = End::UpstreamRefused(status);
    fail(open, end, refusal).await
}

/// Ends an exchange with a refusal, its outcome durable first.
pub(crate) async fn fail(open: &mut Open, end: End, refusal: Refusal) -> Result<Response<OutBody>, Refusal> {
    open.close(end).await?;
    Err(refusal)
}

pub(crate) fn upstream_failed(e: &UpstreamError) -> (End, Refusal) {
    (End::UpstreamFailed(e.name()), Refusal::new(e.status(), Why::Upstream(e.name()), e.public()))
}

pub(crate) fn too_large() -> Refusal {
    Refusal::new(502, Why::Limit, "the upstream's answer is larger than this gateway takes")
}

pub(crate) fn too_long() -> Refusal {
    Refusal::new(504, Why::Limit, "the exchange took longer than this gateway allows")
}

fn outgoing_headers(dialect: Dialect, stream: bool, version: &'static str, betas: &[String]) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(
        header::ACCEPT,
        HeaderValue::from_static(if stream { "text/event-stream" } else { "application/json" }),
    );
    if dialect == Dialect::AnthropicMessages {
        headers.insert(route::ANTHROPIC_VERSION, HeaderValue::from_static(version));
        if let Ok(value) = HeaderValue::from_str(&betas.join(","))
            && !betas.is_empty()
        {
            headers.insert(route::ANTHROPIC_BETA, value);
        }
    }
    headers
}

/// The versions of the Messages API that the tables describe: each official client names one of them, and a caller
/// that names another is refused. Without a name it is the first.
const ANTHROPIC_VERSIONS: [&str; 2] = ["2023-06-01", "2026-10-21"];

fn version_and_betas(headers: &HeaderMap) -> Result<(&'static str, Vec<String>), Refusal> {
    let header = |text: String| Refusal::new(400, Why::Header, text);
    let [first, ..] = ANTHROPIC_VERSIONS;
    let version = match route::single(headers, &route::ANTHROPIC_VERSION).map_err(header)? {
        None => first,
        Some(named) => ANTHROPIC_VERSIONS.into_iter().find(|known| named == *known).ok_or_else(|| {
            header(format!("`anthropic-version` must be one of {}", ANTHROPIC_VERSIONS.join(", ")))
        })?,
    };
    with_json_body(headers)?;
    Ok((version, route::betas(headers).map_err(header)?))
}

/// A plain body of JSON, where the headers say anything of it.
pub(crate) fn with_json_body(headers: &HeaderMap) -> Result<(), Refusal> {
    let header = |text: String| Refusal::new(400, Why::Header, text);
    if let Some(encoding) = route::single(headers, &header::CONTENT_ENCODING).map_err(header)?
        && !encoding.eq_ignore_ascii_case("identity")
    {
        return Err(Refusal::new(415, Why::Header, "compressed request bodies are not taken; send it plain"));
    }
    if let Some(kind) = route::single(headers, &header::CONTENT_TYPE).map_err(header)? {
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Refusal::new(415, Why::Header, "the body must be `application/json`"));
        }
    }
    Ok(())
}

pub(crate) fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Refusal> {
    let bad = |text: String| Refusal::new(400, Why::Header, text);
    match route::single(headers, &header::CONTENT_LENGTH).map_err(bad)? {
        None => Ok(None),
        Some(n) => n.parse().map(Some).map_err(|_| bad("`content-length` is not a number".to_owned())),
    }
}

/// The models that this agent may use, or one of them.
pub(crate) async fn models(
    asked: Asked,
    dialect: Dialect,
    one: Option<String>,
) -> Result<Response<OutBody>, Refusal> {
    let shared = &asked.worker.shared;
    let gate = shared.gate.load_full();
    match cordon_pipeline::models(&gate, &asked.principal, dialect, one.as_deref(), shared.clock.now()) {
        Err(refused) => Err(refuse_with(&asked, Operation::Models, *refused).await),
        Ok(body) => {
            listed(&asked, Operation::Models, &gate).await?;
            Ok(respond::json(200, dialect, asked.id, body))
        }
    }
}

/// Records something that was told and changes nothing.
pub(crate) async fn listed(
    asked: &Asked,
    op: Operation,
    gate: &cordon_pipeline::Gate,
) -> Result<(), Refusal> {
    let shared = &asked.worker.shared;
    let took = shared.clock.ticks().saturating_sub(asked.started);
    let leaf = shared.recorder.listed(&asked.about(op), gate, took, shared.clock.now());
    shared.ledger.append(leaf).await.map_err(|_| ledger_refusal())?;
    shared.metrics.ended(op.name(), "ok");
    Ok(())
}
