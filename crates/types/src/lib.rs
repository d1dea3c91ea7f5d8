//! Plain values that every room shares: ids, spans' roles, findings, features, problems, time.
//!
//! What always holds here: no I/O, no clock is read, no randomness, nothing that prints a secret.
//! What it deliberately does not do: decide anything. A value here says *what*, other rooms say *whether*.

pub mod clock;
pub mod digest;
pub mod finding;
pub mod held;
pub mod html;
pub mod id;
pub mod label;
pub mod problem;
pub mod secret;
pub mod time;
pub mod traffic;

pub use clock::{Clock, Entropy, Millis, Nanos};
pub use digest::Digest;
pub use finding::{Confidence, Finding, FindingKind, Guard, Layer, Report};
pub use held::{Asked, Claim, Grant, HeldCall, HeldCalls, HeldError, HeldTarget, Invitation, Waiting};
pub use id::{AgentId, ApprovalId, IdError, KeyId, ModelName, RequestId, ServerId, UpstreamId, UserRef};
pub use label::{Class, Effect, Integrity, Labels, Provenance};
pub use problem::{Problem, Problems};
pub use secret::Secret;
pub use traffic::{Dialect, Direction, Feature, Mode, Operation, SpanKind};
