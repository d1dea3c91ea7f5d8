//! Azure: Resource Graph in both shapes of its results, as REST and `az graph query` give them, and lists of Azure
//! Resource Manager.
//!
//! Shapes: azure-rest-api-specs, ResourceGraph 2021-03-01 and CognitiveServices 2024-10-01.

use super::{CloudRead, items, push, resource, text};
use crate::asset::{AssetKind, Attribute, Sighting, Sink};
use crate::catalogue::catalogue;
use crate::logs::split_url;
use serde_json::{Map, Value};
use std::borrow::Cow;

const TYPES: [(&str, AssetKind, &str); 9] = [
    ("microsoft.app/containerapps", AssetKind::Endpoint, "container app"),
    ("microsoft.botservice/botservices", AssetKind::Agent, "bot service"),
    ("microsoft.cognitiveservices/accounts", AssetKind::Endpoint, "AI account"),
    ("microsoft.cognitiveservices/accounts/deployments", AssetKind::Model, "deployment"),
    ("microsoft.cognitiveservices/accounts/projects", AssetKind::Endpoint, "AI project"),
    ("microsoft.machinelearningservices/workspaces", AssetKind::Endpoint, "ML workspace"),
    ("microsoft.machinelearningservices/workspaces/onlineendpoints", AssetKind::Endpoint, "online endpoint"),
    (
        "microsoft.machinelearningservices/workspaces/serverlessendpoints",
        AssetKind::Endpoint,
        "serverless endpoint",
    ),
    ("microsoft.search/searchservices", AssetKind::Endpoint, "search service"),
];
/// How sure a container app without an image of AI makes: too little to be shown.
const ANY_CONTAINER: u16 = 300;

pub(super) fn is_one(value: &Value, first: Option<&Value>) -> bool {
    let counted =
        ["totalRecords", "total_records", "resultTruncated"].iter().any(|k| value.get(*k).is_some());
    let row = |v: &Value| text(v, "id").to_lowercase().starts_with("/subscriptions/");
    (counted && value.get("data").is_some())
        || first.is_some_and(row)
        || value.get("value").and_then(Value::as_array).is_some_and(Vec::is_empty)
}

pub(super) fn read(value: &Value, sink: &mut Sink, read: &mut CloudRead) -> bool {
    let cut = |v: &Value| v.as_bool() == Some(true) || v.as_str() == Some("true");
    if ["resultTruncated", "result_truncated"].iter().filter_map(|k| value.get(*k)).any(cut) {
        read.notes.push("Resource Graph cut the result short (`resultTruncated`)".to_owned());
    }
    if ["$skipToken", "skip_token", "nextLink"].iter().any(|k| !text(value, k).is_empty()) {
        read.notes.push("more pages follow; give them too".to_owned());
    }
    rows(value, sink)
}

/// Every type of resource that is read here, as Azure writes it.
pub(super) fn types() -> impl Iterator<Item = &'static str> {
    TYPES.iter().map(|(name, _, _)| *name)
}

/// The rows of a document, in whichever shape they are; whether it has any place for them.
pub(super) fn rows(value: &Value, sink: &mut Sink) -> bool {
    if let Some(rows) = items(value, &["data", "value"]) {
        for row in rows {
            one(row, sink);
        }
        return true;
    }
    let Some(table) = value.get("data") else { return false };
    let (Some(columns), Some(rows)) =
        (table.get("columns").and_then(Value::as_array), table.get("rows").and_then(Value::as_array))
    else {
        return false;
    };
    let names: Vec<&str> = columns.iter().map(|c| text(c, "name")).collect();
    for cells in rows.iter().filter_map(Value::as_array) {
        let row: Map<String, Value> =
            names.iter().zip(cells).map(|(n, c)| ((*n).to_owned(), c.clone())).collect();
        one(&Value::Object(row), sink);
    }
    true
}

