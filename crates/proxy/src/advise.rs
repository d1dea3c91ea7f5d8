//! Sessions, and tools that run elsewhere: what a front end posts, what a framework asks and reports.
//!
//! ```text
//! POST /cordon/v1/sessions   {"text"}, or {"session", "text"}       -> {"session"}
//! POST /cordon/v1/authorize  {"tool", "arguments"} or {"calls"}      -> {"decisions": [...]}
//! POST /cordon/v1/report     {"call", "tool", "result"}              -> {"labels", "findings"}
//! ```
//! What always holds: each decision is durable before it is told. Names of sessions come in `x-cordon-session`.

use crate::body::{self, OutBody};
use crate::call::{Asked, admit, content_length, own_scopes, refuse, with_json_body};
use crate::open::ledger_refusal;
use crate::respond;
use cordon_pipeline::{About, CallSeen, Done, End, Gate, Refusal, advise, session};
use cordon_types::Operation;
use http::{HeaderMap, Response};
use serde_json::{Value, json};
use std::sync::Arc;

/// Answers one of the three.
pub(crate) async fn call(
    mut asked: Asked,
    op: Operation,
    headers: HeaderMap,
    incoming: hyper::body::Incoming,
) -> Result<Response<OutBody>, Refusal> {
    let shared = asked.worker.shared.clone();
    let gate = shared.gate.load_full();
    // Held to the end: what runs at once counts against the agent's limits.
    let _ticket = match admit(&asked, own_scopes(&asked, &gate)) {
        Ok(ticket) => ticket,
        Err(refusal) => return Err(refuse(&asked, op, refusal).await),
    };
    let body = match content_length(&headers).and_then(|n| with_json_body(&headers).map(|()| n)) {
        Ok(declared) => body::read(incoming, declared, &shared.limits.body, &mut asked.buffered).await,
        Err(refusal) => Err(refusal),
    };
    let named = asked.session.as_deref();
    let done = match body {
        Err(refusal) => Err(refusal),
        Ok(body) => match op {
            Operation::Sessions => words(&asked, &gate, &body).await,
            Operation::Authorize => authorize(&asked, &gate, named, &body).await,
            _ => report(&asked, &gate, named, &body).await,
        },
    };
    match done {
        Ok(answer) => {
            shared.metrics.ended(op.name(), "ok");
            Ok(respond::json(200, asked.dialect, asked.id, answer.to_string().into()))
        }
        Err(refusal) => Err(refuse(&asked, op, refusal).await),
    }
}

async fn words(asked: &Asked, gate: &Arc<Gate>, body: &[u8]) -> Result<Value, Refusal> {
    let shared = &asked.worker.shared;
    let now = shared.clock.now();
    let mut random = [0; 32];
    shared.entropy.fill(&mut random);
    let id = session::post(gate, &asked.principal, body, &random, now)?;
    let about = asked.about(Operation::Sessions);
    let leaf = shared.recorder.listed(&about, gate, 0, now);
    shared.ledger.append(leaf).await.map_err(|_| ledger_refusal())?;
    Ok(json!({"session": id}))
}

async fn authorize(
    asked: &Asked,
    gate: &Arc<Gate>,
    named: Option<&str>,
    body: &[u8],
) -> Result<Value, Refusal> {
    let shared = &asked.worker.shared;
    let now = shared.clock.now();
    let advice = advise::authorize(gate, &asked.principal, named, body, now)?;
    // All go into the log before any is waited for: one sync serves them.
    let mut written = Vec::with_capacity(advice.len());
    let about = asked.about(Operation::Authorize);
    for one in &advice {
        shared.metrics.found(&one.tally, "prompt");
        let seen = CallSeen {
            server: None,
            tool: Some(&one.tool),
            bytes: one.size,
            tally: &one.tally,
            session: named,
            advisory: true,
        };
        let leaf = match &one.decided {
            Ok(()) => shared.recorder.call_intent(&about, gate, &seen, None, now),
            Err(refused) => shared.recorder.call_refused(&about, gate, &seen, refused.why, now),
        };
        written.push(shared.ledger.append(leaf));
    }
    let mut decisions = Vec::with_capacity(advice.len());
    for (one, appended) in advice.iter().zip(written) {
        let intent = appended.queued().ok_or_else(ledger_refusal)?;
        appended.await.map_err(|_| ledger_refusal())?;
        let name = || advise::call_name(gate, &asked.principal, named, &one.tool, (intent, asked.id));
        decisions.push(one.to_json(one.decided.is_ok().then(name)));
    }
    Ok(json!({"decisions": decisions}))
}

async fn report(asked: &Asked, gate: &Arc<Gate>, named: Option<&str>, body: &[u8]) -> Result<Value, Refusal> {
    let shared = &asked.worker.shared;
    let now = shared.clock.now();
    let report = advise::report(gate, &asked.principal, named, body, now)?;
    shared.metrics.found(&report.tally, "answer");
    // The outcome closes the exchange that asked.
    let about = About { request: report.request, ..asked.about(Operation::Report) };
    let leaf = shared.recorder.outcome(&Done {
        about: &about,
        gate,
        intent: report.intent,
        end: End::Complete,
        tally: &report.tally,
        stream: false,
        took: shared.clock.ticks().saturating_sub(asked.started),
        now,
    });
    shared.ledger.append(leaf).await.map_err(|_| ledger_refusal())?;
    let labels = report.labels.map(|l| json!({"integrity": l.integrity.name(), "class": l.class.name()}));
    Ok(json!({"labels": labels, "findings": advise::found(&report.tally)}))
}
