//! The desk: where the judge asks, people decide, and grants are used up.
//!
//! One lock, held over the store's writes too: held calls are rare, and what is in memory is then never ahead of what
//! is on the disk where it opens something, nor behind where it closes something.

use crate::consent::{Bound, Consents, NONCE_BYTES};
use crate::decide::{Credential, Decided, Decision, MAX_NAME_BYTES, NotWaiting, Person, Refusal, Scope};
use crate::event::{Event, EventKind, Observer};
use crate::persist::{Allowance, ApprovalStore, Standing};
use crate::state::{Pending, State};
use crate::view::{StandingGrant, View};
use cordon_identity::StoreError;
use cordon_types::{
    ApprovalId, Asked, Claim, Digest, Entropy, Grant, HeldCall, HeldCalls, HeldError, Invitation, KeyId,
    Millis, Waiting,
};
use sha2::{Digest as _, Sha256};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// Longest name of a tool, in bytes: a server's id, `__`, and the 128 bytes that a tool's own name may have.
const MAX_TOOL_BYTES: usize = 32 + 2 + 128;
/// Most grants that wait to be used: each was given by a person.
const MAX_GRANTS: usize = 4_096;

/// Most consents that are remembered until their time is over.
const MAX_CONSENTS: usize = 10_000;
/// Longest call, with its arguments, that an end user is asked about: they read it in a dialogue of their client.
const MAX_INVITED: usize = 2_048;

/// How much may wait, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls that wait, over all agents: a person reads only so many.
    pub pending: usize,
    /// Calls of one agent that wait: it cannot take all places.
    pub per_agent: usize,
    /// Bytes of a call's arguments, targets included: an approver must see all of them.
    pub view_bytes: usize,
    /// How long a call waits where it does not say so itself, and at most.
    pub wait_ms: Millis,
    /// How long a grant for one call may be used after the last person allowed it.
    pub use_within_ms: Millis,
    /// Longest time of a wider grant.
    pub wider_ms: Millis,
    /// Highest count of a wider grant.
    pub wider_count: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pending: 100,
            per_agent: 20,
            view_bytes: 64 * 1024,
            wait_ms: 10 * 60 * 1_000,
            use_within_ms: 10 * 60 * 1_000,
            wider_ms: 24 * 60 * 60 * 1_000,
            wider_count: 1_000,
        }
    }
}

/// See the module.
pub struct Desk {
    store: Arc<dyn ApprovalStore>,
    entropy: Arc<dyn Entropy>,
    observer: Arc<dyn Observer>,
    limits: Limits,
    consents: Consents,
    state: Mutex<State>,
}

impl Desk {
    /// A desk over a store. Grants that can still be used at `now` are in force; calls that waited are denied.
    pub fn open(
        store: Arc<dyn ApprovalStore>,
        entropy: Arc<dyn Entropy>,
        observer: Arc<dyn Observer>,
        limits: Limits,
        now: Millis,
    ) -> Result<Self, StoreError> {
        let mut state = State::default();
        for kept in store.load_grants(now)? {
            if let Standing::Allowed(allowance) = kept.standing {
                state.grant(kept, allowance);
            }
        }
        let mut key = Zeroizing::new([0; 32]);
        entropy.fill(&mut *key);
        let consents = Consents::new(&key, MAX_CONSENTS);
        Ok(Self { store, entropy, observer, limits, consents, state: Mutex::new(state) })
    }

