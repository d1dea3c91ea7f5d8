//! All sessions: bounded in number, in memory and in time; each bound to one principal.
//!
//! ```text
//! open(principal, now, entropy) -> "cordon_session_..."
//! with(id, principal, now, |session| ..) -> Some, or None: unknown, another's, too old, evicted, broken by a panic
//! ```
//! What always holds: another principal's session is answered as one that never was, since the principal is part of
//! the key; a closure runs under its own session's lock and cannot wait in it (it is no future). What it does not do:
//! read a clock or make an id; both are handed in.

use crate::index::Bounds;
use crate::session::Session;
use cordon_types::Millis;
use data_encoding::BASE32_NOPAD;
use rustc_hash::FxBuildHasher;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// What every session's id begins with.
pub const SESSION_PREFIX: &str = "cordon_session_";
/// Fewer bytes of entropy cannot be handed in: half become the id, half the key of the index.
pub const ENTROPY_BYTES: usize = 32;
const SHARDS: usize = 64;

/// What a principal is to this table: a digest that its owner computes, never a name.
pub type Binding = [u8; 32];

type Key = (Binding, [u8; 16]);

/// How many sessions, how large, how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions at once. Principals share them by 64ths: those who fall into one 64th share its part.
    pub sessions: usize,
    /// Sessions of one principal at once: the idlest goes.
    pub per_principal: usize,
    /// Bytes of all sessions together, about, shared likewise: the idlest go.
    pub bytes: usize,
    /// Milliseconds from the opening to the end.
    pub live: Millis,
    /// Milliseconds without use to the end.
    pub idle: Millis,
    /// Of each session.
    pub bounds: Bounds,
}

impl Default for Limits {
    /// 4,096 sessions of at most a day, and of an hour without use; 1 GiB; 256 of one principal.
    fn default() -> Self {
        Self {
            sessions: 4_096,
            per_principal: 256,
            bytes: 1 << 30,
            live: 24 * 3_600_000,
            idle: 3_600_000,
            bounds: Bounds::default(),
        }
    }
}

/// The text that names a session towards its principal.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionId(String);

impl SessionId {
    /// The text, for a header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(..)")
    }
}

struct Held {
    opened: Millis,
    used: Millis,
    bytes: usize,
    session: Arc<Mutex<Session>>,
}

impl Held {
    fn is_over(&self, limits: &Limits, now: Millis) -> bool {
        now.saturating_sub(self.opened) >= limits.live || now.saturating_sub(self.used) >= limits.idle
    }
}

#[derive(Default)]
struct Shard {
    held: HashMap<Key, Held, FxBuildHasher>,
    bytes: usize,
}

impl Shard {
    fn remove(&mut self, key: &Key) {
        if let Some(held) = self.held.remove(key) {
            self.bytes = self.bytes.saturating_sub(held.bytes);
        }
    }

    fn sweep(&mut self, limits: &Limits, now: Millis) {
        self.held.retain(|_, h| !h.is_over(limits, now));
        self.bytes = self.held.values().map(|h| h.bytes).sum();
    }

    /// The one that was used longest ago, of those that `which` names.
    fn idlest(&self, which: impl Fn(&Key) -> bool) -> Option<Key> {
        self.held
            .iter()
            .filter(|(k, _)| which(k))
            .min_by_key(|(k, h)| (h.used, h.opened, **k))
            .map(|(k, _)| *k)
    }
}

/// The table.
pub struct Sessions {
    shards: [Mutex<Shard>; SHARDS],
    limits: Limits,
}

