//! When and how often a tool may be called (`hours`, `rates` of a manifest).
//!
//! What always holds: a call counts once, where it is let through; under a full table nothing new is let through. What
//! it does not do: last over a restart. Cost: a lock and a look at one queue for each rate.

use cordon_policy::{ReasonCode, ToolRule};
use cordon_tools::limits::{Rates, TooMany};
use cordon_types::{AgentId, Millis};
use std::sync::{Mutex, PoisonError};

/// Most windows that are counted at the same time: agents times tools.
const MOST: usize = 100_000;

/// An agent, a tool's entry in its manifest, which of the entry's rates.
type Key = (AgentId, String, usize);

/// See the module.
#[derive(Debug)]
pub struct ToolCalls(Mutex<Rates<Key>>);

impl Default for ToolCalls {
    fn default() -> Self {
        Self(Mutex::new(Rates::new(MOST)))
    }
}

/// Why a call may not be made now, and what its caller is told.
pub(crate) type NotNow = (ReasonCode, String);

impl ToolCalls {
    /// Whether the tool may be called now; counts the call where it is let through with that (`count`).
    pub(crate) fn admit(
        &self,
        agent: &AgentId,
        rule: &ToolRule,
        count: bool,
        now: Millis,
    ) -> Result<(), NotNow> {
        if rule.hours.is_some_and(|hours| !hours.contains(now)) {
            let text = "its manifest does not let this agent call this tool at this time; see `hours`";
            return Err((ReasonCode::OutsideHours, text.to_owned()));
        }
        if rule.rates.is_empty() {
            return Ok(());
        }
        let all =
            || rule.rates.iter().enumerate().map(|(i, rate)| ((agent.clone(), rule.name.clone(), i), *rate));
        // One lock over looking and counting: of two calls that come for the last place, one gets it.
        let mut rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = all()
            .try_for_each(|(key, rate)| rates.room(&key, rate, now))
            .and_then(|()| all().filter(|_| count).try_for_each(|(key, rate)| rates.take(&key, rate, now)));
        counted.map_err(|e| {
            let text = match e {
                TooMany::Until(at) => format!(
                    "this agent has called this tool as often as its manifest lets it; again in {} s",
                    at.saturating_sub(now).div_ceil(1_000)
                ),
                TooMany::Full => "too many tools are counted at the same time; try again later".to_owned(),
            };
            (ReasonCode::TooManyCalls, text)
        })
    }
}
