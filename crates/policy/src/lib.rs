//! Judging: agents' manifests and the operator's own policies, behind one door.
//!
//! ```text
//! manifest (TOML) --parse--> Manifest --compile--> Cedar --+
//! own policies (Cedar) ------------------------------------+--> validate --> slice by agent --> PolicySet
//!
//! Query --> predicates on arguments --> typed context --> Cedar (or the memo) --> Allowed(Permit) | Held | Denied(Reason)
//! ```
//!
//! What always holds:
//! - Default deny. No manifest, no access; an expired one is none.
//! - Any error while evaluating denies. Cedar by itself skips a policy that errs; this judge does not.
//! - The manifest is the ceiling: the operator's own policies narrow it or add obligations, they never widen it.
//! - A [`Permit`] is made by the judge and nowhere else.
//! - Only this crate names Cedar.
//!
//! What it deliberately does not do: read files or clocks, look at text, count budgets, or keep any content.

mod answer;
mod compile;
mod context;
mod explain;
mod judge;
mod kinds;
mod manifest;
mod memo;
mod predicate;
mod question;
mod reason;
mod replay;
mod resize;
mod rule;
mod set;
mod suppose;
#[cfg(test)]
mod tests;

pub use answer::{
    Authorization, Explanation, Obligations, PolicyRef, PolicyText, PredicateResult, Reason, ReasonCode,
};
pub use judge::{Held, Permit};
pub use kinds::{FindingSet, KindSet};
pub use manifest::{
    Budgets, DataRules, DataTable, Handling, Interaction, Manifest, RiskTier, Target, ToolRule, Uninspected,
    Untrusted, UserTurns, parse_manifest,
};
pub use predicate::{ArgumentRule, Commands, Predicate};
pub use question::{Action, Facts, Flow, Query, Resource, TargetOrigin};
pub use replay::{Call, Prompt, Replayed, replay_call, replay_prompt};
pub use resize::{
    Change, Difference, Direction, Fate, How, Resized, Swept, ToolUsed, Used, Widened, compare, rightsize,
    sweep,
};
pub use set::{PolicySet, PolicySource};
pub use suppose::Supposed;
