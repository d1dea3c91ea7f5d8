//! An agent's manifest: who owns it, what it is for, what it may do. Data only; reading it is `manifest::read`'s.
//!
//! What always holds: a `Manifest` that exists has been checked whole: ids, dates, predicates and limits are
//! parsed values, not strings. What it deliberately does not do: decide; it compiles to Cedar, which does.

use crate::predicate::ArgumentRule;
use cordon_tools::limits::{Hours, Rate};
use cordon_types::{AgentId, Class, Digest, Effect, Feature, FindingKind, Integrity, Millis, Mode, SpanKind};

use sha2::{Digest as _, Sha256};

mod fields;
mod read;
#[cfg(test)]
mod tests;

mod targets;

pub(crate) use fields::nearest;
pub use read::parse_manifest;
pub use targets::Target;

/// How much harm the agent could do, in the owner's judgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RiskTier {
    /// Little.
    Minimal,
    /// Some.
    Limited,
    /// Much.
    High,
}

impl RiskTier {
    /// Every tier, lowest first.
    pub const ALL: [RiskTier; 3] = [RiskTier::Minimal, RiskTier::Limited, RiskTier::High];

    /// The name in manifests and Cedar.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            RiskTier::Minimal => "minimal",
            RiskTier::Limited => "limited",
            RiskTier::High => "high",
        }
    }
}

/// What happens to a kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Handling {
    /// Nothing.
    Allow,
    /// The operator is told.
    Notify,
    /// It is replaced by a placeholder of its kind.
    Mask,
    /// It is taken out.
    Redact,
    /// The exchange is refused.
    Block,
}

impl Handling {
    /// Every handling, mildest first.
    pub const ALL: [Handling; 5] =
        [Handling::Allow, Handling::Notify, Handling::Mask, Handling::Redact, Handling::Block];

    /// The name in manifests and Cedar.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Handling::Allow => "allow",
            Handling::Notify => "notify",
            Handling::Mask => "mask",
            Handling::Redact => "redact",
            Handling::Block => "block",
        }
    }
}

/// Whether words in a message of role `user` are a person's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UserTurns {
    /// Somebody says so: retrieved text and other agents' prompts may stand there.
    #[default]
    Asserted,
    /// The owner vouches that only people write there.
    Human,
}

impl UserTurns {
    /// The name in manifests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            UserTurns::Asserted => "asserted",
            UserTurns::Human => "human",
        }
    }
}

/// What happens when something could not be inspected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Uninspected {
    /// The exchange is refused. The default for an agent with tools.
    Refuse,
    /// It goes on, recorded as not inspected. The default for an agent without tools.
    Allow,
}

/// One direction's rules: what happens to each kind in each kind of span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataTable([[Handling; SpanKind::ALL.len()]; FindingKind::ALL.len()]);

impl DataTable {
    /// What happens to `kind` where it stands in `span`.
    #[must_use]
    pub fn get(&self, kind: FindingKind, span: SpanKind) -> Handling {
        let row = self.0.get(kind as usize);
        row.and_then(|row| row.get(span as usize)).copied().unwrap_or(Handling::Block)
    }

    pub(crate) fn set(&mut self, kind: FindingKind, span: SpanKind, to: Handling) {
        if let Some(cell) = self.0.get_mut(kind as usize).and_then(|row| row.get_mut(span as usize)) {
            *cell = to;
        }
    }

    pub(crate) fn set_all(&mut self, kind: FindingKind, to: Handling) {
        SpanKind::ALL.into_iter().for_each(|span| self.set(kind, span, to));
    }
}

/// What happens to findings, on the way to the model and back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataRules {
    /// `[data.prompt]`
    pub prompt: DataTable,
    /// `[data.answer]`, which also holds for the arguments of tool calls.
    pub answer: DataTable,
}

impl Default for DataRules {
    fn default() -> Self {
        use FindingKind as K;
        use Handling::{Allow, Block, Mask, Notify};
        let empty = DataTable([[Allow; SpanKind::ALL.len()]; FindingKind::ALL.len()]);
        let (mut prompt, mut answer) = (empty.clone(), empty);
        for kind in FindingKind::ALL.iter().copied() {
            // Exhaustive on purpose: a new kind does not compile until both its defaults are chosen.
            let (to, from) = match kind {
                K::Email | K::Phone => (Notify, Notify),
                K::IpAddress => (Allow, Allow),
                K::PaymentCard | K::Iban | K::UsSsn => (Mask, Mask),
                K::ApiKey | K::Jwt | K::ConnectionString => (Mask, Mask),
                K::PrivateKey => (Block, Mask),
                K::Injection | K::Jailbreak | K::HiddenText => (Block, Notify),
                K::ExfilImage | K::ExfilLink => (Notify, Mask),
                K::OperatorTerm => (Block, Mask),
                K::OperatorPattern => (Mask, Mask),
            };
            prompt.set_all(kind, to);
            answer.set_all(kind, from);
        }
        // The application's instructions and the model's own words talk about instructions all the time.
        for span in [
            SpanKind::System,
            SpanKind::Assistant,
            SpanKind::Reasoning,
            SpanKind::Refusal,
            SpanKind::ToolCall,
        ] {
            prompt.set(K::Injection, span, Notify);
        }
        Self { prompt, answer }
    }
}

