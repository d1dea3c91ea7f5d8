//! SPDX 2.3 (ISO/IEC 5962's successor) as JSON: a package a part, all described by the document. The purposes that 2.3
//! knows have none for models and services: those are `OTHER`, and say so in a comment.

use super::{Bom, Kind, Part};
use serde_json::{Map, Value, json};

/// The document.
#[must_use]
pub fn spdx(bom: &Bom) -> Value {
    let packages: Vec<Value> = bom.parts.iter().enumerate().map(|(n, p)| package(n, p)).collect();
    let relationships: Vec<Value> = (0..packages.len())
        .map(|n| {
            json!({
                "spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES",
                "relatedSpdxElement": format!("SPDXRef-{n}"),
            })
        })
        .collect();
    json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": bom.subject,
        "documentNamespace": format!("urn:uuid:{}", bom.serial),
        "creationInfo": {"created": bom.at, "creators": [format!("Tool: cordon-{}", bom.version)]},
        "packages": packages,
        "relationships": relationships,
    })
}

fn package(n: usize, part: &Part) -> Value {
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| out.insert(name.to_owned(), value);
    let (purpose, told) = match part.kind {
        Kind::Library => ("LIBRARY", ""),
        Kind::Framework => ("FRAMEWORK", ""),
        Kind::Application => ("APPLICATION", ""),
        Kind::Container => ("CONTAINER", ""),
        Kind::File => ("FILE", ""),
        Kind::Model => ("OTHER", "machine-learning model"),
        Kind::Data => ("OTHER", "data set"),
        Kind::Service => ("OTHER", "service"),
    };
    put("SPDXID", json!(format!("SPDXRef-{n}")));
    put("name", json!(part.name));
    if let Some(version) = &part.version {
        put("versionInfo", json!(version));
    }
    put("downloadLocation", json!("NOASSERTION"));
    put("filesAnalyzed", json!(false));
    put("primaryPackagePurpose", json!(purpose));
    if let Some(vendor) = &part.vendor {
        put("supplier", json!(format!("Organization: {vendor}")));
    }
    if let Some(purl) = part.purl() {
        let reference = json!({"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl});
        put("externalRefs", json!([reference]));
    }
    let mut comment: Vec<String> = Vec::new();
    if !told.is_empty() {
        comment.push(told.to_owned());
    }
    if let Some(licence) = &part.licence {
        comment.push(format!("its file says of its licence: {licence}"));
    }
    comment.extend(part.endpoints.iter().map(|e| format!("reached at {e}")));
    comment.extend(part.properties.iter().map(|(name, value)| format!("{name}: {value}")));
    if !comment.is_empty() {
        put("comment", json!(comment.join("\n")));
    }
    if !part.places.is_empty() {
        put("sourceInfo", json!(part.places.join(", ")));
    }
    Value::Object(out)
}
