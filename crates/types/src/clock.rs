//! Time, injected. Only `cordon-app` reads the real clock; tests hold a fake one.

/// Milliseconds since the Unix epoch (UTC).
pub type Millis = u64;
/// Nanoseconds on a clock that never goes back; only differences mean anything.
pub type Nanos = u64;

/// The two clocks that Cordon needs: one to write into records, one to measure with.
pub trait Clock: Send + Sync + 'static {
    /// Wall time, in milliseconds since the Unix epoch. May step.
    fn now(&self) -> Millis;
    /// Monotonic time, in nanoseconds from an arbitrary start. Never goes back.
    fn ticks(&self) -> Nanos;
}

/// Where randomness comes from. Only `cordon-app` reads the real source; tests hold a counter.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `out` with bytes that nobody can foresee.
    fn fill(&self, out: &mut [u8]);
}
