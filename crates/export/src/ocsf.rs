//! OCSF 1.8.0: API Activity (6003) for each leaf, a Detection Finding (2004) for each of its findings and refused
//! tool calls, an Incident Finding (2005) where a kill switch is set or lifted.
//!
//! What always holds: `metadata.uid` is the log's name and the leaf's index (and the finding's place), so the same
//! leaf gives the same ids for ever. The fields that OCSF has for text (`message`, `raw_data`, `desc`,
//! `status_detail`, and whatever holds a prompt or an answer) are never written.

use crate::{Leaf, Log, syslog, words};
use cordon_ledger::{
    CallJudged, Control, ControlKind, Decision, FindingCount, Finish, Intent, Judged, Name, Outcome, Reason,
    Record,
};
use cordon_types::{AgentId, KeyId, Operation, RequestId, time};
use data_encoding::HEXLOWER;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// The version of the schema.
const SCHEMA: &str = "1.8.0";
const API_ACTIVITY: u64 = 6003;
const DETECTION_FINDING: u64 = 2004;
const INCIDENT_FINDING: u64 = 2005;
/// `activity_id`: the schema has no word for it.
const OTHER: u64 = 99;
/// Where OCSF demands a name and the record has none.
const UNKNOWN: &str = "unknown";

/// The events of one leaf, each a line of JSON.
pub(crate) fn events(log: &Log, leaf: &Leaf) -> Vec<Vec<u8>> {
    let mut all = Vec::with_capacity(1);
    match &leaf.record {
        None => all.push(unreadable(log, leaf)),
        Some(Record::Intent(r)) => {
            all.push(intent(log, leaf, r));
            findings(log, leaf, &r.judged, &mut all);
        }
        Some(Record::Outcome(r)) => {
            all.push(outcome(log, leaf, r));
            findings(log, leaf, &r.judged, &mut all);
            let refused = r.calls.iter().filter(|c| c.decision != Decision::Allowed);
            all.extend(refused.enumerate().map(|(n, call)| refused_call(log, leaf, n, call)));
        }
        Some(Record::Control(r)) => {
            all.push(control(log, leaf, r));
            if matches!(r.kind, ControlKind::Kill | ControlKind::Unkill) {
                all.push(incident(log, leaf, r));
            }
        }
    }
    all.into_iter().map(|event| Value::Object(event).to_string().into_bytes()).collect()
}

type Event = Map<String, Value>;

/// What every event has.
fn event(log: &Log, leaf: &Leaf, class: u64, activity: u64, severity: u64, part: &str) -> Event {
    let record = leaf.record.as_ref();
    let mut metadata = json!({
        "version": SCHEMA,
        "product": {"name": "Cordon", "vendor_name": "Cordon", "version": log.version},
        "uid": uid(log, leaf, part),
        "sequence": leaf.index,
        "log_name": log.origin,
        "event_code": record.map_or(UNKNOWN, syslog::kind),
    });
    if let Some(request) = record.and_then(Record::request) {
        put(&mut metadata, "correlation_uid", request.to_string());
    }
    let mut event = Map::new();
    event.insert("metadata".into(), metadata);
    event.insert("category_uid".into(), (class / 1000).into());
    event.insert("class_uid".into(), class.into());
    event.insert("activity_id".into(), activity.into());
    event.insert("type_uid".into(), (class * 100 + activity).into());
    event.insert("severity_id".into(), severity.into());
    event.insert("time".into(), record.map_or(0, Record::at).into());
    event.insert("raw_data_size".into(), leaf.bytes.len().into());
    let hash = HEXLOWER.encode(&Sha256::digest(&leaf.bytes));
    event.insert("raw_data_hash".into(), json!({"algorithm_id": 3, "value": hash}));
    event
}

fn uid(log: &Log, leaf: &Leaf, part: &str) -> String {
    format!("{}#{}{part}", log.origin, leaf.index)
}

