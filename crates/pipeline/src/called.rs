//! The call of a tool, judged: the same for a call in a model's answer, one that comes to the tool gateway, and one
//! that a framework only asks about.
//!
//! ```text
//! arguments, one strict object? -> stopped by an operator? -> where does it go, and who said so?
//!   -> limits and policies -> allowed | refused | held -> a grant for these very bytes? -> allowed | waiting
//! ```
//! What always holds: what is judged is what leaves; a call that is held goes out only against a grant that names
//! exactly it, and uses that grant up. What it deliberately does not do: read protocols, or keep sessions.

use crate::exchange::Caller;
use crate::gate::Gate;
use crate::held::{Bound, binding};
use crate::refusal::{Refusal, Why};
use crate::tally::{CallTally, Tally};
use cordon_policy::{
    Action, Authorization, Facts, Flow, Held, Permit, Query, ReasonCode, Resource, TargetOrigin, ToolRule,
};
use cordon_types::{
    Asked, Claim, Class, Digest, Effect, HeldCall, HeldTarget, Labels, Millis, Provenance, Waiting,
};
use serde_json::Value;

/// What is known of where values came from: a session, or nothing.
pub trait Origins {
    /// The labels before the call.
    fn labels(&self) -> Labels;
    /// Who supplied a value; of an object or a list, the worst of what is in it.
    fn of(&self, value: &Value, how: &Whole<'_>) -> Provenance;
    /// A call with these arguments goes out: what is new in them is the model's own.
    fn calls(&self, arguments: &Value);
}

/// How a value is looked at.
pub struct Whole<'a> {
    /// Whether it may be joined from pieces that were seen. Not where it is run: a command that is put together from
    /// pieces is another command.
    pub joins: bool,
    /// Members' names that say nothing, since the operator's file or the tool's definition has them.
    pub named: &'a dyn Fn(&str) -> bool,
}

/// A call, as it would leave.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The tool, as `server__tool` where a server has it.
    pub tool: &'a str,
    /// Its arguments: JSON text.
    pub arguments: &'a str,
    /// The digest of the tool's definition, where it is pinned.
    pub pin: Option<Digest>,
    /// The session that the caller names.
    pub session: Option<&'a str>,
    /// Whether the tool gateway will carry it and judges it there again: then people are asked there, not twice.
    pub judged_again: bool,
}

/// Why a call does not go out.
#[derive(Debug)]
pub struct CallRefused {
    /// For the record, and for programs.
    pub why: Why,
    /// For whoever called.
    pub public: String,
    /// The question that people are asked, where the call waits for them.
    pub waiting: Option<Waiting>,
}

impl From<CallRefused> for Refusal {
    fn from(refused: CallRefused) -> Self {
        Refusal { waiting: refused.waiting, ..Refusal::new(403, refused.why, refused.public) }
    }
}

/// Judges a call, and notes it in the tally. `facts` hold what the detectors found in the exchange so far.
///
/// Cost: linear in the arguments, one question to the session for each target value, one judgement.
pub fn judge(
    gate: &Gate,
    caller: &Caller,
    origins: Option<&dyn Origins>,
    call: Call<'_>,
    facts: &mut Facts,
    tally: &mut Tally,
    now: Millis,
) -> Result<Permit, CallRefused> {
    let rule = gate.policy.manifest(&caller.agent).and_then(|m| m.tool(call.tool));
    let arguments = serde_json::from_str::<Value>(call.arguments).ok().filter(Value::is_object);
    let Some(arguments) = arguments else {
        let public = "its arguments are not one JSON object in which each key stands once";
        return Err(refused(call, rule, tally, None, ReasonCode::ArgumentRefused, public));
    };
    if (gate.tool_killed)(call.tool) {
        let public = "an operator stopped this tool";
        let mut refused = refused(call, rule, tally, None, ReasonCode::PolicyForbids, public);
        refused.why = Why::Killed;
        return Err(refused);
    }
    let flow = origins.and_then(|o| Some(flow(o, rule?, &arguments, tally.turn)));
    facts.flow = flow;
    facts.arguments = Some(arguments);
    let question = Query {
        agent: &caller.agent,
        on_behalf: caller.on_behalf,
        action: Action::ToolCall,
        resource: Resource::Tool { name: call.tool },
        facts,
        now,
    };
    let verdict = gate.policy.authorize(&question);
    beside(gate, origins, call, &question, &verdict, tally.turn);
    facts.flow = None;
    let arguments = facts.arguments.take().unwrap_or_default();
    let permit = match verdict {
        Authorization::Allowed(permit) => permit,
        Authorization::Held(held) if call.judged_again => held.approved(),
        Authorization::Held(held) => {
            // Nobody is asked about what may not be called now.
            timely(gate, caller, call, rule, (tally, flow, false), now)?;
            let question = Question { gate, caller, call, rule, arguments: &arguments, flow };
            match question.settle(held, now) {
                Ok(permit) => permit,
                Err(refused) => {
                    tally.calls.push(tallied(call, rule, flow, Some(ReasonCode::Held)));
                    return Err(refused);
                }
            }
        }
        Authorization::Denied(reason) => {
            tally.calls.push(CallTally {
                policies: reason.policies.clone(),
                predicates: reason.predicates.clone(),
                ..tallied(call, rule, flow, Some(reason.code))
            });
            return Err(CallRefused { why: Why::Policy(reason.code), public: reason.public, waiting: None });
        }
    };
    timely(gate, caller, call, rule, (tally, flow, !call.judged_again), now)?;
    let_through(origins, &arguments, rule, &permit, tally);
    tally.calls.push(CallTally {
        policies: permit.policies().to_vec(),
        predicates: permit.predicates().to_vec(),
        ..tallied(call, rule, flow, None)
    });
    Ok(permit)
}

