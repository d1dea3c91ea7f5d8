//! Dev-only: fake clock, breaking store, scripted model, stream chunker.
//!
//! What always holds: everything here is deterministic; nothing here is linked into the product.

pub mod clock;
pub mod stream;
pub mod volume;

pub use clock::FakeClock;
pub use volume::{BreakingVolume, Fault, MemoryVolume};
