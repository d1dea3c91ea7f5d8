//! The supply chain on a disk: advisories dropped in and signed, packages found, what was called joined to them.
//!
//! ```text
//! mirror -> fetch -> all.zip
//! all.zip, folders -> archive -> snapshot (signed, dated)
//! trees -> scan -> packages --+
//! config + ledger -> used ----+-> check -> what holds, what was called first
//! base, now, manifests -> gate -> what a change adds that nobody approved
//! scan -> bom -> CycloneDX, SPDX; and back into a scan
//! ```
//! What always holds: nothing is fetched but archives of advisories, from the operator's mirror and when they say so;
//! nothing found is run; a snapshot that this installation did not sign is refused; every answer carries the snapshot's
//! date. What it does not do: decide about versions (`cordon-supply` does), or print (`cli` does).

mod archive;
mod bom;
mod check;
mod fetch;
mod gate;
mod packages;
mod permissions;
mod snapshot;
#[cfg(test)]
mod tests;
mod used;

pub use bom::{bill, read as read_bom};
pub use check::{Checked, Found, Question, check};
pub use fetch::fetch;
pub use gate::{Gate, Gated, gate};
pub use snapshot::{About, about, import};
pub use used::Used;

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
