//! A recorded exchange, judged again by two sets of policies: does the new one decide as the old one does?
//!
//! ```text
//! record --what it says--> facts; what it does not say --every completion--> old, new
//! completions that the old set lets through, as it happened: all the same | all different | some
//! ```
//! What always holds: `Same` is said only where every completion that fits what happened is decided alike. What it
//! deliberately does not do: guess. Where the completions disagree, the record cannot decide.

use crate::resize::{flows, same_limits};
use crate::{Action, Facts, FindingSet, Flow, Manifest, PolicySet, Query, Resource, Supposed, TargetOrigin};
use cordon_types::{AgentId, Feature, Labels, Millis};

/// What a replay came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Replayed {
    /// The new set decides as the old one.
    Same,
    /// It does not: what the old set says, what the new one says.
    Changed(Supposed, Supposed),
    /// The record does not hold what would decide it.
    Undecidable,
    /// The old set refuses it too, whatever happened once: nothing to break.
    Stale,
}

/// A tool call as a record tells it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Call {
    /// The tool, where the record holds its name or it could be found out.
    pub tool: Option<String>,
    /// The manifest's entry that let it through, where that is known and the name is not.
    pub entry: Option<String>,
    /// Who supplied its target, by the record's word.
    pub origin: Option<&'static str>,
    /// The session's labels: integrity and class by their numbers in records.
    pub labels: Option<(u8, u8)>,
    /// Whether somebody was vouched for.
    pub on_behalf: Option<bool>,
    /// Whether the answer was streamed.
    pub stream: bool,
    /// What was found in the exchange.
    pub findings: Vec<(cordon_types::FindingKind, cordon_types::SpanKind)>,
    /// What was not inspected.
    pub features: Vec<Feature>,
}

/// A prompt and its answer, as records tell them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prompt {
    /// The model.
    pub model: String,
    /// Whether somebody was vouched for.
    pub on_behalf: bool,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// What was found in the prompt.
    pub findings: Vec<(cordon_types::FindingKind, cordon_types::SpanKind)>,
    /// What was found in the answer.
    pub answer: Vec<(cordon_types::FindingKind, cordon_types::SpanKind)>,
    /// What the provider did on its own side.
    pub features: Vec<Feature>,
}

/// The two sets, and whose question it is.
struct Both<'a> {
    old: &'a PolicySet,
    new: &'a PolicySet,
    agent: &'a AgentId,
    at: Millis,
}

impl Both<'_> {
    fn manifests(&self) -> Option<(&Manifest, &Manifest)> {
        Some((self.old.manifest(self.agent)?, self.new.manifest(self.agent)?))
    }

    fn ask(
        &self,
        action: Action,
        name: &str,
        facts: &Facts,
        sides: (bool, bool, bool),
    ) -> (Supposed, Supposed) {
        let (on_behalf, old_hold, new_hold) = sides;
        let resource = if action.is_tool() { Resource::Tool { name } } else { Resource::Model(name) };
        let q = Query { agent: self.agent, on_behalf, action, resource, facts, now: self.at };
        (self.old.suppose(&q, old_hold).0, self.new.suppose(&q, new_hold).0)
    }
}

/// Gathers completions.
#[derive(Default)]
struct Gathered {
    same: bool,
    changed: Option<(Supposed, Supposed)>,
}

impl Gathered {
    fn take(&mut self, (old, new): (Supposed, Supposed)) {
        // What the old set refuses did not happen so: that completion is not the record's.
        match old {
            Supposed::Denied(_) => {}
            _ if old == new => self.same = true,
            _ => self.changed = Some((old, new)),
        }
    }

    fn answer(self) -> Replayed {
        match (self.same, self.changed) {
            (true, None) => Replayed::Same,
            (false, Some((old, new))) => Replayed::Changed(old, new),
            (true, Some(_)) => Replayed::Undecidable,
            (false, None) => Replayed::Stale,
        }
    }
}

