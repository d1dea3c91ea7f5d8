//! One exchange between its request and the end of its answer: who asked, under which snapshot of the rules,
//! and what that allows the answer to be.

use crate::gate::Gate;
use crate::refusal::{Refusal, Why};
use crate::tally::{CallTally, Tally};
use cordon_policy::{Action, Authorization, Facts, Obligations, Query, Resource};
use cordon_types::{AgentId, Feature, Finding, KeyId, Millis, ModelName, Operation, SpanKind};
use std::sync::Arc;

/// Who calls. Only `identity` and `proxy` together make one, from a credential that held.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The key that was shown.
    pub key: KeyId,
    /// The agent it belongs to.
    pub agent: AgentId,
    /// A user is vouched for by a front end.
    pub on_behalf: bool,
}

/// The context in which an answer is judged. Holds the snapshot of the rules that judged the request, so that a
/// reload in between changes nothing for this exchange.
pub struct Exchange {
    pub(crate) gate: Arc<Gate>,
    pub(crate) op: Operation,
    pub(crate) caller: Caller,
    pub(crate) model: ModelName,
    /// The request forces a tool call: a refused call cannot become text.
    pub(crate) forced: bool,
    /// The request asks for output that follows a schema: a text in its place would break it.
    pub(crate) strict: bool,
    pub(crate) stream: bool,
}

/// The judge's word on an answer so far.
pub(crate) struct Standing {
    pub(crate) duties: Obligations,
}

impl Exchange {
    /// Judges the answer by what is known of it.
    pub(crate) fn judge_answer(
        &self,
        facts: &Facts,
        tally: &mut Tally,
        now: Millis,
    ) -> Result<Standing, Refusal> {
        match self.gate.policy.authorize(&self.query(
            Action::ModelAnswer,
            Resource::Model(self.model.as_str()),
            facts,
            now,
        )) {
            Authorization::Allowed(permit) => {
                tally.policies = permit.policies().to_vec();
                if let Some(reason) = permit.observed() {
                    tally.observed = Some(reason.code);
                }
                Ok(Standing { duties: *permit.obligations() })
            }
            Authorization::Denied(reason) => {
                tally.policies = reason.policies.clone();
                Err(Refusal::from_reason(&reason))
            }
        }
    }

    /// Judges one tool call of the answer. `Ok(None)`: allowed. `Ok(Some(notice))`: the text that takes its place.
    /// `Err`: it must be refused, and a text cannot take its place.
    pub(crate) fn judge_call(
        &self,
        name: &str,
        arguments: &str,
        facts: &mut Facts,
        tally: &mut Tally,
        now: Millis,
    ) -> Result<Option<String>, Refusal> {
        let refused = |public: String, why: Why| -> Result<Option<String>, Refusal> {
            if self.forced || self.strict {
                return Err(Refusal::new(403, why, public));
            }
            Ok(Some(format!("[Cordon refused this tool call: {public}]")))
        };
        facts.arguments = serde_json::from_str::<serde_json::Value>(arguments).ok().filter(|v| v.is_object());
        if facts.arguments.is_none() {
            let code = cordon_policy::ReasonCode::ArgumentRefused;
            tally.calls.push(CallTally {
                name: name.to_owned(),
                refused: Some(code),
                policies: Vec::new(),
                predicates: Vec::new(),
            });
            return refused(
                "its arguments are not one JSON object in which each key stands once".to_owned(),
                Why::Policy(code),
            );
        }
        if (self.gate.tool_killed)(name) {
            facts.arguments = None;
            let code = cordon_policy::ReasonCode::PolicyForbids;
            tally.calls.push(CallTally {
                name: name.to_owned(),
                refused: Some(code),
                policies: Vec::new(),
                predicates: Vec::new(),
            });
            return refused("an operator stopped this tool".to_owned(), Why::Killed);
        }
        let verdict =
            self.gate.policy.authorize(&self.query(Action::ToolCall, Resource::Tool { name }, facts, now));
        facts.arguments = None;
        match verdict {
            Authorization::Allowed(permit) => {
                if let Some(reason) = permit.observed() {
                    tally.observed = Some(reason.code);
                }
                tally.calls.push(CallTally {
                    name: name.to_owned(),
                    refused: None,
                    policies: permit.policies().to_vec(),
                    predicates: permit.predicates().to_vec(),
                });
                Ok(None)
            }
            Authorization::Denied(reason) => {
                tally.calls.push(CallTally {
                    name: name.to_owned(),
                    refused: Some(reason.code),
                    policies: reason.policies.clone(),
                    predicates: reason.predicates.clone(),
                });
                refused(reason.public, Why::Policy(reason.code))
            }
        }
    }

    pub(crate) fn query<'a>(
        &'a self,
        action: Action,
        resource: Resource<'a>,
        facts: &'a Facts,
        now: Millis,
    ) -> Query<'a> {
        Query { agent: &self.caller.agent, on_behalf: self.caller.on_behalf, action, resource, facts, now }
    }
}

/// Adds what was found to the facts; says whether anything is new.
pub(crate) fn note(facts: &mut Facts, findings: &[Finding], flagged: bool, span: SpanKind) -> bool {
    let mut new = false;
    for f in findings {
        // Injection counts as a fact only where the text as a whole passes the threshold: single signals are for the
        // record.
        if f.kind.guard() == cordon_types::Guard::Injection && !flagged {
            continue;
        }
        new |= facts.findings.insert(f.kind, span);
    }
    new
}

/// Adds a feature to the facts, sorted and once.
pub(crate) fn note_feature(facts: &mut Facts, feature: Feature) -> bool {
    match facts.features.binary_search(&feature) {
        Ok(_) => false,
        Err(at) => {
            facts.features.insert(at, feature);
            true
        }
    }
}
