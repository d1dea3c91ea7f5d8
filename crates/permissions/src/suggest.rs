//! A suggestion and its proof.
//!
//! ```text
//! AgentUse -> rightsize -> new manifest      old, new sets -> replay of every shape, sweep, fields -> Proof
//! ```
//! What always holds: `proved` is said only where every recorded call that may be learnt from is decided as before,
//! none was undecidable and none was left out for want of room, and nothing goes further than before. What it
//! deliberately does not do: cut an agent that is younger than the grace, or whose age nobody knows.

use crate::fold::{AgentUse, LeftOut};
use cordon_policy::{
    Fate, Manifest, PolicySet, Replayed, Supposed, Swept, replay_call, replay_prompt, rightsize, sweep,
};
use cordon_types::{AgentId, Millis, Problems};

/// Most shapes listed one by one.
const MAX_LISTED: usize = 50;

/// What a suggestion comes to.
#[derive(Clone, Debug)]
pub struct Suggestion {
    /// How old the agent is, as its records and its manifest's `created` tell; `None`: neither does.
    pub age: Option<Millis>,
    /// It is younger than the grace: nothing is cut.
    pub young: bool,
    /// Uses that were learnt from.
    pub learnt: u64,
    /// What was not learnt from.
    pub left_out: LeftOut,
    /// The manifest that is suggested; `None`: nothing is cut.
    pub manifest: Option<(Manifest, String)>,
    /// Every entry's fate.
    pub changes: Vec<cordon_policy::Change>,
}

/// Suggests the smallest manifest that still covers recorded use.
///
/// # Errors
/// Where the manifest cannot be written anew: a defect.
pub fn suggest(m: &Manifest, used: &AgentUse, now: Millis, grace: Millis) -> Result<Suggestion, Problems> {
    let since = used.first.into_iter().chain(m.created).min();
    let age = since.map(|s| now.saturating_sub(s));
    let learnt = used.calls.values().map(|s| s.count).sum::<u64>()
        + used.prompts.values().map(|s| s.count).sum::<u64>();
    let mut out = Suggestion {
        age,
        young: grace > 0 && age.is_none_or(|a| a < grace),
        learnt,
        left_out: used.left_out,
        manifest: None,
        changes: Vec::new(),
    };
    if out.young {
        return Ok(out);
    }
    let cut = rightsize(m, &used.used())?;
    if cut.changes.iter().any(|c| c.fate != Fate::Kept) {
        out.manifest = Some((cut.manifest, cut.text));
    }
    out.changes = cut.changes;
    Ok(out)
}

/// What the replay of recorded use came to, in uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replays {
    /// Decided as before.
    pub same: u64,
    /// Decided otherwise.
    pub changed: u64,
    /// The record does not hold what would decide it.
    pub undecidable: u64,
    /// Refused by the present manifest too.
    pub stale: u64,
    /// Not replayed, for want of room.
    pub beyond: u64,
    /// What was decided otherwise or not at all: what it was, how often, what came of it.
    pub listed: Vec<(String, u64, Verdict)>,
}

/// What one shape came to, where it is not the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// From this to that.
    Changed(Supposed, Supposed),
    /// Nobody can tell.
    Undecidable,
}

/// The proof of a new manifest against an old one.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The replay.
    pub replays: Replays,
    /// The sweep; `None` where one of the sets has no manifest for the agent.
    pub swept: Option<Swept>,
}

impl Proof {
    /// Whether nothing that was recorded breaks.
    #[must_use]
    pub const fn breaks_nothing(&self) -> bool {
        self.replays.changed == 0
    }

    /// Whether nothing goes further than before.
    #[must_use]
    pub fn never_wider(&self) -> bool {
        self.swept.as_ref().is_some_and(Swept::holds)
    }

    /// Whether it may be called proved.
    #[must_use]
    pub fn proved(&self) -> bool {
        self.breaks_nothing()
            && self.never_wider()
            && self.replays.undecidable == 0
            && self.replays.beyond == 0
    }
}

/// Proves, or says what is wanting.
#[must_use]
pub fn prove(old: &PolicySet, new: &PolicySet, agent: &AgentId, used: &AgentUse, now: Millis) -> Proof {
    let mut replays = Replays { beyond: used.left_out.beyond, ..Replays::default() };
    let timed = old.reads_time(agent);
    for (call, shape) in &used.calls {
        let found = replay_call(old, new, agent, shape.last, call);
        let name = call.tool.as_deref().or(call.entry.as_deref()).unwrap_or("(name not recorded)");
        replays.count(found, shape.count, timed, || format!("tool {name}"));
    }
    for (prompt, shape) in &used.prompts {
        let found = replay_prompt(old, new, agent, shape.last, prompt);
        replays.count(found, shape.count, timed, || format!("model {}", prompt.model));
    }
    Proof { replays, swept: sweep(old, new, agent, now) }
}

impl Replays {
    fn count(&mut self, found: Replayed, n: u64, timed: bool, what: impl Fn() -> String) {
        let verdict = match found {
            Replayed::Same => {
                self.same += n;
                return;
            }
            // At another hour an own policy may have let it through, and then the new manifest would count.
            Replayed::Stale if timed && n > 1 => Verdict::Undecidable,
            Replayed::Stale => {
                self.stale += n;
                return;
            }
            Replayed::Changed(old, new) => Verdict::Changed(old, new),
            Replayed::Undecidable => Verdict::Undecidable,
        };
        match verdict {
            Verdict::Changed(..) => self.changed += n,
            Verdict::Undecidable => self.undecidable += n,
        }
        let (what, room) = (what(), self.listed.len() < MAX_LISTED);
        match self.listed.iter_mut().find(|(w, _, v)| *w == what && *v == verdict) {
            Some((_, count, _)) => *count += n,
            None if room => self.listed.push((what, n, verdict)),
            None => {}
        }
    }
}