/// A cell may hold an object, or an object as text.
fn object<'v>(row: &'v Value, key: &str) -> Cow<'v, Value> {
    match row.get(key) {
        Some(Value::String(text)) => Cow::Owned(serde_json::from_str(text).unwrap_or(Value::Null)),
        Some(value) => Cow::Borrowed(value),
        None => Cow::Owned(Value::Null),
    }
}

fn one(row: &Value, sink: &mut Sink) {
    let sort = text(row, "type").to_lowercase();
    let Some((_, kind, sort)) = TYPES.iter().find(|(t, _, _)| *t == sort) else { return };
    let id = text(row, "id");
    let flavour = text(row, "kind");
    if id.is_empty() || flavour.starts_with("Bing.") {
        return;
    }
    let properties = object(row, "properties");
    let account = text(row, "subscriptionId");
    let account = if account.is_empty() { id.split('/').nth(2).unwrap_or("") } else { account };
    let endpoint = ["endpoint", "scoringUri"].iter().map(|k| text(&properties, k)).find(|e| !e.is_empty());
    let (host, _) = split_url(endpoint.unwrap_or(""));
    let name = text(row, "name");
    let mut sighting = resource(sink, *kind, sort, id, name, 0)
        .with(Attribute::Vendor, "Microsoft")
        .with(Attribute::Format, flavour)
        .with(Attribute::Host, host)
        .with(Attribute::Location, text(row, "location"))
        .with(Attribute::Account, account)
        .with(Attribute::State, text(&properties, "provisioningState"));
    if *kind == AssetKind::Model {
        let model = properties.pointer("/model/name").and_then(Value::as_str).unwrap_or("");
        let version = properties.pointer("/model/version").and_then(Value::as_str).unwrap_or("");
        sighting = sighting.with(Attribute::Architecture, model).with(Attribute::Version, version);
    }
    if *sort == "container app" {
        sighting = container(sighting, &properties);
    }
    let sighting = risks(sighting, sort, &properties);
    push(sighting, Some(&*object(row, "tags")), sink);
}

/// A container app is of AI when one of its images is.
fn container(mut sighting: Sighting, properties: &Value) -> Sighting {
    let containers = properties.pointer("/template/containers").and_then(Value::as_array);
    let known = containers.into_iter().flatten().map(|c| text(c, "image")).find(|image| {
        let name = image.split('@').next().unwrap_or(image);
        let colon = name.rfind(':').filter(|at| !name.get(*at..).unwrap_or("").contains('/'));
        let repository = colon.and_then(|at| name.get(..at)).unwrap_or(name);
        catalogue().names.image(repository).is_some()
    });
    match known {
        Some(image) => sighting = sighting.with(Attribute::Package, image),
        None => sighting.confidence = ANY_CONTAINER,
    }
    if properties.pointer("/configuration/ingress/external") == Some(&Value::Bool(true)) {
        sighting = sighting.with(Attribute::Risk, "reachable from the internet");
    }
    sighting
}

/// What the properties say of access. What they do not say is no risk: a projection may leave it out.
fn risks(mut sighting: Sighting, sort: &str, properties: &Value) -> Sighting {
    let public = text(properties, "publicNetworkAccess").eq_ignore_ascii_case("enabled");
    if public {
        sighting = sighting.with(Attribute::Risk, "public network access");
        let action = properties.pointer("/networkAcls/defaultAction").and_then(Value::as_str);
        if action.is_some_and(|a| a.eq_ignore_ascii_case("allow"))
            || (sort == "AI account" && properties.get("networkAcls").is_none())
        {
            sighting = sighting.with(Attribute::Risk, "no network rules");
        }
    }
    let keys = properties.get("disableLocalAuth").and_then(Value::as_bool) == Some(false)
        || text(properties, "authMode").eq_ignore_ascii_case("key");
    if keys {
        sighting = sighting.with(Attribute::Risk, "access by keys is not disabled");
    }
    sighting
}
