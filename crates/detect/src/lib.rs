//! Text to findings: what stands in a text, where, and how sure that is. Never the value itself.
//!
//! ```text
//! text -> view (folded, invisible removed, mapped back) -> layers (bounded decodings)
//!      -> detectors on every layer -> findings in bytes of the original text
//! ```
//!
//! What always holds here:
//! - Findings depend on the text only. A stream gives the same findings for any cutting ([`StreamScan`]).
//! - A candidate looks back at most [`view::BEHIND`] bytes; so a stream keeps little of what it has let go.
//! - Work is linear in the text: every decoding and every verification is bounded.
//!
//! What it deliberately does not do: judge, mask, or keep a value.

mod exfil;
mod injection;
mod layers;
mod pii;
mod scan;
mod secrets;
mod settings;
mod stream;
mod terms;
mod view;

#[cfg(test)]
mod scan_tests;
#[cfg(test)]
mod stream_tests;

pub use scan::{Detectors, catalogue};
pub use settings::{Guards, Pattern, Settings, Term};
pub use stream::{HoldCap, Step, StreamScan};

/// Version of rules and view; stands in every record, so that a finding can be judged by the rules of its day.
pub const VERSION: &str = "2026.11-1";
