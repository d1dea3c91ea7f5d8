//! What one agent may reach, and what it used of it.
//!
//! The score adds points, at most 100; nothing is excess at 0:
//!
//! | points | for |
//! |---|---|
//! | 1 read, 2 write, 3 effect not said, 4 send, 5 execute or spend; twice for a pattern | each tool that was not used in the window |
//! | 1, or 3 for a pattern | each model that was not used |
//! | 3 | each provider-side feature that was not used |
//! | 4 | each tool that sends, spends or executes without a limit on where its calls go |
//! | 3, or 5 where it sends, spends or executes | each tool that is a pattern, used or not |
//! | 2 | each model that is a pattern |
//! | 5 | an effect that goes out is held, and none that goes out was used |
//! | 10, or 25 where nothing stands between | untrusted content, private data and a way out together |
//!
//! What always holds: `clean` and `tainted` are the judge's decisions, the operator's own policies included. What it
//! deliberately does not do: say that an agent is safe; it says what could be taken away.

use crate::fold::{AgentUse, LeftOut, Seen, ToolKey};
use crate::risk::{Risk, feature_effect, risk};
use cordon_policy::{
    Action, Facts, Flow, Manifest, PolicySet, Query, Resource, Supposed, TargetOrigin, ToolRule, Untrusted,
};
use cordon_types::{Class, Effect, Feature, Integrity, Labels, Millis, Mode, Provenance};
use serde::Serialize;
use std::collections::BTreeMap;

/// Most points.
const MAX_SCORE: u32 = 100;

/// Where tools and models live.
#[derive(Clone, Debug, Default)]
pub struct Systems {
    /// Tool servers that the config knows.
    pub servers: Vec<String>,
    /// The upstream of each model.
    pub models: BTreeMap<String, String>,
}

/// Use as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// First time in all records that are kept, milliseconds since 1970.
    pub first: Option<Millis>,
    /// Last time.
    pub last: Option<Millis>,
    /// Uses in the window.
    pub uses: u64,
    /// Uses in all records that are kept.
    pub ever: u64,
    /// Of those in the window, where an attack was found beside them.
    pub flagged: u64,
    /// Attempts in the window that were denied or held.
    pub denied: u64,
}

/// One thing that an agent may reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Grant {
    /// `model`, `tool` or `feature`.
    pub kind: &'static str,
    /// As the manifest names it.
    pub name: String,
    /// The tool server, the upstream, `provider`, or `client`: the agent's own program runs the tool.
    pub system: String,
    /// What it does.
    pub effect: Option<&'static str>,
    /// The class of the data that it brings.
    pub class: Option<&'static str>,
    /// The highest class that may leave by it.
    pub clearance: Option<&'static str>,
    /// The limits on its arguments.
    pub arguments: Option<String>,
    /// What the judge says to a call from a clean session, its target the user's: `allow`, `ask`, or why not.
    pub clean: &'static str,
    /// What it says once a stranger's words came in and supply the target.
    pub tainted: &'static str,
    /// Names of a pattern that were used.
    pub used_names: Vec<String>,
    /// Use.
    pub used: Totals,
    /// What stands out.
    pub marks: Vec<&'static str>,
    /// Points to the score.
    pub points: u32,
}

/// Untrusted content, private data and a way out in one hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Toxic {
    /// Whether nothing stands between: some way out neither asks nor refuses, or lets private data leave.
    pub open: bool,
    /// Whether each of the three was used in the window.
    pub used: bool,
    /// What brings strangers' words.
    pub untrusted: Vec<String>,
    /// What brings private data.
    pub private: Vec<String>,
    /// What leads out.
    pub out: Vec<String>,
}

/// Something that stands out of the whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its name.
    pub code: &'static str,
    /// In words.
    pub text: String,
}

