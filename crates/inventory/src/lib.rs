//! The inventory of AI: what stands in code, on machines and in network logs, joined to assets.
//!
//! ```text
//! bytes of a file  -> code | machine | models -> Sighting --+
//! chunks of a log  -> logs -> Usage (who, which service) ---+-> Inventory -> marks, problems, drift
//! inventory.toml   -> declared ----------------------------+
//! ```
//! What always holds: bytes in, findings out; nothing here opens a file, runs anything or connects to anything. Every
//! reader is bounded, whatever it is fed. A secret's value is in no finding. What it deliberately does not do: walk
//! directories or print; `app` and `cli` do.

pub mod asset;
pub mod catalogue;
pub mod logs;

pub use asset::{AssetId, AssetKind, Attribute, Basis, Evidence, Sighting, Sink, Source};
