//! A machine's known places: MCP clients' configurations, skills, stores of models, listening ports.
//!
//! What always holds: only places that a list names are looked at, below the root that was given, so that a mounted
//! disk can be scanned as well as the machine itself.

use super::{Shared, walk};
use cordon_inventory::code::FileKind;
use cordon_inventory::machine::{Roots, listening, locations, skill_folders};
use cordon_inventory::{AssetKind, Attribute, Basis, Sink, Source};
use ignore::WalkBuilder;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// Deepest folder below a store.
const MAX_DEPTH: usize = 10;
/// Most files below one store.
const MAX_FILES: usize = 50_000;

/// Stores of models below a home, or below the root for a service's own user.
const STORES: &[(&str, &str)] = &[
    (".ollama/models/manifests", "Ollama"),
    (".cache/huggingface/hub", ""),
    (".lmstudio/models", "LM Studio"),
    (".cache/lm-studio/models", "LM Studio"),
    (".local/share/nomic.ai/GPT4All", "GPT4All"),
    ("jan/models", "Jan"),
];
const SYSTEM_STORES: &[(&str, &str)] =
    &[("usr/share/ollama/.ollama/models/manifests", "Ollama"), ("var/lib/ollama/models/manifests", "Ollama")];

pub(super) fn look(root: &Path, ports: bool, shared: &Shared) {
    let homes = homes(root, shared);
    let roots = Roots {
        root: root.to_string_lossy().into_owned(),
        homes: homes.iter().map(|h| h.to_string_lossy().into_owned()).collect(),
    };
    let mut buffer = Vec::new();
    for (_, path) in locations(&roots) {
        file(Path::new(&path), FileKind::McpConfig, &mut buffer, shared);
    }
    for folder in skill_folders(&roots) {
        below(Path::new(&folder), &mut buffer, shared);
    }
    for home in &homes {
        for name in ["CLAUDE.md", ".claude/CLAUDE.md", ".codex/AGENTS.md", ".gemini/GEMINI.md"] {
            file(&home.join(name), FileKind::Instructions, &mut buffer, shared);
        }
        for (store, server) in STORES {
            store_at(&home.join(store), server, &mut buffer, shared);
        }
    }
    for (store, server) in SYSTEM_STORES {
        store_at(&root.join(store), server, &mut buffer, shared);
    }
    if ports {
        for table in ["proc/net/tcp", "proc/net/tcp6"] {
            let path = root.join(table);
            if let Ok(text) = std::fs::read_to_string(&path) {
                let mut sink = Sink::new(&path.to_string_lossy());
                listening(&text, &mut sink);
                shared.found(sink.found);
            }
        }
    }
}

/// Home directories of all systems, below the root.
fn homes(root: &Path, shared: &Shared) -> Vec<PathBuf> {
    let mut out = vec![root.join("root")];
    for folder in ["home", "Users"] {
        let Ok(entries) = std::fs::read_dir(root.join(folder)) else { continue };
        out.extend(entries.flatten().map(|e| e.path()));
    }
    out.retain(|home| home.is_dir());
    out.sort();
    for home in out.iter().filter(|h| std::fs::read_dir(h).is_err()) {
        shared.note(format!("{}: cannot be read; run as a user who may", home.display()));
    }
    out
}

fn file(path: &Path, kind: FileKind, buffer: &mut Vec<u8>, shared: &Shared) {
    if path.is_file() {
        shared.files.fetch_add(1, Ordering::Relaxed);
        walk::read(path, &path.to_string_lossy(), kind, buffer, shared);
    }
}

/// A store of models, and the server whose it is.
fn store_at(path: &Path, server: &str, buffer: &mut Vec<u8>, shared: &Shared) {
    if !path.is_dir() {
        return;
    }
    if !server.is_empty() {
        let mut sink = Sink::new(&path.to_string_lossy());
        let mut sighting =
            sink.at(AssetKind::LocalServer, &cordon_inventory::asset::slug(server), Source::Config, 0);
        server.clone_into(&mut sighting.name);
        sighting.basis = Basis::Observed;
        sink.push(sighting.with(Attribute::Sort, "model store"));
        shared.found(sink.found);
    }
    below(path, buffer, shared);
}

/// Every file of a known kind below a folder.
fn below(folder: &Path, buffer: &mut Vec<u8>, shared: &Shared) {
    if !folder.is_dir() {
        return;
    }
    let mut builder = WalkBuilder::new(folder);
    builder.standard_filters(false).follow_links(false).max_depth(Some(MAX_DEPTH));
    for entry in builder.build().flatten().take(MAX_FILES) {
        let path = entry.path();
        let place = path.to_string_lossy();
        if entry.file_type().is_some_and(|t| t.is_file())
            && let Some(kind) = FileKind::of(&place)
        {
            file(path, kind, buffer, shared);
        }
    }
}
