//! Rust's and Go's manifests. (`Cargo.lock` is read with the other lock files of `[[package]]` tables.)

use super::{Found, line_of, numbered};
use toml::{Table, Value};

pub(super) fn cargo_toml(text: &str, found: &mut Found) {
    let Ok(root) = text.parse::<Table>() else { return };
    sections(text, &root, found);
    if let Some(workspace) = root.get("workspace").and_then(Value::as_table) {
        sections(text, workspace, found);
    }
    for (_, target) in root.get("target").and_then(Value::as_table).into_iter().flatten() {
        if let Some(target) = target.as_table() {
            sections(text, target, found);
        }
    }
}

fn sections(text: &str, table: &Table, found: &mut Found) {
    for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
        for (key, value) in table.get(section).and_then(Value::as_table).into_iter().flatten() {
            let name = value.get("package").and_then(Value::as_str).unwrap_or(key);
            let range = value.as_str().or_else(|| value.get("version").and_then(Value::as_str)).unwrap_or("");
            let line = match line_of(text, &format!("\n{key}")) {
                0 => line_of(text, key),
                before => before + 1,
            };
            found.wanted(name, range, line);
        }
    }
}

/// `require` lines and blocks; `replace`, `exclude` and `retract` are passed over.
pub(super) fn go_mod(text: &str, found: &mut Found) {
    let mut block = "";
    for (n, line) in numbered(text) {
        let line = line.split("//").next().unwrap_or("").trim();
        let mut words = line.split_whitespace();
        if line == ")" {
            block = "";
        } else if let Some(head) = line.strip_suffix('(') {
            block = if head.trim() == "require" { "require" } else { "other" };
        } else if block == "require" || (block.is_empty() && line.starts_with("require ")) {
            if block.is_empty() {
                words.next();
            }
            if let (Some(name), Some(version)) = (words.next(), words.next()) {
                found.locked(name.trim_matches('"'), version, n);
            }
        }
    }
}

/// `module version hash`; lines of `/go.mod` alone say that only the manifest was looked at.
pub(super) fn go_sum(text: &str, found: &mut Found) {
    for (n, line) in numbered(text) {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(version)) = (words.next(), words.next())
            && !version.ends_with("/go.mod")
        {
            found.locked(name, version, n);
        }
    }
}
