//! What programs on a machine say of themselves: MCP clients' configurations, instructions, skills, model stores.
//!
//! What always holds: configurations are read, never followed: no command that stands in one is run, no address is
//! connected to. Values of variables and headers are looked into for secrets and not kept; only [`servers`], for
//! whoever changes a configuration, points into the tree as it stands.

mod clients;
mod instructions;
mod mcp;
mod ports;
#[cfg(test)]
mod tests;
mod tree;

pub use clients::{CLIENTS, Client, Roots, locations, skill_folders};
pub use instructions::{instructions, store};
pub use mcp::{Place, config, package_of, servers};
pub use ports::listening;
pub use tree::parse as document;

use crate::code::FileKind;

/// What a file is whose name or place is a client's, an agent's or a model store's.
pub(crate) fn kind(path: &str, name: &str) -> Option<FileKind> {
    if clients::client_of(path, name).is_some() {
        return Some(FileKind::McpConfig);
    }
    if name == "SKILL.md" {
        return Some(FileKind::Skill);
    }
    if instructions::is_instructions(path, name) {
        return Some(FileKind::Instructions);
    }
    instructions::is_store(path).then_some(FileKind::ModelStore)
}
