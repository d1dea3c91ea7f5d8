//! Discovered applications of Microsoft Defender for Cloud Apps.
//!
//! What always holds: `sanctionedState` is what somebody marked there. It is kept as such, and approves nothing here.

use super::{items, push, resource, text};
use crate::asset::{AssetKind, Attribute, Sink, slug};
use crate::catalogue::{ServiceKind, catalogue};
use crate::inventory::Use;
use crate::logs::split_url;
use serde_json::Value;

pub(super) fn is_app(value: Option<&Value>) -> bool {
    value.is_some_and(|v| v.get("displayName").is_some() && v.get("sanctionedState").is_some())
}

pub(super) fn read(value: &Value, sink: &mut Sink) -> bool {
    let Some(apps) = items(value, &["value", "data", "results", "apps"]) else { return false };
    for one in apps {
        app(one, sink);
    }
    true
}

fn app(one: &Value, sink: &mut Sink) {
    let (host, _) = split_url(text(one, "domain"));
    let host = host.to_lowercase();
    let hosts = &catalogue().hosts;
    let name = text(one, "displayName");
    let by_name = |wanted: &str| hosts.rows().iter().find(|r| !wanted.is_empty() && slug(r.vendor) == wanted);
    let row = hosts.find(&host, None).and_then(|hit| hosts.row(hit)).filter(|r| !r.vendor.is_empty());
    let (row, confidence) = match row {
        Some(row) => (Some(row), 900),
        None => (by_name(&slug(name)), 800),
    };
    let category = text(one, "category").to_lowercase();
    let says_ai = category.split(|c: char| !c.is_alphanumeric()).any(|w| w == "ai");
    // An ordinary application is no concern of this inventory.
    if (row.is_none() && !says_ai) || name.is_empty() {
        return;
    }
    let shown = row.map_or(name, |r| r.vendor);
    let sort = row.map_or("", |r| r.kind.name());
    // As the logs' readers tell them apart: a tool server is known by its host.
    let tools = row.is_some_and(|r| r.kind == ServiceKind::Mcp) && !host.is_empty();
    let (kind, key) =
        if tools { (AssetKind::ToolServer, host.clone()) } else { (AssetKind::Service, slug(shown)) };
    let mut sighting = resource(sink, kind, sort, &key, shown, 0)
        .with(Attribute::Host, host)
        .with(Attribute::Vendor, row.map_or(text(one, "publisher"), |r| r.vendor));
    let state = text(one, "sanctionedState");
    if !state.is_empty() {
        sighting = sighting.with(Attribute::State, format!("{state} in Defender for Cloud Apps"));
    }
    sighting.confidence = if row.is_some() { confidence } else { 700 };
    let number = |key| one.get(key).and_then(Value::as_u64).unwrap_or(0);
    let time = |key| Some(text(one, key).parse::<jiff::Timestamp>().ok()?.as_millisecond());
    sighting.used = Some(Use {
        clients: number("userCount"),
        requests: number("transactionCount"),
        bytes_up: number("uploadedBytes"),
        bytes_down: number("downloadedBytes"),
        first: time("firstSeenDateTime"),
        last: time("lastSeenDateTime"),
        ..Use::default()
    });
    push(sighting, None, sink);
}
