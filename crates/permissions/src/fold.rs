//! Records folded into use: by agent, what was used when, and the shapes of calls that may be learnt from.
//!
//! ```text
//! intent (allowed) --waits--> its outcome --no finding of an attack, nothing denied--> use, and a shape to replay
//!                                         --else--> use, but nothing to learn from
//! intent (denied, observed)  --> counted, nothing more
//! ```
//! What always holds: memory is bounded however long the log is; what is beyond a bound is counted. An exchange counts
//! when its outcome is there; one that never got its outcome counts at the end. What it deliberately does not do: hold
//! content, of which records have none.

use cordon_ledger::{
    CallJudged, Decision, FindingCount, Finish, Intent, Judged, Linkable, Name, Outcome, Record,
};
use cordon_policy::{Call, Prompt, ToolUsed, Used};
use cordon_types::{AgentId, Class, Feature, FindingKind, Guard, Millis, Operation, SpanKind};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// Most exchanges that wait for their outcome; the oldest is counted as it is when there are more.
const MAX_OPEN: usize = 65_536;
/// Most different shapes of an agent's calls, and of its prompts.
const MAX_SHAPES: usize = 20_000;
/// Most different names of an agent's tools.
const MAX_NAMES: usize = 4_096;

/// The time that counts.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Not before.
    pub from: Millis,
    /// Before.
    pub to: Millis,
}

impl Window {
    const fn holds(&self, at: Millis) -> bool {
        self.from <= at && at < self.to
    }
}

/// A tool in records.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ToolKey {
    /// By its name.
    Named(String),
    /// The record holds no name: the manifest's entry that let it through, where that is known.
    Hidden(Option<String>),
}

/// When something was used, and how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The first time in all records that are kept.
    pub first: Option<Millis>,
    /// The last time.
    pub last: Option<Millis>,
    /// Uses in the window: calls in models' answers.
    pub asked: u64,
    /// Uses in the window: calls that came to the tool gateway, or that a framework asked about.
    pub carried: u64,
    /// Uses in all records that are kept, both ways.
    pub ever: u64,
    /// Of those in the window, in exchanges in which an attack was found.
    pub flagged: u64,
    /// Attempts in the window that were denied, or held.
    pub denied: u64,
}

impl Seen {
    /// Uses in the window. A call in an answer that the gateway then carries is one use.
    #[must_use]
    pub const fn uses(&self) -> u64 {
        if self.carried > self.asked { self.carried } else { self.asked }
    }

    fn at(&mut self, at: Millis) {
        self.first = Some(self.first.map_or(at, |f| f.min(at)));
        self.last = Some(self.last.map_or(at, |l| l.max(at)));
        self.ever += 1;
    }
}

/// How often a shape was there, and when last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// How often.
    pub count: u64,
    /// When last.
    pub last: Millis,
}

/// What a suggestion does not learn from, in the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Denied, held included.
    pub denied: u64,
    /// In exchanges in which an attack was found.
    pub flagged: u64,
    /// Let through by observe mode.
    pub observed: u64,
    /// Beyond what is remembered.
    pub beyond: u64,
}

/// One agent's use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentUse {
    /// Its first record.
    pub first: Option<Millis>,
    /// Its last record.
    pub last: Option<Millis>,
    /// By tool.
    pub tools: BTreeMap<ToolKey, Seen>,
    /// By model.
    pub models: BTreeMap<String, Seen>,
    /// By what providers did on their own side.
    pub features: BTreeMap<Feature, Seen>,
    /// Calls that may be learnt from, by shape; in the window.
    pub calls: BTreeMap<Call, Shape>,
    /// Prompts that may be learnt from, by shape; in the window.
    pub prompts: BTreeMap<Prompt, Shape>,
    /// What may not.
    pub left_out: LeftOut,
}

