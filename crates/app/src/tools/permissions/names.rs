//! The names behind digests in records: those that this machine's files know.
//!
//! What always holds: names are hashed here and compared; nothing is sent anywhere. What it deliberately does not do:
//! guess. A name that stands in no manifest and in no approved tool set stays a digest.

use crate::load::Loaded;
use cordon_approvals::PinStore as _;
use cordon_ledger::{Digester, Epochs, Linkable};
use cordon_store::Store;
use cordon_store::volume::FileVolume;
use cordon_tools::pins::ToolSet;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// Digest to name, over all epochs whose keys are there.
pub(super) struct Names(HashMap<[u8; 16], String>);

impl Names {
    /// From manifests, from the tool sets that were approved, and from the config's models.
    pub(super) fn at_hand(root: &Path, loaded: &Loaded) -> Self {
        let exact = |name: &&str| !name.ends_with('*');
        let manifests = loaded.policy.agents();
        let mut tools: BTreeSet<String> = manifests
            .flat_map(|m| {
                m.tools.iter().map(|t| t.name.as_str()).filter(exact).map(str::to_owned).collect::<Vec<_>>()
            })
            .collect();
        tools.extend(approved(root));
        let models: Vec<String> = loaded.config.models.iter().map(|m| m.name.to_string()).collect();
        let mut all = HashMap::new();
        for digester in digesters(root) {
            for (domain, names) in
                [("tool", tools.iter().collect::<Vec<_>>()), ("model", models.iter().collect())]
            {
                for name in names {
                    all.insert(digester.linkable(domain, name.as_bytes()).0, name.clone());
                }
            }
        }
        Self(all)
    }

    pub(super) fn find(&self, digest: &Linkable) -> Option<String> {
        self.0.get(&digest.0).cloned()
    }
}

/// The tools of servers that were approved, by their full names. None where there is no store, or it cannot be read.
fn approved(root: &Path) -> Vec<String> {
    let file = root.join("state.db");
    if !file.exists() {
        return Vec::new();
    }
    let Ok(pins) = Store::open(&file).map_err(|_| ()).and_then(|s| s.load_pins().map_err(|_| ())) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for pin in pins {
        let Ok(set) = ToolSet::read(&[pin.set.as_bytes()]) else { continue };
        out.extend(set.tools().map(|t| cordon_pipeline::hands::full_name(&pin.server, t.name())));
    }
    out
}

fn digesters(root: &Path) -> Vec<Digester> {
    let Ok(vault) = FileVolume::open_read_only(root) else { return Vec::new() };
    let Ok(epochs) = Epochs::read(&vault) else { return Vec::new() };
    epochs
        .all()
        .iter()
        .filter_map(|e| epochs.key(&vault, e.number).ok())
        .map(|key| Digester::new(*key))
        .collect()
}
