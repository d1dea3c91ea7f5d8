//! Which packages were called through the gateway: tool servers that it starts by a command that names a package
//! (`npx`, `uvx`, ...), and the calls of their tools in the ledger.
//!
//! What always holds: a call counts only where it was let through, also where a denial was only recorded; figures, no
//! content. What it does not do: know of a server that is reached by an address, or of a library inside a program; such
//! use is not said to be none.

use crate::data::verifier_key;
use crate::error::AppError;
use cordon_config::{Config, ServerWay};
use cordon_inventory::machine::package_of;
use cordon_ledger::{Decision, Filter, Record, show};
use cordon_store::volume::FileVolume;
use cordon_supply::Ecosystem;
use cordon_supply::osv::Package;
use cordon_types::Operation;
use std::collections::BTreeMap;
use std::path::Path;

/// How much a package was used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// The tool servers that run it.
    pub servers: Vec<String>,
    /// Calls let through.
    pub calls: u64,
    /// The last of them, in milliseconds since 1970.
    pub last: u64,
    /// Agents that called.
    pub agents: Vec<String>,
}

/// A package that a tool server of the gateway's is.
#[derive(Clone, Debug)]
pub(super) struct Server {
    /// The server's name in the config.
    pub(super) id: String,
    /// What its command fetches and runs.
    pub(super) package: Package,
}

/// The tool servers of a config whose command names a package.
#[must_use]
pub(super) fn servers(config: &Config) -> Vec<Server> {
    let each = config.servers.iter().filter_map(|server| {
        let ServerWay::Stdio { command, .. } = &server.way else { return None };
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let (ecosystem, name, version) = package_of(&words)?;
        let pinned = !matches!(version, "" | "latest");
        let package = Package {
            ecosystem: Ecosystem::from_name(ecosystem)?,
            name: name.to_owned(),
            version: pinned.then(|| version.to_owned()),
            requirement: None,
        };
        Some(Server { id: server.id.to_string(), package })
    });
    each.collect()
}

/// Calls of those servers' tools since `from`, by the package.
///
/// # Errors
/// When the ledger cannot be read.
pub(super) fn used(
    root: &Path,
    servers: &[Server],
    from: u64,
) -> Result<BTreeMap<(Ecosystem, String), Used>, AppError> {
    let mut out: BTreeMap<(Ecosystem, String), Used> = BTreeMap::new();
    let by_id: BTreeMap<&str, &Server> = servers.iter().map(|s| (s.id.as_str(), s)).collect();
    let ledger = root.join("ledger");
    if by_id.is_empty() || !ledger.join("checkpoint").exists() {
        return Ok(out);
    }
    let key = verifier_key(&root.join("keys/ledger.pub"))?;
    let volume = FileVolume::open_read_only(&ledger)?;
    let filter = Filter { from: Some(from), ..Filter::default() };
    for shown in show(&volume, &key, &filter)? {
        let Some(Record::Intent(intent)) = shown?.record else { continue };
        // Asking how a task stands is no further call.
        let called = intent.call.is_some()
            && intent.operation != Operation::Tasks
            && matches!(intent.judged.decision, Decision::Allowed | Decision::Observed);
        let server = intent.upstream.as_ref().and_then(|id| by_id.get(id.as_str()));
        let Some(server) = server.filter(|_| called) else { continue };
        let package = &server.package;
        let key = (package.ecosystem, package.ecosystem.canonical(&package.name));
        let used = out.entry(key).or_default();
        used.calls += 1;
        used.last = used.last.max(intent.at);
        if !used.servers.contains(&server.id) {
            used.servers.push(server.id.clone());
        }
        let agent = intent.agent.as_ref().map(ToString::to_string);
        if let Some(agent) = agent.filter(|a| !used.agents.contains(a)) {
            used.agents.push(agent);
        }
    }
    Ok(out)
}
