//! One exchange between its request and the end of its answer: who asked, under which snapshot of the rules,
//! and what that allows the answer to be.

use crate::called::{Call, Floor, Origins};
use crate::gate::Gate;
use crate::refusal::{Refusal, Why};
use crate::session::{self, Named, Turn};
use crate::tally::Tally;
use bytes::Bytes;
use cordon_policy::{Action, Facts, Obligations, Query, Resource};
use cordon_types::{
    AgentId, Digest, Feature, Finding, KeyId, Labels, Millis, ModelName, Operation, RequestId, SpanKind,
};
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
    /// The digest that stands for that user.
    pub user: Option<Digest>,
    /// The credential is a front end's, or one vouches: what it posts are a user's words.
    pub front: bool,
    /// Names the exchange, where there is one: the records of a held call say which asked and which used the grant.
    pub request: Option<RequestId>,
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
    /// The request as it went upstream: read again where an answer calls a tool, for the flow of information.
    pub(crate) told: Bytes,
    /// The session that the caller names.
    pub(crate) session: Option<String>,
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
        let query = self.query(Action::ModelAnswer, Resource::Model(self.model.as_str()), facts, now);
        match self.gate.authorize(&query).at_once() {
            Ok(permit) => {
                tally.policies = permit.policies().to_vec();
                if let Some(reason) = permit.observed() {
                    tally.observed = Some(reason.code);
                }
                Ok(Standing { duties: *permit.obligations() })
            }
            Err(reason) => {
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
        let call = Call {
            tool: name,
            arguments,
            pin: None,
            session: self.session.as_deref(),
            judged_again: self.gate.carries(name),
        };
        let origins = self.origins(now);
        match crate::called::judge(&self.gate, &self.caller, origins.as_deref(), call, facts, tally, now) {
            Ok(_permit) => Ok(None),
            Err(e) => refused(e.public, e.why),
        }
    }

    /// What the model was told, and by whom. Built where a call is judged, since most answers call nothing.
    fn origins(&self, now: Millis) -> Option<Box<dyn Origins + '_>> {
        let gate = &self.gate;
        let manifest = gate.policy.manifest(&self.caller.agent).filter(|m| m.flow)?;
        let floor = Labels::floor(manifest.highest_class());
        // SECURITY: what this reader cannot read (nested deeper than it goes, a number beyond its range) told the model
        // nobody knows what.
        let Ok(body) = serde_json::from_slice(&self.told) else { return Some(Box::new(Floor(floor))) };
        let messages = session::of_messages(&index_key(&gate.lasting.binding_key), manifest, self.op, &body);
        let agent = &self.caller.agent;
        let named = self.session.as_deref().map(|id| Named {
            sessions: &gate.lasting.sessions,
            id,
            agent,
            floor,
            now,
        });
        Some(Box::new(Turn { messages, named }))
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

/// The key of an index that lives for one answer: nobody who does not have the other can foresee it.
fn index_key(of: &[u8; 32]) -> [u8; 16] {
    use sha2::{Digest as _, Sha256};
    let mut key = [0; 16];
    let derived = Sha256::new().chain_update(b"index of one answer").chain_update(of).finalize();
    key.iter_mut().zip(derived).for_each(|(to, from)| *to = from);
    key
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