fn put(value: &mut Value, key: &str, text: impl Into<String>) {
    if let Value::Object(map) = value {
        map.insert(key.to_owned(), Value::String(text.into()));
    }
}

/// An API Activity, under the profile AI Operation.
fn activity(log: &Log, leaf: &Leaf, activity: (u64, &'static str), operation: &str) -> Event {
    let severity = severity(leaf.record.as_ref());
    let mut event = event(log, leaf, API_ACTIVITY, activity.0, severity, "");
    if let Some(metadata) = event.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("profiles".into(), json!(["ai_operation", "security_control"]));
    }
    event.insert("activity_name".into(), activity.1.into());
    event.insert("api".into(), json!({"operation": operation}));
    event
}

fn severity(record: Option<&Record>) -> u64 {
    match syslog::severity(record) {
        0 | 1 => 5,
        2 | 3 => 4,
        4 => 3,
        5 => 2,
        _ => 1,
    }
}

/// Who asked, and from where: addresses are not in records, so a key stands for the place.
fn actor(event: &mut Event, app: &str, key: Option<&KeyId>, user: Option<String>) {
    let mut actor = json!({"app_name": app});
    let mut from = json!({"name": app});
    if let Some(key) = key {
        put(&mut actor, "app_uid", key.as_str());
        put(&mut from, "uid", key.as_str());
    }
    if let (Some(user), Value::Object(actor)) = (user, &mut actor) {
        actor.insert("user".into(), json!({"uid": user}));
    }
    event.insert("actor".into(), actor);
    event.insert("src_endpoint".into(), from);
}

fn app(agent: Option<&AgentId>) -> &str {
    agent.map_or(UNKNOWN, AgentId::as_str)
}

fn api(event: &mut Event, key: &str, value: Value) {
    if let Some(api) = event.get_mut("api").and_then(Value::as_object_mut) {
        api.insert(key.to_owned(), value);
    }
}

/// The decision, as the profile Security Control says it.
fn decided(event: &mut Event, judged: &Judged) {
    let (action, disposition, status) = match judged.decision {
        Decision::Allowed => (1, 1, 1),
        Decision::Denied => (2, 2, 2),
        Decision::Observed => (3, 15, 1),
        Decision::Error => (OTHER, 27, 2),
    };
    event.insert("action_id".into(), action.into());
    event.insert("disposition_id".into(), disposition.into());
    event.insert("status_id".into(), status.into());
    if let Some(reason) = judged.reason {
        event.insert("status_code".into(), reason.name().into());
    }
    if judged.decision == Decision::Denied {
        event.insert("is_alert".into(), true.into());
    }
    if !judged.policies.is_empty() {
        let policies = judged
            .policies
            .iter()
            .map(|p| json!({"decision": judged.decision.name(), "policy": {"uid": p.as_str()}}));
        event.insert("authorizations".into(), policies.collect());
    }
}

