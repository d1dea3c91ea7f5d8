//! Blocks that a provider signed or encrypted pass only for the principal they were issued to.
//!
//! Holds keyed digests, no text; bounded: the oldest half goes when it is full. A restart forgets all of them,
//! which refuses (closed): the caller drops the block and goes on.

use cordon_types::{AgentId, Digest};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// How many digests each of the two generations holds: 2 x 65,536 x 32 bytes is 4 MiB and a little.
const GENERATION: usize = 65_536;

/// The registry.
pub struct Issued {
    key: [u8; 32],
    state: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashSet<Digest>,
    old: HashSet<Digest>,
}

impl Issued {
    /// An empty registry under a random key of this process.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self { key, state: Mutex::default() }
    }

    /// Notes that a provider issued `block` to `agent`.
    pub fn note(&self, agent: &AgentId, block: &[u8]) {
        let digest = self.digest(agent, block);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.young.len() >= GENERATION {
            state.old = std::mem::take(&mut state.young);
        }
        state.young.insert(digest);
    }

    /// Whether it was issued to that agent. One that is in use stays young.
    pub fn knows(&self, agent: &AgentId, block: &[u8]) -> bool {
        let digest = self.digest(agent, block);
        let known = {
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.young.contains(&digest) {
                return true;
            }
            state.old.contains(&digest)
        };
        if known {
            self.note(agent, block);
        }
        known
    }

    fn digest(&self, agent: &AgentId, block: &[u8]) -> Digest {
        use hmac::{Hmac, KeyInit, Mac};
        // The key is 32 bytes, the block is 64: a shorter key is padded as RFC 2104 says, which no length can fail.
        let Ok(mut mac) = <Hmac<sha2::Sha256> as KeyInit>::new_from_slice(&self.key) else {
            return Digest::default();
        };
        mac.update(&(agent.as_str().len() as u64).to_be_bytes());
        mac.update(agent.as_str().as_bytes());
        mac.update(block);
        Digest(mac.finalize().into_bytes().into())
    }
}
