//! CycloneDX 1.6 (ECMA-424) as JSON: components, machine-learning models with their cards, services with their data.

use super::{Bom, Kind, Part};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The document.
#[must_use]
pub fn cyclonedx(bom: &Bom) -> Value {
    let mut taken = BTreeSet::new();
    let (mut components, mut services) = (Vec::new(), Vec::new());
    for part in &bom.parts {
        let reference = reference(part, &mut taken);
        if part.kind == Kind::Service {
            services.push(service(part, &reference));
        } else {
            components.push(component(part, &reference));
        }
    }
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": format!("urn:uuid:{}", bom.serial),
        "version": 1,
        "metadata": {
            "timestamp": bom.at,
            "tools": {"components": [{"type": "application", "name": "cordon", "version": bom.version}]},
            "component": {"type": "application", "bom-ref": "subject", "name": bom.subject},
        },
        "components": components,
        "services": services,
    })
}

/// A name for the part within the document: its package URL, or its kind and name; a number where that is taken.
fn reference(part: &Part, taken: &mut BTreeSet<String>) -> String {
    let base = part.purl().unwrap_or_else(|| format!("{}:{}", word(part.kind), part.name));
    let mut reference = base.clone();
    let mut n = 2;
    while !taken.insert(reference.clone()) {
        reference = format!("{base}#{n}");
        n += 1;
    }
    reference
}

const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Library => "library",
        Kind::Framework => "framework",
        Kind::Application => "application",
        Kind::Container => "container",
        Kind::Model => "machine-learning-model",
        Kind::Data => "data",
        Kind::File => "file",
        Kind::Service => "service",
    }
}

fn component(part: &Part, reference: &str) -> Value {
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| out.insert(name.to_owned(), value);
    put("type", json!(word(part.kind)));
    put("bom-ref", json!(reference));
    put("name", json!(part.name));
    if let Some(version) = &part.version {
        put("version", json!(version));
    }
    if let Some(vendor) = &part.vendor {
        put("publisher", json!(vendor));
    }
    if let Some(purl) = part.purl() {
        put("purl", json!(purl));
    }
    if let Some(licence) = &part.licence {
        put("licenses", json!([{"license": {"name": licence}}]));
    }
    if part.kind == Kind::Model {
        let mut parameters = Map::new();
        if let Some(architecture) = &part.architecture {
            parameters.insert("modelArchitecture".to_owned(), json!(architecture));
        }
        put("modelCard", json!({"modelParameters": parameters}));
    }
    if !part.properties.is_empty() {
        put("properties", properties(part));
    }
    if !part.places.is_empty() {
        put(
            "evidence",
            json!({"occurrences": part.places.iter().map(|p| occurrence(p)).collect::<Vec<_>>()}),
        );
    }
    Value::Object(out)
}

fn properties(part: &Part) -> Value {
    part.properties.iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
}

fn occurrence(place: &str) -> Value {
    let lined = place.rsplit_once(':').and_then(|(file, line)| Some((file, line.parse::<u64>().ok()?)));
    match lined {
        Some((file, line)) if !file.is_empty() => json!({"location": file, "line": line}),
        _ => json!({"location": place}),
    }
}

fn service(part: &Part, reference: &str) -> Value {
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| out.insert(name.to_owned(), value);
    put("bom-ref", json!(reference));
    put("name", json!(part.name));
    if let Some(vendor) = &part.vendor {
        put("provider", json!({"name": vendor}));
    }
    if !part.endpoints.is_empty() {
        put("endpoints", json!(part.endpoints));
    }
    if let Some(class) = &part.data_class {
        // What it may see goes out to it; what comes back is not known.
        put("data", json!([{"flow": "outbound", "classification": class}]));
    }
    if !part.properties.is_empty() {
        put("properties", properties(part));
    }
    Value::Object(out)
}
