//! Python: requirements files (pip's format), `pyproject.toml` (PEP 621, PEP 735, Poetry, uv, PDM), `Pipfile`, and
//! lock files made of `[[package]]` tables, Cargo's included.

use super::{Found, line_of, numbered};
use toml::{Table, Value};

/// pip's requirements file format: one requirement a line, `\` continues.
pub(super) fn requirements(text: &str, found: &mut Found) {
    let mut joined = String::new();
    let mut from = 0;
    for (n, line) in numbered(text) {
        if joined.is_empty() {
            from = n;
        }
        if let Some(head) = line.strip_suffix('\\')
            && joined.len() < 10_000
        {
            joined.push_str(head);
            continue;
        }
        joined.push_str(line);
        requirement(joined.split(" #").next().unwrap_or(""), from, found);
        joined.clear();
    }
    requirement(&joined, from, found);
}

/// One requirement of PEP 508: a name, extras, a range or a URL, a marker.
fn requirement(text: &str, line: u64, found: &mut Found) {
    let text = text.trim();
    if text.starts_with(['-', '#', '.', '/']) || text.contains("://") && !text.contains('@') {
        return;
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let rest = rest.split(';').next().unwrap_or("").trim();
    let rest = match rest.strip_prefix('[') {
        Some(extras) => extras.split_once(']').map_or("", |(_, after)| after).trim(),
        None => rest,
    };
    let rest = rest.split(" --").next().unwrap_or("").trim().trim_matches(['(', ')']);
    match rest.strip_prefix("==") {
        Some(exact) if !exact.contains([',', '*']) => {
            found.locked(name, exact.trim_start_matches('=').trim(), line)
        }
        _ => found.wanted(name, rest, line),
    }
}

/// `pyproject.toml`.
pub(super) fn pyproject(text: &str, found: &mut Found) {
    let Ok(root) = text.parse::<Table>() else { return };
    let at = |path: &[&str]| -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(root.get(*first)?, |v, key| v.get(key))
    };
    listed(text, at(&["project", "dependencies"]), found);
    for path in [
        &["project", "optional-dependencies"][..],
        &["dependency-groups"][..],
        &["tool", "pdm", "dev-dependencies"][..],
    ] {
        for (_, group) in at(path).and_then(Value::as_table).into_iter().flatten() {
            listed(text, Some(group), found);
        }
    }
    listed(text, at(&["tool", "uv", "dev-dependencies"]), found);
    keyed(text, at(&["tool", "poetry", "dependencies"]), found);
    keyed(text, at(&["tool", "poetry", "dev-dependencies"]), found);
    for (_, group) in at(&["tool", "poetry", "group"]).and_then(Value::as_table).into_iter().flatten() {
        keyed(text, group.get("dependencies"), found);
    }
}

/// `Pipfile`.
pub(super) fn pipfile(text: &str, found: &mut Found) {
    let Ok(root) = text.parse::<Table>() else { return };
    keyed(text, root.get("packages"), found);
    keyed(text, root.get("dev-packages"), found);
}

/// A list of requirements.
fn listed(text: &str, list: Option<&Value>, found: &mut Found) {
    for item in list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        requirement(item, line_of_string(text, item), found);
    }
}

/// A string in a TOML or JSON file: where it stands in quotes, else where it stands at all.
fn line_of_string(text: &str, item: &str) -> u64 {
    match line_of(text, &format!("\"{item}\"")) {
        0 => line_of(text, item),
        line => line,
    }
}

/// A table of names with a range or a table with `version`.
pub(super) fn keyed(text: &str, table: Option<&Value>, found: &mut Found) {
    for (name, value) in table.and_then(Value::as_table).into_iter().flatten() {
        if name == "python" {
            continue;
        }
        let range = value.as_str().or_else(|| value.get("version").and_then(Value::as_str)).unwrap_or("");
        let bare = line_of(text, &format!("\n{name} ="));
        let line = if bare == 0 { line_of_string(text, name) } else { bare + 1 };
        found.wanted(name, if range == "*" { "" } else { range }, line);
    }
}

/// `Pipfile.lock`.
pub(super) fn pipfile_lock(text: &str, found: &mut Found) {
    let Ok(root) = serde_json::from_str::<serde_json::Value>(text) else { return };
    for section in ["default", "develop"] {
        for (name, value) in root.get(section).and_then(|v| v.as_object()).into_iter().flatten() {
            let version = value.get("version").and_then(|v| v.as_str()).unwrap_or("");
            let line = found.line(name, text, &format!("\"{name}\""));
            found.locked(name, version.trim_start_matches('='), line);
        }
    }
}

/// A lock file of `[[package]]` tables with `name` and `version` first: uv, Poetry, PDM, Cargo. They are written by
/// programs, a key a line.
pub(super) fn toml_lock(text: &str, found: &mut Found) {
    let mut name = ("", 0);
    let mut within = false;
    for (n, line) in numbered(text) {
        if line.starts_with('[') {
            if within && !name.0.is_empty() {
                found.locked(name.0, "", name.1);
            }
            within = line.trim_end() == "[[package]]";
            name = ("", 0);
        } else if within {
            if let Some(value) = value_of(line, "name") {
                name = (value, n);
            } else if let Some(version) = value_of(line, "version")
                && !name.0.is_empty()
            {
                found.locked(name.0, version, name.1);
                name = ("", 0);
                within = false;
            }
        }
    }
    if within && !name.0.is_empty() {
        found.locked(name.0, "", name.1);
    }
}

/// The string of `key = "value"`.
fn value_of<'t>(line: &'t str, key: &str) -> Option<&'t str> {
    line.strip_prefix(key)?.trim_start().strip_prefix('=')?.trim().strip_prefix('"')?.split('"').next()
}
