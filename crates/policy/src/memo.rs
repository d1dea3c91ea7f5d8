//! What was allowed before, found again without asking Cedar.
//!
//! What always holds: an entry answers only for exactly equal facts (arguments are not among them: only that all
//! their limits held); only permissions are kept, so that a stranger's invented names cannot fill it; the size is
//! bounded. What it deliberately does not do: serve slices that read the time, or outlive its snapshot.

use crate::judge::Verdict;
use crate::{Action, FindingSet, Flow, Query};
use cordon_types::Feature;
use rustc_hash::{FxHashMap, FxHasher};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, RwLock};

/// Shards, so that writers seldom meet readers.
const SHARDS: usize = 16;
/// Most entries in a shard; a full shard is emptied. Makes 4,096 in all.
const MAX_IN_SHARD: usize = 256;
/// Longest resource name and most betas that are kept: bounds the memory.
const MAX_NAME: usize = 256;
const MAX_BETAS: usize = 16;

/// The memo of one snapshot.
#[derive(Debug)]
pub(crate) struct Memo {
    shards: Vec<RwLock<FxHashMap<u64, Entry>>>,
}

#[derive(Debug)]
struct Entry {
    key: Key,
    verdict: Arc<Verdict>,
}

/// The facts of a permission, owned.
#[derive(Debug)]
struct Key {
    agent: usize,
    action: Action,
    resource: Box<str>,
    flags: [bool; 3],
    findings: FindingSet,
    features: Box<[Feature]>,
    betas: Box<[String]>,
    flow: Option<Flow>,
}

impl Default for Memo {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| RwLock::default()).collect() }
    }
}

fn flags(q: &Query<'_>) -> [bool; 3] {
    [q.on_behalf, q.facts.stream, q.facts.uninspected]
}

fn hash(agent: usize, q: &Query<'_>) -> u64 {
    let mut h = FxHasher::default();
    agent.hash(&mut h);
    q.action.hash(&mut h);
    q.resource.name().hash(&mut h);
    flags(q).hash(&mut h);
    q.facts.findings.hash(&mut h);
    q.facts.features.hash(&mut h);
    q.facts.betas.hash(&mut h);
    q.facts.flow.hash(&mut h);
    h.finish()
}

impl Key {
    fn is(&self, agent: usize, q: &Query<'_>) -> bool {
        self.agent == agent
            && self.action == q.action
            && *self.resource == *q.resource.name()
            && self.flags == flags(q)
            && self.findings == q.facts.findings
            && *self.features == *q.facts.features
            && *self.betas == *q.facts.betas
            && self.flow == q.facts.flow
    }
}

impl Memo {
    fn shard(&self, hash: u64) -> Option<&RwLock<FxHashMap<u64, Entry>>> {
        // The top bits: the map below uses the others.
        self.shards.get(usize::try_from(hash >> 60).unwrap_or(0))
    }

    /// The permission for exactly these facts, if one is known.
    pub(crate) fn get(&self, agent: usize, q: &Query<'_>) -> Option<Arc<Verdict>> {
        let hash = hash(agent, q);
        // A poisoned shard is never used again; that costs time, not safety.
        let shard = self.shard(hash)?.read().ok()?;
        let entry = shard.get(&hash)?;
        entry.key.is(agent, q).then(|| entry.verdict.clone())
    }

    /// Remembers a permission. Two facts of the same hash displace each other.
    pub(crate) fn put(&self, agent: usize, q: &Query<'_>, verdict: Arc<Verdict>) {
        if q.resource.name().len() > MAX_NAME || q.facts.betas.len() > MAX_BETAS {
            return;
        }
        let hash = hash(agent, q);
        let Some(Ok(mut shard)) = self.shard(hash).map(RwLock::write) else { return };
        if shard.len() >= MAX_IN_SHARD && !shard.contains_key(&hash) {
            shard.clear();
        }
        let key = Key {
            agent,
            action: q.action,
            resource: q.resource.name().into(),
            flags: flags(q),
            findings: q.facts.findings.clone(),
            features: q.facts.features.as_slice().into(),
            betas: q.facts.betas.as_slice().into(),
            flow: q.facts.flow,
        };
        shard.insert(hash, Entry { key, verdict });
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|s| s.read().unwrap().len()).sum()
    }
}
