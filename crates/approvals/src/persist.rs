//! What approvals ask of a store. Implemented by `store`; a test may break one on purpose.
//!
//! INVARIANT: each writing method is durable when it returns `Ok`, and has changed nothing when it returns `Err`.
//! There is no field into which an argument could be put.

use cordon_identity::StoreError;
use cordon_types::{AgentId, ApprovalId, Digest, Effect, KeyId, Millis};
use std::sync::Arc;

/// What is kept of a held call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its name.
    pub id: ApprovalId,
    /// The agent that called.
    pub agent: AgentId,
    /// With which key.
    pub key: KeyId,
    /// `server__tool`.
    pub tool: Arc<str>,
    /// What the tool does.
    pub effect: Effect,
    /// When it was asked.
    pub asked: Millis,
    /// Until when it waits.
    pub expires: Millis,
    /// What became of it.
    pub standing: Standing,
}

/// What became of a held call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was asked; nothing was decided. After a restart: denied.
    Asked,
    /// It was denied, or its grant was taken back.
    Denied,
    /// It was allowed.
    Allowed(Allowance),
}

/// A grant, as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The digest that a call must show: its binding, or its predicate.
    pub bound: Digest,
    /// Whether `bound` is a binding.
    pub exact: bool,
    /// How often it may still be used.
    pub left: u32,
    /// Until when.
    pub until: Millis,
}

/// Where approvals are kept.
pub trait ApprovalStore: Send + Sync {
    /// The grants that can still be used at `now`.
    fn load_grants(&self, now: Millis) -> Result<Vec<Kept>, StoreError>;
    /// What is kept of one.
    fn find_approval(&self, id: ApprovalId) -> Result<Option<Kept>, StoreError>;
    /// Saves a call that was asked; its standing is `Asked`.
    fn put_asked(&self, kept: &Kept) -> Result<(), StoreError>;
    /// Saves what was decided: from `Asked` to anything, from `Allowed` to `Denied`. Nothing else is taken.
    fn put_decided(&self, id: ApprovalId, standing: &Standing) -> Result<(), StoreError>;
    /// Uses a grant up by one. `false`, and nothing changed, when there is nothing left of it.
    fn use_grant(&self, id: ApprovalId) -> Result<bool, StoreError>;
    /// Forgets what was asked before then and cannot be used at `now`. Returns how many.
    fn prune_approvals(&self, before: Millis, now: Millis) -> Result<usize, StoreError>;
}