    /// The limits.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Puts a call before people; see [`HeldCalls::ask`].
    pub fn ask(&self, call: HeldCall, now: Millis) -> Result<Asked, StoreError> {
        let mut state = self.lock(now);
        if let Some(waiting) = state.waiting(&call.binding) {
            return Ok(Asked::Waiting(waiting));
        }
        if let Some(denied) = state.denied(&call.binding) {
            return Ok(Asked::Denied(denied));
        }
        // Allowed between the caller's `take` and now: its next try goes through.
        let claim =
            Claim { request: call.request, binding: &call.binding, predicate: call.predicate.as_ref() };
        if let Some(live) = state.grant_for(&claim, now).and_then(|id| state.grants.get(&id)) {
            return Ok(Asked::Waiting(Waiting { id: live.kept.id, expires_at: live.allowance.until }));
        }
        if size(&call) > self.limits.view_bytes || call.tool.len() > MAX_TOOL_BYTES {
            return Ok(Asked::TooLarge);
        }
        if state.waiting_for(&call.agent) >= self.limits.per_agent {
            return Ok(Asked::AgentFull);
        }
        if state.pending.len() >= self.limits.pending {
            return Ok(Asked::Full);
        }
        let id = self.fresh_id();
        let wait = call.wait_ms.unwrap_or(self.limits.wait_ms).min(self.limits.wait_ms);
        let expires = now.saturating_add(wait);
        let pending = Pending { call, asked: now, expires, allowed: Vec::new() };
        self.store.put_asked(&pending.kept(id, Standing::Asked))?;
        let mut event = pending.event(EventKind::Asked, id, now);
        event.left = pending.call.people.max(1).into();
        state.add(id, pending);
        self.observer.noted(event);
        Ok(Asked::Waiting(Waiting { id, expires_at: expires }))
    }

    /// Uses up a grant for this call; see [`HeldCalls::take`].
    pub fn take(&self, claim: &Claim<'_>, now: Millis) -> Result<Option<Grant>, StoreError> {
        let mut state = self.lock(now);
        let Some(id) = state.grant_for(claim, now) else { return Ok(None) };
        // INVARIANT: on the disk as used before anybody may go on, so that no restart gives it again.
        if !self.store.use_grant(id)? {
            state.grants.remove(&id);
            return Ok(None);
        }
        let Some(live) = state.grants.get_mut(&id) else { return Ok(None) };
        live.allowance.left = live.allowance.left.saturating_sub(1);
        let mut event = live.event(EventKind::Used, now);
        event.request = claim.request;
        let (exact, empty) = (live.allowance.exact, live.allowance.left == 0);
        if empty {
            state.grants.remove(&id);
        }
        self.observer.noted(event);
        Ok(Some(Grant { id, exact }))
    }

