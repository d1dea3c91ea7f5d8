//! What servers ask of a client: only what the manifest lists, and what the client said it can do.
//!
//! ```text
//! client with a session, server with one     the question goes on, the answer comes back
//! client without, server without             `input_required` goes on as it is
//! client with, server without                each question is asked; the call is made again with the answers
//! client without, server with one            the call waits; the client comes back with the answers and a token
//! ```
//! What always holds: questions are inspected like results, answers like arguments; sampling and roots are never
//! carried from one kind to the other.

use crate::mcp::convert;
use crate::mcp::failure::Failure;
use crate::mcp::flow::Flow;
use crate::mcp::link::{Words, object};
use crate::mcp::park::Parked;
use crate::mcp::seal::Of;
use bytes::Bytes;
use cordon_pipeline::{End, Refusal, Tally, Why};
use cordon_policy::Interaction;
use cordon_wire::json::{Doc, Kind, scan};
use cordon_wire::mcp::{
    Edits, ErrorCode, Id, Message, MessageKind, error, render, request, response, string,
};
use std::future::Future;
use std::pin::Pin;
use tokio::sync::oneshot;

/// A question that is open: whose, and its answer.
pub(crate) type Question =
    Pin<Box<dyn Future<Output = (Open, Result<Message, oneshot::error::RecvError>)> + Send>>;

/// To whom an answer goes.
pub(crate) enum Open {
    /// The server's own request.
    Request(Id),
    /// One of the inputs that a server without sessions needs, by its name.
    Input(String),
}

/// The inputs that a server without sessions needs, as its client gives them.
#[derive(Default)]
pub(crate) struct Inputs {
    /// Questions that are open.
    open: usize,
    /// Answers: name and JSON text.
    answers: Vec<(String, String)>,
    /// The server's state: JSON text.
    state: Option<String>,
}

/// Most rounds of input in one call, and most questions in one round.
const MAX_ROUNDS: u8 = 16;
const MAX_QUESTIONS: usize = 16;
/// The name under which a client without session is asked a server's question.
const QUESTION: &str = "question";

/// What the client must be able to do for a request of a server's.
fn ability(method: &str) -> Option<Interaction> {
    Some(match method {
        "elicitation/create" => Interaction::Elicitation,
        "sampling/createMessage" => Interaction::Sampling,
        "roots/list" => Interaction::Roots,
        _ => return None,
    })
}

/// A server's request in the middle of a call.
pub(crate) async fn asked(flow: &mut Flow, message: Message) {
    let Some(id) = message.id().cloned() else { return };
    if message.method() == "ping" {
        return reply(flow, response(&id, "{}")).await;
    }
    let Some(what) = ability(message.method()) else {
        return reply(flow, error(Some(&id), ErrorCode::MethodNotFound, "no such method")).await;
    };
    let can = match what {
        Interaction::Elicitation => flow.context.abilities.elicitation.is_some(),
        Interaction::Sampling => flow.context.abilities.sampling.is_some(),
        _ => flow.context.abilities.roots.is_some(),
    };
    // SECURITY: only a question to the user goes from one kind of server to the other kind of client.
    if flow.context.session.is_none() && can && what == Interaction::Elicitation && flow.context.allows(what)
    {
        return park(flow, &id, &message).await;
    }
    let session = flow.context.session.clone().filter(|_| can && flow.context.allows(what));
    let Some(session) = session else {
        return reply(flow, error(Some(&id), ErrorCode::MethodNotFound, "the client may not be asked that"))
            .await;
    };
    let mut tally = Tally::default();
    let now = flow.now();
    let words = convert::words(&flow.exchange, &message, &mut tally, now, |m, body, edits| {
        edits.unset(m.doc(), body, "_meta");
    });
    flow.open.tally.take(tally);
    let (Ok(params), Some((own, answer))) = (words, session.ask()) else {
        return reply(flow, error(Some(&id), ErrorCode::Refused, "the question was refused")).await;
    };
    flow.push(request(&own, message.method(), &params));
    flow.questions.push(Box::pin(async move { (Open::Request(id), answer.await) }));
}

/// The client's answer.
pub(crate) async fn answered(
    flow: &mut Flow,
    question: Open,
    answer: Result<Message, oneshot::error::RecvError>,
) {
    let given = answer.ok().filter(|a| a.kind() == MessageKind::Response);
    let body = given.as_ref().map(|a| a.body().map_or("{}", |b| a.raw(b)).to_owned());
    let body = body.and_then(|raw| judged(flow, &raw));
    match (question, body) {
        (Open::Request(id), Some(body)) => reply(flow, response(&id, &body)).await,
        (Open::Request(id), None) => {
            reply(flow, error(Some(&id), ErrorCode::Internal, "the client did not answer the question"))
                .await;
        }
        (Open::Input(name), body) => {
            let body = body.unwrap_or_else(|| "{\"action\":\"cancel\"}".to_owned());
            flow.inputs.answers.push((name, body));
            flow.inputs.open = flow.inputs.open.saturating_sub(1);
            if flow.inputs.open == 0 {
                ask_again(flow);
            }
        }
    }
}

