//! Manifests beside those in force: judged too, never enforced; where the two differ, that is counted.
//!
//! ```text
//! question -> the rules in force -> decision (enforced)
//!          -> the staged rules, for agents that have one -> another decision? -> Differences
//! ```
//! What always holds: nothing that the staged rules say reaches a caller, an upstream or a record; names in the counts
//! stand in the operator's files. What it deliberately does not do: judge hours and rates by the staged manifest, or
//! last over a restart. Cost: nothing where nothing is staged; else a second judgement of each prompt, answer and call
//! of the agents concerned.

use crate::gate::Gate;
use cordon_policy::{Action, Authorization, Flow, PolicySet, Query};
use cordon_types::{AgentId, Digest, Millis};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Most differences that are told apart; beyond them only known ones go on counting.
const MOST: usize = 4_096;
/// Stands for names that no file of the operator's has.
const OTHER: &str = "(other)";

/// The rules with staged manifests in the place of those in force.
#[derive(Debug)]
pub struct Staged {
    /// Everything, compiled.
    pub policy: PolicySet,
    /// Which agents have a staged manifest, and the digest of its text.
    pub agents: BTreeMap<AgentId, Digest>,
}

/// What differs: whose, what was asked, of what, decided how by either.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// The agent.
    pub agent: AgentId,
    /// The action's name.
    pub action: &'static str,
    /// The tool or model, where the operator's files name it.
    pub resource: String,
    /// What the rules in force said: `allow`, `ask`, or the reason's code.
    pub enforced: &'static str,
    /// What the staged ones said.
    pub staged: &'static str,
}

/// How often, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// How often.
    pub count: u64,
    /// The first time.
    pub first: Millis,
    /// The last time.
    pub last: Millis,
}

/// All differences since each manifest was staged.
#[derive(Debug, Default)]
pub struct Differences(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// What is staged: other counts are of another manifest.
    staged: BTreeMap<AgentId, Digest>,
    all: BTreeMap<Difference, Times>,
}

impl Differences {
    /// From now on these are staged. Counts of an agent whose staged manifest is another, or gone, are dropped.
    pub fn begin(&self, staged: &BTreeMap<AgentId, Digest>) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Seen { staged: before, all } = &mut *seen;
        all.retain(|d, _| staged.get(&d.agent).is_some_and(|now| before.get(&d.agent) == Some(now)));
        before.clone_from(staged);
    }

    /// All of them, by agent.
    #[must_use]
    pub fn all(&self) -> Vec<(Difference, Times)> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.all.iter().map(|(d, t)| (d.clone(), *t)).collect()
    }

    fn note(&self, difference: Difference, now: Millis) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // An exchange that began under a gate of before is not about what is staged now.
        if !seen.staged.contains_key(&difference.agent)
            || seen.all.len() >= MOST && !seen.all.contains_key(&difference)
        {
            return;
        }
        let times = seen.all.entry(difference).or_insert(Times { count: 0, first: now, last: now });
        times.count += 1;
        times.last = now;
    }
}

/// A decision in a word; obligations that differ are a difference too.
fn word(a: &Authorization) -> &'static str {
    match a {
        Authorization::Allowed(permit) => permit.observed().map_or("allow", |r| r.code.name()),
        Authorization::Held(_) => "ask",
        Authorization::Denied(reason) => reason.code.name(),
    }
}

impl Gate {
    /// Judges, and compares with the staged rules where there are any.
    pub(crate) fn authorize(&self, q: &Query<'_>) -> Authorization {
        let enforced = self.policy.authorize(q);
        if let Some(staged) = self.staged_for(q.agent) {
            self.differs(staged, q, &enforced);
        }
        enforced
    }

    /// The staged rules, where the agent has a staged manifest.
    pub(crate) fn staged_for(&self, agent: &AgentId) -> Option<&Staged> {
        self.staged.as_ref().filter(|s| s.agents.contains_key(agent))
    }

    /// The same for a call, whose target the staged manifest may see elsewhere: `flow` is by its own word.
    pub(crate) fn call_differs(
        &self,
        staged: &Staged,
        q: &Query<'_>,
        enforced: &Authorization,
        flow: Option<Flow>,
    ) {
        let mut facts = q.facts.clone();
        facts.flow = flow;
        self.differs(staged, &Query { facts: &facts, ..*q }, enforced);
    }

    fn differs(&self, staged: &Staged, q: &Query<'_>, enforced: &Authorization) {
        let other = staged.policy.authorize(q);
        let (a, mut b) = (word(enforced), word(&other));
        if a == b {
            match (enforced, &other) {
                (Authorization::Allowed(x), Authorization::Allowed(y))
                    if x.obligations() != y.obligations() =>
                {
                    b = "other_obligations";
                }
                _ => return,
            }
        }
        let name = q.resource.name();
        let known = match q.action {
            Action::ToolList | Action::ToolCall => self.catalogue.known(name).is_some(),
            Action::ModelPrompt | Action::ModelAnswer | Action::ModelList => self.models.get(name).is_some(),
        };
        let difference = Difference {
            agent: q.agent.clone(),
            action: q.action.name(),
            resource: if known { name } else { OTHER }.to_owned(),
            enforced: a,
            staged: b,
        };
        self.lasting.differences.note(difference, q.now);
    }
}