impl AgentUse {
    /// What was used, as right-sizing takes it: from what may be learnt from alone.
    #[must_use]
    pub fn used(&self) -> Used {
        let mut used = Used::default();
        for (call, shape) in &self.calls {
            used.features.extend(&call.features);
            let Some(name) = &call.tool else {
                *used.hidden.entry(call.entry.clone()).or_default() += shape.count;
                continue;
            };
            let class = call.labels.and_then(|(_, class)| Class::ALL.into_iter().find(|c| *c as u8 == class));
            let first = !used.tools.contains_key(name);
            let tool: &mut ToolUsed = used.tools.entry(name.clone()).or_default();
            tool.calls += shape.count;
            tool.origins.insert(call.origin);
            // One record without labels, and nothing is known of the highest.
            tool.class = if first { class } else { tool.class.zip(class).map(|(a, b)| a.max(b)) };
        }
        for (prompt, shape) in &self.prompts {
            *used.models.entry(prompt.model.clone()).or_default() += shape.count;
            used.features.extend(&prompt.features);
        }
        let flagged = self.tools.iter().filter(|(_, seen)| seen.flagged > 0);
        used.flagged = flagged
            .filter_map(|(key, seen)| match key {
                ToolKey::Named(name) => Some((name.clone(), seen.flagged)),
                ToolKey::Hidden(_) => None,
            })
            .collect();
        used
    }
}

/// An exchange that waits for its outcome.
struct Open {
    agent: AgentId,
    at: Millis,
    flagged: bool,
    what: What,
}

enum What {
    Prompt(Prompt),
    Call(Call),
}

/// Takes records in order.
pub struct Fold<'n> {
    window: Window,
    /// Finds the name behind a digest.
    names: &'n dyn Fn(&Linkable) -> Option<String>,
    agents: BTreeMap<AgentId, AgentUse>,
    open: HashMap<u64, Open>,
    order: VecDeque<u64>,
}

impl<'n> Fold<'n> {
    /// Starts with nothing.
    #[must_use]
    pub fn new(window: Window, names: &'n dyn Fn(&Linkable) -> Option<String>) -> Self {
        Self { window, names, agents: BTreeMap::new(), open: HashMap::new(), order: VecDeque::new() }
    }

    /// Takes the next record.
    pub fn take(&mut self, index: u64, record: &Record) {
        match record {
            Record::Intent(r) => self.intent(index, r),
            Record::Outcome(r) => self.outcome(r),
            Record::Control(_) => {}
        }
    }

    /// What all records came to.
    #[must_use]
    pub fn finish(mut self) -> BTreeMap<AgentId, AgentUse> {
        while let Some(index) = self.order.pop_front() {
            if let Some(open) = self.open.remove(&index) {
                self.settle(open, None);
            }
        }
        self.agents
    }

    fn intent(&mut self, index: u64, r: &Intent) {
        let Some(agent) = r.agent.clone() else { return };
        let inside = self.window.holds(r.at);
        let names = self.names;
        let this = self.agents.entry(agent.clone()).or_default();
        this.first = Some(this.first.map_or(r.at, |f| f.min(r.at)));
        this.last = Some(this.last.map_or(r.at, |l| l.max(r.at)));
        // Asking how a task stands is no further use of the tool whose call it is.
        if r.operation == Operation::Tasks {
            return;
        }
        let what = match (&r.call, &r.model) {
            (Some(call), _) => {
                let entry = entry(&agent, &r.judged);
                What::Call(Call {
                    tool: text(&call.tool, names),
                    entry,
                    origin: call.target.as_ref().and_then(|t| origin(t.as_str())),
                    labels: r.labels.map(|l| (l.integrity, l.confidentiality)),
                    on_behalf: Some(r.user.is_some()),
                    stream: r.stream,
                    findings: findings(&r.judged.findings),
                    features: features(&r.not_inspected),
                })
            }
            (None, Some(model)) => What::Prompt(Prompt {
                model: text(model, names).unwrap_or_default(),
                on_behalf: r.user.is_some(),
                stream: r.stream,
                findings: findings(&r.judged.findings),
                answer: Vec::new(),
                features: features(&r.not_inspected),
            }),
            (None, None) => return,
        };
        match r.judged.decision {
            Decision::Allowed => {}
            other => return this.refused(&what, other, inside),
        }
        let flagged = is_attack(&r.judged.findings);
        if self.order.len() >= MAX_OPEN
            && let Some(oldest) = self.order.pop_front()
            && let Some(open) = self.open.remove(&oldest)
        {
            self.settle(open, None);
        }
        self.order.push_back(index);
        self.open.insert(index, Open { agent, at: r.at, flagged, what });
    }

