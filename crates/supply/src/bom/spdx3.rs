//! SPDX 3.0.1 as JSON-LD: packages of the software profile, models of the AI profile, one document over them.
//! A service has no class of its own there; it stands as a package whose purpose is `other`.

use super::{Bom, Kind, Part};
use serde_json::{Map, Value, json};

/// The document.
#[must_use]
pub fn spdx3(bom: &Bom) -> Value {
    let id = |what: &str| format!("urn:uuid:{}#{what}", bom.serial);
    let made = "_:creation";
    let mut graph = vec![
        json!({
            "type": "CreationInfo", "@id": made, "specVersion": "3.0.1", "created": bom.at,
            "createdBy": [id("agent")], "createdUsing": [id("tool")],
        }),
        json!({"type": "SoftwareAgent", "spdxId": id("agent"), "creationInfo": made, "name": "cordon"}),
        json!({
            "type": "Tool", "spdxId": id("tool"), "creationInfo": made,
            "name": format!("cordon-{}", bom.version),
        }),
    ];
    let parts: Vec<String> = (0..bom.parts.len()).map(|n| id(&format!("part-{n}"))).collect();
    graph.push(json!({
        "type": "SpdxDocument", "spdxId": id("document"), "creationInfo": made, "name": bom.subject,
        "profileConformance": ["core", "software", "ai"], "rootElement": [id("bom")],
    }));
    graph.push(json!({
        "type": "software_Sbom", "spdxId": id("bom"), "creationInfo": made, "name": bom.subject,
        "rootElement": parts, "element": parts,
    }));
    for (part, id) in bom.parts.iter().zip(&parts) {
        graph.push(element(part, id, made));
    }
    json!({"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": graph})
}

fn element(part: &Part, id: &str, made: &str) -> Value {
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| out.insert(name.to_owned(), value);
    let (class, purpose) = match part.kind {
        Kind::Model => ("ai_AIPackage", "model"),
        Kind::Data => ("software_Package", "data"),
        Kind::Library => ("software_Package", "library"),
        Kind::Framework => ("software_Package", "framework"),
        Kind::Application => ("software_Package", "application"),
        Kind::Container => ("software_Package", "container"),
        Kind::File => ("software_Package", "file"),
        Kind::Service => ("software_Package", "other"),
    };
    put("type", json!(class));
    put("spdxId", json!(id));
    put("creationInfo", json!(made));
    put("name", json!(part.name));
    put("software_primaryPurpose", json!(purpose));
    if let Some(version) = &part.version {
        put("software_packageVersion", json!(version));
    }
    if let Some(purl) = part.purl() {
        put("software_packageUrl", json!(purl));
    }
    if let Some(architecture) = part.architecture.as_ref().filter(|_| part.kind == Kind::Model) {
        put("ai_typeOfModel", json!([architecture]));
    }
    let mut comment: Vec<String> = part.vendor.iter().map(|v| format!("of {v}")).collect();
    comment.extend(part.licence.iter().map(|l| format!("its file says of its licence: {l}")));
    comment.extend(part.endpoints.iter().map(|e| format!("reached at {e}")));
    comment.extend(part.properties.iter().map(|(name, value)| format!("{name}: {value}")));
    if !comment.is_empty() {
        put("comment", json!(comment.join("\n")));
    }
    Value::Object(out)
}
