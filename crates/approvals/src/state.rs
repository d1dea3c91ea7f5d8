//! What the desk holds in memory: calls that wait, calls that were denied a moment ago, grants.
//!
//! INVARIANT: a call's text stands in `Pending` and nowhere else; whoever takes a `Pending` out drops it.

use crate::decide::{Person, Scope};
use crate::event::{Event, EventKind};
use crate::persist::{Allowance, Kept, Standing};
use crate::view::words;
use cordon_types::{ApprovalId, Claim, Digest, Effect, HeldCall, Millis, Waiting};
use std::collections::{BTreeMap, HashMap};

/// A call that waits.
pub(crate) struct Pending {
    pub(crate) call: HeldCall,
    pub(crate) asked: Millis,
    pub(crate) expires: Millis,
    pub(crate) allowed: Vec<(Person, Scope)>,
}

impl Pending {
    /// The digest under which a wider grant may be given; none for what executes or spends, whatever the caller says.
    pub(crate) fn predicate(&self) -> Option<Digest> {
        let narrow = matches!(self.call.effect, Effect::Execute | Effect::Spend);
        self.call.predicate.filter(|_| !narrow && !self.call.targets.is_empty())
    }

    /// The predicate in words, with its digest.
    pub(crate) fn offer(&self) -> Option<(Digest, String)> {
        self.predicate().map(|digest| (digest, words(&self.call)))
    }

    pub(crate) fn event(&self, kind: EventKind, id: ApprovalId, at: Millis) -> Event {
        Event {
            kind,
            at,
            id,
            request: self.call.request,
            agent: self.call.agent.clone(),
            key: self.call.key.clone(),
            tool: self.call.tool.clone(),
            effect: self.call.effect,
            by: None,
            reason: None,
            left: 0,
            expires_at: self.expires,
        }
    }

    pub(crate) fn kept(&self, id: ApprovalId, standing: Standing) -> Kept {
        Kept {
            id,
            agent: self.call.agent.clone(),
            key: self.call.key.clone(),
            tool: self.call.tool.clone(),
            effect: self.call.effect,
            asked: self.asked,
            expires: self.expires,
            standing,
        }
    }
}

/// A grant that can be used.
pub(crate) struct Live {
    pub(crate) kept: Kept,
    pub(crate) allowance: Allowance,
}

impl Live {
    pub(crate) fn event(&self, kind: EventKind, at: Millis) -> Event {
        let k = &self.kept;
        Event {
            kind,
            at,
            id: k.id,
            request: None,
            agent: k.agent.clone(),
            key: k.key.clone(),
            tool: k.tool.clone(),
            effect: k.effect,
            by: None,
            reason: None,
            left: self.allowance.left,
            expires_at: self.allowance.until,
        }
    }
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) pending: BTreeMap<ApprovalId, Pending>,
    by_binding: HashMap<Digest, ApprovalId>,
    denied: HashMap<Digest, Waiting>,
    pub(crate) grants: BTreeMap<ApprovalId, Live>,
}

impl State {
    pub(crate) fn waiting(&self, binding: &Digest) -> Option<Waiting> {
        let id = *self.by_binding.get(binding)?;
        self.pending.get(&id).map(|p| Waiting { id, expires_at: p.expires })
    }

    pub(crate) fn denied(&self, binding: &Digest) -> Option<Waiting> {
        self.denied.get(binding).copied()
    }

    pub(crate) fn waiting_for(&self, agent: &cordon_types::AgentId) -> usize {
        self.pending.values().filter(|p| p.call.agent == *agent).count()
    }

    pub(crate) fn add(&mut self, id: ApprovalId, pending: Pending) {
        self.by_binding.insert(pending.call.binding, id);
        self.pending.insert(id, pending);
    }

    /// Takes a call out; its text is wiped when the value is dropped.
    pub(crate) fn remove(&mut self, id: ApprovalId) -> Option<Pending> {
        let pending = self.pending.remove(&id)?;
        self.by_binding.remove(&pending.call.binding);
        Some(pending)
    }

    /// Takes a call out and answers the same call with a denial until its time is over.
    pub(crate) fn deny(&mut self, id: ApprovalId) -> Option<Pending> {
        let pending = self.remove(id)?;
        self.denied.insert(pending.call.binding, Waiting { id, expires_at: pending.expires });
        Some(pending)
    }

    pub(crate) fn grant(&mut self, kept: Kept, allowance: Allowance) {
        self.grants.insert(kept.id, Live { kept, allowance });
    }

    /// The grant that a claim may use: one for this very call first.
    pub(crate) fn grant_for(&self, claim: &Claim<'_>, now: Millis) -> Option<ApprovalId> {
        let fits = |a: &Allowance| {
            let shown = if a.exact { Some(claim.binding) } else { claim.predicate };
            a.left > 0 && now < a.until && shown == Some(&a.bound)
        };
        let fitting = self.grants.values().filter(|g| fits(&g.allowance));
        fitting.min_by_key(|g| (!g.allowance.exact, g.allowance.until)).map(|g| g.kept.id)
    }

    /// Takes out whatever time has ended; the events of calls that waited in vain.
    pub(crate) fn expire(&mut self, now: Millis) -> Vec<Event> {
        let over = self.pending.iter().filter(|(_, p)| p.expires <= now).map(|(id, _)| *id);
        let over: Vec<ApprovalId> = over.collect();
        self.denied.retain(|_, w| now < w.expires_at);
        self.grants.retain(|_, g| now < g.allowance.until && g.allowance.left > 0);
        over.into_iter()
            .filter_map(|id| self.remove(id).map(|p| p.event(EventKind::Expired, id, now)))
            .collect()
    }
}
