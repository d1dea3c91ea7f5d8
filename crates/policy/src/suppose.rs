//! What a question would come to, without leave to act on the answer: for reports, replays and proofs.
//!
//! What always holds: it decides by the same steps as the judge, past the memo, and as if the manifest were enforced;
//! it makes no [`Permit`](crate::Permit). What it deliberately does not do: look at arguments. Whether their limits
//! hold is supposed, since who asks has records and no arguments.

use crate::predicate::{ARGUMENTS, ArgumentOutcome};
use crate::{PolicyRef, PolicySet, Query, ReasonCode};
use cordon_types::AgentId;

/// What a question would come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Supposed {
    /// Refused.
    Denied(ReasonCode),
    /// People would be asked.
    Held,
    /// It would go on.
    Allowed,
}

impl Supposed {
    /// How far it goes: 0 nowhere, 1 to people, 2 on.
    #[must_use]
    pub const fn reach(self) -> u8 {
        match self {
            Supposed::Denied(_) => 0,
            Supposed::Held => 1,
            Supposed::Allowed => 2,
        }
    }

    /// `allow`, `ask`, or the reason's code.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Supposed::Denied(code) => code.name(),
            Supposed::Held => "ask",
            Supposed::Allowed => "allow",
        }
    }
}

impl PolicySet {
    /// What the question would come to if every limit on the arguments held, or if one did not; and which policies
    /// say so.
    #[must_use]
    pub fn suppose(&self, q: &Query<'_>, arguments_hold: bool) -> (Supposed, Vec<PolicyRef>) {
        let mut prepared = match self.prepare(q) {
            Ok(prepared) => prepared,
            Err(reason) => return (Supposed::Denied(reason.code), reason.policies),
        };
        let limited = prepared.rule.is_some_and(|r| r.args.is_some());
        prepared.outcome = ArgumentOutcome::default();
        if limited && !arguments_hold {
            prepared.outcome.failed.push(ARGUMENTS.to_owned());
        }
        let Ok(request) = self.request(q, &prepared) else {
            return (Supposed::Denied(ReasonCode::EvaluationError), Vec::new());
        };
        let verdict = self.evaluate(&request, prepared.slice.of(q.facts), prepared.view, q);
        let supposed = if !verdict.errors.is_empty() {
            Supposed::Denied(ReasonCode::EvaluationError)
        } else if !verdict.allowed {
            Supposed::Denied(verdict.code.unwrap_or(ReasonCode::DefaultDeny))
        } else if verdict.obligations.hold {
            Supposed::Held
        } else {
            Supposed::Allowed
        };
        (supposed, verdict.policies.to_vec())
    }

    /// Whether any policy that concerns the agent is the operator's own.
    #[must_use]
    pub fn has_own_policies(&self, agent: &AgentId) -> bool {
        self.rules_of(agent).any(|r| r.own)
    }

    /// Whether any policy that concerns the agent reads the time.
    #[must_use]
    pub fn reads_time(&self, agent: &AgentId) -> bool {
        self.rules_of(agent).any(|r| r.reads.has("time"))
    }

    /// What the operator's own policies that concern the agent spell out in quotes: names among it.
    pub(crate) fn own_words(&self, agent: &AgentId) -> Vec<String> {
        let own = self.rules_of(agent).filter(|r| r.own);
        own.flat_map(|r| r.text.split('"').skip(1).step_by(2)).map(str::to_owned).collect()
    }

    fn rules_of(&self, agent: &AgentId) -> impl Iterator<Item = &crate::rule::Rule> {
        let indexes = self.view(agent).map_or(&[][..], |(_, view)| &view.rules);
        indexes.iter().filter_map(|i| self.rules.get(*i))
    }
}
