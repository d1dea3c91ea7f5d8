//! The judge of tool calls: what an agent is offered, what it may call, what of a result it may read.
//!
//! ```text
//! definition --definition()--> clean | poisoned          name --offered()--> shown | not
//! name, arguments --call()--> permit, arguments as they leave | refusal
//! result's texts --result()--> edits | refusal
//! ```
//! What always holds: arguments are judged as they leave; a text with a finding that may not pass is masked, or the
//! whole is refused; a call goes where the flow of information lets it go; words that were let through are known to the
//! session. Resources, prompts and completions are judged as calls of `server__resources/read`, `server__prompts/get`
//! and `server__completion/complete`. What it does not do: keep sessions or pins.

use crate::called::{Call, Whole, is_identifier, judge};
use crate::enforce::{Replacement, replacements};
use crate::exchange::{Caller, note};
use crate::gate::Gate;
use crate::prompt::as_edits;
use crate::refusal::{Refusal, Why};
use crate::session;
use crate::tally::{CallTally, Tally};
use cordon_policy::{
    Action, DataTable, Facts, Handling, Interaction, Manifest, Obligations, Permit, Query, ReasonCode,
    Resource, Uninspected, Untrusted,
};
use cordon_types::{Digest, Effect, Feature, Guard, Millis, Provenance, ServerId, SpanKind};
use cordon_wire::json::{Doc, scan};
use cordon_wire::mcp::{Edits, McpText, Texts, render, texts};
use serde_json::Value;
use std::sync::Arc;

/// A call that may go to its server.
pub struct CallPermit {
    /// The judge's word: without it nothing is sent.
    pub permit: Permit,
    /// The arguments as they leave: JSON text of an object.
    pub arguments: String,
}

/// The context in which a call's result is judged: the rules that judged the call.
#[derive(Clone)]
pub struct CallExchange {
    /// The rules.
    pub gate: Arc<Gate>,
    /// Who called.
    pub caller: Caller,
    /// Which server.
    pub server: ServerId,
    /// Which tool, by its server's name for it.
    pub tool: String,
    /// The session that the caller names.
    pub session: Option<String>,
    /// The tool's definition, as somebody approved it.
    pub pin: Option<Digest>,
}

/// A change to one text of a result: which text, which ranges, what instead.
pub type TextEdits = Vec<(usize, Vec<(std::ops::Range<usize>, String)>)>;

/// A tool's name in manifests and records.
#[must_use]
pub fn full_name(server: &ServerId, tool: &str) -> String {
    format!("{server}__{tool}")
}

/// Whether the agent is shown the tool.
#[must_use]
pub fn offered(gate: &Gate, caller: &Caller, server: &ServerId, tool: &str, now: Millis) -> bool {
    let name = full_name(server, tool);
    if (gate.tool_killed)(&name) {
        return false;
    }
    let facts = Facts::default();
    let query = query(caller, Action::ToolList, &name, &facts, now);
    gate.policy.authorize(&query).at_once().is_ok()
}

