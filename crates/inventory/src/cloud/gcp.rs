//! Cloud Asset Inventory of Google Cloud: `searchAllResources`, lists, and the export as NDJSON.
//!
//! What always holds: facts come from `resource.data`. `additionalAttributes` are not read: Google keeps no promise on
//! them.

use super::{CloudRead, items, push, resource, text};
use crate::asset::{AssetKind, Attribute, Sink};
use serde_json::Value;

const TYPES: [(&str, AssetKind, &str); 6] = [
    ("aiplatform.googleapis.com/Endpoint", AssetKind::Endpoint, "model endpoint"),
    ("aiplatform.googleapis.com/Index", AssetKind::Endpoint, "vector index"),
    ("aiplatform.googleapis.com/IndexEndpoint", AssetKind::Endpoint, "vector index endpoint"),
    ("aiplatform.googleapis.com/Model", AssetKind::Model, "own model"),
    ("aiplatform.googleapis.com/ReasoningEngine", AssetKind::Agent, "agent engine"),
    ("discoveryengine.googleapis.com/Engine", AssetKind::Agent, "search or chat application"),
];

pub(super) fn is_asset(value: Option<&Value>) -> bool {
    value.is_some_and(|v| v.get("name").is_some() && (v.get("assetType").or(v.get("asset_type"))).is_some())
}

/// Whether a line is a whole asset, as an export writes one.
pub(super) fn is_line(line: &[u8]) -> bool {
    serde_json::from_slice::<Value>(line).is_ok_and(|v| is_asset(Some(&v)))
}

pub(super) fn read(value: &Value, sink: &mut Sink, read: &mut CloudRead) -> bool {
    if is_asset(Some(value)) {
        asset(value, 0, sink);
        return true;
    }
    let Some(all) = items(value, &["results", "assets"]) else { return false };
    for one in all {
        asset(one, 0, sink);
    }
    if !text(value, "nextPageToken").is_empty() {
        read.notes.push("more pages follow (`nextPageToken`); give them too".to_owned());
    }
    true
}

pub(super) fn asset(one: &Value, line: u64, sink: &mut Sink) {
    let sort = [text(one, "assetType"), text(one, "asset_type")].concat();
    let Some((_, kind, sort)) = TYPES.iter().find(|(t, _, _)| *t == sort) else { return };
    let name = text(one, "name");
    if name.is_empty() {
        return;
    }
    let held = one.get("resource");
    let data = held.and_then(|r| r.get("data"));
    let shown = data.map_or("", |d| text(d, "displayName"));
    let shown = if shown.is_empty() { text(one, "displayName") } else { shown };
    let place = held.map_or("", |r| text(r, "location"));
    let place = if place.is_empty() { text(one, "location") } else { place };
    let project = name.split_once("/projects/").and_then(|(_, rest)| rest.split('/').next()).unwrap_or("");
    let shown = if shown.is_empty() { name.rsplit('/').next().unwrap_or(name) } else { shown };
    let mut sighting = resource(sink, *kind, sort, name.trim_start_matches('/'), shown, line)
        .with(Attribute::Vendor, "Google")
        .with(Attribute::Location, place)
        .with(Attribute::Account, project);
    if let Some(data) = data.filter(|_| sort.ends_with("endpoint")) {
        let private = !text(data, "network").is_empty()
            || data.pointer("/privateServiceConnectConfig/enablePrivateServiceConnect")
                == Some(&Value::Bool(true));
        if !private {
            sighting = sighting.with(Attribute::Risk, "no private network");
        }
    }
    push(sighting, data.and_then(|d| d.get("labels")).or(one.get("labels")), sink);
}
