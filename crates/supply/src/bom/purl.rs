//! Package URLs (`pkg:type/namespace/name@version`), of the registries that are known here.
//!
//! What always holds: what was written is read to the same. Qualifiers and subpaths are passed over.

use crate::Ecosystem;

/// A package's URL.
#[must_use]
pub fn purl(ecosystem: Ecosystem, name: &str, version: Option<&str>) -> String {
    let name = match ecosystem {
        Ecosystem::PyPi => ecosystem.canonical(name),
        Ecosystem::Maven => name.replacen(':', "/", 1),
        _ => name.to_owned(),
    };
    let path: Vec<String> = name.split('/').map(encoded).collect();
    let version = version.map_or_else(String::new, |v| format!("@{}", encoded(v)));
    format!("pkg:{}/{}{version}", ecosystem.purl(), path.join("/"))
}

/// The registry, name and version of a URL; nothing where it is of another registry, or none.
#[must_use]
pub fn parse(text: &str) -> Option<(Ecosystem, String, Option<String>)> {
    let rest = text.trim().strip_prefix("pkg:")?.trim_start_matches('/');
    let rest = rest.split(['?', '#']).next()?;
    let (kind, path) = rest.split_once('/')?;
    let ecosystem = Ecosystem::from_purl(&kind.to_ascii_lowercase())?;
    // A scope's `@` comes first and is encoded; the version's is the last.
    let (path, version) = match path.rsplit_once('@') {
        Some((path, version)) if !path.is_empty() => (path, Some(decoded(version)?)),
        _ => (path, None),
    };
    let parts: Vec<String> = path.split('/').filter(|p| !p.is_empty()).map(decoded).collect::<Option<_>>()?;
    let name = match (ecosystem, parts.as_slice()) {
        (_, []) => return None,
        (Ecosystem::Maven, [group, artifact]) => format!("{group}:{artifact}"),
        (Ecosystem::Maven, _) => return None,
        _ => parts.join("/"),
    };
    Some((ecosystem, name, version.filter(|v| !v.is_empty())))
}

fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' | b':' => {
                out.push(char::from(byte))
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            out.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}