/// Judges a recorded, allowed call again.
#[must_use]
pub fn replay_call(old: &PolicySet, new: &PolicySet, agent: &AgentId, at: Millis, call: &Call) -> Replayed {
    let both = Both { old, new, agent, at };
    let Some((before, after)) = both.manifests() else { return Replayed::Stale };
    let Some(name) = name_of(call, before, after) else { return Replayed::Undecidable };
    // Whether the limits on the arguments still hold is known where they are the same; else both is possible.
    let same = match (before.tool(&name), after.tool(&name)) {
        (Some(o), Some(n)) => same_limits(o, n) && o.hours == n.hours && o.rates == n.rates,
        _ => true,
    };
    let holds: &[bool] = if same { &[true] } else { &[true, false] };
    let on_behalf: Vec<bool> = call.on_behalf.map_or(vec![false, true], |b| vec![b]);
    let fits = |f: &Flow| {
        call.origin.is_none_or(|o| f.target.name() == o)
            && call.labels.is_none_or(|(i, c)| (f.labels.integrity as u8, f.labels.class as u8) == (i, c))
    };
    let mut gathered = Gathered::default();
    for flow in flows().into_iter().filter(fits) {
        let facts = Facts {
            findings: call.findings.iter().copied().collect(),
            flow: Some(flow),
            stream: call.stream,
            uninspected: uninspected(&call.features),
            ..Facts::default()
        };
        for hold in holds {
            for vouched in &on_behalf {
                gathered.take(both.ask(Action::ToolCall, &name, &facts, (*vouched, true, *hold)));
            }
        }
    }
    gathered.answer()
}

/// The name to ask with: the record's, else one that stands for all that its entry fits, where both manifests treat
/// those alike.
fn name_of(call: &Call, old: &Manifest, new: &Manifest) -> Option<String> {
    if let Some(name) = &call.tool {
        return Some(name.clone());
    }
    let entry = call.entry.as_ref()?;
    let prefix = entry.strip_suffix('*')?;
    let below = |m: &Manifest| {
        let mut names: Vec<&str> =
            m.tools.iter().map(|t| t.name.as_str()).filter(|n| n.starts_with(prefix)).collect();
        names.sort_unstable();
        names.join("\n")
    };
    let whole = new.tools.iter().any(|t| t.name == *entry) && below(old) == below(new);
    whole.then(|| old.example(entry))
}

fn uninspected(features: &[Feature]) -> bool {
    let closed = |f: &Feature| {
        matches!(f, Feature::Image | Feature::Audio | Feature::Document | Feature::EncryptedReasoning)
    };
    features.iter().any(closed)
}

/// Judges a recorded, allowed prompt and its answer again.
#[must_use]
pub fn replay_prompt(
    old: &PolicySet,
    new: &PolicySet,
    agent: &AgentId,
    at: Millis,
    prompt: &Prompt,
) -> Replayed {
    let both = Both { old, new, agent, at };
    let Some((before, after)) = both.manifests() else { return Replayed::Stale };
    // Which betas were asked for no record says.
    if before.betas.iter().any(|b| !after.betas.contains(b)) {
        return Replayed::Undecidable;
    }
    let facts = |findings: &[_]| {
        // A beta's header is named as such beside its own name.
        let features: Vec<Feature> = prompt
            .features
            .iter()
            .copied()
            .filter(|f| *f != Feature::Beta || before.features.contains(f))
            .collect();
        Facts {
            findings: findings.iter().copied().collect::<FindingSet>(),
            uninspected: uninspected(&features),
            features,
            stream: prompt.stream,
            flow: Some(Flow { labels: Labels::CLEAN, target: TargetOrigin::None }),
            ..Facts::default()
        }
    };
    let mut gathered = Gathered::default();
    let sides = (prompt.on_behalf, true, true);
    let asked = both.ask(Action::ModelPrompt, &prompt.model, &facts(&prompt.findings), sides);
    gathered.take(asked);
    if asked.0 == asked.1 {
        gathered.take(both.ask(Action::ModelAnswer, &prompt.model, &facts(&prompt.answer), sides));
    }
    gathered.answer()
}
