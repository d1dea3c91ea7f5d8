//! One snapshot of everything that judges: replaced as a whole at a reload, shared by reference.

use crate::issued::Issued;
use crate::models::ModelTable;
use cordon_detect::{Detectors, Guards};
use cordon_policy::PolicySet;
use cordon_types::Digest;
use std::sync::Arc;

/// The rules in force. Immutable.
pub struct Gate {
    /// Manifests and policies, compiled.
    pub policy: PolicySet,
    /// The detectors.
    pub detectors: Arc<Detectors>,
    /// Which guards are on.
    pub guards: Guards,
    /// What a body may be.
    pub limits: cordon_wire::Limits,
    /// Which name leads where.
    pub models: ModelTable,
    /// The operator's own names, which records may show.
    pub catalogue: cordon_ledger::Catalogue,
    /// Whether an operator stopped calls of a tool; asked at each call, since kills come between reloads.
    pub tool_killed: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    /// Blocks that providers issued; outlives reloads.
    pub issued: Arc<Issued>,
}

impl Gate {
    /// Names the rules in force: what a record says it was judged by.
    #[must_use]
    pub fn version(&self) -> Digest {
        self.policy.version()
    }
}
