//! Real files: samples of real logs, lock files that the real tools made, and this workspace's own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's own functions")]

use cordon_inventory::code::{FileKind, dependencies};
use cordon_inventory::logs::{LogScan, Usage};
use cordon_inventory::{Sink, scan_file};
use std::path::Path;

fn fixture(path: &str) -> String {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&whole).unwrap_or_else(|e| panic!("{}: {e}", whole.display()))
}

#[test]
fn real_logs_are_told_and_read_to_the_last_line() {
    for (name, format, events) in [
        ("zeek-ssl.log", "zeek-tsv", 20),
        ("zeek-dns.log", "zeek-tsv", 20),
        ("zeek-ssl.ndjson", "zeek-json", 20),
        ("zeek-dns.ndjson", "zeek-json", 20),
        ("suricata-eve.ndjson", "suricata", 3),
        ("route53.json", "route53", 1),
        ("paloalto-traffic.csv", "paloalto", 1),
    ] {
        let text = fixture(&format!("tests/fixtures/logs/{name}"));
        let mut usage = Usage::default();
        let mut scan = LogScan::new(name, None, 2026, &mut usage);
        scan.push(text.as_bytes()).unwrap();
        let (told, counts) = scan.finish().unwrap();
        assert_eq!(told.map(|f| f.name()), Some(format), "{name}");
        assert_eq!((counts.events, counts.unreadable, counts.hits), (events, 0, 0), "{name}");
    }
}

fn found(place: &str, text: &str) -> Vec<(String, u64)> {
    let mut sink = Sink::new(place);
    scan_file(FileKind::of(place).unwrap(), text.as_bytes(), 0, &mut sink);
    sink.found.iter().map(|s| (s.id.key.clone(), s.evidence.line)).collect()
}

#[test]
fn the_workspaces_own_lock_files() {
    let cargo = fixture("../../Cargo.lock");
    let all = dependencies(FileKind::CargoLock, &cargo);
    assert_eq!(all.len(), cargo.matches("[[package]]").count());
    assert!(all.iter().all(|d| d.version.is_some() && d.line > 0));
    let npm = fixture("../../tests/e2e/ts/package-lock.json");
    let got = found("package-lock.json", &npm);
    for want in ["npm/openai", "npm/@anthropic-ai/sdk"] {
        let (_, line) = got.iter().find(|(k, _)| k == want).unwrap_or_else(|| panic!("{want} in {got:?}"));
        let text = npm.lines().nth(usize::try_from(*line).unwrap() - 1).unwrap();
        assert!(text.contains(&format!("node_modules/{}", want.strip_prefix("npm/").unwrap())), "{text}");
    }
    let python = found("requirements.txt", &fixture("../../tests/e2e/requirements.txt"));
    assert!(python.iter().any(|(k, _)| k == "pypi/openai"), "{python:?}");
}

#[test]
fn lock_files_of_the_real_tools() {
    for (file, place, count, want) in [
        ("uv.lock", "uv.lock", 37, &[("pypi/openai", "1.51.0"), ("pypi/mcp", "1.")][..]),
        (
            "npm-1.json",
            "package-lock.json",
            0,
            &[("npm/openai", "4.67.0"), ("npm/@anthropic-ai/sdk", "0.28.0")],
        ),
        ("yarn.lock", "yarn.lock", 0, &[("npm/openai", "4.67.0"), ("npm/@anthropic-ai/sdk", "0.28.0")]),
        (
            "pnpm-lock.yaml",
            "pnpm-lock.yaml",
            0,
            &[("npm/openai", "4.67.0"), ("npm/@anthropic-ai/sdk", "0.28.0")],
        ),
    ] {
        let text = fixture(&format!("tests/fixtures/locks/{file}"));
        let kind = FileKind::of(place).unwrap();
        let all = dependencies(kind, &text);
        if count > 0 {
            assert_eq!(all.len(), count, "{file}");
        }
        // Every tool resolved the same packages for the same project.
        if kind != FileKind::PythonLock {
            let names: std::collections::BTreeSet<_> = all.iter().map(|d| d.name.as_str()).collect();
            assert!(names.contains("node-fetch") && names.contains("@types/node"), "{file}: {names:?}");
        }
        for (key, version) in want {
            let name = key.split_once('/').unwrap().1;
            let found = all.iter().find(|d| d.name == *name).unwrap_or_else(|| panic!("{name} in {file}"));
            assert!(found.version.as_ref().unwrap().starts_with(version), "{file}: {found:?}");
            let line = text.lines().nth(usize::try_from(found.line).unwrap() - 1).unwrap();
            assert!(line.contains(name), "{file}: {line}");
        }
    }
}
