//! The arrows between crates, and what each crate may name: one table, checked against the manifests and sources.
//!
//! ```text
//! types <- {wire, detect, policy, ledger, config} <- pipeline <- proxy <- app <- cli
//! ```
//! What always holds: a crate without a row is a finding, so that none arrives unseen. What it does not do: look at
//! what only tests depend on.

use crate::scan;
use crate::sources::{self, Source};
use crate::workspace::{Package, Workspace};

/// One crate: its package, its folder, the workspace's crates it may depend on, whether it is kept from the world
/// (files, sockets, environment, clocks, runtimes).
struct Row {
    package: &'static str,
    folder: &'static str,
    may: &'static [&'static str],
    pure: bool,
}

const fn row(package: &'static str, folder: &'static str, may: &'static [&'static str], pure: bool) -> Row {
    Row { package, folder, may, pure }
}

/// The arrows. A change here is a change of architecture: say why in `ARCHITECTURE.md`.
const TABLE: &[Row] = &[
    row("cordon-types", "crates/types", &[], true),
    row("cordon-wire", "crates/wire", &["cordon-types"], true),
    row("cordon-detect", "crates/detect", &["cordon-types"], true),
    row("cordon-flow", "crates/flow", &["cordon-types"], true),
    row("cordon-policy", "crates/policy", &["cordon-types", "cordon-tools"], true),
    row("cordon-ledger", "crates/ledger", &["cordon-types"], true),
    row("cordon-config", "crates/config", &["cordon-types"], true),
    row("cordon-gullible", "crates/gullible", &["cordon-types"], true),
    row("cordon-tools", "crates/tools", &["cordon-types"], true),
    row(
        "cordon-pipeline",
        "crates/pipeline",
        &[
            "cordon-types",
            "cordon-wire",
            "cordon-detect",
            "cordon-flow",
            "cordon-policy",
            "cordon-tools",
            "cordon-ledger",
        ],
        true,
    ),
    row("cordon-identity", "crates/identity", &["cordon-types"], true),
    row("cordon-approvals", "crates/approvals", &["cordon-types", "cordon-identity"], true),
    row("cordon-inventory", "crates/inventory", &["cordon-types", "cordon-detect"], true),
    row("cordon-supply", "crates/supply", &["cordon-types", "cordon-inventory"], true),
    row("cordon-export", "crates/export", &["cordon-types", "cordon-ledger"], true),
    row("cordon-api", "crates/api", &["cordon-types", "cordon-identity", "cordon-approvals"], true),
    row("cordon-govern", "crates/govern", &["cordon-types", "cordon-ledger"], true),
    row("cordon-watch", "crates/watch", &["cordon-types", "cordon-ledger"], true),
    row(
        "cordon-permissions",
        "crates/permissions",
        &["cordon-types", "cordon-policy", "cordon-ledger"],
        true,
    ),
    row(
        "cordon-store",
        "crates/store",
        &["cordon-types", "cordon-identity", "cordon-approvals", "cordon-ledger", "cordon-pipeline"],
        false,
    ),
    row("cordon-upstream", "crates/upstream", &["cordon-types", "cordon-policy"], false),
    row(
        "cordon-proxy",
        "crates/proxy",
        &[
            "cordon-types",
            "cordon-wire",
            "cordon-policy",
            "cordon-pipeline",
            "cordon-ledger",
            "cordon-identity",
            "cordon-tools",
            "cordon-upstream",
        ],
        false,
    ),
    row(
        "cordon-app",
        "crates/app",
        &[
            "cordon-types",
            "cordon-wire",
            "cordon-detect",
            "cordon-flow",
            "cordon-policy",
            "cordon-ledger",
            "cordon-config",
            "cordon-gullible",
            "cordon-govern",
            "cordon-watch",
            "cordon-permissions",
            "cordon-pipeline",
            "cordon-identity",
            "cordon-approvals",
            "cordon-store",
            "cordon-tools",
            "cordon-upstream",
            "cordon-proxy",
            "cordon-api",
            "cordon-inventory",
            "cordon-supply",
            "cordon-export",
        ],
        false,
    ),
    row(
        "cordon",
        "crates/cli",
        &[
            "cordon-app",
            "cordon-types",
            "cordon-config",
            "cordon-policy",
            "cordon-detect",
            "cordon-ledger",
            "cordon-inventory",
            "cordon-supply",
        ],
        false,
    ),
    row(
        "cordon-testkit",
        "crates/testkit",
        &["cordon-types", "cordon-wire", "cordon-ledger", "cordon-identity", "cordon-pipeline"],
        false,
    ),
    row("cordon-bench", "bench/tool", &["cordon-types", "cordon-ledger", "cordon-store"], false),
    row(
        "cordon-fuzz",
        "fuzz",
        &[
            "cordon-types",
            "cordon-wire",
            "cordon-detect",
            "cordon-flow",
            "cordon-policy",
            "cordon-ledger",
            "cordon-govern",
            "cordon-config",
            "cordon-export",
            "cordon-identity",
            "cordon-inventory",
            "cordon-supply",
            "cordon-pipeline",
            "cordon-tools",
        ],
        false,
    ),
    row("xtask", "xtask", &[], false),
];