/// What happens to a call whose target was not supplied by the user or a trusted tool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Untrusted {
    /// A person is asked.
    #[default]
    Ask,
    /// It is refused.
    Refuse,
    /// It goes on: the owner's explicit word.
    Allow,
}

impl Untrusted {
    /// Every value, in a fixed order.
    pub const ALL: [Untrusted; 3] = [Untrusted::Ask, Untrusted::Refuse, Untrusted::Allow];

    /// The name in manifests and Cedar.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Untrusted::Ask => "ask",
            Untrusted::Refuse => "refuse",
            Untrusted::Allow => "allow",
        }
    }
}

/// What a tool server may do towards an agent's client beside answering: nothing, unless the manifest lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interaction {
    /// Ask the user something.
    Elicitation,
    /// Send log messages.
    Logging,
    /// Have the client's model write something, at the agent's expense.
    Sampling,
    /// Ask for the client's directories.
    Roots,
    /// The gateway's own: ask the user about a call that is held. The client is run by a person.
    Consent,
}

impl Interaction {
    /// Every value, in a fixed order.
    pub const ALL: [Interaction; 5] =
        [Self::Elicitation, Self::Logging, Self::Sampling, Self::Roots, Self::Consent];

    /// The name in manifests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Elicitation => "elicitation",
            Self::Logging => "logging",
            Self::Sampling => "sampling",
            Self::Roots => "roots",
            Self::Consent => "consent",
        }
    }
}

/// One `[[tools]]` entry.
#[derive(Clone, Debug)]
pub struct ToolRule {
    /// An exact name, or a prefix followed by `*`.
    pub name: String,
    /// What the tool does, where the owner says so.
    pub effect: Option<Effect>,
    /// Arguments that say where it goes; `None`: all of them, where it sends, spends or executes.
    pub target: Option<Vec<ArgumentRule>>,
    /// Targets that are good whoever brought them.
    pub cleared: Vec<ArgumentRule>,
    /// What happens where a target is neither the user's, nor a trusted tool's, nor cleared.
    pub untrusted: Untrusted,
    /// What its results are worth.
    pub result: Integrity,
    /// What single fields of its results are worth, by path.
    pub result_fields: Vec<(String, Integrity)>,
    /// Whether its server's own word on a result (`_meta.ifc`) counts in the place of `result` and `class`.
    pub labels: bool,
    /// The class of the data in its results.
    pub class: Class,
    /// The highest class that may leave by it.
    pub clearance: Class,
    /// Whether what it does can be undone.
    pub reversible: bool,
    /// People who must approve a call of it that is held: 1 or 2.
    pub approvals: u8,
    /// Limits on its arguments; `None`: no `[tools.args]`, so that any arguments pass.
    pub args: Option<Vec<ArgumentRule>>,
    /// Whether arguments that `[tools.args]` does not name pass.
    pub other_args: bool,
    /// How often it may be called; all hold.
    pub rates: Vec<Rate>,
    /// When it may be called; always, without.
    pub hours: Option<Hours>,
}

impl ToolRule {
    /// The arguments that the rule names: they may stand in records.
    pub fn argument_names(&self) -> impl Iterator<Item = &str> {
        let limits = self.args.iter().flatten();
        limits.chain(self.target.iter().flatten()).chain(&self.cleared).map(|a| a.argument.as_str())
    }

    /// The limits on its arguments in one line; `None`: there are none.
    #[must_use]
    pub fn described_arguments(&self) -> Option<String> {
        let rules = self.args.as_ref()?;
        let text = crate::compile::described_rules(rules, self.other_args);
        Some(text.strip_prefix("[tools.args] ").unwrap_or(&text).to_owned())
    }
}

/// How much an agent may use. `None` is no limit of the manifest's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budgets {
    /// Requests in any minute.
    pub requests_per_minute: Option<u32>,
    /// Tokens, in and out, in any minute.
    pub tokens_per_minute: Option<u64>,
    /// Tokens, in and out, in a UTC day.
    pub tokens_per_day: Option<u64>,
    /// Cost in a UTC day, in millionths of the price table's currency.
    pub cost_per_day_micros: Option<u64>,
    /// Cost in a UTC month, in millionths of the price table's currency.
    pub cost_per_month_micros: Option<u64>,
    /// Requests at the same time.
    pub concurrent: Option<u32>,
}