/// The report of one agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The agent.
    pub agent: String,
    /// Who answers for it.
    pub owner: String,
    /// What it is for.
    pub purpose: String,
    /// Its manifest's file.
    pub manifest: String,
    /// First record of it that is kept.
    pub first: Option<Millis>,
    /// Last record.
    pub last: Option<Millis>,
    /// What it may reach.
    pub grants: Vec<Grant>,
    /// Beta headers that it may ask for; records do not say which were.
    pub betas: Vec<String>,
    /// What tool servers may ask of its client.
    pub interactions: Vec<&'static str>,
    /// What stands out.
    pub findings: Vec<Finding>,
    /// The three together, where they are.
    pub toxic: Option<Toxic>,
    /// Excess, 0 to 100.
    pub score: u32,
    /// The risk tier.
    pub risk: Risk,
    /// Attempts in the window that were denied, held included.
    pub denied: u64,
}

/// Makes the report of one agent; `None` where it has no manifest.
#[must_use]
pub fn report(policies: &PolicySet, m: &Manifest, used: &AgentUse, systems: &Systems, now: Millis) -> Report {
    let mut grants: Vec<Grant> =
        m.models.iter().map(|name| model(policies, m, name, used, systems, now)).collect();
    grants.extend(m.tools.iter().map(|rule| tool(policies, m, rule, used, systems, now)));
    grants.extend(m.features.iter().map(|f| feature(*f, used)));
    let toxic = toxic(m, &grants);
    let risk = risk(m);
    let findings = findings(m, &grants, toxic.as_ref(), &risk, now);
    let extra: u32 = findings.iter().map(|f| points_of(f.code)).sum();
    let score = grants.iter().map(|g| g.points).sum::<u32>().saturating_add(extra).min(MAX_SCORE);
    let LeftOut { denied, .. } = used.left_out;
    Report {
        agent: m.agent.to_string(),
        owner: m.owner.clone(),
        purpose: m.purpose.clone(),
        manifest: m.source.clone(),
        first: used.first,
        last: used.last,
        grants,
        betas: m.betas.clone(),
        interactions: m.mcp.iter().map(|i| i.name()).collect(),
        findings,
        toxic,
        score,
        risk,
        denied,
    }
}

const fn points_of(code: &str) -> u32 {
    match code.as_bytes() {
        b"effect_above_use" => 5,
        b"toxic_open" => 25,
        b"toxic_guarded" => 10,
        _ => 0,
    }
}

fn fits(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |prefix| name.starts_with(prefix))
}

fn totals<'s>(all: impl Iterator<Item = &'s Seen>) -> Totals {
    all.fold(Totals::default(), |t, s| Totals {
        first: t.first.into_iter().chain(s.first).min(),
        last: t.last.into_iter().chain(s.last).max(),
        uses: t.uses + s.uses(),
        ever: t.ever + s.ever,
        flagged: t.flagged + s.flagged,
        denied: t.denied + s.denied,
    })
}

fn model(
    policies: &PolicySet,
    m: &Manifest,
    name: &str,
    used: &AgentUse,
    systems: &Systems,
    now: Millis,
) -> Grant {
    let pattern = name.ends_with('*');
    let of_it: Vec<(&String, &Seen)> = used.models.iter().filter(|(n, _)| fits(name, n)).collect();
    let asked = m.example(name);
    let facts = Facts::default();
    let q = Query {
        agent: &m.agent,
        on_behalf: false,
        action: Action::ModelPrompt,
        resource: Resource::Model(&asked),
        facts: &facts,
        now,
    };
    let decision = policies.suppose(&q, true).0.name();
    let mut ups: Vec<&str> =
        systems.models.iter().filter(|(n, _)| fits(name, n)).map(|(_, up)| up.as_str()).collect();
    ups.sort_unstable();
    ups.dedup();
    let used = totals(of_it.iter().map(|(_, s)| *s));
    let mut g = Grant {
        kind: "model",
        name: name.to_owned(),
        system: ups.join(" "),
        effect: None,
        class: None,
        clearance: None,
        arguments: None,
        clean: decision,
        tainted: decision,
        used_names: if pattern { of_it.iter().map(|(n, _)| (*n).clone()).collect() } else { Vec::new() },
        used,
        marks: Vec::new(),
        points: 0,
    };
    g.mark("wildcard", pattern, 2);
    g.mark("unused", g.used.uses == 0, if pattern { 3 } else { 1 });
    g
}