/// Judges a call. `arguments` is JSON text; `tally` is filled either way.
pub fn call(
    exchange: &CallExchange,
    arguments: &str,
    tally: &mut Tally,
    now: Millis,
) -> Result<CallPermit, Refusal> {
    let CallExchange { gate, caller, .. } = exchange;
    let name = full_name(&exchange.server, &exchange.tool);
    // SECURITY: what a server says its tool does is a stranger's hint. Until the operator says it, nothing is called.
    let rule = gate.policy.manifest(&caller.agent).and_then(|m| m.tool(&name));
    if rule.is_some_and(|r| r.effect.is_none()) {
        tally.calls.push(refused_call(&name, ReasonCode::EffectUnknown));
        return Err(Refusal::new(
            403,
            Why::Policy(ReasonCode::EffectUnknown),
            "this tool is quarantined until its `effect` is written in the agent's manifest; ask its owner",
        ));
    }
    let tape = scan(arguments.as_bytes(), &gate.limits).map_err(Refusal::from_wire)?;
    let doc = Doc::new(arguments.as_bytes(), &tape);
    let mut facts = Facts::default();
    let (read, seen) = look(gate, doc, SpanKind::ToolCall, &mut facts, tally)?;
    let manifest = gate.policy.manifest(&caller.agent);
    let duties = manifest.map(|m| masked(&m.data.answer, &facts)).unwrap_or_default();
    let mut edits = Edits::default();
    for (text, report) in read.strings.iter().zip(&seen.strings) {
        let replaced = replacements(&report.findings, &duties);
        count(&replaced, tally);
        if !replaced.is_empty() {
            edits.text(doc, text.node, as_edits(replaced)).map_err(Refusal::from_wire)?;
        }
    }
    if !replacements(&seen.fixed.findings, &duties).is_empty() {
        return Err(cannot_splice("the arguments' keys or numbers hold sensitive data"));
    }
    // What is judged is what leaves.
    let arguments = if edits.is_empty() { arguments.to_owned() } else { render(doc, 0, &edits) };
    let origins = session::origins(gate, caller, exchange.session.as_deref(), now);
    let asked = Call {
        tool: &name,
        arguments: &arguments,
        pin: exchange.pin,
        session: exchange.session.as_deref(),
        judged_again: false,
    };
    let permit = judge(gate, caller, origins.as_deref(), asked, &mut facts, tally, now)?;
    tally.policies = permit.policies().to_vec();
    Ok(CallPermit { permit, arguments })
}

/// The kinds that are replaced in arguments. What is blocked the judge refuses; what an own policy masks beyond the
/// manifest, it masks in answers.
fn masked(table: &DataTable, facts: &Facts) -> Obligations {
    let mut duties = Obligations::default();
    for (kind, span) in facts.findings.iter() {
        match table.get(kind, span) {
            Handling::Mask => duties.mask.insert(kind),
            Handling::Redact => duties.redact.insert(kind),
            _ => {}
        }
    }
    duties.mask = duties.mask.difference(duties.redact);
    duties
}

/// Words of a server were let through: the session knows from now on who brought what is in them. `said`: JSON text.
pub fn learn(exchange: &CallExchange, said: &str, now: Millis) {
    let name = full_name(&exchange.server, &exchange.tool);
    let said = serde_json::from_str::<serde_json::Value>(said).ok();
    let named = exchange.session.as_deref();
    session::hear(&exchange.gate, &exchange.caller, named, &name, said.as_ref(), now);
}

/// Judges what a server answered, text by text. `tally` is filled either way.
pub fn result(
    exchange: &CallExchange,
    read: &Texts,
    tally: &mut Tally,
    now: Millis,
) -> Result<TextEdits, Refusal> {
    let gate = &exchange.gate;
    let Some(manifest) = gate.policy.manifest(&exchange.caller.agent) else {
        return Err(Refusal::internal());
    };
    media(manifest, read, tally)?;
    let mut facts = Facts::default();
    let seen = inspect(gate, read, SpanKind::ToolResult, &mut facts, tally)?;
    let duties = duties(manifest, &manifest.data.prompt, &facts, now)?;
    if !replacements(&seen.fixed.findings, &duties).is_empty() {
        return Err(cannot_splice("the result's keys or numbers hold sensitive data"));
    }
    let mut edits = Vec::new();
    for (at, report) in seen.strings.iter().enumerate() {
        let replaced = replacements(&report.findings, &duties);
        count(&replaced, tally);
        if !replaced.is_empty() {
            edits.push((at, as_edits(replaced)));
        }
    }
    Ok(edits)
}

