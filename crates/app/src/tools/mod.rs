//! What the command line does besides serving: inspecting texts, explaining decisions, reading the ledger.
//! Everything here works offline, on files alone.

pub mod audit;
pub mod copy;
pub mod export;
pub mod inspect;
pub mod permissions;
pub mod policy;
pub mod reconcile;
pub mod records;
pub(crate) mod rows;
pub mod sequences;
pub mod witnessed;
