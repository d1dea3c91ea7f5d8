//! What the command line does besides serving: inspecting texts, explaining decisions, reading the ledger.
//! Everything here works offline, on files alone.

pub mod audit;
pub mod inspect;
pub mod policy;
pub(crate) mod rows;
pub mod witnessed;
