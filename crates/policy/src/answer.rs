//! What the judge answers: reasons, obligations, references to the policies that decided.
//!
//! What always holds: nothing here carries content; `Reason::public` names the manifest's fields and, where it is
//! short printable ASCII, the tool's or model's name that the caller wrote. What it deliberately does not do: let
//! anyone make a [`Permit`](crate::Permit); that type stands with the judge.

use crate::{Held, KindSet, Permit};
use std::fmt;
use std::sync::Arc;

/// The decision. A denial is a value, not an error.
#[must_use]
#[derive(Debug)]
pub enum Authorization {
    /// It may go on, under the permit's obligations.
    Allowed(Permit),
    /// It may go on once people have said so.
    Held(Held),
    /// It may not.
    Denied(Reason),
}

impl Authorization {
    /// The permit, where nobody has to be asked first. For what cannot wait: there, what is held is refused.
    pub fn at_once(self) -> Result<Permit, Reason> {
        match self {
            Authorization::Allowed(permit) => Ok(permit),
            Authorization::Held(held) => Err(held.reason().clone()),
            Authorization::Denied(reason) => Err(reason),
        }
    }
}

/// What must be done to an exchange that is let through. Kinds are those that were found; a kind stands in one
/// set only: redacting goes before masking, and masking before notifying.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Obligations {
    /// Replace by a placeholder of the kind.
    pub mask: KindSet,
    /// Take out.
    pub redact: KindSet,
    /// Tell the operator.
    pub notify: KindSet,
    /// A person must approve it.
    pub hold: bool,
    /// Most output tokens that may be asked for.
    pub cap_output_tokens: Option<u64>,
}

/// Why something was denied (or, in observe mode, would have been).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReasonCode {
    /// The agent has no manifest.
    NoManifest,
    /// The agent's manifest has expired.
    Expired,
    /// The manifest does not list the model.
    ModelNotListed,
    /// The manifest does not list the tool.
    ToolNotListed,
    /// The operator has not said what the tool does, so it is quarantined.
    EffectUnknown,
    /// The tool's definition changed or is suspicious, so it is quarantined until somebody approves it.
    Quarantined,
    /// The arguments are not what the tool's own schema takes.
    SchemaRefused,
    /// The tool may not be called at this time.
    OutsideHours,
    /// The tool was called as often as it may be.
    TooManyCalls,
    /// A limit on the tool's arguments does not hold.
    ArgumentRefused,
    /// The target came from untrusted content, and the manifest refuses that.
    TargetUntrusted,
    /// Data above its class would leave.
    ClassRefused,
    /// Something was found that the manifest blocks.
    FindingRefused,
    /// The manifest does not list a provider-side feature.
    FeatureNotListed,
    /// The manifest does not list a beta.
    BetaNotListed,
    /// Something could not be inspected, and the manifest does not let that through.
    Uninspected,
    /// One of the operator's own policies forbids it.
    PolicyForbids,
    /// People must approve it first.
    Held,
    /// A policy or the question could not be evaluated.
    EvaluationError,
    /// No policy permits it.
    DefaultDeny,
}

impl ReasonCode {
    /// Every code, in a fixed order.
    pub const ALL: [ReasonCode; 20] = [
        ReasonCode::NoManifest,
        ReasonCode::Expired,
        ReasonCode::ModelNotListed,
        ReasonCode::ToolNotListed,
        ReasonCode::EffectUnknown,
        ReasonCode::Quarantined,
        ReasonCode::SchemaRefused,
        ReasonCode::OutsideHours,
        ReasonCode::TooManyCalls,
        ReasonCode::ArgumentRefused,
        ReasonCode::TargetUntrusted,
        ReasonCode::ClassRefused,
        ReasonCode::FindingRefused,
        ReasonCode::FeatureNotListed,
        ReasonCode::BetaNotListed,
        ReasonCode::Uninspected,
        ReasonCode::PolicyForbids,
        ReasonCode::Held,
        ReasonCode::EvaluationError,
        ReasonCode::DefaultDeny,
    ];

    /// The name that records, errors and metrics use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ReasonCode::NoManifest => "no_manifest",
            ReasonCode::Expired => "manifest_expired",
            ReasonCode::ModelNotListed => "model_not_listed",
            ReasonCode::ToolNotListed => "tool_not_listed",
            ReasonCode::EffectUnknown => "effect_unknown",
            ReasonCode::Quarantined => "tool_quarantined",
            ReasonCode::SchemaRefused => "schema_refused",
            ReasonCode::OutsideHours => "outside_hours",
            ReasonCode::TooManyCalls => "too_many_calls",
            ReasonCode::ArgumentRefused => "argument_refused",
            ReasonCode::TargetUntrusted => "target_untrusted",
            ReasonCode::ClassRefused => "class_refused",
            ReasonCode::FindingRefused => "finding_refused",
            ReasonCode::FeatureNotListed => "feature_not_listed",
            ReasonCode::BetaNotListed => "beta_not_listed",
            ReasonCode::Uninspected => "uninspected",
            ReasonCode::PolicyForbids => "policy_forbids",
            ReasonCode::Held => "waiting_for_approval",
            ReasonCode::EvaluationError => "evaluation_error",
            ReasonCode::DefaultDeny => "default_deny",
        }
    }

    /// The code of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.name() == name)
    }
}

/// Why, which policies, what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The class of reason. Where several hold, the first in the order of `ReasonCode::ALL`.
    pub code: ReasonCode,
    /// The policies that decided, sorted; empty where no policy did.
    pub policies: Vec<PolicyRef>,
    /// For the developer: what to do. Never content.
    pub public: String,
    /// For a tool call: each limit on its arguments, and whether it held.
    pub predicates: Vec<PredicateResult>,
}

/// A policy's stable id, such as `manifest:dev:tool:send_mail` or `own:house.cedar#3`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PolicyRef(pub Arc<str>);

impl PolicyRef {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PolicyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What one limit on a tool's arguments came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PredicateResult {
    /// The argument as the manifest names it; `<other>` for one that it does not name, `<arguments>` for all.
    pub argument: String,
    /// The predicate's name in the manifest, such as `domains`.
    pub predicate: &'static str,
    /// Whether it held.
    pub held: bool,
}

/// Everything about one decision, for an operator's eyes (`cordon policy explain`).
#[derive(Debug)]
pub struct Explanation {
    /// The decision itself.
    pub authorization: Authorization,
    /// Whether the manifest was applied in observe mode.
    pub observing: bool,
    /// The policies that decided, with their text.
    pub determining: Vec<PolicyText>,
    /// How many policies were evaluated.
    pub evaluated: usize,
    /// The question as Cedar saw it: principal, action, resource and context. Never arguments.
    pub request: serde_json::Value,
    /// Each limit on the arguments, and whether it held.
    pub predicates: Vec<PredicateResult>,
    /// Evaluation errors, in Cedar's words.
    pub errors: Vec<String>,
}

/// A policy and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyText {
    /// Its id.
    pub id: PolicyRef,
    /// The file it came from.
    pub source: String,
    /// Its Cedar.
    pub text: String,
}