/// Judges what a client answers a server's question with, as arguments are judged; the answer as it leaves.
pub fn reply(exchange: &CallExchange, raw: &str, tally: &mut Tally, now: Millis) -> Result<String, Refusal> {
    let gate = &exchange.gate;
    let Some(manifest) = gate.policy.manifest(&exchange.caller.agent) else {
        return Err(Refusal::internal());
    };
    let tape = scan(raw.as_bytes(), &gate.limits).map_err(Refusal::from_wire)?;
    let doc = Doc::new(raw.as_bytes(), &tape);
    let mut facts = Facts::default();
    let (read, seen) = look(gate, doc, SpanKind::ToolCall, &mut facts, tally)?;
    let duties = duties(manifest, &manifest.data.answer, &facts, now)?;
    if !replacements(&seen.fixed.findings, &duties).is_empty() {
        return Err(cannot_splice("the answer's keys or numbers hold sensitive data"));
    }
    let mut edits = Edits::default();
    for (text, report) in read.strings.iter().zip(&seen.strings) {
        let replaced = replacements(&report.findings, &duties);
        count(&replaced, tally);
        if !replaced.is_empty() {
            edits.text(doc, text.node, as_edits(replaced)).map_err(Refusal::from_wire)?;
        }
    }
    let answer = render(doc, 0, &edits);
    said_by_whom(exchange, manifest, &answer, tally, now)?;
    Ok(answer)
}

/// SECURITY: an answer can say where a call goes as well as an argument can. To a tool that has a target, or sends,
/// spends or executes, only what the user or a trusted tool said is answered, unless a person answers (`consent` among
/// `mcp`).
fn said_by_whom(
    exchange: &CallExchange,
    manifest: &Manifest,
    answer: &str,
    tally: &mut Tally,
    now: Millis,
) -> Result<(), Refusal> {
    let rule = manifest.tool(&full_name(&exchange.server, &exchange.tool));
    let Some(rule) = rule.filter(|r| r.untrusted != Untrusted::Allow) else { return Ok(()) };
    let goes = rule.target.is_some() || rule.goes_out();
    if !goes || manifest.mcp.contains(&Interaction::Consent) {
        return Ok(());
    }
    let session = exchange.session.as_deref();
    let Some(origins) = session::origins(&exchange.gate, &exchange.caller, session, now) else {
        return Ok(());
    };
    let said: Value = serde_json::from_str(answer).map_err(|_| Refusal::internal())?;
    let how = Whole { joins: rule.effect != Some(Effect::Execute), named: &|_| false };
    let mut worst = Provenance::User;
    let mut says = false;
    values(&said, &mut |value| {
        says = true;
        worst = worst.min(origins.of(value, &how));
    });
    let (code, text) = if says && rule.goes_out() && origins.labels().class > rule.clearance {
        (ReasonCode::ClassRefused, "an answer after data of a higher class than this tool may be given")
    } else if worst < Provenance::Trusted {
        let text = "an answer to a tool that has a target must be what the user or a trusted tool said; \
                    write `consent` under `mcp` in the agent's manifest where a person runs the client";
        (ReasonCode::TargetUntrusted, text)
    } else {
        origins.calls(&said);
        return Ok(());
    };
    if manifest.observes(now) {
        tally.observed = Some(code);
        return Ok(());
    }
    Err(Refusal::new(403, Why::Policy(code), text))
}

/// Every value that says something: not what accepts or declines, nor whether, nor nothing. A member's name that is no
/// parameter's says something too.
fn values(said: &Value, take: &mut dyn FnMut(&Value)) {
    match said {
        Value::Object(members) => {
            let empty = |v: &Value| v.as_str().is_some_and(|s| matches!(s, "accept" | "decline" | "cancel"));
            let said = members.iter().filter(|(key, v)| !(*key == "action" && empty(v)));
            said.for_each(|(key, v)| {
                if !is_identifier(key) {
                    take(&Value::String(key.clone()));
                }
                values(v, take);
            });
        }
        Value::Array(items) => items.iter().for_each(|v| values(v, take)),
        Value::Null | Value::Bool(_) => {}
        Value::String(text) if text.is_empty() => {}
        Value::String(_) | Value::Number(_) => take(said),
    }
}

/// Looks into what a server says of its tools, resources and prompts. `Err`: it tries to steer whoever reads it.
pub fn definition(gate: &Gate, read: &Texts, tally: &mut Tally) -> Result<(), Refusal> {
    let mut facts = Facts::default();
    inspect(gate, read, SpanKind::ToolDefinition, &mut facts, tally)?;
    let poisoned = facts.findings.kinds().iter().any(|k| k.guard() == Guard::Injection);
    if poisoned {
        return Err(Refusal::new(
            403,
            Why::Policy(ReasonCode::FindingRefused),
            "the server's description of it was refused; ask the operator of this gateway",
        ));
    }
    Ok(())
}