/// External crates that only these may name. Tools for developers are not bound.
const RESERVED: &[(&str, &[&str])] = &[
    ("tokio", &["cordon-upstream", "cordon-proxy", "cordon-app"]),
    ("tokio-rustls", &["cordon-upstream", "cordon-proxy", "cordon-app"]),
    ("hyper", &["cordon-upstream", "cordon-proxy", "cordon-app"]),
    ("hyper-util", &["cordon-upstream", "cordon-proxy", "cordon-app"]),
    ("rustls", &["cordon-upstream", "cordon-proxy", "cordon-app"]),
    ("rustls-native-certs", &["cordon-upstream"]),
    ("rustls-pki-types", &["cordon-upstream", "cordon-proxy", "cordon-app"]),
    ("socket2", &["cordon-upstream", "cordon-proxy", "cordon-app"]),
    ("cedar-policy", &["cordon-policy"]),
    ("rusqlite", &["cordon-store"]),
    ("jsonschema", &["cordon-tools"]),
    ("getrandom", &["cordon-app"]),
    ("object_store", &["cordon-app"]),
    ("anyhow", &["cordon"]),
    ("axum", &[]),
    ("reqwest", &[]),
    ("sqlx", &[]),
];

const TOOLS: &[&str] = &["xtask", "cordon-bench", "cordon-fuzz"];

/// A crate as the check sees it: its name and its direct dependencies that are no tests'.
struct Crate {
    name: String,
    dependencies: Vec<String>,
}

/// Every arrow and every name that does not belong.
pub(crate) fn check() -> anyhow::Result<Vec<String>> {
    let mut findings = arrows(&crates(&Workspace::members_only()?));
    for source in sources::all()?.iter().filter(|s| s.is_rust() && !s.is_test()) {
        findings.extend(world(source));
    }
    Ok(findings)
}

fn crates(workspace: &Workspace) -> Vec<Crate> {
    let normal =
        |p: &Package| p.dependencies.iter().filter(|d| !d.is_of_tests()).map(|d| d.name.clone()).collect();
    workspace.members().map(|p| Crate { name: p.name.clone(), dependencies: normal(p) }).collect()
}

fn arrows(crates: &[Crate]) -> Vec<String> {
    let mut findings = Vec::new();
    for it in crates {
        let name = it.name.as_str();
        let Some(row) = TABLE.iter().find(|r| r.package == name) else {
            findings.push(format!("{name}: has no row in xtask/src/layers.rs; give it one"));
            continue;
        };
        for dependency in &it.dependencies {
            let ours = TABLE.iter().any(|r| r.package == dependency) || dependency.starts_with("cordon-");
            if ours && !row.may.contains(&dependency.as_str()) {
                findings.push(format!("{name}: may not depend on {dependency}"));
            }
            let reserved = RESERVED.iter().find(|(n, _)| n == dependency);
            if let Some((_, who)) = reserved
                && !who.contains(&name)
                && !TOOLS.contains(&name)
            {
                findings.push(format!("{name}: may not name {dependency}; only {who:?} may"));
            }
        }
    }
    findings
}