    /// Takes a person's decision. Record the event: with `Ok` the decision is in force and on the disk.
    pub fn decide(
        &self,
        id: ApprovalId,
        by: &Person,
        decision: Decision,
        now: Millis,
    ) -> Result<Decided, Refusal> {
        let name = by.name.trim();
        if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
            return Err(Refusal::BadName);
        }
        let mut state = self.lock(now);
        let Some(pending) = state.pending.get(&id) else {
            return self.settled(&mut state, id, by, decision, now);
        };
        if by.credential == Credential::Key(pending.call.key.clone()) {
            return Err(Refusal::OwnKey);
        }
        match decision {
            Decision::Allow(scope) => self.allow(&mut state, id, by, scope, now),
            Decision::Deny(reason) => {
                // SECURITY: what stops something is in force before it is saved.
                let Some(pending) = state.deny(id) else {
                    return Err(Refusal::NotWaiting(NotWaiting::Unknown));
                };
                let mut event = pending.event(EventKind::Denied, id, now);
                event.by = Some(by.clone());
                event.reason = Some(reason);
                self.store.put_decided(id, &Standing::Denied).map_err(Refusal::DeniedNotSaved)?;
                Ok(Decided { still_needed: 0, event })
            }
        }
    }

    fn allow(
        &self,
        state: &mut State,
        id: ApprovalId,
        by: &Person,
        scope: Scope,
        now: Millis,
    ) -> Result<Decided, Refusal> {
        let room = state.grants.len() < MAX_GRANTS;
        let Some(pending) = state.pending.get_mut(&id) else {
            return Err(Refusal::NotWaiting(NotWaiting::Unknown));
        };
        self.check(pending, scope, now)?;
        if pending.allowed.iter().any(|(other, _)| other.may_be(by)) {
            return Err(Refusal::SamePerson);
        }
        let given = u8::try_from(pending.allowed.len() + 1).unwrap_or(u8::MAX);
        let still_needed = pending.call.people.max(1).saturating_sub(given);
        let mut event = pending.event(EventKind::Allowed, id, now);
        event.by = Some(by.clone());
        event.left = still_needed.into();
        if still_needed > 0 {
            pending.allowed.push((by.clone(), scope));
            return Ok(Decided { still_needed, event });
        }
        if !room {
            return Err(Refusal::TooManyGrants);
        }
        let scope = pending.allowed.iter().fold(scope, |all, (_, one)| all.narrower(*one));
        let allowance = match scope {
            Scope::Once => Allowance {
                bound: pending.call.binding,
                exact: true,
                left: 1,
                until: now.saturating_add(self.limits.use_within_ms),
            },
            Scope::Wider { predicate, until, count } => {
                Allowance { bound: predicate, exact: false, left: count, until }
            }
        };
        let standing = Standing::Allowed(allowance);
        let kept = pending.kept(id, standing);
        // INVARIANT: what opens something is saved before it is in force.
        self.store.put_decided(id, &standing).map_err(Refusal::NotSaved)?;
        event.expires_at = allowance.until;
        drop(state.remove(id));
        state.grant(kept, allowance);
        Ok(Decided { still_needed: 0, event })
    }

    fn check(&self, pending: &Pending, scope: Scope, now: Millis) -> Result<(), Refusal> {
        let Scope::Wider { predicate, until, count } = scope else { return Ok(()) };
        let offered = pending.predicate().ok_or(Refusal::NotOffered)?;
        if offered != predicate {
            return Err(Refusal::OtherPredicate);
        }
        let in_time = now < until && until <= now.saturating_add(self.limits.wider_ms);
        if !in_time || !(1..=self.limits.wider_count).contains(&count) {
            return Err(Refusal::OutOfBounds);
        }
        Ok(())
    }

    /// What to ask the end user; see [`HeldCalls::invite`].
    fn invite(&self, id: ApprovalId, key: &KeyId, now: Millis) -> Option<Invitation> {
        let state = self.lock(now);
        // SECURITY: another key's question is as unknown as none; the user's word is never one of two.
        let fits = |p: &&Pending| p.call.key == *key && p.call.people <= 1 && size(&p.call) <= MAX_INVITED;
        let pending = state.pending.get(&id).filter(fits)?;
        let mut nonce = [0; NONCE_BYTES];
        self.entropy.fill(&mut nonce);
        let token = self.consents.issue(&bound(pending), pending.expires, &nonce)?;
        let view = View::of(id, pending);
        Some(Invitation {
            token,
            tool: view.tool,
            targets: view.targets.into_iter().map(|t| (t.argument, t.ascii.unwrap_or(t.value))).collect(),
            arguments: view.arguments,
            expires_at: pending.expires,
        })
    }

    /// The end user's answer; see [`HeldCalls::consent`].
    fn consent(
        &self,
        id: ApprovalId,
        token: &str,
        key: &KeyId,
        yes: bool,
        now: Millis,
    ) -> Result<bool, StoreError> {
        let mut state = self.lock(now);
        let room = state.grants.len() < MAX_GRANTS;
        let Some(pending) = state.pending.get(&id).filter(|p| p.call.key == *key) else { return Ok(false) };
        let Ok(consent) = self.consents.redeem(token, &bound(pending), now) else { return Ok(false) };
        if !yes {
            // SECURITY: what stops something is in force before it is saved.
            let Some(pending) = state.deny(id) else { return Ok(false) };
            self.observer.noted(pending.event(EventKind::Denied, id, now));
            self.store.put_decided(id, &Standing::Denied)?;
            return Ok(true);
        }
        if !consent.is_enough(pending.call.people) || !room {
            return Ok(false);
        }
        let until = now.saturating_add(self.limits.use_within_ms);
        let allowance = Allowance { bound: pending.call.binding, exact: true, left: 1, until };
        let standing = Standing::Allowed(allowance);
        let kept = pending.kept(id, standing);
        let event = Event { expires_at: until, ..pending.event(EventKind::Consented, id, now) };
        // INVARIANT: what opens something is saved before it is in force.
        self.store.put_decided(id, &standing)?;
        drop(state.remove(id));
        state.grant(kept, allowance);
        self.observer.noted(event);
        Ok(true)
    }

    /// A decision about a call that does not wait: an unused grant can be taken back, nothing else is left to decide.
    fn settled(
        &self,
        state: &mut State,
        id: ApprovalId,
        by: &Person,
        decision: Decision,
        now: Millis,
    ) -> Result<Decided, Refusal> {
        if let Decision::Deny(reason) = decision
            && let Some(live) = state.grants.remove(&id)
        {
            let mut event = live.event(EventKind::Denied, now);
            event.by = Some(by.clone());
            event.reason = Some(reason);
            self.store.put_decided(id, &Standing::Denied).map_err(Refusal::DeniedNotSaved)?;
            return Ok(Decided { still_needed: 0, event });
        }
        Err(Refusal::NotWaiting(self.became(id, now).map_err(Refusal::NotSaved)?))
    }

    /// What became of a call that does not wait.
    pub fn became(&self, id: ApprovalId, now: Millis) -> Result<NotWaiting, StoreError> {
        let Some(kept) = self.store.find_approval(id)? else { return Ok(NotWaiting::Unknown) };
        Ok(match kept.standing {
            Standing::Asked => NotWaiting::Expired,
            Standing::Denied => NotWaiting::Denied,
            Standing::Allowed(a) if a.left == 0 => NotWaiting::Used,
            Standing::Allowed(a) if a.until <= now => NotWaiting::Expired,
            Standing::Allowed(_) => NotWaiting::Allowed,
        })
    }

    /// What waits, oldest first: the arguments live, escaped. For approvers only.
    #[must_use]
    pub fn list(&self, now: Millis) -> Vec<View> {
        let state = self.lock(now);
        let mut views: Vec<View> = state.pending.iter().map(|(id, p)| View::of(*id, p)).collect();
        views.sort_by_key(|v| (v.asked_at, v.id));
        views
    }

    /// One call that waits.
    #[must_use]
    pub fn show(&self, id: ApprovalId, now: Millis) -> Option<View> {
        self.lock(now).pending.get(&id).map(|p| View::of(id, p))
    }

    /// Grants that are not used up.
    #[must_use]
    pub fn standing(&self, now: Millis) -> Vec<StandingGrant> {
        let state = self.lock(now);
        state.grants.values().map(|g| StandingGrant::of(&g.kept, &g.allowance)).collect()
    }

    /// Ends what time has ended. Every other method does so first: this is for when none is called.
    pub fn tick(&self, now: Millis) {
        drop(self.lock(now));
    }

    /// The state, without what time has ended.
    fn lock(&self, now: Millis) -> MutexGuard<'_, State> {
        // Nothing is changed by halves: a change is made after the write that it waits for.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for event in state.expire(now) {
            self.observer.noted(event);
        }
        state
    }

    fn fresh_id(&self) -> ApprovalId {
        let mut bytes = [0; 16];
        self.entropy.fill(&mut bytes);
        ApprovalId(u128::from_be_bytes(bytes))
    }
}