    fn outcome(&mut self, r: &Outcome) {
        let opened = self.open.remove(&r.intent);
        // Those that are settled leave the front; the rest goes when its turn comes.
        while self.order.front().is_some_and(|i| !self.open.contains_key(i)) {
            self.order.pop_front();
        }
        let Some(agent) = r.agent.clone() else { return };
        let before = opened.as_ref().is_some_and(|o| o.flagged);
        let on_behalf = opened.as_ref().and_then(|o| match &o.what {
            What::Prompt(p) => Some(p.on_behalf),
            What::Call(c) => c.on_behalf,
        });
        if let Some(open) = opened {
            self.settle(open, Some(r));
        }
        let flagged = before || is_attack(&r.judged.findings);
        let whole = r.judged.decision == Decision::Allowed && r.finish == Finish::Complete;
        let inside = self.window.holds(r.at);
        let names = self.names;
        let this = self.agents.entry(agent.clone()).or_default();
        for judged in &r.calls {
            let what = What::Call(in_answer(&agent, judged, r, names, on_behalf));
            match judged.decision {
                Decision::Allowed if r.judged.decision == Decision::Observed => {
                    this.refused(&what, Decision::Observed, inside);
                }
                Decision::Allowed => this.used_once(what, r.at, inside, flagged, whole, false),
                other => this.refused(&what, other, inside),
            }
        }
        if inside {
            this.left_out.beyond += u64::from(r.calls_unlisted);
        }
    }

    /// Counts an exchange that was let through.
    fn settle(&mut self, open: Open, outcome: Option<&Outcome>) {
        let inside = self.window.holds(open.at);
        let this = self.agents.entry(open.agent).or_default();
        let found = outcome.is_some_and(|o| is_attack(&o.judged.findings));
        let good = outcome.is_none_or(|o| matches!(o.judged.decision, Decision::Allowed | Decision::Error));
        let mut what = open.what;
        if let (What::Prompt(p), Some(o)) = (&mut what, outcome) {
            p.answer = findings(&o.judged.findings);
            p.features = features(p.features.iter().chain(&o.not_inspected));
        }
        this.used_once(what, open.at, inside, open.flagged || found, good, true);
    }
}

impl AgentUse {
    fn seen(&mut self, what: &What) -> Vec<&mut Seen> {
        match what {
            What::Call(call) => {
                let key = match &call.tool {
                    Some(name) => ToolKey::Named(name.clone()),
                    None => ToolKey::Hidden(call.entry.clone()),
                };
                if self.tools.len() >= MAX_NAMES && !self.tools.contains_key(&key) {
                    self.left_out.beyond += 1;
                    return Vec::new();
                }
                vec![self.tools.entry(key).or_default()]
            }
            What::Prompt(prompt) => {
                let used: BTreeSet<Feature> = prompt.features.iter().copied().collect();
                for feature in &used {
                    self.features.entry(*feature).or_default();
                }
                if self.models.len() >= MAX_NAMES && !self.models.contains_key(&prompt.model) {
                    self.left_out.beyond += 1;
                    return Vec::new();
                }
                let model = self.models.entry(prompt.model.clone()).or_default();
                let features =
                    self.features.iter_mut().filter(|(f, _)| used.contains(f)).map(|(_, seen)| seen);
                std::iter::once(model).chain(features).collect()
            }
        }
    }