/// Compares with a staged manifest, where there is one. What the tool gateway judges again is compared there.
fn beside(
    gate: &Gate,
    origins: Option<&dyn Origins>,
    call: Call<'_>,
    question: &Query<'_>,
    verdict: &Authorization,
    turn: Option<Labels>,
) {
    let Some(staged) = gate.staged_for(question.agent).filter(|_| !call.judged_again) else { return };
    let rule = staged.policy.manifest(question.agent).and_then(|m| m.tool(call.tool));
    let arguments = question.facts.arguments.as_ref();
    let flow = origins.and_then(|o| Some(flow(o, rule?, arguments?, turn)));
    gate.call_differs(staged, question, verdict, flow);
}

/// Whether the tool may be called at this time, and this often; counts the call with `count`.
fn timely(
    gate: &Gate,
    caller: &Caller,
    call: Call<'_>,
    rule: Option<&ToolRule>,
    (tally, flow, count): (&mut Tally, Option<Flow>, bool),
    now: Millis,
) -> Result<(), CallRefused> {
    let Some(rule) = rule else { return Ok(()) };
    let Err((code, public)) = gate.lasting.calls.admit(&caller.agent, rule, count, now) else {
        return Ok(());
    };
    if gate.policy.manifest(&caller.agent).is_some_and(|m| m.observes(now)) {
        tally.observed = Some(code);
        return Ok(());
    }
    Err(refused(call, Some(rule), tally, flow, code, &public))
}

/// What follows from letting a call through, for the record and for what comes after it.
fn let_through(
    origins: Option<&dyn Origins>,
    arguments: &Value,
    rule: Option<&ToolRule>,
    permit: &Permit,
    tally: &mut Tally,
) {
    if let Some(reason) = permit.observed() {
        tally.observed = Some(reason.code);
    }
    if let Some(origins) = origins {
        origins.calls(arguments);
    }
    // What a call brings back, later calls of the same turn must count with.
    if let Some(rule) = rule {
        let brings = Labels { integrity: rule.result, class: rule.class };
        tally.turn = Some(tally.turn.map_or(brings, |t| t.join(brings)));
    }
}

/// The session's labels, and the worst origin among the values that say where the call goes.
fn flow(origins: &dyn Origins, rule: &ToolRule, arguments: &Value, turn: Option<Labels>) -> Flow {
    let labels = turn.map_or(origins.labels(), |t| t.join(origins.labels()));
    let targets = rule.targets(arguments);
    let named = |name: &str| rule.names_member(name) || is_identifier(name);
    let how = Whole { joins: rule.effect != Some(Effect::Execute), named: &named };
    let worst = targets.iter().flat_map(|t| &t.values).map(|v| origins.of(v, &how)).min();
    let target = match worst {
        Some(worst) => TargetOrigin::From(worst),
        None if targets.iter().any(|t| t.cleared) => TargetOrigin::Cleared,
        None => TargetOrigin::None,
    };
    Flow { labels, target }
}

/// A parameter's name, as tools have them. An address or a sentence is none: it would have to be known like a value.
pub(crate) fn is_identifier(name: &str) -> bool {
    name.len() <= 40
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn tallied(
    call: Call<'_>,
    rule: Option<&ToolRule>,
    flow: Option<Flow>,
    refused: Option<ReasonCode>,
) -> CallTally {
    CallTally {
        name: call.tool.to_owned(),
        effect: rule.and_then(|r| r.effect),
        flow,
        refused,
        policies: Vec::new(),
        predicates: Vec::new(),
    }
}

fn refused(
    call: Call<'_>,
    rule: Option<&ToolRule>,
    tally: &mut Tally,
    flow: Option<Flow>,
    code: ReasonCode,
    public: &str,
) -> CallRefused {
    tally.calls.push(tallied(call, rule, flow, Some(code)));
    CallRefused { why: Why::Policy(code), public: public.to_owned(), waiting: None }
}

/// A call that people must approve.
struct Question<'a> {
    gate: &'a Gate,
    caller: &'a Caller,
    call: Call<'a>,
    rule: Option<&'a ToolRule>,
    arguments: &'a Value,
    flow: Option<Flow>,
}

