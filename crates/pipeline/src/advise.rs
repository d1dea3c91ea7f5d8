//! Calls of tools that run elsewhere: a framework asks before it calls, and reports what came back.
//!
//! What always holds: the judge is the same as for calls that Cordon carries; what a reported result is worth comes
//! from the manifest, never from the report. What it cannot do: see to it that the answer is heeded. Records say
//! *advisory*.

use crate::called::{Call, CallRefused, judge};
use crate::exchange::{Caller, note};
use crate::gate::Gate;
use crate::refusal::{Refusal, Why};
use crate::session;
use crate::tally::Tally;
use crate::told::leaves;
use cordon_policy::{Facts, ReasonCode};
use cordon_types::{FindingKind, Labels, Millis, SpanKind, Waiting};
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
    inspect(gate, &asked.arguments, SpanKind::ToolCall, &mut facts, &mut tally)?;
    let arguments = match &asked.arguments {
        Value::Null => "{}".to_owned(),
        other => other.to_string(),
    };
    let call =
        Call { tool: &asked.tool, arguments: &arguments, pin: None, session: named, judged_again: false };
    let origins = session::origins(gate, caller, named, now);
    let decided = judge(gate, caller, origins.as_deref(), call, &mut facts, &mut tally, now);
    Ok(Advice { decided: decided.map(|_permit| ()), size: arguments.len() as u64, tool: asked.tool, tally })
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
    let intent = told_intent(gate, caller, &reported)
        .ok_or_else(|| bad("`call` must be what /cordon/v1/authorize gave to this agent for this tool"))?;
    let mut tally = Tally { received: body.len() as u64, ..Tally::default() };
    inspect(gate, &reported.result, SpanKind::ToolResult, &mut Facts::default(), &mut tally)?;
    session::learn(gate, caller, named, &reported.tool, &reported.result, now);
    let labels = session::origins(gate, caller, named, now).map(|o| o.labels());
    Ok(Report { tool: reported.tool, intent, labels, tally })
}

fn read<T: for<'d> Deserialize<'d>>(gate: &Gate, body: &[u8], shape: &str) -> Result<T, Refusal> {
    // SECURITY: strictly first, so that no key stands twice; then there is one way to read it.
    cordon_wire::json::scan(body, &gate.limits).map_err(Refusal::from_wire)?;
    serde_json::from_slice(body).map_err(|_| bad(shape))
}

fn bad(text: &str) -> Refusal {
    Refusal::new(400, Why::Wire(cordon_wire::WireCode::WrongType), text)
}

fn inspect(
    gate: &Gate,
    value: &Value,
    span: SpanKind,
    facts: &mut Facts,
    tally: &mut Tally,
) -> Result<(), Refusal> {
    let mut texts = Vec::new();
    leaves(value, &mut |text| texts.push(text));
    for text in texts {
        let report = gate.inspect(text, span, tally)?;
        note(facts, &report.findings, report.injection_flagged, span);
    }
    Ok(())
}

/// Names a call for its report: its record's index, and proof that it was this agent's call of this tool.
#[must_use]
pub fn call_name(gate: &Gate, caller: &Caller, tool: &str, intent: u64) -> String {
    let mac: String = proof(gate, caller, tool, intent).iter().map(|b| format!("{b:02x}")).collect();
    format!("call_{intent:x}_{mac}")
}

fn proof(gate: &Gate, caller: &Caller, tool: &str, intent: u64) -> [u8; 16] {
    let mut out = [0; 16];
    // No length of a key can fail here (RFC 2104).
    let Ok(mut mac) = <Hmac<sha2::Sha256> as KeyInit>::new_from_slice(&gate.lasting.binding_key) else {
        return out;
    };
    mac.update(b"report");
    mac.update(&intent.to_be_bytes());
    mac.update(&(caller.agent.as_str().len() as u64).to_be_bytes());
    mac.update(caller.agent.as_str().as_bytes());
    mac.update(tool.as_bytes());
    out.iter_mut().zip(mac.finalize().into_bytes()).for_each(|(to, from)| *to = from);
    out
}

fn told_intent(gate: &Gate, caller: &Caller, reported: &Reported) -> Option<u64> {
    let (index, _) = reported.call.strip_prefix("call_")?.split_once('_')?;
    let intent = u64::from_str_radix(index, 16).ok()?;
    let expected = call_name(gate, caller, &reported.tool, intent);
    // Digests of both, so that the time to compare says nothing of the right one.
    let digest = |text: &str| <sha2::Sha256 as sha2::Digest>::digest(text.as_bytes());
    (digest(&expected) == digest(&reported.call)).then_some(intent)
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