fn feature(f: Feature, used: &AgentUse) -> Grant {
    let effect = feature_effect(f);
    let mut g = Grant {
        kind: "feature",
        name: f.name().to_owned(),
        system: "provider".to_owned(),
        effect: effect.map(Effect::name),
        class: None,
        clearance: None,
        arguments: None,
        clean: "allow",
        tainted: "allow",
        used_names: Vec::new(),
        used: totals(used.features.get(&f).into_iter()),
        marks: Vec::new(),
        points: 0,
    };
    g.mark("not_judged_before_its_effect", effect.is_some(), 0);
    g.mark("unused", g.used.uses == 0, 3);
    g
}

impl Grant {
    fn mark(&mut self, mark: &'static str, holds: bool, points: u32) {
        if holds {
            self.marks.push(mark);
            self.points += points;
        }
    }
}

fn tool(
    policies: &PolicySet,
    m: &Manifest,
    rule: &ToolRule,
    used: &AgentUse,
    systems: &Systems,
    now: Millis,
) -> Grant {
    let pattern = rule.name.ends_with('*');
    let rules = |name: &str| m.tool(name).is_some_and(|r| r.name == rule.name);
    let of_it: Vec<(&ToolKey, &Seen)> = used
        .tools
        .iter()
        .filter(|(key, _)| match key {
            ToolKey::Named(name) => rules(name),
            ToolKey::Hidden(entry) => entry.as_deref() == Some(&*rule.name),
        })
        .collect();
    let names = of_it.iter().filter_map(|(key, _)| match key {
        ToolKey::Named(name) => Some(name.clone()),
        ToolKey::Hidden(_) => None,
    });
    let out = rule.goes_out();
    let good =
        if out || rule.target.is_some() { TargetOrigin::From(Provenance::User) } else { TargetOrigin::None };
    let bad = if good == TargetOrigin::None { good } else { TargetOrigin::From(Provenance::Untrusted) };
    let tainted = Labels { integrity: Integrity::Untrusted, class: Class::Public };
    let decide = |labels, target| call(policies, m, &rule.name, Flow { labels, target }, now);
    let server = rule.name.split_once("__").map(|(server, _)| server);
    let mut g = Grant {
        kind: "tool",
        name: rule.name.clone(),
        system: server.filter(|s| systems.servers.iter().any(|k| k == s)).unwrap_or("client").to_owned(),
        effect: rule.effect.map(Effect::name),
        class: Some(rule.class.name()),
        clearance: out.then(|| rule.clearance.name()),
        arguments: rule.described_arguments(),
        clean: decide(Labels::CLEAN, good).name(),
        tainted: decide(tainted, bad).name(),
        used_names: if pattern { names.collect() } else { Vec::new() },
        used: totals(of_it.iter().map(|(_, s)| *s)),
        marks: Vec::new(),
        points: 0,
    };
    let weight = match rule.effect {
        Some(Effect::Read) => 1,
        Some(Effect::Write) => 2,
        None => 3,
        Some(Effect::Send) => 4,
        Some(Effect::Execute | Effect::Spend) => 5,
    };
    g.mark("wildcard", pattern, if out { 5 } else { 3 });
    g.mark("no_target_limit", out && !rule.limits_target(), 4);
    g.mark("untrusted_targets_allowed", out && rule.untrusted == Untrusted::Allow, 0);
    g.mark("effect_not_said", rule.effect.is_none(), 0);
    g.mark("unused", g.used.uses == 0, if pattern { 2 * weight } else { weight });
    g
}

fn call(policies: &PolicySet, m: &Manifest, name: &str, flow: Flow, now: Millis) -> Supposed {
    let name = m.example(name);
    let facts = Facts { flow: Some(flow), ..Facts::default() };
    let q = Query {
        agent: &m.agent,
        on_behalf: false,
        action: Action::ToolCall,
        resource: Resource::Tool { name: &name },
        facts: &facts,
        now,
    };
    policies.suppose(&q, true).0
}

