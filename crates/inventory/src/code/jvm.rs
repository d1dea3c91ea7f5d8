//! Maven and Gradle: `pom.xml`, build files, version catalogues, lock files. A name is `group:artifact`.

use super::{Found, LineCount, line_of, numbered};
use quick_xml::Reader;
use quick_xml::events::Event;
use toml::{Table, Value};

/// Most elements of one XML file that are read.
const MAX_ELEMENTS: usize = 500_000;

/// `<dependency>` with `<groupId>`, `<artifactId>` and `<version>`; properties stay as written.
pub(super) fn pom(text: &str, found: &mut Found) {
    let mut reader = Reader::from_str(text);
    let mut lines = LineCount::new(text);
    let (mut group, mut artifact, mut version) = (String::new(), String::new(), String::new());
    let mut tag = String::new();
    let (mut within, mut line) = (false, 0);
    for _ in 0..MAX_ELEMENTS {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(0);
        match reader.read_event() {
            Ok(Event::Start(e)) => {
                tag = e.local_name().as_ref().to_owned();
                if matches!(tag.as_str(), "dependency" | "plugin" | "parent") {
                    within = true;
                    line = lines.of(at);
                    (group, artifact, version) = Default::default();
                } else if matches!(tag.as_str(), "exclusion") {
                    within = false;
                }
            }
            Ok(Event::Text(t)) if within => {
                let value = t.xml10_content().trim().to_owned();
                match tag.as_str() {
                    "groupId" if group.is_empty() => group = value,
                    "artifactId" if artifact.is_empty() => artifact = value,
                    "version" if version.is_empty() => version = value,
                    _ => {}
                }
            }
            Ok(Event::End(e)) => {
                tag.clear();
                let name = e.local_name();
                if matches!(name.as_ref(), "dependency" | "plugin" | "parent") {
                    named(&group, &artifact, &version, line, found);
                    within = false;
                    (group, artifact, version) = Default::default();
                } else if name.as_ref() == "exclusion" {
                    within = !artifact.is_empty();
                }
            }
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
}

fn named(group: &str, artifact: &str, version: &str, line: u64, found: &mut Found) {
    if group.is_empty() || artifact.is_empty() {
        return;
    }
    let name = format!("{group}:{artifact}");
    if version.starts_with(|c: char| c.is_ascii_digit()) {
        found.locked(&name, version, line);
    } else {
        found.wanted(&name, version, line);
    }
}

/// `implementation("group:artifact:version")` and `group: 'g', name: 'a', version: 'v'`, in Groovy and Kotlin.
pub(super) fn gradle(text: &str, found: &mut Found) {
    for (n, line) in numbered(text) {
        let line = line.trim_start();
        if line.starts_with("//") || line.starts_with('*') {
            continue;
        }
        let mut pair = [""; 3];
        for (slot, key) in pair.iter_mut().zip(["group", "name", "version"]) {
            *slot = argument(line, key).unwrap_or("");
        }
        if let [group, name, version] = pair
            && !group.is_empty()
            && !name.is_empty()
        {
            named(group, name, version, n, found);
            continue;
        }
        for quoted in line.split(['"', '\'']).skip(1).step_by(2) {
            coordinates(quoted, n, found);
        }
    }
}

/// The quoted value of `key: 'value'` or `key = "value"`.
fn argument<'t>(line: &'t str, key: &str) -> Option<&'t str> {
    let at = line.find(key)?;
    let rest = line.get(at + key.len()..)?.trim_start().strip_prefix([':', '='])?.trim_start();
    rest.strip_prefix(['"', '\''])?.split(['"', '\'']).next()
}

/// `group:artifact[:version[:classifier]]`, where a group has a dot in it.
fn coordinates(text: &str, line: u64, found: &mut Found) {
    let mut parts = text.split(':');
    let (Some(group), Some(artifact)) = (parts.next(), parts.next()) else { return };
    let is_name = |s: &str| {
        !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    };
    if group.contains('.') && is_name(group) && is_name(artifact) {
        named(group, artifact, parts.next().unwrap_or(""), line, found);
    }
}

/// `[libraries]` of `libs.versions.toml`.
pub(super) fn version_catalogue(text: &str, found: &mut Found) {
    let Ok(root) = text.parse::<Table>() else { return };
    for (alias, value) in root.get("libraries").and_then(Value::as_table).into_iter().flatten() {
        let line = line_of(text, alias);
        let field = |key: &str| value.get(key).and_then(Value::as_str);
        let reference = value.get("version").and_then(|v| v.get("ref")).and_then(Value::as_str);
        let version = reference
            .and_then(|r| root.get("versions")?.get(r)?.as_str())
            .or_else(|| field("version"))
            .unwrap_or("");
        if let Some(whole) = value.as_str() {
            coordinates(whole, line, found);
        } else if let Some((group, name)) = field("module").and_then(|m| m.split_once(':')) {
            named(group, name, version, line, found);
        } else if let (Some(group), Some(name)) = (field("group"), field("name")) {
            named(group, name, version, line, found);
        }
    }
}

/// `group:artifact:version=configurations`.
pub(super) fn gradle_lock(text: &str, found: &mut Found) {
    for (n, line) in numbered(text) {
        if let Some((whole, _)) = line.split_once('=') {
            coordinates(whole, n, found);
        }
    }
}
