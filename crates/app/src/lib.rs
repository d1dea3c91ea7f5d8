//! The composition root: builds the parts from an operator's files, runs them, reloads, drains.
//!
//! ```text
//! DataDir::open -> load (config, manifests, policies) -> Running::start: ledger, store, keys, workers, admin
//!                                                        reload: load again -> swap whole, or keep the old
//! ```
//! What always holds: only here are implementations joined, files read, and the real clock and randomness used.
//! What it does not do: parse arguments or print; `cli` does.

mod admin;
mod approvals;
mod builtin;
pub mod control;
mod custody;
pub mod data;
pub mod demo;
pub mod error;
pub mod evidence;
pub mod gullible;
pub mod interfaces;
pub mod load;
pub mod logging;
pub mod mcp;
pub mod oauth;
mod pins;
mod reload;
pub mod run;
mod runtime;
pub mod scan;
mod settings;
pub mod shadow;
pub mod signals;
pub mod supply;
mod system;
pub mod tools;
pub mod witness;
mod witnessing;
mod worker;

pub use data::{Created, DataDir};
pub use error::AppError;
pub use load::{Loaded, load};
pub use run::{Addresses, Options, Running};
pub use system::{SystemClock, SystemEntropy};

/// The dialects' tables, one JSON object a row.
#[must_use]
pub fn dialect_rows() -> Vec<serde_json::Value> {
    cordon_wire::rows().iter().map(tools::rows::to_json).collect()
}
