//! The keys of one issuer that are at hand, and when it is time to fetch them again.
//!
//! What always holds: strangers' tokens cause at most one fetch in [`COOLDOWN_MS`]; keys that are old open nothing.

use crate::oauth::jwks::Keys;
use arc_swap::ArcSwapOption;
use cordon_types::Millis;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

/// Between two fetches of an issuer's keys because a token named one that is not known: strangers can make up names.
pub const COOLDOWN_MS: Millis = 30_000;
/// How long keys serve after they were last fetched. Beyond, a key that the issuer withdrew would go on opening doors.
pub const KEYS_LAST_MS: Millis = 12 * 3_600_000;
/// How often they are fetched without anybody's asking: a withdrawn key serves no longer than this, as a rule.
pub const REFRESH_MS: Millis = 600_000;
/// Before a fetch that failed is tried again.
pub const AGAIN_MS: Millis = 15_000;

/// See the module.
#[derive(Debug, Default)]
pub struct KeyCache {
    keys: ArcSwapOption<(Keys, Millis)>,
    /// When a fetch last began.
    at: AtomicU64,
    /// Fetches that began, and that ended, well or not.
    begun: AtomicU64,
    ended: AtomicU64,
    failed: AtomicBool,
    wanted: AtomicBool,
}

impl KeyCache {
    /// A fetch begins.
    pub fn begin(&self, now: Millis) {
        self.wanted.store(false, Ordering::Release);
        self.at.store(now, Ordering::Release);
        self.begun.fetch_add(1, Ordering::AcqRel);
    }

    /// A fetch ended, with new keys or without.
    pub fn end(&self, keys: Option<Keys>, now: Millis) {
        self.failed.store(keys.is_none(), Ordering::Release);
        if let Some(keys) = keys {
            self.keys.store(Some(Arc::new((keys, now))));
        }
        self.ended.fetch_add(1, Ordering::AcqRel);
    }

    /// How many fetches have ended.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.ended.load(Ordering::Acquire)
    }

    /// A token named a key that is not known. Whether it is worth waiting for new ones: a fetch is under way, or one
    /// may begin.
    pub fn want(&self, now: Millis) -> bool {
        if self.is_fetching() {
            return true;
        }
        let may = self.since(now).is_none_or(|since| since >= COOLDOWN_MS);
        if may {
            self.wanted.store(true, Ordering::Release);
        }
        may
    }

    /// Whether a fetch is due now.
    #[must_use]
    pub fn is_due(&self, now: Millis) -> bool {
        let Some(since) = self.since(now) else { return !self.is_fetching() };
        let pause = if self.wanted.load(Ordering::Acquire) {
            COOLDOWN_MS
        } else if self.failed.load(Ordering::Acquire) {
            AGAIN_MS
        } else {
            REFRESH_MS
        };
        !self.is_fetching() && since >= pause
    }

    fn is_fetching(&self) -> bool {
        self.begun.load(Ordering::Acquire) != self.ended()
    }

    /// Since the last fetch began; none: never, or the clock was set back, which must not close this for long.
    fn since(&self, now: Millis) -> Option<Millis> {
        (self.begun.load(Ordering::Acquire) != 0)
            .then(|| now.checked_sub(self.at.load(Ordering::Acquire)))
            .flatten()
    }

    pub(crate) fn at(&self, now: Millis) -> Option<Arc<(Keys, Millis)>> {
        self.keys.load_full().filter(|held| now.saturating_sub(held.1) <= KEYS_LAST_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_keys_are_fetched() {
        let cache = KeyCache::default();
        assert!(cache.is_due(5) && cache.want(5));
        cache.begin(5);
        // While one is under way, whoever comes waits for it, and no second begins.
        assert!(!cache.is_due(5 + REFRESH_MS) && cache.want(6));
        cache.end(None, 6);
        assert!(!cache.want(6) && !cache.is_due(5 + AGAIN_MS - 1) && cache.is_due(5 + AGAIN_MS));
        cache.begin(100);
        cache.end(Keys::read(br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}"#).ok(), 100);
        assert!(!cache.is_due(100 + REFRESH_MS - 1) && cache.is_due(100 + REFRESH_MS));
        assert!(!cache.want(100 + COOLDOWN_MS - 1) && !cache.is_due(100 + COOLDOWN_MS));
        assert!(cache.want(100 + COOLDOWN_MS) && cache.is_due(100 + COOLDOWN_MS));
        // A clock that was set back.
        assert!(cache.want(50) && cache.is_due(50));
        assert!(cache.at(100 + KEYS_LAST_MS).is_some() && cache.at(101 + KEYS_LAST_MS).is_none());
    }
}
