//! A streamed answer, inspected while it flows. A machine without I/O: bytes in, bytes that may leave out.
//!
//! ```text
//! bytes -> frames -> events -> parts --text--> running text: scan, clear up to here
//!                      |        \-----call---> held whole, judged at its end
//!                      v
//!                    queue (first in, first out) -> events whose parts are clear, spliced where needed -> caller
//! ```
//! What always holds: for any cutting of the transport the same bytes leave; the terminal event never leaves with
//! the others but is handed out apart, for the outcome to be durable first. What it does not do: wait, write, know
//! what a socket is.

mod calls;
mod machine;
mod queue;
mod running;

pub use machine::{Cut, Step, StreamMachine};
