//! NuGet: project files, central versions, `packages.config`, `packages.lock.json`.

use super::{Found, LineCount};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::Value;

/// Most elements of one project file that are read.
const MAX_ELEMENTS: usize = 200_000;

/// `PackageReference`, `PackageVersion` and `package` elements, with the version as attribute or element.
pub(super) fn project(text: &str, found: &mut Found) {
    let mut reader = Reader::from_str(text);
    let mut lines = LineCount::new(text);
    let mut open: Option<(String, u64)> = None;
    let mut in_version = false;
    for _ in 0..MAX_ELEMENTS {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(0);
        match reader.read_event() {
            Ok(Event::Empty(e)) => {
                if let Some((name, version)) = reference(&e) {
                    told(&name, &version, lines.of(at), found);
                }
            }
            Ok(Event::Start(e)) => {
                in_version = open.is_some() && e.local_name().as_ref() == "Version";
                if let Some((name, version)) = reference(&e) {
                    let line = lines.of(at);
                    if version.is_empty() {
                        open = Some((name, line));
                    } else {
                        told(&name, &version, line, found);
                    }
                }
            }
            Ok(Event::Text(t)) if in_version => {
                if let Some((name, line)) = open.take() {
                    told(&name, t.xml10_content().trim(), line, found);
                }
            }
            Ok(Event::End(e)) => {
                in_version = false;
                if is_reference(e.local_name().as_ref())
                    && let Some((name, line)) = open.take()
                {
                    told(&name, "", line, found);
                }
            }
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
}

fn is_reference(tag: &str) -> bool {
    matches!(tag, "PackageReference" | "PackageVersion" | "package" | "GlobalPackageReference")
}

fn reference(element: &BytesStart<'_>) -> Option<(String, String)> {
    if !is_reference(element.local_name().as_ref()) {
        return None;
    }
    let (mut name, mut version) = (String::new(), String::new());
    for attribute in element.attributes().flatten() {
        let value = attribute.value.clone().into_owned();
        match attribute.key.local_name().as_ref() {
            "Include" | "Update" | "id" => name = value,
            "Version" | "version" | "VersionOverride" => version = value,
            _ => {}
        }
    }
    (!name.is_empty()).then_some((name, version))
}

fn told(name: &str, version: &str, line: u64, found: &mut Found) {
    if version.starts_with(|c: char| c.is_ascii_digit()) && !version.contains('*') {
        found.locked(name, version, line);
    } else {
        found.wanted(name, version, line);
    }
}

/// `dependencies`, by framework, then by name, with `resolved`.
pub(super) fn lock(text: &str, found: &mut Found) {
    let Ok(root) = serde_json::from_str::<Value>(text) else { return };
    for (_, framework) in root.get("dependencies").and_then(Value::as_object).into_iter().flatten() {
        for (name, value) in framework.as_object().into_iter().flatten() {
            let resolved = value.get("resolved").and_then(Value::as_str).unwrap_or("");
            if value.get("type").and_then(Value::as_str) != Some("Project") {
                found.locked(name, resolved, found.line(name, text, &format!("\"{name}\"")));
            }
        }
    }
}
