//! Reads CycloneDX (1.2 to 1.7) and SPDX (2.2, 2.3, 3.0) documents in JSON: names, versions, package URLs, models,
//! services.
//!
//! What always holds: a document is bounded in bytes, depth (the JSON reader's own 128) and parts; fields that are not
//! known are passed over; a part without a name is left out. Signatures and hashes in it are not verified here.

use super::{Kind, Part, purl};
use cordon_inventory::asset::clipped;
use serde_json::Value;

/// Largest document.
pub(super) const MAX_DOCUMENT: usize = 256 << 20;
/// Most parts of one document.
const MAX_PARTS: usize = 500_000;

/// Why it is no bill of materials.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ReadError {
    /// Too large.
    #[error("it is larger than any bill of materials")]
    TooLarge,
    /// No JSON.
    #[error("it is no JSON: {0}")]
    Json(String),
    /// Neither format, or a version that is not known.
    #[error("it is neither CycloneDX 1.2 to 1.7 nor SPDX 2.2 to 3.0 as JSON: {0}")]
    Format(String),
    /// More parts than a document may have.
    #[error("it has more than {MAX_PARTS} parts")]
    TooMany,
}

/// Reads a document.
///
/// # Errors
/// When it is no bill of materials.
pub fn read(bytes: &[u8]) -> Result<Vec<Part>, ReadError> {
    if bytes.len() > MAX_DOCUMENT {
        return Err(ReadError::TooLarge);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let root: Value = serde_json::from_slice(bytes).map_err(|e| ReadError::Json(e.to_string()))?;
    let mut out = Vec::new();
    if let Some(version) = text(&root, "spdxVersion") {
        if !matches!(version, "SPDX-2.2" | "SPDX-2.3") {
            return Err(ReadError::Format(clipped(version.to_owned())));
        }
        for package in list(&root, "packages") {
            push(spdx_2(package), &mut out)?;
        }
    } else if text(&root, "bomFormat").is_some_and(|f| f == "CycloneDX") {
        let version = text(&root, "specVersion").unwrap_or_default();
        if !matches!(version, "1.2" | "1.3" | "1.4" | "1.5" | "1.6" | "1.7") {
            return Err(ReadError::Format(format!("CycloneDX {}", clipped(version.to_owned()))));
        }
        components(&root, &mut out)?;
        services(&root, &mut out)?;
    } else if root.get("@graph").is_some() {
        for element in list(&root, "@graph") {
            push(spdx_3(element), &mut out)?;
        }
    } else {
        return Err(ReadError::Format("it names no format".to_owned()));
    }
    Ok(out)
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str).map(str::trim).filter(|t| !t.is_empty())
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn owned(value: &Value, key: &str) -> Option<String> {
    text(value, key).map(|t| clipped(t.to_owned()))
}

fn push(part: Option<Part>, out: &mut Vec<Part>) -> Result<(), ReadError> {
    if out.len() >= MAX_PARTS {
        return Err(ReadError::TooMany);
    }
    out.extend(part);
    Ok(())
}

/// A part with what its package URL says, which is more exact than its name.
fn part(kind: Kind, name: Option<String>, version: Option<String>, url: Option<&str>) -> Option<Part> {
    let found = url.and_then(purl::parse);
    let mut part = Part::new(kind, name.or_else(|| found.as_ref().map(|(_, n, _)| n.clone()))?);
    part.version = version;
    if let Some((ecosystem, name, version)) = found {
        part.ecosystem = Some(ecosystem);
        part.name = clipped(name);
        part.version = version.map(clipped).or(part.version);
    }
    Some(part)
}

/// Components may stand within components; the reader's bound on depth bounds this.
fn components(parent: &Value, out: &mut Vec<Part>) -> Result<(), ReadError> {
    for value in list(parent, "components") {
        let kind = match text(value, "type").unwrap_or_default() {
            "machine-learning-model" => Kind::Model,
            "framework" => Kind::Framework,
            "application" => Kind::Application,
            "container" => Kind::Container,
            "data" => Kind::Data,
            "file" => Kind::File,
            _ => Kind::Library,
        };
        let mut found = part(kind, owned(value, "name"), owned(value, "version"), text(value, "purl"));
        if let Some(part) = &mut found {
            // npm scopes and Maven groups stand apart where there is no package URL.
            if let Some(group) = text(value, "group").filter(|_| part.ecosystem.is_none()) {
                part.name = clipped(format!("{group}/{}", part.name));
            }
            part.vendor = owned(value, "publisher")
                .or_else(|| value.get("supplier").and_then(|s| owned(s, "name")))
                .or_else(|| value.get("manufacturer").and_then(|s| owned(s, "name")));
            let licence = list(value, "licenses").first();
            let licence = licence.and_then(|l| {
                let named = l.get("license").and_then(|l| owned(l, "id").or_else(|| owned(l, "name")));
                named.or_else(|| owned(l, "expression"))
            });
            part.licence = licence;
            let card = value.get("modelCard").and_then(|c| c.get("modelParameters"));
            part.architecture = card.and_then(|c| owned(c, "modelArchitecture"));
        }
        push(found, out)?;
        components(value, out)?;
    }
    Ok(())
}

fn services(parent: &Value, out: &mut Vec<Part>) -> Result<(), ReadError> {
    for value in list(parent, "services") {
        let mut found = part(Kind::Service, owned(value, "name"), owned(value, "version"), None);
        if let Some(part) = &mut found {
            part.vendor = value.get("provider").and_then(|p| owned(p, "name"));
            let endpoints = list(value, "endpoints").iter().filter_map(Value::as_str);
            part.endpoints = endpoints.take(50).map(|e| clipped(e.to_owned())).collect();
            part.data_class = list(value, "data").first().and_then(|d| owned(d, "classification"));
        }
        push(found, out)?;
        services(value, out)?;
    }
    Ok(())
}

fn spdx_2(value: &Value) -> Option<Part> {
    let comment = text(value, "comment").unwrap_or_default();
    let kind = match text(value, "primaryPackagePurpose").unwrap_or_default() {
        "FRAMEWORK" => Kind::Framework,
        "APPLICATION" => Kind::Application,
        "CONTAINER" => Kind::Container,
        "FILE" => Kind::File,
        // What this program's own documents say in a comment, since 2.3 has no word for it.
        "OTHER" if comment.starts_with("machine-learning model") => Kind::Model,
        "OTHER" if comment.starts_with("data set") => Kind::Data,
        "OTHER" if comment.starts_with("service") => Kind::Service,
        _ => Kind::Library,
    };
    let references = list(value, "externalRefs").iter();
    let url = references
        .filter(|r| text(r, "referenceType") == Some("purl"))
        .find_map(|r| text(r, "referenceLocator"));
    let mut part = part(kind, owned(value, "name"), owned(value, "versionInfo"), url)?;
    let supplier = text(value, "supplier").filter(|s| *s != "NOASSERTION");
    part.vendor = supplier.map(|s| clipped(s.split_once(": ").map_or(s, |(_, name)| name).to_owned()));
    let licence = text(value, "licenseDeclared").filter(|l| !matches!(*l, "NOASSERTION" | "NONE"));
    part.licence = licence.map(|l| clipped(l.to_owned()));
    if kind == Kind::Service {
        let reached = comment.lines().filter_map(|l| l.strip_prefix("reached at "));
        part.endpoints = reached.take(50).map(|e| clipped(e.to_owned())).collect();
    }
    Some(part)
}

/// An element of SPDX 3.0's graph.
fn spdx_3(value: &Value) -> Option<Part> {
    let kind = match text(value, "type").or_else(|| text(value, "@type"))? {
        "software_Package" => match text(value, "software_primaryPurpose").unwrap_or_default() {
            "framework" => Kind::Framework,
            "application" => Kind::Application,
            "container" => Kind::Container,
            "model" => Kind::Model,
            "data" => Kind::Data,
            "file" => Kind::File,
            _ => Kind::Library,
        },
        "ai_AIPackage" => Kind::Model,
        "dataset_DatasetPackage" => Kind::Data,
        _ => return None,
    };
    let identifiers = list(value, "externalIdentifier").iter();
    let listed = identifiers
        .filter(|i| text(i, "externalIdentifierType") == Some("packageUrl"))
        .find_map(|i| text(i, "identifier"));
    let url = text(value, "software_packageUrl").or(listed);
    part(kind, owned(value, "name"), owned(value, "software_packageVersion"), url)
}
