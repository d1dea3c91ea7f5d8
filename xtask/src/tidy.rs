//! Sizes, headers, names, links: the rules of `CONTRIBUTING.md` that a program can check.

use crate::sources::{self, Source};
use crate::workspace::Workspace;
use crate::{links, run, scan};
use std::collections::BTreeMap;

/// Most lines of a source file.
const FILE_LINES: usize = 600;
/// Most lines of a function.
const FUNCTION_LINES: usize = 70;
/// From so many crates on, none may be over a fifth of the product.
const CRATES_FOR_SHARES: usize = 10;
/// Names that say nothing.
const EMPTY_NAMES: &[&str] = &["common", "util", "utils", "helper", "helpers", "misc"];

/// Everything that is out of order.
pub(crate) fn check() -> anyhow::Result<Vec<String>> {
    let root = run::root();
    let sources = sources::all()?;
    let mut findings = Vec::new();
    for source in &sources {
        if source.is_rust() {
            findings.extend(sizes(source));
            findings.extend(header(source));
            findings.extend(globs(source));
        }
        if source.path.ends_with(".md") {
            findings.extend(links::broken(&root, source));
        }
        findings.extend(name(&source.path));
        findings.extend(machine(source));
    }
    findings.extend(shares(&product(&sources)));
    findings.extend(manifests(&Workspace::whole()?));
    Ok(findings)
}

fn sizes(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    let lines = source.text.lines().count();
    if lines > FILE_LINES {
        found.push(format!("{}: {lines} lines; a file stops at {FILE_LINES}", source.path));
    }
    for f in scan::functions(&scan::code(&source.text)).iter().filter(|f| f.lines > FUNCTION_LINES) {
        let (path, line, lines) = (&source.path, f.line, f.lines);
        found.push(format!(
            "{path}:{line}: `{}` has {lines} lines; a function stops at {FUNCTION_LINES}",
            f.name
        ));
    }
    found
}

fn header(source: &Source) -> Option<String> {
    let open = source.text.starts_with("//!") || source.is_test();
    (!open).then(|| {
        format!("{}: does not open with `//!`: say what it is for and what it does not do", source.path)
    })
}

fn globs(source: &Source) -> Vec<String> {
    if source.is_test() {
        return Vec::new();
    }
    let product: String = source.text.lines().take(source.product_lines()).collect::<Vec<_>>().join("\n");
    let code = scan::code(&product);
    let globs = scan::words(&code, "use").into_iter().filter(|at| {
        let statement = code.get(*at..).and_then(|c| c.split(';').next()).unwrap_or_default();
        // `use<'a>` in a type captures lifetimes.
        statement.contains('*') && !statement.starts_with("use<")
    });
    globs
        .map(|at| format!("{}:{}: a glob import; name what is used", source.path, scan::line_of(&code, at)))
        .collect()
}

fn name(path: &str) -> Option<String> {
    let empty = path.split('/').find(|part| {
        let stem = part.split('.').next().unwrap_or(part);
        EMPTY_NAMES.contains(&stem)
    })?;
    Some(format!("{path}: `{empty}` is a name that says nothing; name what it does"))
}

/// Traces of one machine: its paths, and addresses of package registries. Lock files name the public registries
/// only, where their format makes them.
fn machine(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    // Put together here, so that this file does not find itself.
    let paths =
        [["/work", "/main"], ["/work", "/shared"], ["/work", "/."], ["/root", "/."], ["/tmp", "/target-"]];
    for path in paths.map(|p| p.concat()) {
        if let Some(at) = source.text.find(&path) {
            let line = scan::line_of(&source.text, at);
            found.push(format!("{}:{line}: names a path of one machine", source.path));
        }
    }
    let hosts = [
        ["index.crates", ".io"],
        ["pypi", ".org"],
        ["registry.npmjs", ".org"],
        ["files.python", "hosted.org"],
    ];
    let lock = source.path.ends_with("package-lock.json") || source.path == "Cargo.lock";
    for host in hosts.map(|h| h.concat()).iter().filter(|_| !lock) {
        if let Some(at) = source.text.find(host.as_str()) {
            let line = scan::line_of(&source.text, at);
            found.push(format!(
                "{}:{line}: names a package registry's host; name the package alone",
                source.path
            ));
        }
    }
    if source.path.ends_with("package-lock.json") {
        let public = format!("\"resolved\": \"https://{}/", hosts[2].concat());
        let strange = |l: &&str| l.contains("\"resolved\": \"") && !l.contains(&public);
        if source.text.lines().any(|l| strange(&l)) {
            found.push(format!("{}: names another registry than the public one", source.path));
        }
    }
    found
}

/// Lines of each crate that are product.
fn product(sources: &[Source]) -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    for source in sources.iter().filter(|s| s.is_rust() && !s.is_test()) {
        let krate = source.path.strip_prefix("crates/").and_then(|p| p.split('/').next());
        if let Some(krate) = krate.filter(|k| *k != "testkit") {
            *lines.entry(krate.to_owned()).or_insert(0) += source.product_lines();
        }
    }
    lines
}

fn shares(lines: &BTreeMap<String, usize>) -> Vec<String> {
    let all: usize = lines.values().sum();
    if lines.len() < CRATES_FOR_SHARES {
        return Vec::new();
    }
    let large = lines.iter().filter(|(_, n)| **n * 5 > all);
    large
        .map(|(krate, n)| format!("crates/{krate}: {n} of {all} lines; no crate is over a fifth: split it"))
        .collect()
}

fn manifests(workspace: &Workspace) -> Vec<String> {
    let mut found = Vec::new();
    for package in &workspace.packages {
        if package.source.as_ref().is_some_and(|s| s.starts_with("git+")) {
            found.push(format!("{}: comes from git; take a release", package.name));
        }
    }
    for package in workspace.members() {
        if !package.features.is_empty() {
            let names: Vec<&str> = package.features.keys().map(String::as_str).collect();
            found.push(format!("{}: has features ({}); make them settings", package.name, names.join(", ")));
        }
    }
    found
}

#[cfg(test)]
#[path = "tidy_tests.rs"]
mod tests;
