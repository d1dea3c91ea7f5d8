//! What is asked of the judge: who, may do what, to which resource, given which facts.
//!
//! What always holds: a question is plain data; nothing in it is trusted for more than what it says.
//! What it deliberately does not do: carry content. Findings are kinds; the arguments of a tool call are
//! borrowed for their predicates and go neither into Cedar nor into any answer.

use crate::FindingSet;
use cordon_types::{AgentId, Feature, Labels, Millis, Provenance};

/// What an agent wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Send a prompt to a model.
    ModelPrompt,
    /// Receive a model's answer.
    ModelAnswer,
    /// See that a model exists.
    ModelList,
    /// Offer a tool to a model.
    ToolList,
    /// Call a tool with arguments.
    ToolCall,
}

impl Action {
    /// Every action, in a fixed order.
    pub const ALL: [Action; 5] =
        [Action::ModelPrompt, Action::ModelAnswer, Action::ModelList, Action::ToolList, Action::ToolCall];

    /// The name in Cedar and in records, such as `model.prompt`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Action::ModelPrompt => "model.prompt",
            Action::ModelAnswer => "model.answer",
            Action::ModelList => "model.list",
            Action::ToolList => "tool.list",
            Action::ToolCall => "tool.call",
        }
    }

    /// The action of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name() == name)
    }

    /// Whether its resource is a tool.
    #[must_use]
    pub const fn is_tool(self) -> bool {
        matches!(self, Action::ToolList | Action::ToolCall)
    }
}

/// What it is done to. An action on the wrong kind of resource is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource<'a> {
    /// A model, as the caller wrote it.
    Model(&'a str),
    /// A tool, as the caller or the model wrote it.
    Tool {
        /// Its name.
        name: &'a str,
    },
}

impl<'a> Resource<'a> {
    /// The name as it was written.
    #[must_use]
    pub const fn name(self) -> &'a str {
        match self {
            Resource::Model(name) | Resource::Tool { name } => name,
        }
    }
}

/// Who supplied the target of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TargetOrigin {
    /// The call has no target: it looks, and goes nowhere.
    #[default]
    None,
    /// Every value of it is one that the manifest clears.
    Cleared,
    /// The worst origin among the values that are not cleared.
    From(Provenance),
}

impl TargetOrigin {
    /// The name in Cedar and in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            TargetOrigin::None => "none",
            TargetOrigin::Cleared => "cleared",
            TargetOrigin::From(p) => p.name(),
        }
    }
}

/// What the flow of information says about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The session's labels before the call.
    pub labels: Labels,
    /// Who supplied its target.
    pub target: TargetOrigin,
}

/// What is known about the exchange. Order and doubles in `features` and `betas` do not matter to the decision;
/// keep them sorted, so that equal facts are found again quickly.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Facts {
    /// What the detectors found, where.
    pub findings: FindingSet,
    /// What the provider would do on its own side.
    pub features: Vec<Feature>,
    /// Beta headers asked for.
    pub betas: Vec<String>,
    /// For `tool.call`: its arguments, parsed. `None`: not readable, so that no limit on them can hold.
    pub arguments: Option<serde_json::Value>,
    /// For `tool.call`: what the flow of information says. `None`: nothing is known, so the worst holds.
    pub flow: Option<Flow>,
    /// Whether the answer is streamed.
    pub stream: bool,
    /// Whether something in the exchange could not be inspected.
    pub uninspected: bool,
}

/// One question.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// Who asks.
    pub agent: &'a AgentId,
    /// Whether a front end vouches for a user on whose behalf the agent acts.
    pub on_behalf: bool,
    /// What for.
    pub action: Action,
    /// To what.
    pub resource: Resource<'a>,
    /// Given what.
    pub facts: &'a Facts,
    /// When.
    pub now: Millis,
}
