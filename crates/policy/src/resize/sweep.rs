//! Whether a new set of policies lets through anything that the old one refused: asked of Cedar, over all that the
//! agent's two manifests and the operator's own policies spell out.
//!
//! ```text
//! names x (arguments hold or not) x labels x targets x uninspected
//! names x every finding in every span        models x features x betas x uninspected x findings
//! ```
//! Every policy that a manifest compiles to looks at the name and at one group of facts, so the groups are swept one
//! by one and not all against all. The operator's own policies may look across groups: where there are any, random
//! points of the whole product are asked too, and the sweep calls itself sampled.
//!
//! What always holds: the same two sets give the same answer; what is left out makes the sweep sampled. What it
//! deliberately does not do: look at arguments, hours or rates; `compare` puts those in order.

use super::compare::{Difference, Direction, compare};
use crate::manifest::example;
use crate::{Action, Facts, FindingSet, Flow, Manifest, PolicySet, Query, Resource, Supposed, TargetOrigin};
use cordon_types::{AgentId, Class, Feature, FindingKind, Integrity, Labels, Millis, Provenance, SpanKind};
use std::collections::BTreeSet;

/// Most questions of one sweep. At about ten microseconds each for two sets, some seconds.
const MAX_QUESTIONS: u64 = 500_000;
/// Random points where own policies look across groups.
const SAMPLES: u64 = 20_000;
/// Most widenings kept one by one.
const MAX_KEPT: usize = 20;

/// How it was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Every question that the vocabulary can form, group by group.
    Exhaustive,
    /// Some of them.
    Sampled,
}

impl How {
    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            How::Exhaustive => "exhaustive over the manifests' vocabulary",
            How::Sampled => "sampled",
        }
    }
}

/// A question that the new set lets through further than the old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Widened {
    /// The action's name.
    pub action: &'static str,
    /// The model or tool.
    pub resource: String,
    /// What the old set says.
    pub old: Supposed,
    /// What the new set says.
    pub new: Supposed,
}

/// What a sweep came to.
#[derive(Clone, Debug)]
pub struct Swept {
    /// How it was checked.
    pub how: How,
    /// Questions asked of both sets.
    pub questions: u64,
    /// The first questions that go further; empty where there are none.
    pub widened: Vec<Widened>,
    /// What the manifests' fields say beside that is not narrower.
    pub not_narrower: Vec<Difference>,
}

impl Swept {
    /// Whether nothing goes further than before.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.widened.is_empty() && self.not_narrower.is_empty()
    }
}

/// Compares an agent's policies in two sets. `None` where one of them has no manifest for it.
#[must_use]
pub fn sweep(old: &PolicySet, new: &PolicySet, agent: &AgentId, now: Millis) -> Option<Swept> {
    let (a, b) = (old.manifest(agent)?, new.manifest(agent)?);
    let own = old.has_own_policies(agent) || new.has_own_policies(agent);
    let words: Vec<String> = old.own_words(agent).into_iter().chain(new.own_words(agent)).collect();
    let mut s =
        Sweep { old, new, agent, now, asked: 0, full: false, kept: Vec::new(), seen: BTreeSet::new() };
    let tools = vocabulary(a, b, &words, |m| m.tools.iter().map(|t| t.name.as_str()).collect());
    let models = vocabulary(a, b, &words, |m| m.models.iter().map(String::as_str).collect());
    let betas: BTreeSet<String> =
        a.betas.iter().chain(&b.betas).cloned().chain(["another".to_owned()]).collect();
    s.tools(&tools);
    s.models(&models, &betas);
    if own {
        s.random(&tools, &models);
    }
    let not_narrower = compare(a, b).into_iter().filter(|d| d.direction != Direction::Narrower).collect();
    Some(Swept {
        how: if own || s.full { How::Sampled } else { How::Exhaustive },
        questions: s.asked,
        widened: s.kept,
        not_narrower,
    })
}

/// Every name that is spelt out, one that each pattern fits and nothing else spells out, and one that nothing fits.
fn vocabulary(a: &Manifest, b: &Manifest, words: &[String], of: fn(&Manifest) -> Vec<&str>) -> Vec<String> {
    let spelt = of(a).into_iter().chain(of(b)).chain(words.iter().map(String::as_str));
    let spelt: Vec<&str> = spelt.filter(|n| n.len() <= 256).collect();
    let names: BTreeSet<String> = spelt.iter().copied().chain(["*"]).map(|n| example(n, &spelt)).collect();
    names.into_iter().collect()
}

struct Sweep<'a> {
    old: &'a PolicySet,
    new: &'a PolicySet,
    agent: &'a AgentId,
    now: Millis,
    asked: u64,
    full: bool,
    kept: Vec<Widened>,
    seen: BTreeSet<(&'static str, String)>,
}

