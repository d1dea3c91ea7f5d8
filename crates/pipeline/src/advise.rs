//! Calls of tools that run elsewhere: a framework asks before it calls, and reports what came back.
//!
//! What always holds: the judge is the same as for calls that Cordon carries; what a reported result is worth comes
//! from the manifest, never from the report. What it cannot do: see to it that the answer is heeded. Records say
//! *advisory*.

use crate::called::{Call, CallRefused, judge};
use crate::exchange::Caller;
use crate::gate::Gate;
use crate::hands::look;
use crate::refusal::{Refusal, Why};
use crate::session;
use crate::tally::Tally;
use cordon_policy::{Facts, Permit, ReasonCode};
use cordon_types::{FindingKind, Labels, Millis, RequestId, SpanKind, Waiting};
use cordon_wire::json::{Doc, scan};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::{Value, json};

/// Most calls in one question.
const MAX_CALLS: usize = 64;
/// Longest name of a tool.
const MAX_TOOL: usize = 192;

/// What a framework asks.
#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Question {
    /// About several calls of one turn.
    Batch {
        /// The calls, in order.
        calls: Vec<Asked>,
    },
    /// About one.
    One(Asked),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    tool: String,
    #[serde(default)]
    arguments: Value,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reported {
    call: String,
    tool: String,
    #[serde(default)]
    result: Value,
}

/// What was decided about one call.
pub struct Advice {
    /// The tool.
    pub tool: String,
    /// `Err`: it should not be made.
    pub decided: Result<(), CallRefused>,
    /// For the record.
    pub tally: Tally,
    /// Bytes of its arguments.
    pub size: u64,
}

/// What came back from a call.
pub struct Report {
    /// The tool.
    pub tool: String,
    /// Index of the call's intent.
    pub intent: u64,
    /// The exchange in which it was asked about.
    pub request: RequestId,
    /// The session's labels after it.
    pub labels: Option<Labels>,
    /// For the record.
    pub tally: Tally,
}

/// Judges calls. Those of one question count with one another.
pub fn authorize(
    gate: &Gate,
    caller: &Caller,
    named: Option<&str>,
    body: &[u8],
    now: Millis,
) -> Result<Vec<Advice>, Refusal> {
    let shape = "send {\"tool\", \"arguments\"}, or {\"calls\": [...]} with up to 64 of them";
    let calls = match read(gate, body, shape)? {
        Question::One(call) => vec![call],
        Question::Batch { calls } if (1..=MAX_CALLS).contains(&calls.len()) => calls,
        Question::Batch { .. } => return Err(bad(shape)),
    };
    let mut turn = None;
    calls
        .into_iter()
        .map(|asked| {
            let advice = advise(gate, caller, named, asked, turn, now)?;
            turn = advice.tally.turn;
            Ok(advice)
        })
        .collect()
}

fn advise(
    gate: &Gate,
    caller: &Caller,
    named: Option<&str>,
    asked: Asked,
    turn: Option<Labels>,
    now: Millis,
) -> Result<Advice, Refusal> {
    if asked.tool.is_empty() || asked.tool.len() > MAX_TOOL {
        return Err(bad("a tool's name has 1 to 192 bytes"));
    }
    let mut tally = Tally { turn, ..Tally::default() };
    let mut facts = Facts::default();
    let arguments = match &asked.arguments {
        Value::Null => "{}".to_owned(),
        other => other.to_string(),
    };
    inspect(gate, &arguments, SpanKind::ToolCall, &mut facts, &mut tally)?;
    let call =
        Call { tool: &asked.tool, arguments: &arguments, pin: None, session: named, judged_again: false };
    let origins = session::origins(gate, caller, named, now);
    let decided = judge(gate, caller, origins.as_deref(), call, &mut facts, &mut tally, now);
    let decided = decided.and_then(|permit| as_it_is(&permit, &mut tally));
    Ok(Advice { decided, size: arguments.len() as u64, tool: asked.tool, tally })
}

/// What is masked on its way through Cordon cannot be masked here: as it is, such a call is not to be made.
fn as_it_is(permit: &Permit, tally: &mut Tally) -> Result<(), CallRefused> {
    let duties = permit.obligations();
    let kinds: Vec<&str> = duties.mask.union(duties.redact).iter().map(FindingKind::name).collect();
    if kinds.is_empty() {
        return Ok(());
    }
    let code = ReasonCode::FindingRefused;
    if let Some(call) = tally.calls.last_mut() {
        call.refused = Some(code);
    }
    let public = format!(
        "its arguments hold what the manifest masks ({}); take that out, and ask again",
        kinds.join(", ")
    );
    Err(CallRefused { why: Why::Policy(code), public, waiting: None })
}

