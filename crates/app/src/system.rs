//! The real clock and the real randomness: the only place that reads them.

use cordon_types::{Clock, Entropy, Millis, Nanos};
use std::cell::RefCell;
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

/// The operating system's generator, read ahead a little for each thread: a request id would else cost a system call.
pub struct SystemEntropy;

/// Bytes read ahead. Those that were handed out are wiped.
const AHEAD: usize = 512;

struct Pool {
    bytes: [u8; AHEAD],
    used: usize,
}

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; AHEAD], used: AHEAD }) };
}

fn refill(out: &mut [u8]) {
    // SECURITY: without randomness no key, id or salt is safe; the thread ends rather than go on.
    #[allow(clippy::expect_used, reason = "no safe way to go on")]
    getrandom::fill(out).expect("the operating system's random generator failed");
}

impl Entropy for SystemEntropy {
    fn fill(&self, out: &mut [u8]) {
        if out.len() > 16 {
            // Keys and seeds come straight from the system and are kept nowhere else.
            return refill(out);
        }
        POOL.with_borrow_mut(|pool| {
            if pool.used + out.len() > AHEAD {
                refill(&mut pool.bytes);
                pool.used = 0;
            }
            if let Some(ready) = pool.bytes.get_mut(pool.used..pool.used + out.len()) {
                out.copy_from_slice(ready);
                ready.fill(0);
            }
            pool.used += out.len();
        });
    }
}