/// What the three hands hold.
fn toxic(m: &Manifest, grants: &[Grant]) -> Option<Toxic> {
    let used = |name: &str| grants.iter().any(|g| g.name == name && g.used.uses > 0);
    let mut toxic =
        Toxic { open: false, used: false, untrusted: Vec::new(), private: Vec::new(), out: Vec::new() };
    for rule in &m.tools {
        if matches!(rule.effect, Some(Effect::Read) | None) && rule.result == Integrity::Untrusted {
            toxic.untrusted.push(rule.name.clone());
        }
        if rule.class >= Class::Confidential {
            toxic.private.push(rule.name.clone());
        }
        if rule.goes_out() {
            toxic.out.push(rule.name.clone());
            let private = m.highest_class();
            // Data above the clearance does not leave; a target that a stranger supplied is asked about.
            toxic.open |= !m.flow || rule.clearance >= private && rule.untrusted == Untrusted::Allow;
        }
    }
    for f in &m.features {
        match f {
            Feature::WebSearch | Feature::FetchByUrl | Feature::RemoteMcp => {
                toxic.untrusted.push(f.name().to_owned());
                toxic.out.push(f.name().to_owned());
                // What a provider does on its own side is not judged before its effect.
                toxic.open = true;
            }
            Feature::CodeExecution | Feature::ComputerUse => {
                toxic.out.push(f.name().to_owned());
                toxic.open = true;
            }
            Feature::FileSearch | Feature::Document | Feature::Image => {
                toxic.untrusted.push(f.name().to_owned())
            }
            _ => {}
        }
    }
    toxic.open |= m.mode == Mode::Observe;
    let three = [&toxic.untrusted, &toxic.private, &toxic.out];
    if three.iter().any(|hand| hand.is_empty()) {
        return None;
    }
    toxic.used = three.iter().all(|hand| hand.iter().any(|name| used(name)));
    Some(toxic)
}

fn findings(m: &Manifest, grants: &[Grant], toxic: Option<&Toxic>, risk: &Risk, now: Millis) -> Vec<Finding> {
    let mut out = Vec::new();
    let mut find = |code, text: String| out.push(Finding { code, text });
    if m.expired(now) {
        find("expired", "its manifest has expired: all that it asks is refused".to_owned());
    }
    if m.observes(now) {
        find("observing", "observe mode: what would be refused goes on".to_owned());
    }
    let count = |mark: &str| grants.iter().filter(|g| g.marks.contains(&mark)).count();
    for (code, what) in [
        ("unused", "not used in the window"),
        ("wildcard", "patterns: they also fit what does not exist yet"),
        ("no_target_limit", "send, spend or execute without a limit on where"),
        ("untrusted_targets_allowed", "go where a stranger's words say, unasked"),
        ("effect_not_said", "do what nobody said"),
    ] {
        let n = count(code);
        if n > 0 {
            find(code, format!("{n} of {} grants: {what}", grants.len()));
        }
    }
    let goes_out = |g: &&Grant| matches!(g.effect, Some("send" | "execute" | "spend"));
    let held: Vec<&Grant> = grants.iter().filter(goes_out).collect();
    if !held.is_empty() && held.iter().all(|g| g.used.uses == 0) {
        find("effect_above_use", "it may send, spend or execute, and never did in the window".to_owned());
    }
    if !m.flow && !held.is_empty() {
        find("flow_off", "the flow of information is not judged".to_owned());
    }
    if let Some(t) = toxic {
        let code = if t.open { "toxic_open" } else { "toxic_guarded" };
        let guard = if t.open { "nothing stands between" } else { "people or clearances stand between" };
        let hands = [&t.untrusted, &t.private, &t.out].map(|hand| hand.join(" "));
        let [untrusted, private, out] = &hands;
        find(
            code,
            format!(
                "reads strangers' words ({untrusted}), holds private data ({private}), leads out ({out}); {guard}"
            ),
        );
    }
    if let Some(code) = risk.disagreement() {
        find(code, format!("the manifest declares {}, the formula says {}", risk.declared, risk.computed));
    }
    out
}