    fn refused(&mut self, what: &What, decision: Decision, inside: bool) {
        if !inside {
            return;
        }
        if decision == Decision::Observed {
            self.left_out.observed += 1;
        } else {
            self.left_out.denied += 1;
        }
        // A name that no file of the operator's has is a caller's invention: counted above, not listed.
        let listed = match what {
            What::Call(call) => call.tool.is_some(),
            What::Prompt(prompt) => !prompt.model.is_empty(),
        };
        if listed {
            self.seen(what).into_iter().for_each(|s| s.denied += 1);
        }
    }

    fn used_once(&mut self, what: What, at: Millis, inside: bool, flagged: bool, good: bool, carried: bool) {
        for seen in self.seen(&what) {
            seen.at(at);
            if inside {
                *(if carried { &mut seen.carried } else { &mut seen.asked }) += 1;
                seen.flagged += u64::from(flagged);
            }
        }
        if !inside {
            return;
        }
        if flagged {
            self.left_out.flagged += 1;
        } else if !good {
            self.left_out.denied += 1;
        } else {
            let kept = match what {
                What::Call(call) => shape(&mut self.calls, call, at),
                What::Prompt(prompt) => shape(&mut self.prompts, prompt, at),
            };
            self.left_out.beyond += u64::from(!kept);
        }
    }
}

fn shape<K: Ord>(shapes: &mut BTreeMap<K, Shape>, key: K, at: Millis) -> bool {
    if shapes.len() >= MAX_SHAPES && !shapes.contains_key(&key) {
        return false;
    }
    let shape = shapes.entry(key).or_default();
    shape.count += 1;
    shape.last = shape.last.max(at);
    true
}

fn in_answer(
    agent: &AgentId,
    judged: &CallJudged,
    r: &Outcome,
    names: &dyn Fn(&Linkable) -> Option<String>,
    on_behalf: Option<bool>,
) -> Call {
    Call {
        tool: text(&judged.tool, names),
        entry: entry_of(agent, judged.policies.iter().map(cordon_ledger::Known::as_str)),
        origin: judged.target.as_ref().and_then(|t| origin(t.as_str())),
        labels: None,
        on_behalf,
        stream: r.stream,
        findings: findings(&r.judged.findings),
        features: features(&r.not_inspected),
    }
}

fn text(name: &Name, names: &dyn Fn(&Linkable) -> Option<String>) -> Option<String> {
    match name {
        Name::Known(known) => Some(known.as_str().to_owned()),
        Name::Hidden(digest) => names(digest),
    }
}

fn entry(agent: &AgentId, judged: &Judged) -> Option<String> {
    entry_of(agent, judged.policies.iter().map(cordon_ledger::Known::as_str))
}

/// The manifest's entry among the policies that decided.
fn entry_of<'a>(agent: &AgentId, policies: impl Iterator<Item = &'a str>) -> Option<String> {
    let prefix = format!("manifest:{agent}:tool:");
    let mut entries = policies.filter_map(|p| p.strip_prefix(&*prefix)).filter(|p| !p.ends_with(":args"));
    // Patterns overlap: the longest ruled.
    let first = entries.next()?;
    Some(entries.fold(first, |a, b| if b.len() > a.len() { b } else { a }).to_owned())
}

fn origin(word: &str) -> Option<&'static str> {
    ["user", "trusted", "untrusted", "unknown", "cleared", "none"].into_iter().find(|o| *o == word)
}

fn findings(found: &[FindingCount]) -> Vec<(FindingKind, SpanKind)> {
    let all: BTreeSet<_> = found.iter().filter(|f| f.count > 0).map(|f| (f.kind, f.span)).collect();
    all.into_iter().collect()
}

fn features<'a>(list: impl IntoIterator<Item = &'a Feature>) -> Vec<Feature> {
    let all: BTreeSet<Feature> = list.into_iter().copied().collect();
    all.into_iter().collect()
}

/// Whether an attack was found: an injection, or a way out that a text makes for itself.
fn is_attack(found: &[FindingCount]) -> bool {
    found.iter().any(|f| f.count > 0 && matches!(f.kind.guard(), Guard::Injection | Guard::Exfiltration))
}
