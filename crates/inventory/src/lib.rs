//! The inventory of AI: what stands in code, on machines, in clouds' exports, servers' answers and network logs, joined to
//! assets.
//!
//! ```text
//! bytes of a file  -> code | machine | models -> Sighting --+
//! a cloud's export -> cloud -> Sighting --------------------+
//! a server's answer -> probe -> Sighting -------------------+
//! chunks of a log  -> logs -> Usage (who, which service) ---+-> Inventory -> marks, problems, drift
//! inventory.toml   -> declared ----------------------------+
//! ```
//! What always holds: bytes in, findings out; nothing here opens a file, runs anything or connects to anything. Every
//! reader is bounded, whatever it is fed. A secret's value is in no finding. What it deliberately does not do: walk
//! directories or print; `app` and `cli` do.

pub mod asset;
pub mod catalogue;
pub mod check;
pub mod cloud;
pub mod code;
pub mod declared;
pub mod drift;
pub mod inventory;
pub mod logs;
pub mod machine;
pub mod note;
pub mod offer;
pub mod probe;
pub mod weights;

#[cfg(test)]
mod inventory_tests;

pub use declared::{AgentHosts, Declared, Status, agents, declared, offers};
pub use drift::{Baseline, BaselineError, Drift};
pub use inventory::{Asset, ClientUse, Inventory, Issue, Mark, Rules, Use};

pub use note::Note;
pub use offer::Offer;

pub use asset::{AssetId, AssetKind, Attribute, Basis, Evidence, Sighting, Sink, Source};

use code::FileKind;

/// Reads one file of the kind `kind` into `sink`: its bytes, or their beginning where [`FileKind::head_only`].
/// `size` is the whole file's.
pub fn scan_file(kind: FileKind, bytes: &[u8], size: u64, sink: &mut Sink) {
    match kind {
        FileKind::Weights => weights::scan(bytes, size, sink),
        FileKind::ModelStore => machine::store(sink),
        FileKind::McpConfig => {
            // What is no text is no configuration.
            if let Ok(text) = std::str::from_utf8(bytes) {
                machine::config(text.trim_start_matches('\u{feff}'), sink);
            }
        }
        FileKind::Instructions => {
            machine::instructions(AssetKind::Instructions, &String::from_utf8_lossy(bytes), sink);
        }
        FileKind::Skill => machine::instructions(AssetKind::Skill, &String::from_utf8_lossy(bytes), sink),
        _ => code::scan(kind, bytes, sink),
    }
}
