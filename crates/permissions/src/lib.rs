//! What agents may reach, against what they ever used. Pure: manifests and records in, reports out.
//!
//! ```text
//! records --Fold--> AgentUse --+--> report(policies): grants, findings, score, risk tier
//!                              +--> suggest: Used --rightsize--> new policies --replay, sweep--> Proof
//! ```
//! What always holds: what an agent may reach is what the judge says, not what a manifest's text seems to say; use is
//! what records show; nothing that was denied, observed or flagged teaches a suggestion. What it deliberately does not
//! do: read files or clocks, or change anything.

mod fold;
mod report;
mod risk;
mod suggest;
#[cfg(test)]
mod tests;

pub use fold::{AgentUse, Fold, LeftOut, Seen, Shape, ToolKey, Window};
pub use report::{Finding, Grant, Report, Systems, Totals, Toxic, report};
pub use risk::{Risk, risk};
pub use suggest::{Proof, Replays, Suggestion, Verdict, prove, suggest};