/// Takes what came back from a call that was judged before.
pub fn report(
    gate: &Gate,
    caller: &Caller,
    named: Option<&str>,
    body: &[u8],
    now: Millis,
) -> Result<Report, Refusal> {
    let reported: Reported = read(gate, body, "send {\"call\", \"tool\", \"result\"}")?;
    let (intent, request) = told_intent(gate, caller, named, &reported).ok_or_else(|| {
        bad("`call` must be what /cordon/v1/authorize gave to this agent for this tool in this session")
    })?;
    let mut tally = Tally { received: body.len() as u64, ..Tally::default() };
    let result = reported.result.to_string();
    inspect(gate, &result, SpanKind::ToolResult, &mut Facts::default(), &mut tally)?;
    session::learn(gate, caller, named, &reported.tool, &reported.result, now);
    let labels = session::origins(gate, caller, named, now).map(|o| o.labels());
    Ok(Report { tool: reported.tool, intent, request, labels, tally })
}

fn read<T: for<'d> Deserialize<'d>>(gate: &Gate, body: &[u8], shape: &str) -> Result<T, Refusal> {
    // SECURITY: strictly first, so that no key stands twice; then there is one way to read it.
    scan(body, &gate.limits).map_err(Refusal::from_wire)?;
    serde_json::from_slice(body).map_err(|_| bad(shape))
}

fn bad(text: &str) -> Refusal {
    Refusal::new(400, Why::Wire(cordon_wire::WireCode::WrongType), text)
}

fn inspect(
    gate: &Gate,
    json: &str,
    span: SpanKind,
    facts: &mut Facts,
    tally: &mut Tally,
) -> Result<(), Refusal> {
    let tape = scan(json.as_bytes(), &gate.limits).map_err(Refusal::from_wire)?;
    look(gate, Doc::new(json.as_bytes(), &tape), span, facts, tally).map(|_| ())
}

/// Names a call for its report: its record, and proof that it was this agent's call of this tool in this session.
#[must_use]
pub fn call_name(
    gate: &Gate,
    caller: &Caller,
    named: Option<&str>,
    tool: &str,
    (intent, request): (u64, RequestId),
) -> String {
    let mut mac = [0; 16];
    let proof = proof(&gate.lasting.binding_key, caller, named, tool, (intent, request));
    mac.iter_mut().zip(proof).for_each(|(to, from)| *to = from);
    format!("call_{intent:x}_{:032x}_{:032x}", request.0, u128::from_be_bytes(mac))
}

fn proof(
    key: &[u8; 32],
    caller: &Caller,
    named: Option<&str>,
    tool: &str,
    (intent, request): (u64, RequestId),
) -> [u8; 32] {
    // No length of a key can fail here (RFC 2104).
    let Ok(mut mac) = <Hmac<sha2::Sha256> as KeyInit>::new_from_slice(key) else { return [0; 32] };
    mac.update(b"report");
    mac.update(&intent.to_be_bytes());
    mac.update(&request.0.to_be_bytes());
    for part in [caller.agent.as_str(), named.unwrap_or_default(), tool] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    mac.finalize().into_bytes().into()
}

fn told_intent(
    gate: &Gate,
    caller: &Caller,
    named: Option<&str>,
    reported: &Reported,
) -> Option<(u64, RequestId)> {
    let mut parts = reported.call.strip_prefix("call_")?.split('_');
    let intent = u64::from_str_radix(parts.next()?, 16).ok()?;
    let request = RequestId(u128::from_str_radix(parts.next()?, 16).ok()?);
    let expected = call_name(gate, caller, named, &reported.tool, (intent, request));
    // Digests of both, so that the time to compare says nothing of the right one.
    let digest = |text: &str| <sha2::Sha256 as sha2::Digest>::digest(text.as_bytes());
    (digest(&expected) == digest(&reported.call)).then_some((intent, request))
}

impl Advice {
    /// The decision as a framework reads it. `call`: its name, where it was allowed.
    #[must_use]
    pub fn to_json(&self, call: Option<String>) -> Value {
        match &self.decided {
            Ok(()) => json!({"tool": self.tool, "decision": "allow", "call": call}),
            Err(refused) => {
                let mut out = refused_json(refused);
                if let Value::Object(map) = &mut out {
                    map.insert("tool".into(), self.tool.clone().into());
                }
                out
            }
        }
    }
}

/// A refused or waiting call, as programs read it.
#[must_use]
pub fn refused_json(refused: &CallRefused) -> Value {
    match &refused.waiting {
        Some(Waiting { id, expires_at }) => json!({
            "decision": "ask",
            "reason": ReasonCode::Held.name(),
            "message": refused.public,
            "approval": id.to_string(),
            "expires_at": cordon_types::time::rfc3339(*expires_at),
        }),
        None => json!({"decision": "deny", "reason": refused.why.name(), "message": refused.public}),
    }
}

/// The kinds that were found, for whoever reported a result: what to do about them is theirs.
#[must_use]
pub fn found(tally: &Tally) -> Vec<&'static str> {
    let mut kinds: Vec<FindingKind> = tally.findings.keys().map(|(kind, _)| *kind).collect();
    kinds.dedup();
    kinds.into_iter().map(FindingKind::name).collect()
}
