//! Tool calls that wait for a person.
//!
//! ```text
//! judge: take(claim) -> none -> ask(call) -> waits -> [list] -> decide(allow) x people -> grant -> take(claim): once
//!                                              |          \-> decide(deny)  -> this very call is denied for now
//!                                              `-> its time is over -> denied
//! ```
//! What always holds: a grant is for a keyed digest of the whole call, is used up before it is given, and is on the
//! disk before it is in force. What an approver reads stands in memory only, and is wiped when the call is decided or
//! its time is over; a restart denies what waited. Two people are two credentials and two names; an agent's own key
//! decides nothing; a wider grant is never given for what executes or spends. The end user's consent ([`consent`]) is
//! another type than a person's decision, and counts as none.
//!
//! Beside them stands what is kept of the tools of a server that somebody approved ([`KeptPin`]).
//!
//! What it deliberately does not do: I/O, read a clock or make randomness (all are passed in), judge which calls are
//! held (`policy` does), write records (whoever owns the [`Observer`] does).

pub mod consent;
mod decide;
mod desk;
pub mod escape;
mod event;
mod persist;
mod pins;
mod state;
#[cfg(test)]
mod tests;
mod view;

pub use decide::{
    Credential, Decided, Decision, DenyReason, MAX_NAME_BYTES, NotWaiting, Person, Refusal, Scope,
};
pub use desk::{Desk, Limits};
pub use event::{Event, EventKind, Observer};
pub use persist::{Allowance, ApprovalStore, Kept, Standing};
pub use pins::{KeptPin, PinStore};
pub use view::{Offer, StandingGrant, TargetView, View};