impl Sweep<'_> {
    fn ask(&mut self, action: Action, name: &str, facts: &Facts, (on_behalf, hold): (bool, bool)) {
        if self.asked >= MAX_QUESTIONS {
            self.full = true;
            return;
        }
        self.asked += 1;
        let resource = if action.is_tool() { Resource::Tool { name } } else { Resource::Model(name) };
        let q = Query { agent: self.agent, on_behalf, action, resource, facts, now: self.now };
        let (new, _) = self.new.suppose(&q, hold);
        if new.reach() == 0 {
            return;
        }
        let (old, _) = self.old.suppose(&q, hold);
        if new.reach() > old.reach()
            && self.kept.len() < MAX_KEPT
            && self.seen.insert((action.name(), name.to_owned()))
        {
            self.kept.push(Widened { action: action.name(), resource: name.to_owned(), old, new });
        }
    }

    fn tools(&mut self, names: &[String]) {
        for name in names {
            self.ask(Action::ToolList, name, &Facts::default(), (false, true));
            for (flow, uninspected) in flows().into_iter().flat_map(|f| [(f, false), (f, true)]) {
                let facts = Facts { flow: Some(flow), uninspected, ..Facts::default() };
                self.ask(Action::ToolCall, name, &facts, (false, true));
                self.ask(Action::ToolCall, name, &facts, (false, false));
            }
            for findings in findings() {
                let flow = Some(Flow { labels: Labels::CLEAN, target: TargetOrigin::None });
                self.ask(
                    Action::ToolCall,
                    name,
                    &Facts { findings, flow, ..Facts::default() },
                    (false, true),
                );
            }
        }
    }

    fn models(&mut self, names: &[String], betas: &BTreeSet<String>) {
        for name in names {
            self.ask(Action::ModelList, name, &Facts::default(), (false, true));
            for action in [Action::ModelPrompt, Action::ModelAnswer] {
                for (feature, uninspected) in features().flat_map(|f| [(f, false), (f, true)]) {
                    let features = feature.into_iter().collect();
                    self.ask(
                        action,
                        name,
                        &Facts { features, uninspected, ..Facts::default() },
                        (false, true),
                    );
                }
                for beta in betas {
                    let facts = Facts { betas: vec![beta.clone()], ..Facts::default() };
                    self.ask(action, name, &facts, (false, true));
                }
                for findings in findings() {
                    self.ask(action, name, &Facts { findings, ..Facts::default() }, (false, true));
                }
            }
        }
    }

    /// Points of the whole product, by a fixed sequence.
    fn random(&mut self, tools: &[String], models: &[String]) {
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
        let (flows, all): (Vec<Flow>, Vec<Feature>) = (flows(), Feature::ALL.to_vec());
        for _ in 0..SAMPLES {
            let mut findings = FindingSet::new();
            for _ in 0..dice.below(3) {
                if let (Some(kind), Some(span)) = (dice.of(FindingKind::ALL), dice.of(&SpanKind::ALL)) {
                    findings.insert(*kind, *span);
                }
            }
            let mut facts = Facts {
                findings,
                stream: dice.below(2) == 1,
                uninspected: dice.below(2) == 1,
                ..Facts::default()
            };
            let sides = (dice.below(2) == 1, dice.below(2) == 1);
            if dice.below(2) == 0 {
                facts.flow = dice.of(&flows).copied();
                let Some(name) = dice.of(tools).cloned() else { continue };
                self.ask(Action::ToolCall, &name, &facts, sides);
            } else {
                facts.features =
                    dice.of(&all).copied().filter(|_| dice.0.is_multiple_of(2)).into_iter().collect();
                let Some(name) = dice.of(models).cloned() else { continue };
                let action = if dice.below(2) == 0 { Action::ModelPrompt } else { Action::ModelAnswer };
                self.ask(action, &name, &facts, sides);
            }
        }
    }
}

/// A fixed row of numbers (Marsaglia's xorshift): the same sweep asks the same questions.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n.max(1)
    }

    fn of<'t, T>(&mut self, all: &'t [T]) -> Option<&'t T> {
        let n = self.below(all.len() as u64);
        all.get(usize::try_from(n).unwrap_or(0))
    }
}

/// Every pair of labels with every origin of a target.
pub(crate) fn flows() -> Vec<Flow> {
    let origins = [TargetOrigin::None, TargetOrigin::Cleared]
        .into_iter()
        .chain(Provenance::ALL.into_iter().map(TargetOrigin::From));
    let labels = Integrity::ALL
        .into_iter()
        .flat_map(|integrity| Class::ALL.into_iter().map(move |class| Labels { integrity, class }));
    origins.flat_map(|target| labels.clone().map(move |labels| Flow { labels, target })).collect()
}

/// Nothing found, then every kind alone in every span.
fn findings() -> impl Iterator<Item = FindingSet> {
    let pairs = FindingKind::ALL.iter().flat_map(|k| SpanKind::ALL.into_iter().map(move |s| (*k, s)));
    std::iter::once(FindingSet::new()).chain(pairs.map(|pair| std::iter::once(pair).collect()))
}

fn features() -> impl Iterator<Item = Option<Feature>> {
    std::iter::once(None).chain(Feature::ALL.into_iter().map(Some))
}
