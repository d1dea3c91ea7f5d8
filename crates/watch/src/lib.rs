//! What records show when they are read together. Pure: leaves in, what was noticed out.
//!
//! What always holds: it sees kinds, classes and digests, as records do, never content; memory is bounded however
//! long the log is. What it deliberately does not do: stop anything. The judge stops; this says what was stopped, and
//! what was not.

mod sequence;
#[cfg(test)]
mod tests;

pub use sequence::{Read, Sequence, Sequences};
