//! Node: `package.json`, npm's, Yarn's (1 and later) and pnpm's (5 to 9) lock files.

use super::{Found, numbered};
use serde_json::{Map, Value};

pub(super) fn package_json(text: &str, found: &mut Found) {
    let Ok(root) = serde_json::from_str::<Value>(text) else { return };
    for section in ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"] {
        for (name, range) in root.get(section).and_then(Value::as_object).into_iter().flatten() {
            let range = range.as_str().unwrap_or("");
            let needle = format!("\"{name}\"");
            // `"mine": "npm:openai@^4"`: another package under a name of one's own.
            match range.strip_prefix("npm:") {
                Some(alias) => {
                    let (name, range) = split_at_version(alias);
                    found.wanted(name, range, found.line(name, text, &needle));
                }
                None => found.wanted(name, range, found.line(name, text, &needle)),
            }
        }
    }
}

/// Lock file versions 1 to 3.
pub(super) fn package_lock(text: &str, found: &mut Found) {
    let Ok(root) = serde_json::from_str::<Value>(text) else { return };
    if let Some(packages) = root.get("packages").and_then(Value::as_object) {
        for (path, value) in packages {
            // The package's own folder has no `node_modules` in it.
            let Some((_, folder)) = path.rsplit_once("node_modules/") else { continue };
            let name = value.get("name").and_then(Value::as_str).unwrap_or(folder);
            found.locked(name, version(value), found.line(name, text, &format!("\"{path}\"")));
        }
    } else if let Some(tree) = root.get("dependencies").and_then(Value::as_object) {
        nested(text, tree, found);
    }
}

fn version(value: &Value) -> &str {
    value.get("version").and_then(Value::as_str).unwrap_or("")
}

/// Version 1 nests; the reader's own bound on depth bounds this.
fn nested(text: &str, tree: &Map<String, Value>, found: &mut Found) {
    for (name, value) in tree {
        found.locked(name, version(value), found.line(name, text, &format!("\"{name}\"")));
        if let Some(inner) = value.get("dependencies").and_then(Value::as_object) {
            nested(text, inner, found);
        }
    }
}

/// `"name@range", name@range:` with `version "1.2.3"` or `version: 1.2.3` below.
pub(super) fn yarn_lock(text: &str, found: &mut Found) {
    let mut open: Option<(&str, u64)> = None;
    for (n, line) in numbered(text) {
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        if !line.starts_with(' ') {
            let first = line.trim_end_matches(':').split(',').next().unwrap_or("");
            let spec = first.trim().trim_matches('"');
            let (name, range) = split_at_version(spec);
            // A workspace's own package, or the lock file's heading.
            let own = range.starts_with("workspace:") || name == "__metadata";
            let alias = range.strip_prefix("npm:").map(split_at_version).filter(|(_, r)| !r.is_empty());
            open = (!own).then_some((alias.map_or(name, |(n, _)| n), n));
        } else if let (Some((name, at)), Some(rest)) = (open, line.trim_start().strip_prefix("version")) {
            let version = rest.trim_start_matches([':', ' ']).trim().trim_matches('"');
            found.locked(name, version, at);
            open = None;
        }
    }
}

/// Keys below `packages:`: `/name/1.2.3:`, `/name@1.2.3:`, `name@1.2.3(peer@2):`.
pub(super) fn pnpm_lock(text: &str, found: &mut Found) {
    let mut within = false;
    for (n, line) in numbered(text) {
        if !line.is_empty() && !line.starts_with(' ') {
            within = line.trim_end() == "packages:";
            continue;
        }
        let Some(key) = line.strip_prefix("  ").filter(|l| within && !l.starts_with(' ')) else { continue };
        let Some(key) = key.trim_end().split(": {").next().map(|k| k.trim_end_matches(':')) else { continue };
        let key = key.trim_matches(['\'', '"']).trim_start_matches('/');
        let key = key.split('(').next().unwrap_or(key);
        // Version 5 parts the version with a slash, and appends peers behind an underscore.
        let slash = key.match_indices('/').nth(usize::from(key.starts_with('@'))).map(|(i, _)| i);
        let at = key.get(1..).and_then(|k| k.find('@')).map_or(key.len(), |i| i + 1);
        let (name, version) = match slash.filter(|s| *s < at) {
            Some(slash) => (key.get(..slash).unwrap_or(key), key.get(slash + 1..).unwrap_or("")),
            None => split_at_version(key),
        };
        found.locked(name, version.split('_').next().unwrap_or(version), n);
    }
}

/// `name@range`, where the name may begin with `@`.
pub(super) fn split_at_version(spec: &str) -> (&str, &str) {
    let scoped = usize::from(spec.starts_with('@'));
    match spec.get(scoped..).and_then(|s| s.find('@')) {
        Some(at) => {
            let at = at + scoped;
            (spec.get(..at).unwrap_or(spec), spec.get(at + 1..).unwrap_or(""))
        }
        None => (spec, ""),
    }
}
