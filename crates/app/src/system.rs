//! The real clock and the real randomness: the only place that reads them.

use cordon_types::{Clock, Entropy, Millis, Nanos};
use std::time::{Duration, Instant, SystemTime};

/// The system's clocks.
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// Clocks that count from now.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the real clock")]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the real clock")]
    fn now(&self) -> Millis {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn ticks(&self) -> Nanos {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The operating system's generator.
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, out: &mut [u8]) {
        // SECURITY: without randomness no key, id or salt is safe; the process ends rather than go on.
        #[allow(clippy::expect_used, reason = "no safe way to go on")]
        getrandom::fill(out).expect("the operating system's random generator failed");
    }
}