/// A client's answer, judged like the arguments of the call that it is for.
fn judged(flow: &mut Flow, raw: &str) -> Option<String> {
    let mut tally = Tally::default();
    let judged = cordon_pipeline::hands::reply(&flow.exchange, raw, &mut tally, flow.now());
    flow.open.tally.take(tally);
    judged.ok()
}

/// A call at a server with sessions waits for a client without one.
async fn park(flow: &mut Flow, id: &Id, message: &Message) {
    let mut tally = Tally::default();
    let words = convert::words(&flow.exchange, message, &mut tally, flow.now(), |m, body, edits| {
        edits.unset(m.doc(), body, "_meta");
    });
    flow.open.tally.take(tally);
    let (Ok(params), Some(replies)) = (words, flow.replies.take()) else {
        return reply(flow, error(Some(id), ErrorCode::Refused, "the question was refused")).await;
    };
    let shared = flow.context.asked.worker.shared.clone();
    let parked = Parked {
        key: flow.context.asked.principal.key.clone(),
        request: flow.call.digest(),
        replies,
        questions: vec![(QUESTION.to_owned(), id.clone())],
        until: tokio::time::Instant::now() + flow.call.server.settings.timeout.max(PARKED),
    };
    let Some(token) = shared.hub.park(shared.entropy.as_ref(), parked) else {
        let refusal = Refusal::new(503, Why::Limit, "too many calls wait for input; try again shortly");
        return flow.refuse(End::Refused(Why::Limit), &refusal).await;
    };
    let question = object(&[("method", string(message.method())), ("params", params)]);
    let result = object(&[
        ("resultType", string("input_required")),
        ("inputRequests", object(&[(QUESTION, question)])),
        ("requestState", string(&format!("{STATE}{token}"))),
    ]);
    let answer = response(&flow.id, &result);
    flow.finish(End::Complete, answer).await;
}

/// What stands before the token of a call that waits.
pub(crate) const STATE: &str = "cordon-";
/// How long a call waits for its client's user.
const PARKED: std::time::Duration = std::time::Duration::from_secs(300);

/// Gives a waiting call the answers that its client came back with.
pub(crate) async fn resume(flow: &mut Flow, questions: Vec<(String, Id)>, message: &Message) {
    for (name, id) in questions {
        let given = message.get("inputResponses").and_then(|n| message.doc().given(n, &name));
        let body = given.map(|n| message.raw(n).to_owned()).and_then(|raw| judged(flow, &raw));
        let answer = match body {
            Some(body) => response(&id, &body),
            None => response(&id, "{\"action\":\"cancel\"}"),
        };
        reply(flow, answer).await;
    }
}

/// Asks a client with a session for what a server without one needs.
fn collect(flow: &mut Flow, message: &Message) -> Result<(), Failure> {
    let impossible =
        || Failure::new("input_required", "the tool server needs input that this client cannot be asked for");
    flow.rounds += 1;
    let session =
        flow.context.session.clone().filter(|_| flow.rounds <= MAX_ROUNDS).ok_or_else(impossible)?;
    let doc = message.doc();
    flow.inputs =
        Inputs { state: message.get("requestState").map(|n| message.raw(n).to_owned()), ..Inputs::default() };
    flow.replies = None;
    let requests = message.get("inputRequests");
    let wanted: Vec<(u32, u32)> = requests.map(|n| doc.members(n).collect()).unwrap_or_default();
    if wanted.len() > MAX_QUESTIONS || (wanted.is_empty() && flow.inputs.state.is_none()) {
        return Err(impossible());
    }
    for (key, value) in wanted {
        // SECURITY: only a question to the user is carried over.
        let method = doc.given(value, "method").and_then(|m| doc.string(m));
        let can =
            flow.context.abilities.elicitation.is_some() && flow.context.allows(Interaction::Elicitation);
        if !can || method.as_deref() != Some("elicitation/create") {
            return Err(impossible());
        }
        let params =
            doc.given(value, "params").filter(|p| doc.kind(*p) == Kind::Object).ok_or_else(impossible)?;
        let params = inspected(flow, doc, params).ok_or_else(impossible)?;
        let (own, answer) = session.ask().ok_or_else(impossible)?;
        let name = doc.text(key).into_owned();
        flow.push(request(&own, "elicitation/create", &params));
        flow.inputs.open += 1;
        flow.questions.push(Box::pin(async move { (Open::Input(name), answer.await) }));
    }
    Ok(())
}