impl Sessions {
    /// An empty table.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), limits }
    }

    /// A clean session of `principal`. `entropy` is used for nothing else.
    pub fn open(&self, principal: &Binding, now: Millis, entropy: &[u8; ENTROPY_BYTES]) -> SessionId {
        let (mut id, mut index_key) = ([0; 16], Zeroizing::new([0; 16]));
        let (first, second) = entropy.split_at(16);
        id.copy_from_slice(first);
        index_key.copy_from_slice(second);
        let session = Session::new(&index_key, self.limits.bounds);
        let bytes = session.bytes();
        let held = Held { opened: now, used: now, bytes, session: Arc::new(Mutex::new(session)) };
        let mut shard = self.shard(principal);
        shard.sweep(&self.limits, now);
        while shard.held.keys().filter(|(p, _)| p == principal).count() >= self.limits.per_principal.max(1) {
            let Some(idlest) = shard.idlest(|(p, _)| p == principal) else { break };
            shard.remove(&idlest);
        }
        while shard.held.len() >= self.limits.sessions.div_ceil(SHARDS).max(1) {
            let Some(idlest) = shard.idlest(|_| true) else { break };
            shard.remove(&idlest);
        }
        shard.bytes += bytes;
        shard.held.insert((*principal, id), held);
        SessionId(format!("{SESSION_PREFIX}{}", BASE32_NOPAD.encode(&id).to_ascii_lowercase()))
    }

    /// Does something in `principal`'s session `id`. None, whatever the reason, where there is no such session: its
    /// work is worth the floor.
    pub fn with<R>(
        &self,
        id: &str,
        principal: &Binding,
        now: Millis,
        work: impl FnOnce(&mut Session) -> R,
    ) -> Option<R> {
        let key = (*principal, parse(id)?);
        let session = {
            let mut shard = self.shard(principal);
            let held = shard.held.get_mut(&key)?;
            if held.is_over(&self.limits, now) {
                shard.remove(&key);
                return None;
            }
            held.used = held.used.max(now);
            Arc::clone(&held.session)
        };
        let Ok(mut guard) = session.lock() else {
            // SECURITY: a panic left it half told. What it knows may be too good.
            self.shard(principal).remove(&key);
            return None;
        };
        let out = work(&mut guard);
        let bytes = guard.bytes();
        drop(guard);
        self.weigh(&key, bytes);
        Some(out)
    }

    /// Ends `principal`'s session `id`; whether there was one.
    pub fn close(&self, id: &str, principal: &Binding) -> bool {
        let Some(id) = parse(id) else { return false };
        let mut shard = self.shard(principal);
        let there = shard.held.contains_key(&(*principal, id));
        shard.remove(&(*principal, id));
        there
    }

    /// Drops what is over. To be called now and then: an idle table frees nothing by itself.
    pub fn sweep(&self, now: Millis) {
        for shard in &self.shards {
            shard.lock().unwrap_or_else(PoisonError::into_inner).sweep(&self.limits, now);
        }
    }

    /// Sessions now, and the bytes that they take, about.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        self.shards.iter().fold((0, 0), |(count, bytes), shard| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            (count + shard.held.len(), bytes + shard.bytes)
        })
    }

    /// Notes what a session takes now, and lets the idlest go where all take too much.
    fn weigh(&self, key: &Key, bytes: usize) {
        let mut shard = self.shard(&key.0);
        let Some(held) = shard.held.get_mut(key) else { return };
        let before = std::mem::replace(&mut held.bytes, bytes);
        shard.bytes = (shard.bytes + bytes).saturating_sub(before);
        while shard.bytes > self.limits.bytes / SHARDS {
            let Some(idlest) = shard.idlest(|k| k != key) else { break };
            shard.remove(&idlest);
        }
    }

    /// All sessions of a principal stand in one shard, so that it can only push out its neighbours there.
    fn shard(&self, principal: &Binding) -> MutexGuard<'_, Shard> {
        let at =
            principal.iter().fold(0_usize, |sum, b| (sum * 31 + usize::from(*b)) % (SHARDS * 1_021)) % SHARDS;
        let [first, ..] = &self.shards;
        // A shard is whole after any panic: nothing runs foreign code while one is locked.
        self.shards.get(at).unwrap_or(first).lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse(id: &str) -> Option<[u8; 16]> {
    let text = id.strip_prefix(SESSION_PREFIX)?;
    if text.len() != 26 || text.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).ok()?.try_into().ok()
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("size", &self.size()).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "sessions_tests.rs"]
mod tests;
