//! What outlives the process: keys, kills, budgets, approvals, pins and notes of the data directory in SQLite (the only SQL in
//! Cordon), and the ledger's files (`volume`).
//!
//! What always holds: a change is on the disk when its method returns `Ok`, and did not happen when it returns
//! `Err`; a file that is damaged, foreign or newer is refused at opening, never repaired in silence; files are
//! readable by their owner only.
//!
//! What it deliberately does not do: decide anything, hold content or a key's text, lock the data directory against
//! a second process (`cordon-app` does).

mod approvals;
#[cfg(test)]
mod approvals_tests;
mod budgets;
mod db;
mod error;
mod keys;
mod kills;
mod meta;
mod pins;
mod schema;
#[cfg(test)]
mod tests;
pub mod volume;

pub use budgets::BudgetRow;
pub use cordon_identity::{StoreError, StoreErrorKind};
pub use db::Store;