/// The parameters of a question, as the client may read them.
fn inspected(flow: &mut Flow, doc: Doc<'_>, params: u32) -> Option<String> {
    let mut read = cordon_wire::mcp::Texts::default();
    cordon_wire::mcp::texts(doc, params, false, &mut read);
    let mut tally = Tally::default();
    let changed = cordon_pipeline::hands::result(&flow.exchange, &read, &mut tally, flow.now());
    flow.open.tally.take(tally);
    let mut edits = Edits::default();
    for (at, ranges) in changed.ok()? {
        edits.text(doc, read.strings.get(at)?.node, ranges).ok()?;
    }
    edits.unset(doc, params, "_meta");
    Some(convert::told(&flow.exchange, render(doc, params, &edits), flow.now()))
}

/// Makes the call again, with what the client gave.
pub(crate) fn ask_again(flow: &mut Flow) {
    let inputs = std::mem::take(&mut flow.inputs);
    let mut ask = flow.asked.clone();
    let answers: Vec<(&str, String)> = inputs.answers.iter().map(|(k, v)| (k.as_str(), v.clone())).collect();
    ask.params.retain(|(key, _)| !matches!(*key, "inputResponses" | "requestState"));
    ask.params.push(("inputResponses", object(&answers)));
    ask.params.extend(inputs.state.map(|state| ("requestState", state)));
    flow.asked = ask.clone();
    flow.begin(ask);
}

async fn reply(flow: &mut Flow, message: Bytes) {
    let worker = flow.context.asked.worker.clone();
    // The permit of the call covers what its client adds to it.
    if let Err(failure) = flow.link.tell(&worker, Words::Permitted(flow.permit.clone()), message).await {
        tracing::debug!(why = failure.name, "an answer to a server's question was not taken");
    }
}

/// The server needs input before it can answer (2026-07-28).
pub(crate) async fn input_required(flow: &mut Flow, message: Message) {
    if !flow.context.revision.is_stateless() {
        match collect(flow, &message) {
            Ok(()) if flow.questions.is_empty() => ask_again(flow),
            Ok(()) => {}
            Err(failure) => flow.refuse(End::UpstreamFailed(failure.name), &failure.refusal()).await,
        }
        return;
    }
    if !may_all(flow, &message) {
        let refusal = may_not();
        return flow.refuse(End::UpstreamFailed("input_required"), &refusal).await;
    }
    let mut tally = Tally { received: message.len() as u64, ..Tally::default() };
    let now = flow.now();
    let words = convert::words(&flow.exchange, &message, &mut tally, now, |_, _, _| {});
    match words.and_then(|result| sealed(flow, result)) {
        Ok(result) => {
            tally.released = result.len() as u64;
            flow.open.tally.take(tally);
            let answer = response(&flow.id, &result);
            flow.finish(End::Complete, answer).await;
        }
        Err(refusal) => {
            flow.open.tally.take(tally);
            flow.refuse(End::Refused(refusal.why), &refusal).await;
        }
    }
}

/// What is told of a question that the manifest does not let servers ask.
pub(crate) fn may_not() -> Refusal {
    let text = "the tool server asks for what this agent's manifest does not let servers ask for; see `mcp`";
    Refusal::new(403, Why::Upstream("input_required"), text)
}

/// Whether the manifest lets servers ask all that is asked here.
pub(crate) fn may_all(flow: &Flow, message: &Message) -> bool {
    let doc = message.doc();
    let asked = message.get("inputRequests");
    asked.into_iter().flat_map(|n| doc.members(n)).all(|(_, value)| {
        let method = doc.given(value, "method").and_then(|m| doc.string(m));
        method.and_then(|m| ability(&m)).is_some_and(|what| flow.context.allows(what))
    })
}

/// The result with its `requestState` sealed. SECURITY: after its inspection, so that what was masked stays so.
fn sealed(flow: &Flow, result: String) -> Result<String, Refusal> {
    let shared = &flow.context.asked.worker.shared;
    let tape = scan(result.as_bytes(), &flow.context.gate.limits).map_err(Refusal::from_wire)?;
    let doc = Doc::new(result.as_bytes(), &tape);
    let Some(state) = doc.given(0, "requestState") else { return Ok(result) };
    let broken = || {
        let why = Why::Upstream("input_required");
        Refusal::new(502, why, "the tool server's `requestState` is not a string")
    };
    let text = doc.string(state).ok_or_else(broken)?;
    let of = Of::call(&flow.context.asked.principal.key, &flow.call);
    let closed = shared.hub.seal(shared.entropy.as_ref()).close(&of, &text);
    let mut edits = Edits::default();
    edits.replace(state, string(&closed));
    Ok(render(doc, 0, &edits))
}