/// A manifest, read and checked.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The agent it is for.
    pub agent: AgentId,
    /// Who answers for it: a mail address or a team's name.
    pub owner: String,
    /// What it is for, in a sentence.
    pub purpose: String,
    /// How much harm it could do.
    pub risk: RiskTier,
    /// Groups that the operator's own policies may name.
    pub groups: Vec<String>,
    /// Whether denials stop, or are only recorded.
    pub mode: Mode,
    /// First moment of the day it was made; needed for observe mode.
    pub created: Option<Millis>,
    /// The moment at which observing ends (the end of the day that the manifest names).
    pub observe_until: Option<Millis>,
    /// The moment at which it expires (the end of the day that the manifest names).
    pub expires: Option<Millis>,
    /// Models, by name or as a prefix followed by `*`.
    pub models: Vec<String>,
    /// Tools.
    pub tools: Vec<ToolRule>,
    /// What happens to findings.
    pub data: DataRules,
    /// Provider-side features let through.
    pub features: Vec<Feature>,
    /// Beta headers let through.
    pub betas: Vec<String>,
    /// What tool servers may ask of the agent's client, or tell it, beside results.
    pub mcp: Vec<Interaction>,
    /// What happens to what could not be inspected.
    pub uninspected: Uninspected,
    /// Most output tokens a request may ask for.
    pub max_output_tokens: Option<u64>,
    /// Whether `user` messages are a person's.
    pub user_turns: UserTurns,
    /// Whether the flow of information is judged: on, unless the owner switched it off.
    pub flow: bool,
    /// How much it may use, over all its keys together.
    pub budgets: Budgets,
    /// How much each of its keys may use.
    pub key_budgets: Budgets,
    /// The file it was read from.
    pub source: String,
    /// The text it was read from: part of the policy version.
    pub(crate) text: String,
}

impl Manifest {
    /// The SHA-256 of its text.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest(Sha256::digest(self.text.as_bytes()).into())
    }

    /// Whether the manifest lists the model.
    #[must_use]
    pub fn lists_model(&self, name: &str) -> bool {
        self.models.iter().any(|m| glob_matches(m, name))
    }

    /// The rule for a tool: the exact name, else the longest prefix.
    #[must_use]
    pub fn tool(&self, name: &str) -> Option<&ToolRule> {
        let matching = self.tools.iter().filter(|t| glob_matches(&t.name, name));
        matching.max_by_key(|t| (!t.name.ends_with('*'), t.name.len()))
    }

    /// A name that stands for all that an entry or a model's pattern fits and no narrower one does.
    #[must_use]
    pub fn example(&self, pattern: &str) -> String {
        let tools = self.tools.iter().map(|t| t.name.as_str());
        let all: Vec<&str> = tools.chain(self.models.iter().map(String::as_str)).collect();
        example(pattern, &all)
    }

    /// Whether it observes at that moment: the mode says so, and `now` lies between `created` and `observe_until`.
    #[must_use]
    pub fn observes(&self, now: Millis) -> bool {
        self.mode == Mode::Observe
            && self.created.is_some_and(|from| from <= now)
            && self.observe_until.is_some_and(|until| now < until)
    }

    /// The highest class that any of its tools may have read: what a session is worth of which nothing is known.
    #[must_use]
    pub fn highest_class(&self) -> Class {
        self.tools.iter().map(|t| t.class).max().unwrap_or(Class::Public)
    }

    /// Whether it has expired at that moment.
    #[must_use]
    pub fn expired(&self, now: Millis) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }
}

/// A name that the pattern fits and that none of `others` fits more narrowly: it stands for all that is the pattern's
/// own. Of an exact name, the name.
pub(crate) fn example(pattern: &str, others: &[&str]) -> String {
    let Some(prefix) = pattern.strip_suffix('*') else { return pattern.to_owned() };
    let narrower = |name: &str| others.iter().any(|o| o.len() > pattern.len() && glob_matches(o, name));
    let exact = |name: &str| others.contains(&name);
    let ends = ('a'..='z').chain('0'..='9').chain(['-', '_', '.']).map(|c| format!("{prefix}{c}nother"));
    ends.into_iter()
        .find(|name| !narrower(name) && !exact(name))
        .unwrap_or_else(|| format!("{prefix}another"))
}

/// Whether `name` is `pattern`, or begins with what stands before its closing `*`.
pub(crate) fn glob_matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => pattern == name,
    }
}
