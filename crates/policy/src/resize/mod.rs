//! Right-sizing: a manifest cut down to what was used, with a reason for each change.
//!
//! ```text
//! manifest + Used --rightsize--> Resized { text, changes } --PolicySet::build--> sweep(old, new), replay
//! ```
//! What always holds: what comes out is nowhere wider than what went in ([`compare`] finds nothing wider), and covers
//! all that was used. What it deliberately does not do: cut what records do not hold: limits on arguments, betas,
//! budgets, data rules and what tool servers may ask stay as they are.

mod compare;
mod cut;
mod order;
mod sweep;
#[cfg(test)]
mod tests;

pub use compare::{Difference, Direction, compare};
pub use cut::rightsize;
pub use sweep::{How, Swept, Widened, sweep};

pub(crate) use sweep::flows;

use crate::{Manifest, ToolRule};
use cordon_types::{Class, Feature};
use std::collections::{BTreeMap, BTreeSet};

/// How a tool was used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolUsed {
    /// How many calls.
    pub calls: u64,
    /// Who supplied the targets, by the names that records use; `None` among them: a record that does not say.
    pub origins: BTreeSet<Option<&'static str>>,
    /// The highest class that a session had read when it called; `None`: a record does not say.
    pub class: Option<Class>,
}

/// What was used, as far as records tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Tools by name.
    pub tools: BTreeMap<String, ToolUsed>,
    /// Calls of tools whose name the record does not hold, by the manifest's entry that let them through; `None`:
    /// that is not known either.
    pub hidden: BTreeMap<Option<String>, u64>,
    /// Models by name, and how many prompts.
    pub models: BTreeMap<String, u64>,
    /// What providers did on their own side.
    pub features: BTreeSet<Feature>,
    /// Calls that may not be learnt from, since an attack was found beside them: by tool, for the reasons alone.
    pub flagged: BTreeMap<String, u64>,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It is gone.
    Removed,
    /// It allows less.
    Narrowed,
    /// It stays as it was.
    Kept,
}

impl Fate {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Fate::Removed => "removed",
            Fate::Narrowed => "narrowed",
            Fate::Kept => "kept",
        }
    }
}

/// One entry of a manifest, and why it became what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where, such as `tools.send_mail` or `models.gpt-4o*`.
    pub at: String,
    /// What became of it.
    pub fate: Fate,
    /// Why.
    pub why: String,
}

/// A manifest that was cut down.
#[derive(Clone, Debug)]
pub struct Resized {
    /// Its text.
    pub text: String,
    /// The same, read.
    pub manifest: Manifest,
    /// Every entry's fate.
    pub changes: Vec<Change>,
}

/// Whether two entries say the same of arguments.
pub(crate) fn same_limits(a: &ToolRule, b: &ToolRule) -> bool {
    order::same_arguments(compare::limits(a), compare::limits(b))
}