/// The reports of all texts, in their order.
pub(crate) struct Seen {
    strings: Vec<cordon_types::Report>,
    fixed: cordon_types::Report,
}

/// Looks into every text of a document, its keys and long numbers included.
pub(crate) fn look(
    gate: &Gate,
    doc: Doc<'_>,
    span: SpanKind,
    facts: &mut Facts,
    tally: &mut Tally,
) -> Result<(Texts, Seen), Refusal> {
    let mut read = Texts::default();
    texts(doc, 0, false, &mut read);
    let seen = inspect(gate, &read, span, facts, tally)?;
    Ok((read, seen))
}

fn inspect(
    gate: &Gate,
    read: &Texts,
    span: SpanKind,
    facts: &mut Facts,
    tally: &mut Tally,
) -> Result<Seen, Refusal> {
    let mut one = |text: &str| {
        let report = gate.inspect(text, span, tally)?;
        note(facts, &report.findings, report.injection_flagged, span);
        Ok(report)
    };
    let strings =
        read.strings.iter().map(|McpText { text, .. }| one(text)).collect::<Result<Vec<_>, Refusal>>()?;
    Ok(Seen { strings, fixed: one(&read.fixed)? })
}

fn refused_call(name: &str, code: ReasonCode) -> CallTally {
    CallTally {
        name: name.to_owned(),
        effect: None,
        flow: None,
        refused: Some(code),
        policies: Vec::new(),
        predicates: Vec::new(),
    }
}

fn query<'a>(caller: &'a Caller, action: Action, name: &'a str, facts: &'a Facts, now: Millis) -> Query<'a> {
    let resource = Resource::Tool { name };
    Query { agent: &caller.agent, on_behalf: caller.on_behalf, action, resource, facts, now }
}

/// What a manifest says of findings: of those in a tool's result as in a prompt, since that is where it goes.
fn duties(
    manifest: &Manifest,
    table: &DataTable,
    facts: &Facts,
    now: Millis,
) -> Result<Obligations, Refusal> {
    let observing = manifest.observes(now);
    let mut duties = Obligations::default();
    for (kind, span) in facts.findings.iter() {
        let always = !observing || kind.guard() == Guard::Secrets;
        match table.get(kind, span) {
            Handling::Block if always => {
                return Err(Refusal::new(
                    403,
                    Why::Policy(ReasonCode::FindingRefused),
                    "it holds what this agent may not have; it was withheld",
                ));
            }
            Handling::Mask if always => duties.mask.insert(kind),
            Handling::Redact if always => duties.redact.insert(kind),
            Handling::Allow => {}
            _ => duties.notify.insert(kind),
        }
    }
    duties.mask = duties.mask.difference(duties.redact);
    Ok(duties)
}

/// Media that nobody could look into pass where the manifest names them, or lets everything uninspected pass.
fn media(manifest: &Manifest, read: &Texts, tally: &mut Tally) -> Result<(), Refusal> {
    for feature in &read.opaque {
        tally.opaque(*feature);
        if manifest.uninspected == Uninspected::Refuse && !lists(manifest, *feature) {
            return Err(Refusal::new(
                403,
                Why::Policy(ReasonCode::Uninspected),
                format!(
                    "the result holds {}, which could not be looked into; list it under `features` if it is meant",
                    feature.name()
                ),
            ));
        }
    }
    Ok(())
}

fn lists(manifest: &Manifest, feature: Feature) -> bool {
    manifest.features.contains(&feature)
}

fn count(replaced: &[Replacement], tally: &mut Tally) {
    replaced.iter().for_each(|r| tally.replaced(r.kind));
}

fn cannot_splice(what: &str) -> Refusal {
    Refusal::new(403, Why::CannotSplice, format!("{what} where it cannot be masked; it was withheld"))
}