/// What OCSF has no place for.
fn unmapped(event: &mut Event, leaf: &Leaf, fields: Value) {
    let mut fields = match fields {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    fields.retain(|_, v| !v.is_null() && v.as_array().is_none_or(|a| !a.is_empty()));
    fields.insert("leaf_hash".into(), leaf.hash_text().into());
    event.insert("unmapped".into(), Value::Object(fields));
}

/// A name of the operator's as `name`, any other as `uid`: a digest.
fn named(name: &Name, kind: &'static str) -> Value {
    match name {
        Name::Known(known) => json!({"type": kind, "name": known.as_str()}),
        Name::Hidden(digest) => json!({"type": kind, "uid": digest.to_string()}),
    }
}

fn request(request: RequestId) -> Value {
    json!({"uid": request.to_string()})
}

fn intent(log: &Log, leaf: &Leaf, r: &Intent) -> Event {
    let does = if matches!(r.operation, Operation::Models | Operation::Sessions) {
        (2, "Read")
    } else {
        (OTHER, "Invoke")
    };
    let mut event = activity(log, leaf, does, r.operation.name());
    actor(&mut event, app(r.agent.as_ref()), r.key.as_ref(), r.user.map(|u| u.to_string()));
    api(&mut event, "request", request(r.request));
    api(&mut event, "version", r.dialect.name().into());
    if let Some(upstream) = &r.upstream {
        api(&mut event, "service", json!({"name": upstream.as_str()}));
        event.insert("dst_endpoint".into(), json!({"svc_name": upstream.as_str()}));
    }
    if let Some(model) = &r.model {
        let provider = r.upstream.as_ref().map_or(UNKNOWN, |u| u.as_str());
        let mut model_of = json!({"ai_provider": provider, "name": words::name(model)});
        if let Name::Hidden(digest) = model {
            put(&mut model_of, "uid", digest.to_string());
        }
        event.insert("ai_model".into(), model_of);
        event.insert("resources".into(), json!([named(model, "model")]));
    }
    if let Some(agent) = &r.agent {
        event.insert(
            "message_context".into(),
            json!({"application": {"name": agent.as_str()}, "ai_role_id": 1}),
        );
    }
    decided(&mut event, &r.judged);
    if let Some(version) = &r.policy {
        event.insert("policy".into(), json!({"uid": version.to_string()}));
    }
    let rest = json!({
        "mode": words::mode(r.mode),
        "stream": r.stream,
        "body_size": r.body.exponent(),
        "tools": r.tools,
        "tools_removed": r.tools_removed,
        "truncated": r.truncated,
        "not_inspected": r.not_inspected.iter().map(|f| f.name()).collect::<Vec<_>>(),
        "opened": r.opened.iter().map(|f| f.name()).collect::<Vec<_>>(),
        "integrity": r.labels.map(|l| l.integrity),
        "confidentiality": r.labels.map(|l| l.confidentiality),
        "tool": r.call.as_ref().map(|c| words::name(&c.tool)),
        "effect": r.call.as_ref().and_then(|c| c.effect).map(cordon_types::Effect::name),
        "target_origin": r.call.as_ref().and_then(|c| c.target.as_ref()).map(|w| w.as_str()),
        "session": r.call.as_ref().and_then(|c| c.session).map(|s| s.to_string()),
        "result_class": r.call.as_ref().and_then(|c| c.result_class).map(cordon_types::Class::name),
        "advisory": r.call.as_ref().map(|c| c.advisory),
        "detectors": r.detector.as_ref().map(|w| w.as_str()),
        "commitment": r.commitment.as_ref().map(|c| c.0.to_string()),
        "predicates": r.judged.predicates.iter().map(words::predicate).collect::<Vec<_>>(),
        "findings": r.judged.findings.iter().map(words::finding).collect::<Vec<_>>(),
        "obligations": r.judged.obligations.iter().map(words::obligation).collect::<Vec<_>>(),
    });
    unmapped(&mut event, leaf, rest);
    event
}

fn outcome(log: &Log, leaf: &Leaf, r: &Outcome) -> Event {
    let mut event = activity(log, leaf, (OTHER, "Answer"), "model.answer");
    actor(&mut event, app(r.agent.as_ref()), None, None);
    api(&mut event, "request", request(r.request));
    let mut response = json!({"code": r.status});
    if r.judged.decision != Decision::Allowed {
        put(&mut response, "error", r.judged.reason.map_or(r.finish.name(), Reason::name));
    }
    api(&mut event, "response", response);
    event.insert("http_response".into(), json!({"code": r.status, "latency": r.total_ms}));
    if let Some(agent) = &r.agent {
        let mut context = json!({"application": {"name": agent.as_str()}, "ai_role_id": 2});
        if let Value::Object(context) = &mut context {
            let tokens = [("prompt_tokens", r.tokens_in), ("completion_tokens", r.tokens_out)];
            for (key, count) in tokens.into_iter().filter_map(|(key, n)| Some((key, n?))) {
                context.insert(key.into(), count.into());
            }
            if let (Some(tokens_in), Some(tokens_out)) = (r.tokens_in, r.tokens_out) {
                context.insert("total_tokens".into(), tokens_in.saturating_add(tokens_out).into());
            }
        }
        event.insert("message_context".into(), context);
    }
    decided(&mut event, &r.judged);
    if !r.calls.is_empty() {
        event.insert("resources".into(), r.calls.iter().map(|c| named(&c.tool, "tool")).collect());
    }
    if r.finish == Finish::Killed {
        event.insert("is_alert".into(), true.into());
    }
    let rest = json!({
        "intent": r.intent,
        "finish": r.finish.name(),
        "upstream_status": r.upstream_status,
        "calls": r.calls.iter().map(words::call).collect::<Vec<_>>(),
        "calls_unlisted": r.calls_unlisted,
        "stream": r.stream,
        "answer_size": r.answer.exponent(),
        "released_size": r.released.exponent(),
        "tokens_cached": r.tokens_cached,
        "cost_micros": r.cost_micros,
        "upstream_ms": r.upstream_ms,
        "truncated": r.truncated,
        "not_inspected": r.not_inspected.iter().map(|f| f.name()).collect::<Vec<_>>(),
        "opened": r.opened.iter().map(|f| f.name()).collect::<Vec<_>>(),
        "predicates": r.judged.predicates.iter().map(words::predicate).collect::<Vec<_>>(),
        "findings": r.judged.findings.iter().map(words::finding).collect::<Vec<_>>(),
        "obligations": r.judged.obligations.iter().map(words::obligation).collect::<Vec<_>>(),
    });
    unmapped(&mut event, leaf, rest);
    event
}

fn control(log: &Log, leaf: &Leaf, r: &Control) -> Event {
    let does = match r.kind {
        ControlKind::KeyCreated | ControlKind::Kill => (1, "Create"),
        ControlKind::KeyRevoked | ControlKind::Unkill => (4, "Delete"),
        ControlKind::Reload => (3, "Update"),
        _ => (OTHER, r.kind.name()),
    };
    let mut event = activity(log, leaf, does, r.kind.name());
    // A refusal is of somebody unknown; all else without an agent is the gateway's or its operator's doing.
    let nobody = if r.kind == ControlKind::Refusal { UNKNOWN } else { "cordon" };
    let who = r.agent.as_ref().map_or(nobody, AgentId::as_str);
    actor(&mut event, who, r.key.as_ref(), r.by.map(|b| b.to_string()));
    if let Some(id) = r.request {
        api(&mut event, "request", request(id));
    }
    let refused = matches!(r.kind, ControlKind::Refusal | ControlKind::ReloadRefused);
    event.insert("status_id".into(), u64::from(refused).saturating_add(1).into());
    if let Some(reason) = r.reason {
        event.insert("status_code".into(), reason.name().into());
    }
    if let Some(target) = &r.target {
        event.insert("resources".into(), json!([named(target, "scope")]));
    }
    if let Some(version) = &r.policy {
        event.insert("policy".into(), json!({"uid": version.to_string()}));
    }
    let (from, to) = (r.from.map(time::rfc3339), r.to.map(time::rfc3339));
    let snapshot = r.snapshot.map(|s| s.to_string());
    let approval = r.approval.map(|a| a.to_string());
    let rest = json!({
        "count": r.count, "of": r.of, "from": from, "to": to, "snapshot": snapshot, "approval": approval,
    });
    unmapped(&mut event, leaf, rest);
    event
}

fn unreadable(log: &Log, leaf: &Leaf) -> Event {
    let mut event = activity(log, leaf, (0, "Unknown"), UNKNOWN);
    actor(&mut event, UNKNOWN, None, None);
    unmapped(&mut event, leaf, Value::Null);
    event
}

fn findings(log: &Log, leaf: &Leaf, judged: &Judged, all: &mut Vec<Event>) {
    all.extend(judged.findings.iter().enumerate().map(|(n, found)| finding(log, leaf, n, found, judged)));
}

/// A Detection Finding: what it is about comes from the leaf.
fn detection(log: &Log, leaf: &Leaf, part: &str, title: &str, analytic: Value) -> Event {
    let mut event = event(log, leaf, DETECTION_FINDING, 1, 3, part);
    let info = json!({"uid": uid(log, leaf, part), "title": title, "types": [title], "analytic": analytic});
    event.insert("finding_info".into(), info);
    event.insert("status_id".into(), 1.into());
    event.insert("is_alert".into(), true.into());
    let mut evidence = Map::new();
    let agent = leaf.record.as_ref().and_then(Record::agent).map_or(UNKNOWN, AgentId::as_str);
    let mut who = json!({"app_name": agent});
    if let Some(Record::Intent(Intent { user: Some(user), .. })) = &leaf.record
        && let Value::Object(who) = &mut who
    {
        who.insert("user".into(), json!({"uid": user.to_string()}));
    }
    evidence.insert("actor".into(), who);
    if let Some(id) = leaf.record.as_ref().and_then(Record::request) {
        evidence.insert("api".into(), json!({"operation": "model", "request": request(id)}));
    }
    event.insert("evidences".into(), json!([evidence]));
    event
}

fn finding(log: &Log, leaf: &Leaf, n: usize, found: &FindingCount, judged: &Judged) -> Event {
    let detectors = match &leaf.record {
        Some(Record::Intent(r)) => r.detector.as_ref(),
        _ => None,
    };
    let mut analytic = json!({"type_id": 1, "uid": found.kind.name(), "category": found.kind.guard().name()});
    if let Some(version) = detectors {
        put(&mut analytic, "version", version.as_str());
    }
    let mut event = detection(log, leaf, &format!("/f{n}"), found.kind.name(), analytic);
    let rest = json!({"span": found.span.name(), "count": found.count, "decision": judged.decision.name()});
    unmapped(&mut event, leaf, rest);
    event
}

fn refused_call(log: &Log, leaf: &Leaf, n: usize, call: &CallJudged) -> Event {
    let reason = call.reason.map_or(UNKNOWN, Reason::name);
    let analytic = json!({"type_id": 1, "uid": reason, "category": "tool_call"});
    let mut event = detection(log, leaf, &format!("/c{n}"), reason, analytic);
    event.insert("resources".into(), json!([named(&call.tool, "tool")]));
    let rest = json!({
        "decision": call.decision.name(),
        "policies": call.policies.iter().map(|p| p.as_str()).collect::<Vec<_>>(),
        "predicates": call.predicates.iter().map(words::predicate).collect::<Vec<_>>(),
    });
    unmapped(&mut event, leaf, rest);
    event
}

/// An Incident Finding: open from the kill to its lifting, under one id.
fn incident(log: &Log, leaf: &Leaf, r: &Control) -> Event {
    let set = r.kind == ControlKind::Kill;
    let mut event =
        event(log, leaf, INCIDENT_FINDING, if set { 1 } else { 3 }, if set { 5 } else { 1 }, "/i");
    let about = r.target.as_ref().map_or_else(|| UNKNOWN.to_owned(), words::name);
    let info = json!({"uid": format!("{}/kill/{about}", log.origin), "title": "kill_switch", "types": ["kill_switch"]});
    event.insert("finding_info_list".into(), json!([info]));
    event.insert("status_id".into(), if set { 1.into() } else { 5.into() });
    event.insert("assignee_group".into(), json!({"name": "operators"}));
    if let Some(by) = r.by {
        event.insert("assignee".into(), json!({"uid": by.to_string()}));
    }
    unmapped(&mut event, leaf, json!({"target": about, "reason": r.reason.map(Reason::name)}));
    event
}