impl Question<'_> {
    /// The permit where a grant for exactly this call is there to be used up; else the question.
    fn settle(&self, held: Held, now: Millis) -> Result<Permit, CallRefused> {
        let key = &self.gate.lasting.binding_key;
        let bound = Bound {
            caller: self.caller,
            tool: self.call.tool,
            arguments: self.call.arguments,
            pin: self.call.pin,
            session: self.call.session,
            labels: self.flow.map(|f| f.labels),
            policy: self.gate.version(),
        };
        let targets = self.targets();
        // SECURITY: what runs or spends is approved once, for these very bytes, or not at all.
        let effect = self.rule.and_then(|r| r.effect).unwrap_or(Effect::Execute);
        let wider = !matches!(effect, Effect::Execute | Effect::Spend) && !targets.is_empty();
        let predicate = wider.then(|| bound.predicate(key, &targets));
        let binding = binding(key, &bound);
        let claim = Claim { request: self.caller.request, binding: &binding, predicate: predicate.as_ref() };
        let desk = &self.gate.lasting.held;
        match desk.take(&claim, now) {
            Ok(Some(_used)) => return Ok(held.approved()),
            Ok(None) => {}
            Err(_) => return Err(unasked(UNAVAILABLE)),
        }
        let asked = desk.ask(
            HeldCall {
                request: self.caller.request,
                agent: self.caller.agent.clone(),
                key: self.caller.key.clone(),
                user: self.caller.user,
                tool: self.call.tool.into(),
                effect,
                labels: self.flow.map_or(Labels::floor(Class::Restricted), |f| f.labels),
                binding,
                predicate,
                targets: targets.into_iter().map(|(name, text)| shown(key, name, text)).collect(),
                arguments: self.call.arguments.to_owned().into(),
                why: vec![self.flow.map_or("unknown", |f| f.target.name())],
                people: held.needed(),
                wait_ms: None,
            },
            now,
        );
        match asked {
            Ok(Asked::Waiting(waiting)) => Err(CallRefused {
                why: Why::Policy(ReasonCode::Held),
                public: format!(
                    "{}; it is `{}` there. Call again unchanged once it is approved",
                    held.reason().public,
                    waiting.id
                ),
                waiting: Some(waiting),
            }),
            Ok(Asked::Denied(_)) => Err(unasked(DENIED)),
            Ok(Asked::TooLarge) => Err(unasked(TOO_LARGE)),
            Ok(Asked::AgentFull | Asked::Full) => Err(unasked(NOBODY)),
            Err(_) => Err(unasked(UNAVAILABLE)),
        }
    }

    /// The values that say where the call goes, as people are shown them.
    fn targets(&self) -> Vec<(&str, String)> {
        let targets = self.rule.map(|r| r.targets(self.arguments)).unwrap_or_default();
        let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
        targets.into_iter().flat_map(|t| t.values.into_iter().map(move |v| (t.argument, text(v)))).collect()
    }
}

fn shown(key: &[u8; 32], argument: &str, text: String) -> HeldTarget {
    HeldTarget {
        argument: argument.into(),
        digest: crate::held::value(key, argument, &text),
        value: text.into(),
    }
}

const DENIED: &str = "a person looked at this call and said no; do not repeat it";
const TOO_LARGE: &str =
    "a person would have to approve this call, but it is too long to be shown; make it shorter";
const NOBODY: &str = "where this call goes was not said by the user or by a trusted tool, and nobody can be asked now; \
                      take the target from the user's own words";
const UNAVAILABLE: &str = "the approval of this call could not be looked up, so it was refused; try again";

fn unasked(public: &str) -> CallRefused {
    CallRefused { why: Why::Policy(ReasonCode::TargetUntrusted), public: public.to_owned(), waiting: None }
}

/// The worst that can be said: nothing is known of any value.
#[derive(Clone, Copy, Debug)]
pub struct Floor(pub Labels);

impl Origins for Floor {
    fn labels(&self) -> Labels {
        self.0
    }

    fn of(&self, _value: &Value, _how: &Whole<'_>) -> Provenance {
        Provenance::Unknown
    }

    fn calls(&self, _arguments: &Value) {}
}