/// What reaches out into the world, in a crate that may not.
fn world(source: &Source) -> Vec<String> {
    let pure = TABLE.iter().any(|r| r.pure && source.path.starts_with(&format!("{}/src/", r.folder)));
    if !pure {
        return Vec::new();
    }
    // Tests stand last; what they read is their own.
    let product: String = source.text.lines().take(source.product_lines()).collect::<Vec<_>>().join("\n");
    let code = scan::code(&product);
    reaches(&code)
        .into_iter()
        .map(|(line, what)| {
            format!("{}:{line}: names {what}; take it as a value or a trait instead", source.path)
        })
        .collect()
}

/// The parts of `std` that reach out.
const OUT: &[&str] = &["fs", "env", "net", "process"];
/// Of `std::net`, what is a value alone.
const ADDRESSES: &[&str] =
    &["IpAddr", "Ipv4Addr", "Ipv6Addr", "SocketAddr", "SocketAddrV4", "SocketAddrV6", "AddrParseError"];

fn reaches(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for name in ["tokio", "hyper", "rustls", "rusqlite"] {
        found
            .extend(scan::words(code, name).into_iter().map(|at| (scan::line_of(code, at), name.to_owned())));
    }
    for call in ["SystemTime::now", "Instant::now"] {
        found
            .extend(scan::words(code, call).into_iter().map(|at| (scan::line_of(code, at), call.to_owned())));
    }
    for at in scan::words(code, "std") {
        let Some(path) = code.get(at + 3..).and_then(|c| c.trim_start().strip_prefix("::")) else { continue };
        for item in items(path) {
            let mut parts = item.split("::").map(str::trim);
            let module = parts.next().unwrap_or_default();
            if !OUT.contains(&module) {
                continue;
            }
            let inner = item.split_once("::").map_or("", |(_, rest)| rest);
            let only_addresses = module == "net"
                && !inner.is_empty()
                && items(inner)
                    .iter()
                    .all(|i| ADDRESSES.contains(&i.split("::").next().unwrap_or_default().trim()));
            if !only_addresses {
                found.push((scan::line_of(code, at), format!("std::{module}")));
            }
        }
    }
    found.sort();
    found
}

/// The paths that a path or a braced list stands for, one level deep: `{a::{b, c}, d}` gives `a::{b, c}` and `d`.
fn items(path: &str) -> Vec<&str> {
    let path = path.trim_start();
    let Some(list) = path.strip_prefix('{') else {
        let in_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let end = path.find(|c| !in_path(c)).unwrap_or(path.len());
        let plain = path.get(..end).unwrap_or_default();
        // `net::{...}`: the list belongs to it.
        return if plain.ends_with("::") { vec![with_list(path, end)] } else { vec![plain] };
    };
    let mut depth = 0_i32;
    let mut start = 0;
    let mut found = Vec::new();
    for (i, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(list.get(start..i).unwrap_or_default().trim());
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(list.get(start..i).unwrap_or_default().trim());
                start = i + 1;
            }
            _ => {}
        }
    }
    found.retain(|i| !i.is_empty());
    found
}

/// `path` with the braced list that begins at `at`.
fn with_list(path: &str, at: usize) -> &str {
    let mut depth = 0_i32;
    for (i, c) in path.char_indices().skip_while(|(i, _)| *i < at) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth <= 0 {
            return path.get(..i + c.len_utf8()).unwrap_or(path);
        }
    }
    path
}

#[cfg(test)]
#[path = "layers_tests.rs"]
mod tests;
