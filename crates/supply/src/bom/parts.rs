//! What a bill's parts are to the inventory and to the advisories.

use super::{Kind, Part};
use crate::osv::Package;
use cordon_inventory::asset::slug;
use cordon_inventory::catalogue::catalogue;
use cordon_inventory::{AssetKind, Attribute, Sink, Source};

/// The packages, to be looked up.
#[must_use]
pub fn packages(parts: &[Part]) -> Vec<Package> {
    let each = parts.iter().filter_map(|p| {
        let (ecosystem, name) = (p.ecosystem?, p.name.clone());
        Some(Package { ecosystem, name, version: p.version.clone(), requirement: None })
    });
    each.collect()
}

/// Models, services and packages of AI, as sightings; what is no AI is none, as in a manifest.
pub fn sightings(parts: &[Part], sink: &mut Sink) {
    for part in parts {
        let version = part.version.clone().unwrap_or_default();
        let vendor = part.vendor.clone().unwrap_or_default();
        let sighting = match (part.kind, part.ecosystem) {
            (Kind::Model, _) => {
                let model = sink.at(AssetKind::Model, &part.name.to_lowercase(), Source::Bom, 0);
                let licence = part.licence.clone().unwrap_or_default();
                let architecture = part.architecture.clone().unwrap_or_default();
                model
                    .with(Attribute::Vendor, vendor)
                    .with(Attribute::Version, version)
                    .with(Attribute::License, licence)
                    .with(Attribute::Architecture, architecture)
            }
            (Kind::Service, _) => match service(part, sink) {
                Some(sighting) => sighting,
                None => continue,
            },
            (_, Some(ecosystem)) => {
                let Some(known) = catalogue().names.package(ecosystem.name(), &part.name) else { continue };
                let key = format!("{}/{}", ecosystem.name(), ecosystem.canonical(&part.name));
                sink.at(AssetKind::Package, &key, Source::Bom, 0)
                    .with(Attribute::Vendor, known.vendor)
                    .with(Attribute::Sort, known.sort)
                    .with(Attribute::Version, version)
            }
            _ => continue,
        };
        sink.push(sighting);
    }
}

/// A service that the catalogue knows by one of its addresses, or an address that somebody says is a service.
fn service(part: &Part, sink: &Sink) -> Option<cordon_inventory::Sighting> {
    for endpoint in &part.endpoints {
        let rest = endpoint.split_once("://").map_or(endpoint.as_str(), |(_, rest)| rest);
        let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        let host = host.rsplit('@').next().unwrap_or(host).split(':').next().unwrap_or(host).to_lowercase();
        let found = catalogue().hosts.find(&host, None).and_then(|h| catalogue().hosts.row(h));
        if let Some(row) = found {
            let mut sighting = sink.at(AssetKind::Service, &slug(row.vendor), Source::Bom, 0);
            row.vendor.clone_into(&mut sighting.name);
            return Some(sighting.with(Attribute::Vendor, row.vendor).with(Attribute::Host, host));
        }
    }
    let vendor = part.vendor.as_deref().unwrap_or(&part.name);
    if slug(vendor).is_empty() {
        return None;
    }
    // No address that is known: what the document calls a service, at little confidence, so that it is told apart.
    let mut sighting = sink.at(AssetKind::Service, &slug(vendor), Source::Bom, 0);
    vendor.clone_into(&mut sighting.name);
    sighting.confidence = 300;
    Some(sighting)
}
