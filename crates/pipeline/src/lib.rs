//! THE flow, told top to bottom: read, inspect, judge, enforce, record. A machine without I/O: `proxy` feeds it
//! bytes and carries out what it answers.
//!
//! ```text
//! request bytes --prompt()--> Prompt { permit, body, exchange }   or Refused
//! answer bytes  --answer()--> bytes the caller may have           or Refusal
//! answer stream --StreamMachine--> bytes as they become clear     or Cut
//! ```
//! What always holds: nothing goes upstream without a `Permit`; nothing goes to the caller that was not inspected;
//! what is forwarded is what was judged. What it does not do: read a clock, a socket or a file.

pub mod advise;
mod answer;
mod called;
mod calls;
mod clean;
mod enforce;
mod exchange;
mod gate;
pub mod hands;
mod held;
mod issued;
pub mod meter;
mod models;
mod models_list;
mod prompt;
mod record;
mod refusal;
pub mod session;
mod staged;
mod stream;
mod tally;
mod told;

pub use answer::answer;
pub use called::{Call, CallRefused, Floor, Origins, Whole, judge};
pub use calls::ToolCalls;
pub use clean::Clean;
pub use exchange::{Caller, Exchange};
pub use gate::{Gate, Lasting};
pub use held::Nobody;
pub use issued::Issued;
pub use models::{Model, ModelTable, Price};
pub use models_list::models;
pub use prompt::{Arrival, Prompt, Refused, prompt};
pub use record::{About, CallSeen, Done, End, Recorder};
pub use refusal::{Refusal, Why};
pub use staged::{Difference, Differences, Staged, Times};
pub use stream::{Cut, Step, StreamMachine};
pub use tally::{CallTally, Tally};