impl HeldCalls for Desk {
    fn take(&self, claim: &Claim<'_>, now: Millis) -> Result<Option<Grant>, HeldError> {
        Self::take(self, claim, now).map_err(|e| HeldError(e.to_string()))
    }

    fn ask(&self, call: HeldCall, now: Millis) -> Result<Asked, HeldError> {
        Self::ask(self, call, now).map_err(|e| HeldError(e.to_string()))
    }

    fn invite(&self, id: ApprovalId, key: &KeyId, now: Millis) -> Option<Invitation> {
        Self::invite(self, id, key, now)
    }

    fn consent(
        &self,
        id: ApprovalId,
        token: &str,
        key: &KeyId,
        yes: bool,
        now: Millis,
    ) -> Result<bool, HeldError> {
        Self::consent(self, id, token, key, yes, now).map_err(|e| HeldError(e.to_string()))
    }
}

/// What a token is bound to: who called, and exactly what.
fn bound(pending: &Pending) -> Bound {
    let call = &pending.call;
    let mut hash = Sha256::new();
    let user = call.user.as_ref().map_or(&[][..], |u| &u.0);
    for part in [call.agent.as_str().as_bytes(), call.key.as_str().as_bytes(), user] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    Bound { principal: Digest(hash.finalize().into()), request: call.binding }
}

fn size(call: &HeldCall) -> usize {
    call.targets.iter().map(|t| t.value.len() + t.argument.len()).sum::<usize>() + call.arguments.len()
}
